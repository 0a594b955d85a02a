"""`risk-stream rules coverage`: which comparisons of each rule its tests have seen true, false and unknown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import orjson
import typer

from risk_stream.cli.house import plan_of, settings_with
from risk_stream.cli.output import errors, examples, output

if TYPE_CHECKING:
    from risk_stream.workbench import Cover, Covered

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples("risk-stream rules coverage", "risk-stream rules coverage rules/trading --fail-under 80")
    )(coverage)


def coverage(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Rule files or folders; those of the settings if none.")
    ] = None,
    fail_under: Annotated[
        float, typer.Option(min=0, max=100, help="Exit code 1 where less than so many percent were seen.")
    ] = 0.0,
    format: Annotated[Literal["text", "json"], typer.Option(help="How to say it.")] = "text",
) -> None:
    """Say what the tests in rule files have not seen: a comparison that was never true, or never false.

    Such a comparison lacks a test, or decides nothing.
    """
    from risk_stream.workbench import cover, run_tests

    plan = plan_of(settings_with(), paths or ())
    covers = cover(sorted(plan.rules, key=lambda r: (r.file, r.line)), run_tests(plan))
    share = 100 * sum(one.share for one in covers) / max(1, len(covers))
    enough = share >= fail_under
    if format == "json":
        said = [{"share": round(one.share, 4), **asdict(one)} for one in covers]
        typer.echo(orjson.dumps({"ok": enough, "percent": round(share, 1), "rules": said}))
        raise typer.Exit(0 if enough else 1)
    for line in _lines(covers):
        output().print(line, markup=False)
    bare = sum(not one.tests for one in covers)
    tail = f"; {bare} of {len(covers)} rules have no test" if bare else ""
    errors().print(f"[bold {'green' if enough else 'red'}]{share:.0f} %[/] of what can be seen was{tail}")
    raise typer.Exit(0 if enough else 1)


def _lines(covers: Sequence[Cover]) -> Iterator[str]:
    """A line for each rule that was not seen whole, and below it what is missing."""
    for one in covers:
        if one.share < 1:
            tests = f"{one.tests} test{'s' * (one.tests != 1)}" if one.tests else "no test"
            yield f"{one.file}:{one.line}: {one.rule}: {tests}, {100 * one.share:.0f} % seen"
            for part in one.parts:
                if part.seen < 2:
                    yield f"    {_never(part)}  {part.text}"


def _never(part: Covered) -> str:
    if part.true or part.false:
        return "never true " if not part.true else "never false"
    return "only unknown"
