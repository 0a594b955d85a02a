"""The slow truth of a profile: each alert's points as a fraction, halved as often as it has half-lives.

It shares no code with `risk_stream.profiles`. What is no whole number of half-lives is a root taken by bisection.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Said", "Standing", "stand"]

DAY = 86_400_000
HALF_LIFE_DAYS = {"pre_loan": 90, "mid_loan": 180, "trading": 30}
WEIGHT = {"pre_loan": Fraction(1), "mid_loan": Fraction(1), "trading": Fraction(1, 2)}
POINTS = {"info": 0, "low": 2, "medium": 8, "high": 20, "critical": 45}
MOST = {"storm": 10}
MOST_OF_OTHERS = 60
LINES = (("A", 0), ("B", 8), ("C", 25), ("D", 60), ("E", 120))


@dataclass(frozen=True)
class Said:
    """What was said of an alert once. `day` is a multiple of 30 from day 0 on."""

    id: str
    revision: int
    stands: bool
    customer: str
    rule: str
    stage: str
    severity: str
    day: int


@dataclass(frozen=True)
class Standing:
    """What follows from it as of a day."""

    points: Fraction
    grade: str
    labels: frozenset[str]


def stand(said: Iterable[Said], day: int) -> Standing:
    """The standing as of a day: a `fraud` of any severity holds grade D for 360 days and is labelled for 90."""
    held: dict[str, Said] = {}
    for one in said:
        if one.id not in held or held[one.id].revision < one.revision:
            held[one.id] = one
    sums: dict[tuple[str, str, str], Fraction] = {}
    labels, worst = set(), "A"
    for one in held.values():
        if not one.stands or one.day > day:
            continue
        if one.stage in WEIGHT:
            age = Fraction(day - one.day, HALF_LIFE_DAYS[one.stage])
            left = WEIGHT[one.stage] * POINTS[one.severity] * _half_to_the(age)
            of = one.customer, one.rule, one.stage
            sums[of] = sums.get(of, Fraction(0)) + left
        if one.rule == "fraud" and day < one.day + 360:
            worst = "D"
        if one.rule == "fraud" and day < one.day + 90:
            labels.add("suspect")
    points = Fraction(0)
    for (_, rule, _), found in sums.items():
        points += min(found, Fraction(MOST.get(rule, MOST_OF_OTHERS)))
    by_points = [name for name, line in LINES if points >= line][-1]
    return Standing(points, max(by_points, worst), frozenset(labels))


def _half_to_the(halvings: Fraction) -> Fraction:
    """1/2 to a power; of a part of one, to 50 digits."""
    whole, part = divmod(halvings, 1)
    return Fraction(1, 2) ** int(whole) * (Fraction(1) if part == 0 else _root(part))


def _root(part: Fraction) -> Fraction:
    """1/2 to a power between 0 and 1 by bisection: the x with x**denominator == (1/2)**numerator."""
    low, high, goal = Fraction(0), Fraction(1), Fraction(1, 2) ** part.numerator
    for _ in range(80):
        middle = (low + high) / 2
        if middle**part.denominator < goal:
            low = middle
        else:
            high = middle
    return low
