"""What an expression means once every name in it is resolved: values with a kind, and conditions without ``not``.

Conditions are kept in negation normal form. `opposite` pushes a ``not`` down to the comparisons, so that a mask that is
false wherever an operand is unknown gives exactly the rows where the condition is true in three-valued logic.
`wording` writes a meaning back as canonical text in the rule language: equal meanings have equal texts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TypeAlias

from risk_stream.calendars import Calendar, clock_version
from risk_stream.features import Aggregate

__all__ = [
    "TEXT_FUNCTIONS",
    "TIME_FUNCTIONS",
    "AggregateValue",
    "Binned",
    "ByCase",
    "Chosen",
    "Clocked",
    "Comparison",
    "Computed",
    "Condition",
    "Constant",
    "Either",
    "Every",
    "FieldValue",
    "Kind",
    "Listing",
    "Meaning",
    "Membership",
    "Presence",
    "Resembling",
    "Truth",
    "Value",
    "asks_clock",
    "calendars_of",
    "depth",
    "leaves",
    "lists_of",
    "opposite",
    "parts_of",
    "size",
    "texts_of",
    "texts_read",
    "wording",
]


class Kind(str, Enum):
    """What a value measures; it decides what it may be compared and computed with."""

    NUMBER = "a number"
    MONEY = "money"
    DURATION = "a duration"
    TIME = "a time"
    BOOLEAN = "true or false"
    TEXT = "text"
    SET = "which texts were seen"

    @property
    def is_text(self) -> bool:
        """Text is compared by its hash, everything else as float64."""
        return self is Kind.TEXT


@dataclass(frozen=True, slots=True)
class Constant:
    """A written value: a text, or a number (times in ms since 1970, durations in seconds, true as 1)."""

    kind: Kind
    value: float | str


@dataclass(frozen=True, slots=True)
class FieldValue:
    """A field of the event. `low` and `high` bound it where the catalogue says so."""

    kind: Kind
    name: str
    low: float = float("-inf")
    high: float = float("inf")


@dataclass(frozen=True, slots=True)
class AggregateValue:
    """An aggregate as of the event. `grows`: what a cap loses can only make it too small, never too large."""

    kind: Kind
    aggregate: Aggregate
    grows: bool
    low: float = float("-inf")
    high: float = float("inf")


@dataclass(frozen=True, slots=True)
class Computed:
    """An operation over values, one of those in `arithmetic`."""

    kind: Kind
    op: str
    parts: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class ByCase:
    """A written value for each of some texts, in their order, and one for all others: None where that is unknown.

    It is unknown where the text that it goes by is.
    """

    kind: Kind
    by: Value
    cases: tuple[tuple[str, float | str], ...]
    otherwise: float | str | None


@dataclass(frozen=True, slots=True)
class Binned:
    """A written value for each of some ranges of a number, and perhaps one where that is missing; else unknown there.

    `values[i]` is of numbers from `edges[i - 1]` to below `edges[i]`: there is one more of them than of edges.
    """

    kind: Kind
    value: Value
    edges: tuple[float, ...]
    values: tuple[float, ...]
    missing: float | None


@dataclass(frozen=True, slots=True)
class Clocked:
    """A part of a time, one of those in `clocked`, as the clocks and the calendar of a place show it."""

    kind: Kind
    op: str
    value: Value
    calendar: Calendar


@dataclass(frozen=True, slots=True)
class Resembling:
    """How alike a text is to whoever on a list of the house is most like it, as of the event; or who that is.

    A number from 0 to 1, 0 where nobody is like it; or a text, unknown there.
    """

    kind: Kind
    value: Value
    list_name: str

    @property
    def function(self) -> str:
        """How it is written."""
        return "match" if self.kind.is_text else "resembles"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A value where a condition is true, another where it is false; unknown where the condition is."""

    kind: Kind
    condition: Condition
    value: Value
    other: Value


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values and one of == != < <= > >=."""

    op: str
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Membership:
    """A value that is, or is not, one of some constants; they stand sorted and once each."""

    value: Value
    constants: tuple[float | str, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """A text that is, or is not, on a list of the house as the list is at the event's place in time."""

    value: Value
    list_name: str
    negated: bool


@dataclass(frozen=True, slots=True)
class Presence:
    """A value that is missing, or is not."""

    value: Value
    missing: bool


@dataclass(frozen=True, slots=True)
class Truth:
    """A boolean value that is true, or is false."""

    value: Value
    wanted: bool


@dataclass(frozen=True, slots=True)
class Every:
    """True where every part is."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """True where one part is or more are."""

    parts: tuple[Condition, ...]


Value: TypeAlias = Constant | FieldValue | AggregateValue | Computed | Clocked | Chosen | ByCase | Binned | Resembling
"""A number or a text for each event, or unknown."""

Condition: TypeAlias = Comparison | Membership | Listing | Presence | Truth | Every | Either
"""True, false or unknown for each event."""

Meaning: TypeAlias = Value | Condition
"""What a checked expression, or a name in one, stands for."""

#: Functions that read a text itself; everything else does with its hash.
TEXT_FUNCTIONS = frozenset({"contains", "ends_with", "length", "lower", "matches", "starts_with", "trim", "upper"})

#: Parts of a time: they go round, or on, by themselves.
TIME_FUNCTIONS = frozenset({"date", "day", "hour", "minute", "month", "time_of_day", "weekday", "year"})

#: How operations of two values are written.
_SIGNS = {**dict(zip("+-*/%", "+-*/%", strict=True)), "later": "+", "earlier": "-", "elapsed": "-"}

_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def opposite(condition: Condition) -> Condition:
    """The condition that is true where this one is false, and unknown where this one is unknown."""
    match condition:
        case Comparison(op, left, right):
            return Comparison(_OPPOSITE[op], left, right)
        case Membership(value, constants, negated):
            return Membership(value, constants, not negated)
        case Listing(value, list_name, negated):
            return Listing(value, list_name, not negated)
        case Presence(value, missing):
            return Presence(value, not missing)
        case Truth(value, wanted):
            return Truth(value, not wanted)
        case Every(parts):
            return Either(tuple(opposite(part) for part in parts))
        case Either(parts):
            return Every(tuple(opposite(part) for part in parts))


def leaves(meaning: Meaning) -> Iterator[FieldValue | AggregateValue]:
    """Every field and aggregate in it, left to right, as often as it stands there."""
    pending = [meaning]
    while pending:
        found = pending.pop()
        if isinstance(found, FieldValue | AggregateValue):
            yield found
        else:
            pending += reversed(parts_of(found))


def lists_of(meaning: Meaning) -> Iterator[str]:
    """The names of the house's lists that it asks, as often as it does."""
    pending: list[Meaning] = [meaning]
    while pending:
        found = pending.pop()
        if isinstance(found, Listing | Resembling):
            yield found.list_name
        pending += parts_of(found)


def calendars_of(meaning: Meaning) -> Iterator[tuple[str, Calendar]]:
    """The calendars that its functions of time go by, each with the function, as often as they do."""
    pending: list[Meaning] = [meaning]
    while pending:
        found = pending.pop()
        if isinstance(found, Clocked):
            yield found.op, found.calendar
        pending += parts_of(found)


def asks_clock(meaning: Meaning) -> bool:
    """Whether there is a part of a time in it, which changes though nothing happens."""
    pending: list[Meaning] = [meaning]
    while pending:
        found = pending.pop()
        if isinstance(found, Clocked) or (isinstance(found, Computed) and found.op in TIME_FUNCTIONS):
            return True
        pending += parts_of(found)
    return False


def texts_read(meaning: Meaning) -> Iterator[AggregateValue]:
    """The aggregates in it of which the text itself is needed, and not its hash alone: a function reads it."""
    pending: list[tuple[Meaning, bool]] = [(meaning, False)]
    while pending:
        found, read = pending.pop()
        if read and isinstance(found, AggregateValue) and found.kind.is_text:
            yield found
        read = read or isinstance(found, Resembling) or (isinstance(found, Computed) and found.op in TEXT_FUNCTIONS)
        pending += ((part, read) for part in parts_of(found))


def parts_of(meaning: Meaning) -> tuple[Meaning, ...]:
    """The meanings that stand in it directly; none in a field, an aggregate or a constant."""
    match meaning:
        case Computed(_, _, parts) | Every(parts) | Either(parts):
            return parts
        case Chosen(_, condition, value, other):
            return (condition, value, other)
        case Comparison(_, left, right):
            return (left, right)
        case Clocked(_, _, value) | Membership(value) | Listing(value) | Presence(value) | Truth(value):
            return (value,)
        case ByCase(_, part) | Binned(_, part) | Resembling(_, part):
            return (part,)
        case _:
            return ()


def texts_of(meaning: Meaning) -> Iterator[str]:
    """The texts written in it that may be its value."""
    pending: list[Meaning] = [meaning]
    while pending:
        match pending.pop():
            case Constant(_, str(text)):
                yield text
            case ByCase(_, _, cases, otherwise):
                yield from (value for value in (*(value for _, value in cases), otherwise) if isinstance(value, str))
            case Computed(_, op, parts) if op not in TEXT_FUNCTIONS:
                pending += parts
            case Chosen(_, _, value, other):
                pending += (value, other)


def depth(meaning: Meaning) -> int:
    """How many operations are nested in one another; found level by level, however deep it is."""
    levels, level = 0, [meaning]
    while level:
        levels += 1
        level = [part for above in level for part in parts_of(above)]
    return levels


def size(meaning: Meaning) -> int:
    """How many operations and operands it has."""
    count, pending = 0, [meaning]
    while pending:
        count += 1
        pending += parts_of(pending.pop())
    return count


def wording(meaning: Meaning, called: Callable[[Meaning], str | None] | None = None) -> str:
    """Canonical text of a meaning, in which aggregates stand as ``@id``.

    A calendar stands with its version, so that a meaning is another one where the calendar changes. `called` may give
    names to meanings, which then stand in the text for what they name; such a text is for people and has no versions.
    """
    name = None if called is None else called(meaning)
    if name is not None:
        return name
    return _value_worded(meaning, called) if isinstance(meaning, Value) else _condition_worded(meaning, called)


def _value_worded(meaning: Value, called: Callable[[Meaning], str | None] | None) -> str:
    match meaning:
        case Constant(kind, value):
            return _literal(kind, value)
        case FieldValue(_, name):
            return name
        case AggregateValue(_, aggregate):
            return f"@{aggregate.id}"
        case Computed(_, op, parts) if op in _SIGNS:
            return f"({wording(parts[0], called)} {_SIGNS[op]} {wording(parts[1], called)})"
        case Computed(_, "negate", (part,)):
            return f"-({wording(part, called)})"
        case Computed(_, op, parts):
            return f"{op}({', '.join(wording(part, called) for part in parts)})"
        case ByCase() | Binned():
            return _cases(meaning, called) if isinstance(meaning, ByCase) else _bins(meaning, called)
        case Resembling(_, value, list_name):
            name = json.dumps(list_name, ensure_ascii=False)
            return f"{meaning.function}({wording(value, called)}, {name})"
        case Clocked(_, op, value, calendar):
            version = "" if called else f" {clock_version(calendar, business_days=op == 'business_day')}"
            return f'{op}({wording(value, called)}, "{calendar.name}{version}")'
        case Chosen(_, condition, value, other):
            return f"choose({wording(condition, called)}, {wording(value, called)}, {wording(other, called)})"


def _condition_worded(meaning: Condition, called: Callable[[Meaning], str | None] | None) -> str:
    match meaning:
        case Comparison(op, left, right):
            return f"{wording(left, called)} {op} {wording(right, called)}"
        case Membership(value, constants, negated):
            listed = ", ".join(_literal(value.kind, constant) for constant in constants)
            return f"{wording(value, called)} {'not in' if negated else 'in'} [{listed}]"
        case Listing(value, list_name, negated):
            name = json.dumps(list_name, ensure_ascii=False)
            return f"{wording(value, called)} {'not in' if negated else 'in'} list({name})"
        case Presence(value, missing):
            return f"{wording(value, called)} is {'missing' if missing else 'not missing'}"
        case Truth(value, wanted):
            return ("" if wanted else "not ") + wording(value, called)
        case Every(parts):
            return "(" + " and ".join(wording(part, called) for part in parts) + ")"
        case Either(parts):
            return "(" + " or ".join(wording(part, called) for part in parts) + ")"


def _cases(meaning: ByCase, called: Callable[[Meaning], str | None] | None) -> str:
    """case(text, "this", 1, "that", 2, 3): 3 of all others, if it is there."""
    parts = [wording(meaning.by, called)]
    for text, value in meaning.cases:
        parts += (_literal(Kind.TEXT, text), _literal(meaning.kind, value))
    if meaning.otherwise is not None:
        parts.append(_literal(meaning.kind, meaning.otherwise))
    return f"case({', '.join(parts)})"


def _bins(meaning: Binned, called: Callable[[Meaning], str | None] | None) -> str:
    """bins(x, 5, 10, 7): 5 where x is below 10, else 7; behind a colon that of no x, if it is there."""
    parts = [wording(meaning.value, called), _literal(meaning.kind, meaning.values[0])]
    for edge, value in zip(meaning.edges, meaning.values[1:], strict=True):
        parts += (_literal(Kind.NUMBER, edge), _literal(meaning.kind, value))
    missing = "" if meaning.missing is None else f" : {_literal(meaning.kind, meaning.missing)}"
    return f"bins({', '.join(parts)}{missing})"


def _literal(kind: Kind, value: float | str) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if kind is Kind.TIME:
        return (
            f'"{datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")}"'
        )
    if kind is Kind.BOOLEAN:
        return "true" if value else "false"
    return str(int(value)) if value.is_integer() else repr(value)
