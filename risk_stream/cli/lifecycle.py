"""`risk-stream lifecycle`: checks and draws life cycles, and says where a loan stands in its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
import typer

from risk_stream.cli.house import plan_of, settings_with
from risk_stream.cli.output import CommandError, counted, examples, minute, output, table
from risk_stream.cli.past import Asked, BrokerOption, FilesArgument, MappingOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from risk_stream.rules import Lifecycle, Plan
    from risk_stream.workbench.standing import Standing, StepStanding

__all__ = ["app"]

app = typer.Typer(
    name="lifecycle",
    help="Check and draw the life cycles of products, and say where a loan stands.",
    no_args_is_help=True,
)
RulesOption = Annotated[list[Path] | None, typer.Option(help="A rule file or folder; may be given again.")]


@app.command(epilog=examples("risk-stream lifecycle check", "risk-stream lifecycle check house/rules/lifecycles"))
def check(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files or folders; else those of the settings.")] = None,
) -> None:
    """Check files of life cycles, as `rules check` does with all rules, and say what each life cycle has."""
    plan = _plan(paths)
    judged = {cycle.id: [rule for rule in plan.rules if rule.file == cycle.file] for cycle in plan.lifecycles}
    rows = [
        (
            *(cycle.id, cycle.name, len(cycle.steps), ", ".join(dict.fromkeys(step.stage for step in cycle.steps))),
            *(sum(step.limit is not None for step in cycle.steps), len(judged[cycle.id]), cycle.where or "all loans"),
        )
        for cycle in plan.lifecycles
    ]
    output().print(
        table(
            ("life cycle", "name", "steps", "stages", "limits", "rules", "of"), rows, right=("steps", "limits", "rules")
        )
    )


@app.command(
    epilog=examples(
        "risk-stream lifecycle draw consumer-loan --out consumer.svg",
        "risk-stream lifecycle draw consumer-loan --format mermaid",
    )
)
def draw(
    lifecycle: Annotated[str, typer.Argument(help="The id of a life cycle.")],
    rules: RulesOption = None,
    format: Annotated[Literal["svg", "mermaid", "text"], typer.Option(help="As what it is drawn.")] = "svg",
    out: Annotated[Path | None, typer.Option(help="The file to write; else stdout.")] = None,
) -> None:
    """Draw a life cycle: its steps in layers, each below what it needs."""
    from risk_stream.workbench.drawing import as_mermaid, as_svg, as_text

    cycle = _named(_plan(rules), lifecycle)
    if format == "svg":
        drawn = as_svg(cycle)
    else:
        drawn = "\n".join(as_mermaid(cycle) if format == "mermaid" else as_text(cycle)) + "\n"
    if out is None:
        typer.echo(drawn, nl=False)
        return
    try:
        out.write_text(drawn, encoding="utf-8")
    except OSError as error:
        from risk_stream.settings import reason

        raise CommandError(f"Cannot write {out} ({reason(error)}): name a file that can be written.") from error
    output().print(f"{out}: {counted(len(cycle.steps), 'step')} of {cycle.id}", markup=False)


@app.command(
    epilog=examples(
        "risk-stream lifecycle status L000123",
        "risk-stream lifecycle status L000123 yesterday.jsonl.gz --at 2026-03-31 --format json",
    )
)
def status(
    loan: Annotated[str, typer.Argument(help="The loan's number.")],
    files: FilesArgument = None,
    rules: RulesOption = None,
    lifecycle: Annotated[str | None, typer.Option(help="Only this life cycle.")] = None,
    at: Annotated[str | None, typer.Option(help="As of then, UTC; else of the latest event there is.")] = None,
    mapping: MappingOption = None,
    broker: BrokerOption = None,
    format: Annotated[Literal["text", "json"], typer.Option(help="How to say it.")] = "text",
) -> None:
    """Say of one loan which steps came, when and by which events, what is overdue or open until when, and what is next.

    Its events are judged again by the life cycles as they are now in the files.
    """
    from risk_stream.workbench.standing import history_of, standings

    settings = settings_with(broker=broker)
    plan = plan_of(settings, rules or ())
    if lifecycle is not None:
        _named(plan, lifecycle)
    now = _moment_of(at)
    asked = Asked(files or (), mapping, None, None, None, None)
    history = history_of(loan, (batch for batch, _ in asked.read(settings, plan.catalogue)))
    if not history.events:
        raise CommandError(
            f"There is no event of the loan {loan!r} in what was read: name a file that has it, or another loan."
        )
    lateness_ms = round(settings.lateness_seconds * 1000)
    found = [
        one
        for one in standings(plan, history, lateness_ms=lateness_ms, at=now)
        if lifecycle in (None, one.lifecycle.id)
    ]
    if not found:
        known = ", ".join(cycle.id for cycle in plan.lifecycles) or "there are none in these files"
        raise CommandError(
            f"No event of the loan {loan!r} is a step of a life cycle ({known}): is its type in one of them?"
        )
    if format == "json":
        typer.echo(orjson.dumps([_plain(one) for one in found]))
        return
    for one in found:
        for line in _lines(one):
            output().print(line, markup=False) if isinstance(line, str) else output().print(line)


def _plan(paths: Sequence[Path] | None) -> Plan:
    """The plan of some files, which must have life cycles."""
    plan = plan_of(settings_with(), paths or ())
    if not plan.lifecycles:
        raise CommandError("No file here is a life cycle: one begins with lifecycle: ID, see docs/lifecycles.md.")
    return plan


def _named(plan: Plan, id: str) -> Lifecycle:
    from risk_stream.catalogue import did_you_mean

    known = {cycle.id: cycle for cycle in plan.lifecycles}
    if id not in known:
        advice = did_you_mean(id, known) or f": there are {', '.join(known)}."
        raise CommandError(f"There is no life cycle {id!r}{advice}")
    return known[id]


def _moment_of(at: str | None) -> int | None:
    if at is None:
        return None
    from risk_stream.catalogue.explain import parse_time

    try:
        return parse_time(at)
    except ValueError:
        raise CommandError(f"--at {at} is no time: write 2026-01-31 or 2026-01-31T09:30:00Z.") from None


def _lines(standing: Standing) -> Iterator[Any]:
    """A standing as a person reads it: a table of the steps, then what is next."""
    cycle = standing.lifecycle
    yield f"{standing.loan}: {cycle.name} ({cycle.id}), as of {minute(standing.at)}"
    rows = [(one.step.name, one.state, *_when(one), _wrong(one), one.step.owner) for one in standing.steps]
    yield table(("step", "state", "when", "by", "wrong", "owner"), rows)
    following = ", ".join(step.name for step in standing.next)
    yield f"next: {following}" if following else "next: nothing"


def _when(one: StepStanding) -> tuple[str, str]:
    """(when a step came last or is due, the event that proves it)."""
    if one.due is not None:
        due = f"{'since' if one.state == 'overdue' else 'open until'} {minute(one.due)}"
        return due, one.came[-1].event if one.came else ""
    if not one.came:
        return "", ""
    more = f" ({len(one.came)} times)" if len(one.came) > 1 else ""
    return minute(one.came[-1].time) + more, one.came[-1].event


def _wrong(one: StepStanding) -> str:
    return ", ".join(f"{fault.what} ({fault.event})" for fault in one.faults)


def _plain(standing: Standing) -> dict[str, object]:
    return {
        "lifecycle": standing.lifecycle.id,
        "loan": standing.loan,
        "at": standing.at,
        "steps": [
            {
                "step": one.step.id,
                "state": one.state,
                "due": one.due,
                "came": [{"time": c.time, "event": c.event, "outcome": c.outcome or None} for c in one.came],
                "wrong": [{"what": f.what, "event": f.event, "time": f.time} for f in one.faults],
            }
            for one in standing.steps
        ],
        "next": [step.id for step in standing.next],
    }
