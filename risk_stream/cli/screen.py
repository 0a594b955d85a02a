"""What the demo shows: a line for each alert, one line of progress below, a table at the end; plain lines on a pipe."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from rich.live import Live
from rich.markup import escape
from rich.text import Text

from risk_stream.cli.output import SEVERITIES, number, output, severity_style, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from risk_stream.engine import Alert

__all__ = ["Progress", "Screen"]

#: Alerts shown of one look at the stream; the rest of a flood is counted, the gravest are shown.
MOST_AT_ONCE: Final = 8
#: Without a terminal a line of progress is said this often, seconds.
PIPE_EVERY: Final = 5.0
#: The house of the demo is in China.
_HOUSE: Final = timezone(timedelta(hours=8))
#: What is said of an alert that is no first one.
_WORDS: Final = {
    "changed": "changed by a late event",
    "withdrawn": "withdrawn after a late event",
    "recovered": "found afterwards, the event came too late",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the demo stands."""

    seconds: float
    events: int = 0
    rate: float = 0.0
    alerts: int = 0
    rejects: int = 0
    lag: int = 0
    clock: int = 0  # simulated time, ms since 1970 UTC; 0 before the first event

    def line(self) -> Text:
        """All of it on one line."""
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f" {timedelta(seconds=int(self.seconds))} ", "reverse")
        if self.clock:
            text.append(f"  {datetime.fromtimestamp(self.clock / 1000, _HOUSE):%a %d %b %Y %H:%M}", "bold")
        text.append(f"  {number(self.events)} events  {number(self.rate)}/s")
        text.append(f"  {number(self.alerts)} alerts", "bold" if self.alerts else "")
        text.append(f"  {number(self.rejects)} refused  lag {number(self.lag)}", "dim")
        return text


class Screen:
    """The terminal, while the demo runs."""

    def __init__(self) -> None:
        self._console = output()
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._said_at = 0.0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def say(self, sentence: str) -> None:
        """What is being done, in words."""
        self._console.print(f"[dim]{escape(sentence)}[/]")

    def progress(self, progress: Progress) -> None:
        """Renew the line at the bottom; on a pipe say it now and then."""
        if self._console.is_terminal:
            self._live.update(progress.line(), refresh=True)
        elif progress.seconds - self._said_at >= PIPE_EVERY:
            self._said_at = progress.seconds
            self._console.print(progress.line())

    def alerts(self, alerts: Sequence[Alert]) -> None:
        """One line each, by event time; of a flood the gravest, and how many more."""
        alerts = sorted(alerts, key=lambda alert: alert.time)
        grave = sorted(range(len(alerts)), key=lambda i: SEVERITIES.index(alerts[i].severity))[:MOST_AT_ONCE]
        for i in sorted(grave):
            self._console.print(_line(alerts[i]))
        left = Counter(a.severity for i, a in enumerate(alerts) if i not in set(grave))
        if left:
            counts = ", ".join(f"{left[severity]} {severity}" for severity in SEVERITIES if left[severity])
            self._console.print(f"[dim]{'':18}and {counts} more[/]")

    def summary(self, rows: Sequence[tuple[str, int, int, str]], totals: Mapping[str, int]) -> None:
        """What was planted and what was found, kind by kind; the line of progress is gone then."""
        self._live.stop()
        self._console.print(
            table(
                ("planted", "episodes", "found", "by"),
                rows,
                right=["episodes", "found"],
                title="What was there to find",
            )
        )
        self._console.print("  ".join(f"[bold]{number(count)}[/] {what}" for what, count in totals.items()))


def _line(alert: Alert) -> Text:
    severity = alert.severity
    gone = alert.status == "withdrawn"
    at = datetime.fromtimestamp(alert.time / 1000, UTC).astimezone(_HOUSE)
    text = Text(f"{at:%d %b %H:%M:%S}  ", "dim")
    text.append(f"{severity.upper():<8}", "dim" if gone else severity_style(severity))
    text.append(f"  {alert.stage:<9}", "dim")
    text.append(f"  {alert.rule:<28} ", "dim" if gone else "bold")
    text.append(f" {alert.summary}", "dim strike" if gone else "")
    if word := _WORDS.get(alert.status):
        text.append(f"  [{word}{_difference(alert)}]", "magenta")
    if alert.warming and not gone:
        text.append(f"  [still warming: {', '.join(alert.warming)}]", "dim")
    return text


def _difference(alert: Alert) -> str:
    """What an alert's figures were before the event that changed it, and are."""
    before = alert.was or {}
    return "".join(
        f"{', ' if i else ': '}{name} was {_figure(before[name])}, is {_figure(alert.features.get(name))}"
        for i, name in enumerate(name for name in before if before[name] != alert.features.get(name))
    )


def _figure(value: object) -> str:
    return "unknown" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
