"""`risk-stream rules history [ID]`: which versions of a rule there were, when, by whom, and what changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import orjson
import typer

from risk_stream.cli.house import catalogue_of, existing_rules, settings_with
from risk_stream.cli.output import CommandError, errors, examples, output, table

if TYPE_CHECKING:
    from risk_stream.workbench.history import Commit, History, RuleVersion

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=examples("risk-stream rules history", "risk-stream rules history transfer-burst --format json"))(
        history
    )


def history(
    id: Annotated[str | None, typer.Argument(help="Only this rule, with all its versions.")] = None,
    rules: Annotated[list[Path] | None, typer.Option(help="A rule file or folder; may be given again.")] = None,
    format: Annotated[Literal["text", "json"], typer.Option(help="How to say it.")] = "text",
) -> None:
    """Say which versions of each rule there were, when, by whom, and what changed, as git knows it.

    A version is the hash of what a rule means and says: moved or written in another way it is the same.
    """
    from risk_stream.calendars import load_calendars
    from risk_stream.catalogue import did_you_mean
    from risk_stream.workbench.history import history as read_history
    from risk_stream.workbench.revision import GitError

    settings = settings_with()
    paths = existing_rules(settings, rules or ())
    try:
        found = read_history(paths, catalogue_of(settings), load_calendars(settings.calendars))
    except GitError as error:
        raise CommandError(f"{error}.") from error
    if id is not None and id not in found.rules:
        raise CommandError(f"There never was a rule {id!r} here{did_you_mean(id, found.rules) or '.'}")
    asked = {id: found.rules[id]} if id is not None else found.rules
    if format == "json":
        typer.echo(orjson.dumps({"shallow": found.shallow, "unread": found.unread, "rules": asked}))
        return
    if id is not None:
        for line in _lines(found.rules[id]):
            output().print(line, markup=False)
    else:
        output().print(_overview(found))
    _say_gaps(found)


def _lines(versions: Sequence[RuleVersion]) -> Iterator[str]:
    """The versions of one rule, the newest first."""
    newest = versions[-1]
    yield f"{newest.rule}  {newest.file}:{newest.line}"
    width = max(len(", ".join(version.changed)) for version in versions)
    for one in reversed(versions):
        what = ", ".join(one.changed)
        yield f"  {_when(one.commit)}  {one.version or '-':<12}  {what:<{width}}  {_who(one.commit)}".rstrip()


def _overview(found: History) -> object:
    """A row for each rule, how it is now."""
    heads = ("rule", "versions", "version", "since", "changed", "by")
    rows = []
    for name, versions in found.rules.items():
        last = versions[-1]
        author = last.commit.author if last.commit is not None else ""
        count = len({version.version for version in versions} - {""})
        rows.append((name, count, last.version or "-", _when(last.commit), ", ".join(last.changed), author))
    return table(heads, rows, right=("versions",))


def _when(commit: Commit | None) -> str:
    return "not committed   " if commit is None else commit.when[:16].replace("T", " ")


def _who(commit: Commit | None) -> str:
    if commit is None:
        return ""
    by = commit.author if commit.author == commit.committer else f"{commit.author}, committed by {commit.committer}"
    return f"{by}  {commit.id[:10]} {commit.subject}"


def _say_gaps(found: History) -> None:
    """What the history does not know."""
    for gap in found.unread:
        errors().print(f"warning: at {gap.commit[:10] or 'now'} {gap.said}; its rules stand as before", markup=False)
    if found.shallow:
        errors().print("warning: this clone holds the newest commits alone: git fetch --unshallow", markup=False)
