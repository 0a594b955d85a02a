"""How the commands speak: to a person on a terminal, to a pipe, and in one sentence when something is wrong."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "SEVERITIES",
    "CommandError",
    "counted",
    "duration",
    "errors",
    "examples",
    "help_alone",
    "minute",
    "moment",
    "number",
    "output",
    "sentence",
    "severity_style",
    "table",
]

#: From the one to look at first.
SEVERITIES: Final = ("critical", "high", "medium", "low", "info")
_STYLES: Final = dict(zip(SEVERITIES, ("bold white on red", "bold red", "yellow", "cyan", "dim"), strict=True))
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
#: Columns when there is no terminal to ask.
_PIPE_WIDTH: Final = 160


class CommandError(Exception):
    """Raised when a command cannot do what it was asked; the text is the one sentence the user reads."""


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(
        file=stream, highlight=False, soft_wrap=not stream.isatty(), width=None if stream.isatty() else _PIPE_WIDTH
    )


def output() -> Console:
    """What the command was asked for: stdout."""
    return _console(stderr=False)


def errors() -> Console:
    """What it says on the way: stderr."""
    return _console(stderr=True)


def sentence(text: str) -> str:
    """A text with the mark that a sentence ends with, where it has none."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def severity_style(severity: str) -> str:
    """The rich style of a severity."""
    return _STYLES.get(severity, "")


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = (), title: str = ""
) -> Table:
    """A plain table: header, rows, columns named in `right` flush right. Cells are text, never markup."""
    made = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", title_style="bold", pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(escape(str(cell)) for cell in row))
    return made


def number(value: float) -> str:
    """1234567 as people read it: 1,234,567."""
    return f"{value:,.0f}"


def counted(n: int, noun: str) -> str:
    """1 rule, 2 rules, 1,234 rules."""
    return f"{n:,} {noun}{'s' * (n != 1)}"


def examples(*commands: str) -> str:
    """The end of a command's help."""
    return "\n\n".join(
        [f"[bold]Example{'s' if len(commands) > 1 else ''}[/]", *(f"  {command}" for command in commands)]
    )


def moment(ms: int) -> str:
    """A time to the second, UTC."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def minute(ms: int) -> str:
    """A time to the minute, in UTC, where a line or a head says so."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M}"


def help_alone(context: typer.Context) -> None:
    """What a group of commands does where none of them is named: it shows its help."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def duration(text: str) -> float:
    """Seconds of `30s`, `2m`, `1.5h`, `500ms`, `1d`, or of a bare number.

    Raises:
        typer.BadParameter: it is none of these.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?", text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no duration: write 30s, 2m, 1h or 1d.")
    return float(match[1]) * _UNITS[match[2] or "s"]
