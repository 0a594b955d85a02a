"""Thresholds of one rule, each moved up and down: how many alerts it would give, and what it would find and miss."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from risk_stream.rules import Plan, Rule
from risk_stream.rules.language.meaning import Comparison, Condition, Constant, Either, Every, Kind, wording
from risk_stream.rules.words import content_hash
from risk_stream.workbench.backtest.backtest import EVER, tally_of
from risk_stream.workbench.backtest.history import Chunk
from risk_stream.workbench.backtest.outcomes import Judged, Outcomes
from risk_stream.workbench.backtest.report import Counted
from risk_stream.workbench.backtest.sides import Sides

__all__ = ["Curve", "Point", "Tuned", "thresholds", "tune", "values_around"]

_MOVED = (Kind.NUMBER, Kind.DURATION, Kind.MONEY)


@dataclass(frozen=True, slots=True)
class Point:
    """The rule with one value of a threshold."""

    value: float
    current: bool
    alerts: int
    per_day: float
    judged: Judged


@dataclass(frozen=True, slots=True)
class Curve:
    """A comparison of the rule with a written number, and what the rule says for values of that number."""

    text: str  # as the rule means it
    points: tuple[Point, ...]  # by value


@dataclass(frozen=True, slots=True)
class Tuned:
    """The curves of a rule, each with all other thresholds as they are."""

    rule: str
    curves: tuple[Curve, ...]
    days: int
    counted: Counted


def thresholds(rule: Rule) -> list[Comparison]:
    """The comparisons of a rule's condition with a written number that is not 0, in their order."""
    found = dict.fromkeys(c for c in _comparisons(rule.condition) if _number_in(c))
    return list(found)


def _comparisons(condition: Condition) -> Iterator[Comparison]:
    if isinstance(condition, Comparison):
        yield condition
    elif isinstance(condition, Every | Either):
        for part in condition.parts:
            yield from _comparisons(part)


def _number_in(comparison: Comparison) -> float:
    """The number that a comparison holds a value against; 0 for none."""
    if comparison.op in ("==", "!="):
        return 0.0
    for side in (comparison.left, comparison.right):
        if isinstance(side, Constant) and side.kind in _MOVED and isinstance(side.value, float):
            return side.value
    return 0.0


def values_around(value: float, low: float, high: float, steps: int) -> list[float]:
    """`steps` values from `low` to `high` times a value, evenly in ratio, and the value itself.

    They are whole where it is, and have three digits: a threshold is a number that somebody says.
    """
    found = {value}
    for step in range(steps):
        moved = value * low * (high / low) ** (step / max(1, steps - 1))
        digits = 2 - math.floor(math.log10(abs(moved)))
        found.add(float(round(moved)) if value.is_integer() and abs(moved) < 1000 else round(moved, digits))
    return sorted(found)


def tune(
    plan: Plan,
    rule: Rule,
    history: Iterable[Chunk],
    *,
    outcomes: Outcomes | None = None,
    span: tuple[int, int] = EVER,
    low: float = 0.5,
    high: float = 2.0,
    steps: int = 9,
    lateness_ms: int,
    processes: int = 1,
    progress: Callable[[int], None] = lambda _: None,
) -> Tuned:
    """Move each threshold of a rule of a plan from `low` to `high` times its value, all in one pass.

    Raises:
        ValueError: the rule compares nothing with a written number, or is a decision table.
        RunError: a process died.
    """
    if rule.table is not None:
        raise ValueError(f"{rule.id} is a decision table: try other rows with rules backtest --against")
    moved = thresholds(rule)
    if not moved:
        raise ValueError(f"{rule.id} compares nothing with a number but 0, so there is nothing to move")
    values = [values_around(_number_in(threshold), low, high, steps) for threshold in moved]
    plans = {"": _alone(plan, rule, rule.condition)}
    for at, (threshold, tried) in enumerate(zip(moved, values, strict=True)):
        for value in tried:
            if value != _number_in(threshold):
                condition = _with(rule.condition, threshold, value)
                plans[f"{at} {value}"] = _alone(plan, rule, condition)
    sides = Sides(plans)
    tally, counted = tally_of(
        sides, history, outcomes or Outcomes(), span, lateness_ms=lateness_ms, processes=processes, progress=progress
    )

    def point(side: str, value: float) -> Point:
        count = tally.counts[side, rule.id]
        judged = Judged.of(count.right, count.wrong, len(count.found), tally.to_find(rule.id))
        return Point(value, side == "", count.alerts, count.alerts / max(1, tally.days), judged)

    names = {meaning: name for name, meaning in rule.named}
    curves = []
    for at, (threshold, tried) in enumerate(zip(moved, values, strict=True)):
        current = _number_in(threshold)
        points = tuple(point("" if value == current else f"{at} {value}", value) for value in tried)
        curves.append(Curve(wording(threshold, names.get), points))
    return Tuned(rule.id, tuple(curves), tally.days, counted)


def _alone(plan: Plan, rule: Rule, condition: Condition) -> Plan:
    """A plan of one rule with a condition."""
    version = content_hash(f"{rule.version} {wording(condition)}")
    only = replace(rule.for_all(), condition=condition, version=version)
    return Plan(plan.catalogue, [only], plan.wheres, calendars=plan.calendars, models=plan.models_asked([only]))


def _with(condition: Condition, threshold: Comparison, value: float) -> Condition:
    """A condition in which a comparison holds against another number."""
    if condition == threshold and isinstance(condition, Comparison):
        left, right = condition.left, condition.right
        if isinstance(left, Constant):
            return replace(condition, left=Constant(left.kind, value))
        assert isinstance(right, Constant)
        return replace(condition, right=Constant(right.kind, value))
    if isinstance(condition, Every | Either):
        return replace(condition, parts=tuple(_with(part, threshold, value) for part in condition.parts))
    return condition
