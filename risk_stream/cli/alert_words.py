"""What `risk-stream alerts show` writes for people: an alert, why it was raised, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from risk_stream.cli.output import moment, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rich.console import Console

    from risk_stream.alerts import Entry, Life

__all__ = ["history_of", "say_alert", "stands"]


def stands(life: Life) -> str:
    """How a life stands, in a few words: `open wang, asleep`, `false alarm`, `open, by` the alert that is its cause."""
    if life.standing == "closed":
        return (life.disposition or "closed").replace("_", " ")
    who_has = f" {life.assignee}" if life.assignee else ""
    because = f", by {life.inhibited_by}" if life.inhibited_by else ""
    return f"{life.standing}{who_has}{', asleep' if life.asleep_until is not None else ''}{because}"


def history_of(id: str, entries: Iterable[Entry]) -> Iterator[dict[str, Any]]:
    """What happened to a life, from the entries of the log: when, who, what, and what was said."""
    before: Life | None = None
    for entry in entries:
        life = next((life for life in entry.lives if life.id == id), None)
        act = entry.act
        if act is None:
            if life is not None:
                what = life.state if entry.what == "alert" else _brought_by_time(before, life)
                yield {"time": entry.time, "by": "", "what": what, "stands": stands(life), "said": life.summary}
                before = life
            continue
        for ruling in entry.rulings:
            if ruling.alert == id:
                done = {"stands": stands(life)} if life is not None else {"stands": "refused"}
                said = act.comment if ruling.done else ruling.why
                yield {"time": entry.time, "by": act.by, "what": act.act, **done, "said": said}
        before = life or before


def _brought_by_time(before: Life | None, life: Life) -> str:
    """What changed of a life without anybody's doing."""
    if before is not None and life.level > before.level:
        return f"escalated to level {life.level}"
    if before is not None and life.inhibited_by != before.inhibited_by:
        return "inhibited" if life.inhibited_by else "free again"
    return "woke"


def say_alert(
    console: Console, life: Life, alert: Mapping[str, Any] | None, history: Sequence[Mapping[str, Any]]
) -> None:
    """Write all of it; `alert` is masked, None where it is not to be had."""
    shown: Mapping[str, Any] = alert or {"summary": life.summary, "why": ""}
    console.print(f"[bold]{life.severity.upper()}[/] {life.stage} {life.rule}")
    console.print(str(shown["summary"]), markup=False)
    if shown["why"]:
        console.print(str(shown["why"]), markup=False)
    event = "" if alert is None else f", {alert['type']} {alert['event']}"
    facts = [
        ("alert", life.id),
        ("stands", stands(life)),
        ("event", f"{moment(life.time)}{event}"),
        ("entity", life.entity),
        ("case", f"{life.case}, by {', '.join(f'{kind} {key}' for kind, key in life.keys.items())}"),
        *([("said by the engine", life.state)] if life.state != "raised" else []),
        *([("follows", life.follows)] if life.follows else []),
        *([("followed by", life.followed_by)] if life.followed_by else []),
        *([("nobody is told", f"while {life.inhibited_by} is not closed, its cause")] if life.inhibited_by else []),
        *([("asleep until", moment(life.asleep_until))] if life.asleep_until is not None else []),
    ]
    console.print(table(("", ""), facts))
    if alert is None:
        console.print(
            "Its figures are not in Redis: it is older than what Redis keeps, or Redis is away.", markup=False
        )
    else:
        was = alert.get("was") or {}
        rows = [(name, figure(value), figure(was[name]) if name in was else "") for name, value in features(alert)]
        console.print(table(("figure", "value", "was"), rows, right=("value", "was")))
    lines = [(moment(one["time"]), one["by"] or "system", one["what"], one["stands"], one["said"]) for one in history]
    console.print(table(("when", "who", "what", "stands", "said"), lines))


def features(alert: Mapping[str, Any]) -> Iterable[tuple[str, object]]:
    """The figures that explain an alert."""
    return dict(alert["features"]).items()


def figure(value: object) -> str:
    """A figure as people read it."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "unknown"}[value]
    return f"{value:,.6g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
