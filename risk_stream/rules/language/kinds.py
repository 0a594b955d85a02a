"""What values of each kind can do, and how a sentence speaks of them: shared by all that checks expressions."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from datetime import UTC, datetime

from risk_stream.rules.language.arithmetic import compute
from risk_stream.rules.language.expression import ExpressionError, Node
from risk_stream.rules.language.meaning import (
    AggregateValue,
    Binned,
    ByCase,
    Chosen,
    Clocked,
    Computed,
    Constant,
    FieldValue,
    Kind,
    Resembling,
    Value,
    wording,
)

__all__ = [
    "COUNTED",
    "ONE_OF_THEM",
    "ORDERED",
    "as_time",
    "bounds",
    "folded",
    "must_be",
    "nearest",
    "quoted",
    "wording_of",
]

ORDERED = (Kind.NUMBER, Kind.MONEY, Kind.DURATION, Kind.TIME)

COUNTED = (Kind.NUMBER, Kind.MONEY, Kind.DURATION)

#: What operations give, whatever they are given.
_SPANS = {
    "abs": (0.0, math.inf),
    "day": (1.0, 31.0),
    "exp": (0.0, math.inf),
    "hour": (0.0, 23.0),
    "length": (1.0, math.inf),
    "minute": (0.0, 59.0),
    "month": (1.0, 12.0),
    "time_of_day": (0.0, 86_399.999),
    "weekday": (1.0, 7.0),
}

#: Operations that give more, or as much, where they are given more.
_RISING = frozenset({"ceil", "clamp", "floor", "round"})


def nearest(word: str, known: Iterable[str]) -> str:
    """``, did you mean 'x'?`` where something known is spelt nearly like it, else nothing."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f", did you mean '{found[0]}'?" if found else ""


#: The end of a sentence about texts that were seen, where one value is wanted.
ONE_OF_THEM = 'ask for one of them, as in has(seen, "...")'


def must_be(value: Value, kinds: tuple[Kind, ...], what: str, at: int) -> None:
    """Refuse a value that is of none of some kinds; `what` does not work on it. Raises `ExpressionError`."""
    if value.kind not in kinds:
        raise ExpressionError(f"'{what}' does not work on {value.kind.value}{quoted(value)}", at)


def as_time(side: Value, other: Value, node: Node) -> Value:
    """A written text beside a time is a time."""
    if other.kind is not Kind.TIME or not isinstance(side, Constant) or not isinstance(side.value, str):
        return side
    try:
        moment = datetime.fromisoformat(side.value)
        moment = moment.replace(tzinfo=moment.tzinfo or UTC)
        ms = float(round(moment.timestamp() * 1000))
        datetime.fromtimestamp(ms / 1000, UTC)  # also in UTC and to the millisecond it is in the calendar
        return Constant(Kind.TIME, ms)
    except (ValueError, OverflowError):
        raise ExpressionError('a time is written "2024-01-31" or "2024-01-31T09:30:00Z"', node.at) from None


def wording_of(value: Value) -> str:
    """How to speak of a value in a sentence."""
    match value:
        case AggregateValue(_, aggregate):
            return f"this {aggregate.op.value}"
        case Computed() | Clocked() | Chosen() | ByCase() | Binned() | Resembling():
            return "this value"
        case _:
            return wording(value)


def quoted(*values: Value) -> str:
    """The names of the fields among values, to say which they are."""
    said = [f"'{value.name}' is {value.kind.value}" for value in values if isinstance(value, FieldValue)]
    return f": {', '.join(said)}" if said else ""


def folded(kind: Kind, op: str, parts: tuple[Value, ...], at: int) -> Value:
    """An operation, done at once where nothing in it can change: never of times, one of which is the event's."""
    numbers = [part.value for part in parts if isinstance(part, Constant) and isinstance(part.value, float)]
    if len(numbers) < len(parts):
        return Computed(kind, op, parts)
    result = float(compute(op, numbers))
    if not math.isfinite(result):
        raise ExpressionError("this computation gives no number that can be used", at)
    return Constant(kind, result)


def bounds(value: Value) -> tuple[float, float]:
    """The least and the most that a value can be, where it is known at all; infinite where nothing is said."""
    match value:
        case Constant(_, float(number)):
            return number, number
        case FieldValue(_, _, low, high) | AggregateValue(_, _, _, low, high):
            return low, high
        case ByCase() | Binned():
            return _of_written(value)
        case Resembling(Kind.NUMBER):
            return 0.0, 1.0
        case Computed(_, "+", parts) if all(math.isfinite(bound) for part in parts for bound in bounds(part)):
            lows, highs = zip(*map(bounds, parts), strict=True)
            return sum(lows), sum(highs)
        case Computed(_, op) | Clocked(_, op) if op in _SPANS:
            return _SPANS[op]
        case Computed(_, op, parts) if op in _RISING:
            lows, highs = zip(*map(bounds, parts), strict=True)
            return float(compute(op, lows)), float(compute(op, highs))
        case Computed(_, "sqrt", (part,)):
            low, high = bounds(part)
            return math.sqrt(max(low, 0.0)), math.sqrt(max(high, 0.0))
        case Chosen(_, _, value, other):
            (low, high), (least, most) = bounds(value), bounds(other)
            return min(low, least), max(high, most)
        case _:
            return -math.inf, math.inf


def _of_written(value: ByCase | Binned) -> tuple[float, float]:
    """The least and the most of the written values that there are to choose from."""
    if isinstance(value, ByCase):
        written = (*(case for _, case in value.cases), value.otherwise)
    else:
        written = (*value.values, value.missing)
    numbers = [one for one in written if isinstance(one, float)]
    return (min(numbers), max(numbers)) if numbers else (-math.inf, math.inf)
