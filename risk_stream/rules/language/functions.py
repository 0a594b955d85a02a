"""The functions of the language: how many values each takes, of which kinds, and of which kind is what it gives.

`Functions` checks one call after another for a `Checker`. What they compute is in `arithmetic`, `texts` and `clocked`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from risk_stream.calendars import Calendar
from risk_stream.features import MOST_VALUES
from risk_stream.rules.language.expression import ASKING, Call, ExpressionError, Node
from risk_stream.rules.language.kinds import (
    COUNTED,
    ONE_OF_THEM,
    ORDERED,
    as_time,
    folded,
    must_be,
    nearest,
    quoted,
    wording_of,
)
from risk_stream.rules.language.meaning import (
    AggregateValue,
    Chosen,
    Clocked,
    Computed,
    Condition,
    Constant,
    Kind,
    Resembling,
    Value,
)
from risk_stream.rules.language.texts import CHANGES, PatternError, changed, compiled

__all__ = ["FUNCTIONS", "Functions", "Vocabulary"]

_SECONDS = {"seconds": 1.0, "minutes": 60.0, "hours": 3_600.0, "days": 86_400.0}
#: Of a time, and what each gives; a calendar may be named behind the time.
_OF_TIMES = {
    **dict.fromkeys(("minute", "hour", "weekday", "day", "month", "year"), Kind.NUMBER),
    "date": Kind.TIME,
    "time_of_day": Kind.DURATION,
}
_OF_PLAIN_NUMBERS = ("exp", "log", "sqrt")
_OF_COUNTED = ("abs", "ceil", "floor")
_CONTAINED = ("contains", "ends_with", "starts_with")
#: Of a name and a list of the house: how alike the closest one is, and who that is.
_OF_LISTS = ("match", "resembles")
_ONE_OF = ("coalesce", "max", "min")

#: Every function of the language.
FUNCTIONS = tuple(
    sorted(
        (
            *(*_SECONDS, *_OF_TIMES, *_OF_PLAIN_NUMBERS, *_OF_COUNTED, *_CONTAINED, *_ONE_OF, *CHANGES),
            *(
                "business_day",
                "choose",
                "clamp",
                "has",
                "length",
                "matches",
                "power",
                "round",
                *_OF_LISTS,
                *ASKING,
            ),
        )
    )
)
#: Digits behind the point that `round` leaves; below 0 it rounds to tens, hundreds …
_MOST_DIGITS, _LEAST_DIGITS = 6, -12
#: Arguments of min, max and choose.
_MOST_ARGUMENTS = 20


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What functions can name: the house's calendars."""

    calendars: Mapping[str, Calendar] = field(default_factory=lambda: MappingProxyType({}))


class Functions:
    """Checks calls: `operand` and `condition` give an argument's meaning, `of_one_currency` refuses amounts of several.

    All raise `ExpressionError`.
    """

    def __init__(
        self,
        operand: Callable[[Node], Value],
        condition: Callable[[Node], Condition],
        of_one_currency: Callable[[tuple[Value, ...], int], None],
        vocabulary: Vocabulary,
    ) -> None:
        self._operand, self._condition, self._of_one_currency = operand, condition, of_one_currency
        self._vocabulary = vocabulary

    def value(self, node: Call) -> Value:
        """What a call stands for."""
        name = node.function
        if name in _SECONDS:
            value = self._only(node, (Kind.NUMBER,))
            return folded(Kind.DURATION, "*", (value, Constant(Kind.NUMBER, _SECONDS[name])), node.at)
        if name in _OF_TIMES or name == "business_day":
            return self._of_time(node)
        if name in _OF_COUNTED:
            value = self._only(node, COUNTED)
            return folded(value.kind, name, (value,), node.at)
        if name in _OF_PLAIN_NUMBERS:
            return folded(Kind.NUMBER, name, (self._only(node, (Kind.NUMBER,)),), node.at)
        if name in CHANGES or name == "length":
            kind = Kind.NUMBER if name == "length" else Kind.TEXT
            return Computed(kind, name, (self._text(node, *self._arguments(node, 1, 1)),))
        if name in _CONTAINED or name == "matches":
            return self._about_text(node)
        if name in _ONE_OF:
            return self._one_of(node)
        if name in _OF_LISTS:
            return self._resembling(node)
        others = {
            "choose": self._choose,
            "clamp": self._clamp,
            "has": self._has,
            "power": self._power,
            "round": self._round,
        }
        if name in others:
            return others[name](node)
        advice = nearest(name, FUNCTIONS) or f": there are {', '.join(FUNCTIONS)}"
        raise ExpressionError(f"there is no function '{name}'{advice}", node.at)

    @staticmethod
    def can_give(value: Value, text: str, at: int) -> None:
        """Refuse a comparison with a text that a function never gives. Raises `ExpressionError`."""
        if not isinstance(value, Computed) or value.op not in CHANGES:
            return
        given = changed(value.op, text)
        if given != text:
            raise ExpressionError(f'{value.op}() never gives "{text}": write "{given}"', at)

    # Arguments

    def _count(self, node: Call, least: int, most: int) -> None:
        if not least <= len(node.arguments) <= most:
            count = str(least) if least == most else f"{least} to {most}"
            raise ExpressionError(
                f"{node.function}() takes {count} argument{'s' * (most > 1)}, not {len(node.arguments)}", node.at
            )

    def _arguments(self, node: Call, least: int, most: int) -> tuple[Value, ...]:
        self._count(node, least, most)
        return tuple(self._operand(argument) for argument in node.arguments)

    def _only(self, node: Call, kinds: tuple[Kind, ...]) -> Value:
        (value,) = self._arguments(node, 1, 1)
        must_be(value, kinds, node.function, node.at)
        return value

    @staticmethod
    def _text(node: Call, value: Value) -> Value:
        must_be(value, (Kind.TEXT,), node.function, node.at)
        if isinstance(value, Constant):
            raise ExpressionError(
                f"{node.function}() of a written text never changes: name a field or a feature", node.at
            )
        return value

    @staticmethod
    def _written(value: Value, what: str, at: int) -> str:
        """The text of an argument that is written in quotes, or is a constant."""
        if not isinstance(value, Constant) or not isinstance(value.value, str):
            raise ExpressionError(f"{what} in quotes is expected here, or a constant", at)
        return value.value

    # Texts

    def _about_text(self, node: Call) -> Value:
        """Whether a text has another in it, or matches a pattern."""
        value, sought = self._arguments(node, 2, 2)
        value, at = self._text(node, value), node.arguments[1].at
        if node.function != "matches":
            self._written(sought, "a text", at)
            return Computed(Kind.BOOLEAN, node.function, (value, sought))
        try:
            compiled(self._written(sought, "a pattern", at))
        except PatternError as error:
            raise ExpressionError(str(error), at) from None
        return Computed(Kind.BOOLEAN, node.function, (value, sought))

    def _has(self, node: Call) -> Value:
        """Whether a text is among those seen, or one of several."""
        seen, *sought = self._arguments(node, 2, 1 + MOST_VALUES)
        if not isinstance(seen, AggregateValue) or seen.kind is not Kind.SET:
            raise ExpressionError(
                f"has() asks a feature {{seen: FIELD, values: [...], ...}} for a value, and this is"
                f" {seen.kind.value}: name such a feature",
                node.arguments[0].at,
            )
        values = seen.aggregate.values
        for place, value in zip(node.arguments[1:], sought, strict=True):
            text = self._written(value, "a text", place.at)
            if text not in values:
                advice = nearest(text, values) or f": it looks for {', '.join(values)}"
                raise ExpressionError(f'has() of this feature never finds "{text}"{advice}', place.at)
        return Computed(Kind.BOOLEAN, "has", (seen, *sorted(set(sought), key=wording_of)))

    def _resembling(self, node: Call) -> Value:
        """How alike a text and a list's closest member are, or which that is."""
        value, named = self._arguments(node, 2, 2)
        list_name = self._written(named, "the name of a list of the house", node.arguments[1].at)
        kind = Kind.TEXT if node.function == "match" else Kind.NUMBER
        return Resembling(kind, self._text(node, value), list_name)

    # Times

    def _of_time(self, node: Call) -> Value:
        name = node.function
        value, *named = self._arguments(node, 1, 2)
        must_be(value, (Kind.TIME,), name, node.at)
        kind = _OF_TIMES.get(name, Kind.BOOLEAN)
        if not named:
            if name == "business_day":
                raise ExpressionError(
                    'business_day asks which days are business days: name a calendar, business_day(time, "weekdays")',
                    node.at,
                )
            return Computed(kind, name, (value,))
        calendar = self._written(named[0], "the name of a calendar", node.arguments[1].at)
        known = self._vocabulary.calendars
        if calendar not in known:
            advice = nearest(calendar, known) or f": there are {', '.join(sorted(known))}"
            raise ExpressionError(f"'{calendar}' is no calendar{advice}", node.arguments[1].at)
        return Clocked(kind, name, value, known[calendar])

    # Numbers

    def _round(self, node: Call) -> Value:
        value, *digits = self._arguments(node, 1, 2)
        must_be(value, COUNTED, "round", node.at)
        if not digits:
            return folded(value.kind, "round", (value, Constant(Kind.NUMBER, 0.0)), node.at)
        match digits[0]:
            case Constant(Kind.NUMBER, float(n)) if n.is_integer() and _LEAST_DIGITS <= n <= _MOST_DIGITS:
                return folded(value.kind, "round", (value, digits[0]), node.at)
        raise ExpressionError(
            f"round(x, n) leaves n digits behind the point: a whole number, {_LEAST_DIGITS} to {_MOST_DIGITS}",
            node.arguments[1].at,
        )

    def _power(self, node: Call) -> Value:
        values = self._arguments(node, 2, 2)
        for value in values:
            must_be(value, (Kind.NUMBER,), "power", node.at)
        return folded(Kind.NUMBER, "power", values, node.at)

    def _clamp(self, node: Call) -> Value:
        values = self._arguments(node, 3, 3)
        kind, values = self._one_kind(node, values, node.arguments)
        must_be(values[0], ORDERED, "clamp", node.at)
        match values[1:]:
            case (Constant(_, float(low)), Constant(_, float(high))) if low >= high:
                raise ExpressionError("clamp(x, low, high): low is not below high", node.arguments[1].at)
        return folded(kind, "clamp", values, node.at)

    def _one_of(self, node: Call) -> Value:
        """min, max and coalesce give one of their arguments, so all must be of one kind."""
        name = node.function
        values = self._arguments(node, 2, 2 if name == "coalesce" else _MOST_ARGUMENTS)
        kind, values = self._one_kind(node, values, node.arguments)
        if name == "coalesce":
            if isinstance(values[0], Constant):
                raise ExpressionError(
                    "coalesce(x, default): x is never missing here, so the default is never used", node.at
                )
        else:
            must_be(values[0], ORDERED, name, node.at)
        if kind is Kind.BOOLEAN:
            raise ExpressionError(
                "coalesce() does not work on true and false: write x == true, or x is missing", node.at
            )
        return folded(kind, name, values, node.at)

    def _one_kind(
        self, node: Call, values: tuple[Value, ...], arguments: tuple[Node, ...]
    ) -> tuple[Kind, tuple[Value, ...]]:
        """(the kind that values have together, the values, written times among them read as times)."""
        if any(value.kind is Kind.TIME for value in values):
            time = Constant(Kind.TIME, 0.0)
            values = tuple(as_time(value, time, argument) for value, argument in zip(values, arguments, strict=True))
        kinds = {value.kind for value in values}
        kind = (kinds - {Kind.NUMBER} or kinds).pop()
        if len(kinds) > 1 and (Kind.NUMBER not in kinds or len(kinds) > 2 or kind not in COUNTED):
            raise ExpressionError(f"the arguments of {node.function}() must be of one kind{quoted(*values)}", node.at)
        if kind is Kind.SET:
            raise ExpressionError(f"{node.function}() does not work on {kind.value}: {ONE_OF_THEM}", node.at)
        self._of_one_currency(values, node.at)
        return kind, values

    # Choices

    def _choose(self, node: Call) -> Value:
        """``choose(condition, value, condition, value, ..., otherwise)``."""
        self._count(node, 3, _MOST_ARGUMENTS)
        arguments = node.arguments
        if len(arguments) % 2 == 0:
            raise ExpressionError(
                "choose() takes a condition and its value, as often as needed, and last the value otherwise", node.at
            )
        conditions = [self._condition(argument) for argument in arguments[:-1:2]]
        places = (*arguments[1::2], arguments[-1])
        kind, values = self._one_kind(node, tuple(self._operand(place) for place in places), places)
        if kind is Kind.BOOLEAN:
            raise ExpressionError(
                "choose() does not work on true and false: join conditions with 'and' and 'or'", node.at
            )
        chosen = values[-1]
        for condition, value in zip(reversed(conditions), reversed(values[:-1]), strict=True):
            if value == chosen:
                raise ExpressionError(
                    f"choose() gives {wording_of(value)} either way: leave the condition out", node.at
                )
            chosen = Chosen(kind, condition, value, chosen)
        return chosen
