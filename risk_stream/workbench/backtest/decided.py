"""Counts what decision tables decided on several sides, and which applications have another decision on the second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from risk_stream.engine import Decided
from risk_stream.workbench.backtest.examples import Examples, about
from risk_stream.workbench.backtest.sides import Sides

__all__ = ["VERDICTS", "Average", "DecisionTally", "Move", "Pair", "TableCount", "VerdictCount"]

#: Verdicts in the order in which they are shown.
VERDICTS = ("approve", "refer", "decline")

Pair: TypeAlias = tuple[Decided | None, Decided | None]
"""What was decided of one application on the first side and on the second; None where that side decided nothing."""

#: Parts of one in which amounts are added up.
_PARTS = 10**9


@dataclass(slots=True)
class Average:
    """The mean of amounts, to a billionth, and the same whatever order they come in."""

    n: int = 0
    _sum: int = 0

    def add(self, amount: float | None) -> None:
        """Take one in; None is none."""
        if amount is not None:
            self.n += 1
            self._sum += round(amount * _PARTS)

    @property
    def mean(self) -> float | None:
        """None of nothing."""
        return self._sum / self.n / _PARTS if self.n else None


@dataclass(slots=True)
class VerdictCount:
    """Decisions, and of how many of them it is known that it went badly or well."""

    decisions: int = 0
    bad: int = 0
    good: int = 0

    def add(self, bad: bool | None) -> None:
        """Count one; None: nobody knows."""
        self.decisions += 1
        self.bad += bad is True
        self.good += bad is False


@dataclass(slots=True)
class TableCount:
    """What one table decided on one side. Limits in major units, rates as shares a year."""

    verdicts: dict[str, VerdictCount] = field(default_factory=lambda: {verdict: VerdictCount() for verdict in VERDICTS})
    rows: Counter[int] = field(default_factory=Counter)  # the place of a row, from 1 on -> decisions it gave
    limit: Average = field(default_factory=Average)  # of what was approved, as the price band
    rate_from: Average = field(default_factory=Average)
    rate_to: Average = field(default_factory=Average)
    points: Average = field(default_factory=Average)
    bad: set[int] = field(default_factory=set)  # the bad outcomes that its decisions were about
    declined: set[int] = field(default_factory=set)  # those of them that it declined

    def add(self, decided: Decided, bad: bool | None, outcomes: set[int]) -> None:
        """Count one decision and the bad outcomes that it is about."""
        self.verdicts[decided.verdict].add(bad)
        self.rows[decided.row] += 1
        self.limit.add(decided.limit)
        self.rate_from.add(decided.rate_from)
        self.rate_to.add(decided.rate_to)
        self.points.add(decided.points)
        self.bad |= outcomes
        if decided.verdict == "decline":
            self.declined |= outcomes


@dataclass(slots=True)
class Move:
    """Applications that go from one verdict to another, or keep theirs with other terms or for another reason."""

    count: VerdictCount = field(default_factory=VerdictCount)
    rows: Counter[tuple[str, str]] = field(default_factory=Counter)  # what decided before, and after
    keys: Counter[str] = field(default_factory=Counter)  # whose the applications are
    limits: tuple[Average, Average] = field(default_factory=lambda: (Average(), Average()))
    examples: Examples[Pair] = field(default_factory=Examples)


class DecisionTally:
    """What the tables of several sides decided."""

    def __init__(self, sides: Sides) -> None:
        self.sides = sides
        self.counts: dict[tuple[str, str], TableCount] = {
            (side, rule.id): TableCount()
            for side, plan in sides.plans.items()
            for rule in plan.judged
            if rule.table is not None
        }
        self.moves: dict[tuple[str, str, str], Move] = {}  # (table, verdict before, verdict after), "" for none
        self._names = tuple(sides.plans)

    def add(self, table: str, said: Mapping[str, Decided], bad: bool | None, outcomes: set[int]) -> None:
        """Count what a table decided of one application, by side."""
        for side, decided in said.items():
            self.counts[side, table].add(decided, bad, outcomes)
        if len(self._names) != 2:
            return
        before, after = (said.get(name) for name in self._names)
        if not self._differ(table, before, after):
            return
        either = after or before
        assert either is not None
        verdicts = "" if before is None else before.verdict, "" if after is None else after.verdict
        move = self.moves.setdefault((table, *verdicts), Move())
        move.count.add(bad)
        move.rows[self._row(0, table, before), self._row(1, table, after)] += 1
        move.keys[about(either)] += 1
        for limit, one in zip(move.limits, (before, after), strict=True):
            limit.add(None if one is None else one.limit)
        move.examples.add(either.event, either.time, (before, after))

    def _differ(self, table: str, before: Decided | None, after: Decided | None) -> bool:
        """Whether an applicant would see a difference: the verdict, the terms of an approval, or why it is none."""
        if before is None or after is None or before is after:
            return before is not after
        if before.verdict != after.verdict:
            return True
        if before.verdict == "approve":
            return _terms(before) != _terms(after)
        return self._why(0, table, before) != self._why(1, table, after)

    def _why(self, side: int, table: str, decided: Decided) -> tuple[str, ...]:
        """The reasons; the first as the row has it, which is the same whatever the values in it are."""
        rule = self.sides.rule(self._names[side], table)
        assert rule is not None
        assert rule.table is not None
        return (rule.table.rows[decided.row - 1].reason, *decided.reasons[1:])

    def _row(self, side: int, table: str, decided: Decided | None) -> str:
        """The row that decided, in words; nothing where none did."""
        rule = self.sides.rule(self._names[side], table)
        if decided is None or rule is None or rule.table is None:
            return ""
        row = rule.table.rows[decided.row - 1]
        unknown = "" if decided.verdict == row.verdict else ", which is unknown"
        return f"row {decided.row}: {' '.join(row.when.split())}{unknown}"


def _terms(decided: Decided) -> tuple[float | None, ...]:
    return decided.limit, decided.rate_from, decided.rate_to
