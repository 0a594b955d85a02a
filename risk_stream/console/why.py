"""Why an alert was raised: each part of its rule's condition with the values that it compared.

The values are those that the alert itself carries, as they were when it was judged; the condition is the one of the
plan that judged it. What an alert does not carry is not computed again here: it is left unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from risk_stream.features import Op
from risk_stream.rules import Rule
from risk_stream.rules.language.meaning import (
    AggregateValue,
    Comparison,
    Computed,
    Condition,
    Constant,
    Either,
    Every,
    FieldValue,
    Kind,
    Listing,
    Meaning,
    Membership,
    Presence,
    Truth,
    Value,
    wording,
)
from risk_stream.workbench import bare

__all__ = ["Compared", "Scores", "compared", "scores"]

Scalar: TypeAlias = "float | int | str | bool | None"


@dataclass(frozen=True, slots=True)
class Compared:
    """A part of a condition. `left` and `right` are what it compares, None where that is not known or no comparison."""

    text: str
    join: str = ""  # how its parts make it: `and` or `or`
    op: str = ""
    left: Scalar = None
    right: Scalar = None
    unit: str = ""  # money, seconds, ms, number, text: of both sides
    holds: bool | None = None
    parts: tuple[Compared, ...] = ()


@dataclass(slots=True)
class Scores:
    """What a model said of the event, as far as the alert carries it; `moved` are its reasons, in words."""

    model: str
    score: float | None = None
    over: bool | None = None
    moved: str | None = None
    segment: str | None = None


def scores(rule: Rule, features: Mapping[str, Scalar]) -> list[Scores]:
    """What the models that a rule asks said, by the model's name."""
    found: dict[str, Scores] = {}
    for name, meaning in rule.named:
        if isinstance(meaning, AggregateValue) and meaning.aggregate.op is Op.SCORE and features.get(name) is not None:
            model, what = meaning.aggregate.values[:2]
            setattr(found.setdefault(model, Scores(model)), what, features[name])
    return [found[model] for model in sorted(found)]


def compared(rule: Rule, features: Mapping[str, Scalar]) -> Compared:
    """The parts of a rule's condition over what an alert of it says: `features`, in major units, s and ms."""
    names = {
        wording(meaning): name for name, meaning in sorted(rule.named, key=lambda one: "." in one[0], reverse=True)
    }

    def called(meaning: Meaning) -> str | None:
        return names.get(wording(meaning))

    return _part(rule.condition, features, called)


def _part(condition: Condition, features: Mapping[str, Scalar], called: Callable[[Meaning], str | None]) -> Compared:
    text = bare(wording(condition, called))
    if isinstance(condition, Every | Either):
        parts = tuple(_part(part, features, called) for part in condition.parts)
        every = isinstance(condition, Every)
        return Compared(text, join="and" if every else "or", parts=parts, holds=_joined(parts, every=every))
    name = called(condition)
    if name is not None and isinstance(features.get(name), bool):  # a feature that is a condition has its truth itself
        return Compared(text, op="==", left=features[name], right=True, unit="boolean", holds=bool(features[name]))
    if not isinstance(condition, Comparison):
        return _plain(condition, text, features, called)
    left, right = (_value(side, features, called) for side in (condition.left, condition.right))
    unit = _UNITS.get(condition.left.kind, "number")
    return Compared(text, op=condition.op, left=left, right=right, unit=unit, holds=_holds(condition.op, left, right))


def _plain(
    condition: Membership | Listing | Presence | Truth,
    text: str,
    features: Mapping[str, Scalar],
    called: Callable[[Meaning], str | None],
) -> Compared:
    """A part that asks something of one value alone. What a list of the house held is in no alert."""
    value, unit = _value(condition.value, features, called), _UNITS.get(condition.value.kind, "number")
    if isinstance(condition, Presence):
        known = _name(condition.value, called) in features
        return Compared(text, left=value, unit=unit, holds=(value is None) == condition.missing if known else None)
    if isinstance(condition, Truth):
        holds = None if value is None else bool(value) == condition.wanted
        return Compared(text, op="==", left=None if value is None else bool(value), right=condition.wanted,
                        unit="boolean", holds=holds)  # fmt: skip
    op = "not in" if condition.negated else "in"
    if isinstance(condition, Listing):
        return Compared(text, op=op, left=value, right=condition.list_name, unit=unit)
    among = ", ".join(
        one if isinstance(one, str) else f"{one:,.15g}" for one in sorted(condition.constants, key=_by_size)
    )
    holds = None if value is None else (value in condition.constants) != condition.negated
    return Compared(text, op=op, left=value, right=among, unit=unit, holds=holds)


def _joined(parts: tuple[Compared, ...], *, every: bool) -> bool | None:
    """Of three-valued truths all, or any."""
    told = [part.holds for part in parts]
    if (not every) in told:
        return not every
    return None if None in told else every


def _value(value: Value, features: Mapping[str, Scalar], called: Callable[[Meaning], str | None]) -> Scalar:
    if isinstance(value, Constant):
        return value.value
    name = _name(value, called)
    if name is not None and name in features:
        return features[name]
    if isinstance(value, Computed) and value.op in _ARITHMETIC and len(value.parts) == 2:
        first, second = (_value(part, features, called) for part in value.parts)
        if isinstance(first, int | float) and isinstance(second, int | float):
            return _ARITHMETIC[value.op](first, second)
    return None


def _by_size(constant: float | str) -> tuple[bool, float | str]:
    return isinstance(constant, str), constant


def _name(value: Value, called: Callable[[Meaning], str | None]) -> str | None:
    """What an alert calls a value: as its rule does, or the field itself."""
    return called(value) or (value.name if isinstance(value, FieldValue) else None)


def _holds(op: str, left: Scalar, right: Scalar) -> bool | None:
    if left is None or right is None or isinstance(left, str) != isinstance(right, str):
        return None
    if op in {"==", "!="}:
        return (left == right) == (op == "==")
    if isinstance(left, str) or isinstance(right, str):
        return None
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}.get(op)


def _divided(first: float, second: float) -> float | None:
    return first / second if second else None


_ARITHMETIC: Mapping[str, Callable[[float, float], float | None]] = {
    "+": lambda first, second: first + second,
    "-": lambda first, second: first - second,
    "*": lambda first, second: first * second,
    "/": _divided,
}

_UNITS = {Kind.MONEY: "money", Kind.DURATION: "seconds", Kind.TIME: "time", Kind.TEXT: "text", Kind.BOOLEAN: "boolean"}
