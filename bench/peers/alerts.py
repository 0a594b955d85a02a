"""What a peer says of an event, in one form for all of them, and the comparison with what it should have said."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["Alert", "Comparison", "Expected", "Said", "compare"]

#: Floating-point sums that grow and shrink with a window drift; everything else is equal to the last digit.
RELATIVE = 1e-6


@dataclass(frozen=True, slots=True)
class Alert:
    """The rules that fired on one event, and the features by name; None where a feature is missing."""

    rules: frozenset[str]
    features: Mapping[str, float | None]


#: number of the event -> what there is to say of it
Expected = Mapping[int, Alert]


@dataclass(frozen=True, slots=True)
class Said:
    """One thing a peer said: of which event, when it stood in the log (ms since 1970), and what."""

    event: int
    at: int
    alert: Alert


@dataclass(frozen=True, slots=True)
class Comparison:
    """How what was said differs from what was expected, in numbers of events."""

    expected: int
    said: int  # more than one alert of an event counts as often
    missing: int
    wrong: int  # another rule or value, or no alert at all
    values: int  # feature values compared
    example: str  # of what is wrong, for a person

    @property
    def equal(self) -> bool:
        """Whether every alert was there once, with every value, and no other."""
        return not (self.missing or self.wrong or self.said != self.expected)

    @property
    def verdict(self) -> str:
        """In a few words."""
        if self.equal:
            return f"all {self.said:,} equal"
        extra = self.said + self.missing - self.expected
        return f"NOT EQUAL: {self.missing:,} of {self.expected:,} missing, {self.wrong:,} wrong, {extra:,} too many"

    def __str__(self) -> str:
        return f"{self.verdict} ({self.values:,} values){' such as ' + self.example if self.example else ''}"


def compare(said: Iterable[Said], expected: Expected) -> Comparison:
    """Hold each alert against the reference: the set of rules, and every value the peer gives."""
    seen: set[int] = set()
    total = wrong = values = 0
    example = ""
    for one in said:
        total += 1
        seen.add(one.event)
        wanted = expected.get(one.event)
        values += len(one.alert.features)
        if wanted is None or not _same(one.alert, wanted):
            wrong += 1
            example = example or f"event {one.event}: expected {wanted}, got {one.alert}"
    return Comparison(len(expected), total, len(expected.keys() - seen), wrong, values, example)


def _same(got: Alert, wanted: Alert) -> bool:
    if got.rules != wanted.rules or not got.features:
        return False
    return all(name in wanted.features and _near(v, wanted.features[name]) for name, v in got.features.items())


def _near(got: float | None, wanted: float | None) -> bool:
    if got is None or wanted is None:
        return got is wanted
    return math.isclose(got, wanted, rel_tol=RELATIVE, abs_tol=RELATIVE)
