"""A row for each rule: what it is, how often it fired, what became of its alerts, how right it was, what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from risk_stream.console.workers import HouseHealth
from risk_stream.rules import SEVERITIES, Plan, Rule

__all__ = ["SORTS", "Fate", "RuleRow", "fates", "rows_of", "sorted_rows"]

#: What rows can be sorted by; with - before it the other way round. What is not known comes last either way.
SORTS = ("id", "stage", "severity", "owner", "mode", "day", "week", "open", "precision", "cost", "state")
#: The states of a rule, from the one to look at first; `unknown` where no worker answers.
_STATES = ("failing", "idle", "silent", "well", "unknown")


@dataclass(slots=True)
class Fate:
    """What became of a rule's alerts: those of the last 24 hours and 7 days, those not closed, and how others ended."""

    day: int = 0
    week: int = 0
    open: int = 0
    closed: dict[str, int] = field(default_factory=dict)  # by disposition

    @property
    def right(self) -> int:
        """How many were confirmed."""
        return self.closed.get("confirmed", 0)

    @property
    def wrong(self) -> int:
        """How many were false alarms."""
        return self.closed.get("false_alarm", 0)

    @property
    def precision(self) -> float | None:
        """Confirmed of those that were confirmed or false; withdrawn, known and other alerts count in neither."""
        known = self.right + self.wrong
        return self.right / known if known else None


class RuleRow(msgspec.Struct, frozen=True, kw_only=True):
    """One rule in a list. None: not known."""

    id: str
    stage: str
    severity: str  # the highest that its alerts can have
    owner: str
    mode: str
    share: str = ""  # of keys, for which it is live
    group: str
    tags: tuple[str, ...]
    decides: bool  # a decision table: it answers applications, and raises no alerts
    day: int
    week: int
    open: int
    closed: dict[str, int]
    right: int
    wrong: int
    precision: float | None
    state: str  # failing, idle, silent, well, unknown
    judged: int | None  # events, since the workers began
    live: int | None
    shadow: int | None
    errors: int | None
    cost: float | None  # share of the time that all rules take
    fired: int | None  # when it fired last, live or in shadow, ms


def fates(
    day: Mapping[str, int], week: Mapping[str, int], ends: Mapping[tuple[str, str, str | None], int]
) -> dict[str, Fate]:
    """Fates by rule: alerts of the day and week, and of all by (rule, standing, disposition)."""
    found: dict[str, Fate] = {}
    for (rule, standing, disposition), n in ends.items():
        fate = found.setdefault(rule, Fate())
        if standing != "closed":
            fate.open += n
        elif disposition:
            fate.closed[disposition] = fate.closed.get(disposition, 0) + n
    for rule, n in day.items():
        found.setdefault(rule, Fate()).day = n
    for rule, n in week.items():
        found.setdefault(rule, Fate()).week = n
    return found


def rows_of(plan: Plan, of: Mapping[str, Fate], health: HouseHealth | None, *, everywhere: bool) -> list[RuleRow]:
    """A row for each rule of a plan, by id.

    What workers count is of all entities: it is said to who sees `everywhere`, and not known to others; what a rule
    costs and whether it is well is no entity's.
    """
    return [_row(rule, of.get(rule.id, Fate()), health, everywhere=everywhere) for rule in plan.rules]


def _row(rule: Rule, fate: Fate, health: HouseHealth | None, *, everywhere: bool) -> RuleRow:
    well = None if health is None else health.rules.get(rule.id)
    counted = well if everywhere else None
    return RuleRow(
        id=rule.id,
        stage=rule.stage,
        severity=rule.bands[0].severity if rule.bands else rule.severity,
        owner=rule.owner,
        mode=rule.mode,
        share="" if rule.share is None else str(rule.share),
        group=rule.group,
        tags=rule.tags,
        decides=rule.table is not None,
        day=fate.day,
        week=fate.week,
        open=fate.open,
        closed=fate.closed,
        right=fate.right,
        wrong=fate.wrong,
        precision=fate.precision,
        state="unknown" if well is None else well.state,
        judged=None if counted is None else counted.judged,
        live=None if counted is None else counted.live.count,
        shadow=None if counted is None else counted.shadow.count,
        errors=None if well is None else well.errors,
        cost=None if health is None else health.share(rule.id),
        fired=None if counted is None else counted.fired_ms,
    )


def sorted_rows(rows: Iterable[RuleRow], by: str) -> list[RuleRow]:
    """Rows by one of SORTS, rules of the same value by id. Raises KeyError for another word."""
    name, backwards = by.removeprefix("-"), by.startswith("-")
    if name not in SORTS:
        raise KeyError(by)
    held = sorted(rows, key=lambda row: row.id)
    known = [row for row in held if _worth(row, name) is not None]
    known.sort(key=lambda row: _worth(row, name), reverse=backwards)
    return [*known, *(row for row in held if _worth(row, name) is None)]


def _worth(row: RuleRow, name: str) -> Any:
    value = getattr(row, name)
    if name == "severity":
        return _place(SEVERITIES, value)
    return _place(_STATES, value) if name == "state" else value


def _place(words: Sequence[str], word: str) -> int:
    return words.index(word) if word in words else len(words)
