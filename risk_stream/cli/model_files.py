"""`risk-stream models list|show|check|card`: what models there are, from their files and from workers that run."""

from __future__ import annotations

import urllib.request
from collections import Counter
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import orjson
import typer

from risk_stream.cli.house import plan_of, settings_with
from risk_stream.cli.output import CommandError, counted, errors, examples, number, output, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from risk_stream.rules import Plan, Scored

__all__ = ["as_json", "model_named", "register"]

#: How long a worker may take to answer, s.
TIMEOUT = 5.0

PathsArgument = Annotated[
    list[Path] | None, typer.Argument(help="Rule and model files or folders; those of the settings if none.")
]
FilesOption = Annotated[
    list[Path] | None, typer.Option("--rules", help="A file or folder of rules and models; may be given again.")
]
WorkerOption = Annotated[
    list[str] | None,
    typer.Option(help="host:port of a worker's /metrics, to say what the model did; may be given again."),
]
FormatOption = Annotated[Literal["text", "json"], typer.Option(help="How to say it.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "list", epilog=examples("risk-stream models list", "risk-stream models list --worker risk-1:9464 --format json")
    )(list_models)
    app.command("show", epilog=examples("risk-stream models show trade-novelty --worker 127.0.0.1:9464"))(show)
    app.command("check", epilog=examples("risk-stream models check", "risk-stream models check house/models"))(check)
    app.command("card", epilog=examples("risk-stream models card trade-novelty > card.md"))(card)


def list_models(paths: PathsArgument = None, worker: WorkerOption = None, format: FormatOption = "text") -> None:
    """Say which models there are, where each scores, what it costs and who asks it; with --worker what it did."""
    plan, did = plan_of(settings_with(), paths or ()), _did(worker or ())
    said = [as_json(plan, model, did) for model in plan.models]
    if format == "json":
        typer.echo(orjson.dumps({"plan": plan.version, "models": said}))
        return
    columns = ["model", "stage", "scores", "by", "mode", "role", "learns", "us/event", "asked by"]
    rows = [
        [
            *(model.id, model.stage, ", ".join(model.on), model.by, model.mode),
            f"challenges {model.challenges}" if model.challenges else model.role,
            *(model.spec.learning, f"{one['nominal_us']:.1f}", ", ".join(_asking(plan, model)) or "nobody"),
        ]
        for model, one in zip(plan.models, said, strict=True)
    ]
    if worker:
        columns += ["scored", "over", "drifting"]
        for row, model in zip(rows, plan.models, strict=True):
            row += [number(did[model.id, what]) for what in ("scored", "over", "drifting")]
    output().print(table(columns, rows, right=("us/event", "scored", "over", "drifting")))
    errors().print(f"{counted(len(plan.models), 'model')}, plan {plan.version}")


def show(
    name: Annotated[str, typer.Argument(help="The model.")],
    rules: FilesOption = None,
    worker: WorkerOption = None,
    format: FormatOption = "text",
) -> None:
    """Say of one model what it looks at, how it learns, who asks it; with --worker what it did since that began."""
    from risk_stream.workbench.model_card import model_card

    plan = plan_of(settings_with(), rules or ())
    model, did = model_named(plan, name), _did(worker or ())
    if format == "json":
        typer.echo(orjson.dumps(as_json(plan, model, did)))
        return
    output().print(model_card(plan, model), markup=False, end="")
    for what in sorted(what for of, what in did if of == name):
        output().print(f"{what:24} {did[name, what]:,.12g}", markup=False)


def check(paths: PathsArgument = None) -> None:
    """Check models and rules as a worker would: every problem, with file, line and column. Exit code 1 if any."""
    from risk_stream.catalogue import ProblemsError

    try:
        plan = plan_of(settings_with(), paths or ())
    except ProblemsError as error:
        for problem in error.problems:
            output().print(str(problem), markup=False)
        errors().print(
            f"[bold red]{counted(len(error.problems), 'problem')}[/]: a worker would keep its last good plan."
        )
        raise typer.Exit(1) from error
    for warning in plan.warnings:
        output().print(f"warning: {warning}", markup=False)
    for model in plan.models:
        if model.mode != "off" and not model.challenges and not _asking(plan, model):
            output().print(f"warning: {model.file}:{model.line}: no rule and no table asks {model.id}", markup=False)
    output().print(f"[bold green]ok[/] {counted(len(plan.models), 'model')}, plan {plan.version}")


def card(name: Annotated[str, typer.Argument(help="The model.")], rules: FilesOption = None) -> None:
    """Write a model's card as Markdown: what it is for, what it looks at, how it learns, what it cannot."""
    from risk_stream.workbench.model_card import model_card

    plan = plan_of(settings_with(), rules or ())
    typer.echo(model_card(plan, model_named(plan, name)), nl=False)


def model_named(plan: Plan, name: str) -> Scored:
    """A model of the plan. Raises `CommandError` where there is none of that name."""
    known = {model.id: model for model in plan.models}
    if name not in known:
        from risk_stream.catalogue import did_you_mean

        raise CommandError(f"There is no model {name!r} in these files{did_you_mean(name, list(known)) or '.'}")
    return known[name]


def _asking(plan: Plan, model: Scored) -> list[str]:
    said = set(model.says)
    return [rule.id for rule in plan.rules if said & set(rule.aggregates)]


def as_json(plan: Plan, model: Scored, did: Mapping[tuple[str, str], int] | None = None) -> dict[str, object]:
    """A model as `--format json` says it; with what workers said that each (model, what) `did`."""
    from risk_stream.models.registry import cost_us, kind_of

    spec = model.spec
    return {
        "model": model.id,
        "file": model.file,
        "version": model.version,
        "generation": model.generation,
        "stage": model.stage,
        "owner": model.owner,
        "on": model.on,
        "by": model.by,
        "mode": model.mode,
        "role": model.role,
        "challenges": model.challenges,
        "inputs": spec.inputs,
        "pipeline": [step.component for step in spec.steps],
        "runs": kind_of(spec.steps),
        "learns": spec.learning,
        "nominal_us": cost_us(spec.steps, len(spec.inputs)) * spec.sample,
        "budget_us": model.budget_us,
        "drift": model.drifting,
        "asked_by": _asking(plan, model),
        "did": {what: n for (of, what), n in sorted((did or {}).items()) if of == model.id},
    }


def _did(workers: list[str] | tuple[()]) -> Counter[tuple[str, str]]:
    """(model, what) -> how much of it, all workers together. Raises `CommandError` where one does not answer."""
    from prometheus_client.parser import text_string_to_metric_families

    found: Counter[tuple[str, str]] = Counter()
    for worker in workers:
        try:
            with urllib.request.urlopen(f"http://{worker}/metrics", timeout=TIMEOUT) as answer:
                families = list(text_string_to_metric_families(answer.read().decode()))
        except (OSError, ValueError, HTTPException) as error:
            raise CommandError(f"No worker answers at http://{worker}/metrics: name one that runs.") from error
        for sample in (sample for family in families for sample in family.samples):
            labels = sample.labels
            if sample.name == "risk_stream_model_events_total":
                found[labels["model"], labels["what"]] += int(sample.value)
            elif sample.name in {"risk_stream_model_drifting", "risk_stream_model_waiting"}:
                found[labels["model"], sample.name.rpartition("_")[2]] += int(sample.value)
            elif sample.name == "risk_stream_model_seconds_total":
                found[labels["model"], "microseconds"] += int(sample.value * 1e6)
    return found
