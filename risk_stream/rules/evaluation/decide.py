"""What a decision table says of events: which row decides, the verdict, the limit, the price band and the reasons."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from risk_stream.rules.evaluation.program import Program
from risk_stream.rules.evaluation.run import View
from risk_stream.rules.language.meaning import (
    AggregateValue,
    FieldValue,
    Meaning,
    Value,
    leaves,
    opposite,
    parts_of,
    wording,
)
from risk_stream.rules.language.sentence import said, template
from risk_stream.rules.model import Card, Row, Rule, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MOST_REASONS", "Decider", "Ruling", "values_of"]

#: Reasons that a scorecard gives at most.
MOST_REASONS = 4

_Plain: TypeAlias = float | int | str | bool | None


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict on one event with the place of the row that gave it, from 1 on; amounts in major units."""

    row: int
    verdict: Literal["approve", "refer", "decline"]
    reasons: list[str]
    limit: float | None = None
    rate_from: float | None = None
    rate_to: float | None = None
    points: float | None = None


class Decider:
    """The table of one rule, compiled. `value(value, row)` gives what a value is on a row of the view, NaN: unknown."""

    def __init__(self, rule: Rule) -> None:
        assert rule.table is not None
        self.rule, self.table = rule, rule.table
        self._program = Program()
        for row in self.table.rows:
            if row.condition is not None:
                self._program.add(row.condition, reads=rule.reads)
                self._program.add(opposite(row.condition), reads=rule.reads)
        self._reasons = [template(row.reason) for row in self.table.rows]
        self._meanings = dict(rule.named)
        self._inside: dict[int, list[tuple[str, str]]] = {}  # by identity: the meanings are the table's own
        self._seen: View | None = None
        self._rows: tuple[NDArray[np.intp], NDArray[np.bool_]] = np.zeros(0, np.intp), np.zeros(0, np.bool_)

    def row_of(self, view: View, row: int) -> tuple[int, bool]:
        """(the place of the first row that is not false, from 0 on, whether it is true) on one event."""
        if self._seen is not view:
            self._rows, self._seen = self._all_rows(view), view
        places, holds = self._rows
        return int(places[row]), bool(holds[row])

    def _all_rows(self, view: View) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        rows = len(self.table.rows)
        holds, fails = np.ones((rows, view.n), np.bool_), np.zeros((rows, view.n), np.bool_)
        if rows > 1:
            _, masks = self._program.masks(view)
            holds[:-1], fails[:-1] = masks[::2], masks[1::2]
        places = np.argmin(fails, axis=0)
        return places, holds[places, np.arange(view.n)]

    def ruling(
        self,
        view: View,
        row: int,
        value: Callable[[Value], float],
        features: Mapping[str, _Plain],
        inexact: list[str],
    ) -> Ruling:
        """What the table says of one event; `features` and `inexact` are what the rule's names are there."""
        place, holds = self.row_of(view, row)
        decides = self.table.rows[place]
        points = None if self.table.score is None else _known(value(self.table.score))
        if not holds:
            assert decides.condition is not None
            unknown = self._unknown(decides.condition, features, inexact)
            reason = f"It cannot be told whether {' '.join(decides.when.split())}: {unknown}"
            return Ruling(place + 1, "refer", [reason], points=points)
        reasons = [self._reasons[place](lambda name: said(self._meanings[name], features[name]))]
        if decides.verdict != "approve":
            for card in decides.cards:
                reasons += card_reasons(card, value)
            return Ruling(place + 1, _verdict(decides), reasons, points=points)
        offered = {"limit": decides.limit}
        if decides.rate is not None:
            offered |= {"rate_from": decides.rate[0], "rate_to": decides.rate[1]}
        bounds = {leaf for name in inexact for leaf in leaves(self._meanings[name])}
        amounts: dict[str, float | None] = {}
        for what, asked in offered.items():
            if asked is None:
                continue
            if (bounds and _stands_on(asked, bounds)) or (amount := _known(value(asked))) is None:
                unknown = self._unknown(asked, features, inexact)
                reason = f"The {what.replace('_', ' ')} cannot be told: {unknown}"
                return Ruling(place + 1, "refer", [reason], points=points)
            amounts[what] = amount
        return Ruling(place + 1, "approve", reasons, points=points, **amounts)

    def _unknown(self, asked: Meaning, features: Mapping[str, _Plain], inexact: list[str]) -> str:
        """Which names in a meaning are unknown or only a bound, the plainest of them, in a sentence."""
        called: dict[str, str] = {}  # by what it means: of several names one of this file, and the first
        for name, text in self._names_in(asked):
            if features[name] is None or name in inexact:
                called.setdefault(text, name)
        names = list(called.values())
        plain = [name for name in names if isinstance(self._meanings[name], FieldValue | AggregateValue)] or names
        if not plain:
            return "a value that it needs is unknown"
        bounds = [name for name in plain if features[name] is not None]
        missing = [name for name in plain if features[name] is None]
        told = [f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} unknown"] if missing else []
        told += [f"{', '.join(bounds)} {'is' if len(bounds) == 1 else 'are'} only a bound"] if bounds else []
        return ", ".join(told)

    def _names_in(self, asked: Meaning) -> list[tuple[str, str]]:
        """(name, what it means) of each that stands in a meaning of the table, those of its own file first."""
        found = self._inside.get(id(asked))
        if found is None:
            inside = {wording(meaning) for meaning in _all_parts(asked)}
            named = sorted(self.rule.named, key=lambda named: "." in named[0])
            worded = [(name, wording(meaning)) for name, meaning in named]
            found = self._inside[id(asked)] = [(name, text) for name, text in worded if text in inside]
        return found


def values_of(table: Table) -> Iterator[Value]:
    """Every value that a decision of a table may need beside its conditions."""
    if table.score is not None:
        yield table.score
    for row in table.rows:
        yield from (value for value in (row.limit, *(row.rate or ())) if value is not None)
        yield from (one.points for card in row.cards for one in card.characteristics)


def card_reasons(card: Card, value: Callable[[Value], float]) -> list[str]:
    """Why points are lost, the most first: of characteristics that may be a reason, at most `MOST_REASONS`."""
    lost = [(one.best - value(one.points), place) for place, one in enumerate(card.characteristics)]
    ranked = sorted((-points, place) for points, place in lost if points > 0)
    words = [card.characteristics[place].words for _, place in ranked]
    return [text for text in words if text][:MOST_REASONS]


def _verdict(row: Row) -> Literal["refer", "decline"]:
    return "decline" if row.verdict == "decline" else "refer"


def _stands_on(asked: Value, bounds: Set[Value]) -> bool:
    """Whether a value is computed from an aggregate that is only a bound."""
    return any(leaf in bounds for leaf in leaves(asked) if isinstance(leaf, AggregateValue))


def _known(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _all_parts(meaning: Meaning) -> list[Meaning]:
    """A meaning and all that stands in it."""
    found, pending = [], [meaning]
    while pending:
        part = pending.pop()
        found.append(part)
        pending += parts_of(part)
    return found
