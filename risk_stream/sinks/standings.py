"""Where people are with each alert, from the entries of the log of lives, as Redis shows it."""

from __future__ import annotations

from risk_stream.alerts import Entry, Life
from risk_stream.sinks.redis import AlertStanding

__all__ = ["standings_of"]


def standings_of(entry: Entry) -> dict[str, AlertStanding]:
    """What an entry says of alerts, by id. Of one that was raised again the new life stands for it."""
    newest = {life.alert: life for life in entry.lives if life.followed_by is None}
    return {alert: _standing(life, entry.number) for alert, life in newest.items()}


def _standing(life: Life, number: int) -> AlertStanding:
    asleep = "" if life.asleep_until is None else str(life.asleep_until)
    shown = {
        "life": life.id,
        "case": life.case,
        "assignee": life.assignee,
        "level": str(life.level),
        "asleep_until": asleep,
        "inhibited_by": life.inhibited_by,
        "disposition": life.disposition or "",
    }
    return AlertStanding(life.alert, number, life.standing, shown)
