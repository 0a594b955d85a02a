"""`risk-stream rules docs --out FILE`: a page for auditors of all that rules ask, do and were."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from risk_stream.cli.house import catalogue_of, rule_paths, settings_with
from risk_stream.cli.output import CommandError, errors, examples, output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from risk_stream.calendars import Calendar
    from risk_stream.catalogue import Catalogue
    from risk_stream.workbench.history import RuleVersion

__all__ = ["register"]

_HTML: Final = (".html", ".htm")
_MARKDOWN: Final = (".md", ".markdown")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "docs",
        epilog=examples("risk-stream rules docs --out rules.html", "risk-stream rules docs house/rules --out rules.md"),
    )(write_book)


def write_book(
    out: Annotated[Path, typer.Option(help="The file to write, .html or .md.")],
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Rule files or folders; those of the settings if none.")
    ] = None,
) -> None:
    """Write a page for auditors: every rule with its owner, its reason, what it asks and does, its tests and versions.

    The HTML is one file that loads nothing and can be printed. Versions are there where git knows them.
    """
    from risk_stream.calendars import load_calendars
    from risk_stream.rules import load_plan
    from risk_stream.workbench.book import book
    from risk_stream.workbench.pages import as_html, as_markdown

    if out.suffix not in (*_HTML, *_MARKDOWN):
        raise CommandError(f"{out} is neither HTML nor Markdown: name a file that ends in .html or .md.")
    settings = settings_with()
    asked, catalogue, calendars = (
        rule_paths(settings, paths or ()),
        catalogue_of(settings),
        load_calendars(settings.calendars),
    )
    plan = load_plan(asked, catalogue, calendars)
    made = book(plan, _versions(asked, catalogue, calendars))
    out.write_text(as_html(made) if out.suffix in _HTML else as_markdown(made), encoding="utf-8")
    output().print(f"[bold green]ok[/] {len(plan.rules)} rules in ", end="")
    output().print(str(out), markup=False)


def _versions(
    paths: Sequence[Path], catalogue: Catalogue, calendars: Mapping[str, Calendar]
) -> Mapping[str, Sequence[RuleVersion]]:
    """The versions of the rules; none where git does not know them, which is said."""
    from risk_stream.workbench.history import history
    from risk_stream.workbench.revision import GitError

    try:
        return history(paths, catalogue, calendars).rules
    except GitError as error:
        errors().print(f"without history: {error}", markup=False)
        return {}
