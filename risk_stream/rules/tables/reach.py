"""Which rows of a decision table can never decide, as far as their constants tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import TypeAlias

from risk_stream.rules.language.meaning import (
    Comparison,
    Condition,
    Constant,
    Either,
    Every,
    Membership,
    Truth,
    Value,
    wording,
)

__all__ = ["unreachable"]

_Point: TypeAlias = tuple[float, int]
"""A number, or with 1 the place just behind it: so that all ranges hold their beginning, and not their end."""

_LEAST, _MOST = (-inf, 0), (inf, 1)
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Some numbers, as ranges in their order that do not touch."""

    ranges: tuple[tuple[_Point, _Point], ...]

    def both(self, other: _Numbers) -> _Numbers:
        """The numbers that are in this and in the other."""
        met = ((max(a, c), min(b, d)) for a, b in self.ranges for c, d in other.ranges)
        return _Numbers(tuple(sorted((low, high) for low, high in met if low < high)))

    def either(self, other: _Numbers) -> _Numbers:
        """The numbers that are in one of them, or in both."""
        joined: list[tuple[_Point, _Point]] = []
        for low, high in sorted((*self.ranges, *other.ranges)):
            if joined and low <= joined[-1][1]:
                joined[-1] = joined[-1][0], max(joined[-1][1], high)
            else:
                joined.append((low, high))
        return _Numbers(tuple(joined))

    def within(self, other: _Numbers) -> bool:
        """Whether all of them are in the other."""
        return all(any(c <= a and b <= d for c, d in other.ranges) for a, b in self.ranges)

    @property
    def is_empty(self) -> bool:
        """Whether there is none."""
        return not self.ranges


@dataclass(frozen=True, slots=True)
class _Texts:
    """Some texts, or all others."""

    texts: frozenset[str]
    others: bool = False

    def both(self, other: _Texts) -> _Texts:
        """The texts that are in this and in the other."""
        if self.others and other.others:
            return _Texts(self.texts | other.texts, others=True)
        if self.others or other.others:
            listed, unlisted = (other, self) if self.others else (self, other)
            return _Texts(listed.texts - unlisted.texts)
        return _Texts(self.texts & other.texts)

    def either(self, other: _Texts) -> _Texts:
        """The texts that are in one of them, or in both."""
        left, right = _Texts(self.texts, not self.others), _Texts(other.texts, not other.others)
        neither = left.both(right)
        return _Texts(neither.texts, not neither.others)

    def within(self, other: _Texts) -> bool:
        """Whether all of them are in the other."""
        return self.both(_Texts(other.texts, not other.others)).is_empty

    @property
    def is_empty(self) -> bool:
        """Whether there is none."""
        return not self.others and not self.texts


_Region: TypeAlias = _Numbers | _Texts


def unreachable(conditions: Sequence[Condition | None]) -> Iterator[tuple[int, str]]:
    """(place, a sentence) of each row that decides nothing: its condition never holds, or rows above decide all of it.

    Rows are read from the top and one whose condition is unknown decides too, so a row is met only where all above it
    are false. Told is what follows from comparisons of one value with written ones; what joins several values, or
    computes, is taken as it is. `conditions` are those of the rows, None in the last.
    """
    seen: dict[str, int] = {}
    decided: dict[Value, _Region] = {}
    for place, condition in enumerate(conditions):
        if condition is None:
            continue
        text = wording(condition)
        regions, is_all = _regions(condition)
        if text in seen:
            yield place, f"this row can never be reached: row {seen[text] + 1} above asks the same"
        elif any(region.is_empty for region in regions.values()):
            yield place, "this row can never be reached: its condition contradicts itself"
        elif any(value in decided and _within(region, decided[value]) for value, region in regions.items()):
            yield place, "this row can never be reached: rows above it decide all that it asks"
        seen.setdefault(text, place)
        if is_all and len(regions) == 1:
            [(value, region)] = regions.items()
            decided[value] = _either(decided[value], region) if value in decided else region


def _regions(condition: Condition) -> tuple[dict[Value, _Region], bool]:
    """(what a condition says of values, each by itself; whether that is all it says)."""
    parts = condition.parts if isinstance(condition, Every) else (condition,)
    found: dict[Value, _Region] = {}
    is_all = True
    for part in parts:
        one = _regions(part) if isinstance(part, Every) else _region(part)
        if one is None:
            is_all = False
            continue
        regions, whole = one
        is_all = is_all and whole
        for value, region in regions.items():
            found[value] = _both(found[value], region) if value in found else region
    return found, is_all


def _region(part: Condition) -> tuple[dict[Value, _Region], bool] | None:
    """What one part says of one value; None where it says it of several, or of none."""
    match part:
        case Comparison(op, left, Constant(_, float(limit))) if not isinstance(left, Constant):
            return {left: _compared(op, limit)}, True
        case Comparison(op, Constant(_, float(limit)), right):
            return {right: _compared(_MIRRORED.get(op, op), limit)}, True
        case Comparison(op, left, Constant(_, str(text))) if op in ("==", "!="):
            return {left: _Texts(frozenset([text]), others=op == "!=")}, True
        case Membership(value, constants, negated) if value.kind.is_text:
            return {value: _Texts(frozenset(map(str, constants)), others=negated)}, True
        case Membership(value, constants, False):
            points = tuple(sorted(((c, 0), (c, 1)) for c in constants if isinstance(c, float)))
            return {value: _Numbers(points)}, True
        case Truth(value, wanted):
            return {value: _compared("==", float(wanted))}, True
        case Either(parts):
            return _one_of(parts)
    return None


def _one_of(parts: Sequence[Condition]) -> tuple[dict[Value, _Region], bool] | None:
    """What is said of a value where each of some parts says something of it alone."""
    found: dict[Value, _Region] = {}
    for part in parts:
        regions, whole = _regions(part)
        if not whole or len(regions) != 1:
            return None
        [(value, region)] = regions.items()
        if found and value not in found:
            return None
        found[value] = _either(found[value], region) if value in found else region
    return found, True


def _compared(op: str, limit: float) -> _Numbers:
    at, behind = (limit, 0), (limit, 1)
    ranges = {
        "<": [(_LEAST, at)],
        "<=": [(_LEAST, behind)],
        ">": [(behind, _MOST)],
        ">=": [(at, _MOST)],
        "==": [(at, behind)],
        "!=": [(_LEAST, at), (behind, _MOST)],
    }
    return _Numbers(tuple(ranges[op]))


def _both(one: _Region, other: _Region) -> _Region:
    if isinstance(one, _Texts):
        assert isinstance(other, _Texts)
        return one.both(other)
    assert isinstance(other, _Numbers)
    return one.both(other)


def _either(one: _Region, other: _Region) -> _Region:
    if isinstance(one, _Texts):
        assert isinstance(other, _Texts)
        return one.either(other)
    assert isinstance(other, _Numbers)
    return one.either(other)


def _within(one: _Region, other: _Region) -> bool:
    if isinstance(one, _Texts):
        return isinstance(other, _Texts) and one.within(other)
    return isinstance(other, _Numbers) and one.within(other)
