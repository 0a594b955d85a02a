"""`risk-stream models compare|promote|reset|export`: try a challenger, change files, write out what was learnt.

Changes of files take effect as any change of plan does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from risk_stream.cli.house import catalogue_of, plan_of, settings_with
from risk_stream.cli.model_files import FilesOption, FormatOption, model_named
from risk_stream.cli.model_history import EventsOption, OutcomesOption, history_of
from risk_stream.cli.output import CommandError, errors, examples, output, table
from risk_stream.cli.past import FromOption, UntilOption, span_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from risk_stream.rules import Plan, Scored
    from risk_stream.settings import Settings
    from risk_stream.workbench.model_compare import Comparison

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "compare",
        epilog=examples(
            "risk-stream models compare novelty novelty-2 --events june.jsonl.gz --outcomes outcomes.jsonl"
        ),
    )(compare)
    app.command(
        "promote",
        epilog=examples(
            "risk-stream models promote novelty-2 --events june.jsonl.gz --outcomes outcomes.jsonl",
            'risk-stream models promote novelty-2 --force "better on June, see the report"',
        ),
    )(promote)
    app.command("reset", epilog=examples("risk-stream models reset trade-novelty"))(reset)
    app.command("export", epilog=examples("risk-stream models export trade-novelty --events june.jsonl > learnt.json"))(
        export
    )


def reset(name: Annotated[str, typer.Argument(help="The model.")], rules: FilesOption = None) -> None:
    """Have a model forget what it has learnt: its file's generation goes up by one, comments stay as they are.

    It takes effect as any change of a model's file does.
    """
    from risk_stream.workbench.model_edits import begun_anew

    settings = settings_with()
    plan = plan_of(settings, rules or ())
    model = model_named(plan, name)
    _write(settings, plan, {model.file: begun_anew(plan.texts[model.file], model)})
    output().print(f"[bold green]ok[/] {name} begins anew: generation {model.generation + 1} in {model.file}")


def compare(
    champion: Annotated[str, typer.Argument(help="The model in use.")],
    challenger: Annotated[str, typer.Argument(help="The one that would take its place.")],
    events: EventsOption,
    outcomes: OutcomesOption = None,
    start: FromOption = None,
    until: UntilOption = None,
    k: Annotated[int, typer.Option(min=1, help="Precision among so many highest scores of each day.")] = 100,
    rules: FilesOption = None,
    format: FormatOption = "text",
) -> None:
    """Replay a history through two models at once: how well each tells bad from good, and where they agree.

    Each event is scored first, and learnt when its outcome was known. Both are held against the champion's labels.
    """
    settings = settings_with()
    plan = plan_of(settings, rules or ())
    models = model_named(plan, champion), model_named(plan, challenger)
    found = _compared(settings, plan, *models, events, outcomes, span_of(start, until), k)
    if format == "json":
        typer.echo(msgspec.json.encode({**msgspec.to_builtins(found), "better_by": found.better_by}))
        return
    rows = []
    for name, quality, took in (
        (champion, found.champion_quality, found.champion_microseconds),
        (challenger, found.challenger_quality, found.challenger_microseconds),
    ):
        figures = ["", "", ""]
        if quality is not None:
            measured = (quality.average_precision, quality.area_under_roc, quality.precision_at)
            figures = [f"{figure:.3f}" for figure in measured]
        rows.append((name, *figures, f"{took:.1f}"))
    columns = ("model", "average precision", "AUC", f"precision at {k}", "us/event")
    output().print(table(columns, rows, right=columns[1:]))
    agree = "" if found.agreement is None else f"; rank correlation of their scores {found.agreement:.3f}"
    output().print(f"{found.events:,} events, {found.known:,} with an outcome, {found.bad:,} bad{agree}", markup=False)


def promote(
    name: Annotated[str, typer.Argument(help="The challenger.")],
    events: Annotated[
        list[Path] | None, typer.Option(help="A file of events in the order of time; may be given again.")
    ] = None,
    outcomes: OutcomesOption = None,
    force: Annotated[str, typer.Option(help="Promote it whatever its rule says, and why.")] = "",
    rules: FilesOption = None,
) -> None:
    """Have a challenger take its champion's place, where its file's `promote` holds on a history, or by force.

    The champion becomes its challenger. Comments of both files stay, and both models keep what they have learnt. Rules
    ask a model by its name: have them ask the new champion.
    """
    from risk_stream.workbench.model_edits import promoted

    settings = settings_with()
    plan = plan_of(settings, rules or ())
    model = model_named(plan, name)
    if not model.challenges:
        raise CommandError(
            f"{name} challenges no other model: it is a champion already; name one whose file says challenges."
        )
    champion = model_named(plan, model.challenges)
    why = force.strip() or _deserved(settings, plan, champion, model, events or [], outcomes)
    old, new = promoted(plan.texts[champion.file], plan.texts[model.file], champion, model)
    _write(settings, plan, {champion.file: old, model.file: new})
    output().print(f"ok {name} is the champion, {champion.id} challenges it: {why}", markup=False)
    asking = [rule.id for rule in plan.rules if set(champion.says) & set(rule.aggregates)]
    if asking:
        errors().print(f"these rules ask {champion.id} still: {', '.join(asking)}", markup=False)


def export(
    name: Annotated[str, typer.Argument(help="The model.")],
    events: EventsOption,
    outcomes: OutcomesOption = None,
    rules: FilesOption = None,
) -> None:
    """Replay a history through one model and write what it has learnt as JSON: arrays by name, and what it counted."""
    from risk_stream.engine import Engine
    from risk_stream.models import Learner, Spec, make_learner
    from risk_stream.models.base import Base
    from risk_stream.rules import Plan

    settings = settings_with()
    plan = plan_of(settings, rules or ())
    model = model_named(plan, name)
    if model.is_pickled:
        raise CommandError(
            f"{name} runs as River's own objects, which have no arrays: only compiled models are"
            " exported, so name one of those."
        )
    made: list[Learner] = []

    def make(spec: Spec) -> Learner:
        made.append(make_learner(spec))
        return made[-1]

    only = Plan(plan.catalogue, (), plan.wheres, calendars=plan.calendars, models=(model,))
    engine = Engine(only, make=make)
    for batch in history_of(settings, plan.catalogue, events, outcomes):
        engine.apply(batch)
    learner = made[0]  # others explain scores
    assert isinstance(learner, Base)
    learnt = {key: value.tolist() for key, value in learner.learnt().items()}
    said = {"model": name, "version": model.version, "inputs": model.spec.inputs, "counts": learner.counts()}
    typer.echo(msgspec.json.encode({**said, "learnt": learnt}))


def _compared(
    settings: Settings,
    plan: Plan,
    champion: Scored,
    challenger: Scored,
    events: list[Path],
    outcomes: Path | None,
    span: tuple[int, int],
    k: int,
) -> Comparison:
    from risk_stream.workbench.model_compare import compare as compared

    if sorted(champion.on) != sorted(challenger.on):
        raise CommandError(
            f"{champion.id} and {challenger.id} score different events, so there is nothing to compare:"
            " name two that score the same."
        )
    history = history_of(settings, plan.catalogue, events, outcomes)
    return compared(plan, champion, challenger, history, span=span, k=k)


def _deserved(
    settings: Settings, plan: Plan, champion: Scored, model: Scored, events: list[Path], outcomes: Path | None
) -> str:
    """Why a challenger may be promoted by its own rule. Raises `CommandError` where it may not."""
    from risk_stream.workbench.evaluate import EVER

    rule = model.promote
    if rule is None:
        raise CommandError(f"{_name_of(model)} says nothing of 'promote': give it a rule, or --force with a reason.")
    if not events:
        raise CommandError("Name a history with --events, on which it shows what it can, or --force with a reason.")
    found = _compared(settings, plan, champion, model, events, outcomes, EVER, 100)
    if found.known < rule.after:
        raise CommandError(f"There are {found.known:,} outcomes, and its rule asks for {rule.after:,}.")
    better = found.better_by
    if better is None or better < rule.better_by:
        told = "cannot be told" if better is None else f"is {better:+.3f}"
        raise CommandError(
            f"Its average precision beside the champion's {told}: its rule asks for {rule.better_by:+g}; --force with"
            " a reason promotes it all the same."
        )
    return f"average precision {better:+.3f} over {found.known:,} outcomes"


def _name_of(model: Scored) -> str:
    """A model with its file, for a sentence."""
    return f"{model.id} ({model.file})"


def _write(settings: Settings, plan: Plan, changed: Mapping[str, str]) -> None:
    """Write files once all of the plan is checked with them. Raises `CommandError` where it would not load."""
    from risk_stream.calendars import load_calendars
    from risk_stream.catalogue import ProblemsError
    from risk_stream.rules import plan_of_texts

    try:
        plan_of_texts({**plan.texts, **changed}, catalogue_of(settings), calendars=load_calendars(settings.calendars))
    except ProblemsError as error:
        raise CommandError(
            f"Nothing was written, for the plan would not load then; mend this first: {error.problems[0]}"
        ) from error
    for file, text in changed.items():
        path = Path(file)
        partial = path.with_name(f".{path.name}.new")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
