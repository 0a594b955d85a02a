"""Gives an expression its meaning: names are resolved, types and units checked, what can never change is refused.

`Checker` collects every problem of an expression it can go on from, each with the offset of the character to blame.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

from risk_stream.catalogue import Field, FieldType
from risk_stream.features import Aggregate, Op
from risk_stream.rules.language.currency import different_currencies
from risk_stream.rules.language.expression import (
    All,
    Among,
    Any,
    Arithmetic,
    Call,
    Compare,
    ExpressionError,
    Listed,
    Literal,
    Missing,
    Name,
    Negate,
    Node,
    Not,
    parse,
)
from risk_stream.rules.language.functions import Functions, Vocabulary
from risk_stream.rules.language.kinds import (
    COUNTED,
    ONE_OF_THEM,
    ORDERED,
    as_time,
    bounds,
    folded,
    must_be,
    nearest,
    quoted,
    wording_of,
)
from risk_stream.rules.language.meaning import (
    AggregateValue,
    ByCase,
    Comparison,
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
    opposite,
    texts_of,
)

__all__ = ["Checker", "Noted", "Resolver", "aggregate_value", "field_value", "nearest"]

Resolver: TypeAlias = Callable[[str], Meaning]
"""Gives the meaning of a name, or raises `ExpressionError` with a sentence about it."""

_FIELD_KINDS = {
    FieldType.STRING: Kind.TEXT,
    FieldType.CHOICE: Kind.TEXT,
    FieldType.INTEGER: Kind.NUMBER,
    FieldType.NUMBER: Kind.NUMBER,
    FieldType.MONEY: Kind.MONEY,
    FieldType.BOOLEAN: Kind.BOOLEAN,
    FieldType.TIMESTAMP: Kind.TIME,
}

_Read = TypeVar("_Read", Condition, Value, Meaning)


def field_value(field: Field) -> FieldValue:
    """A field of the catalogue as a value, with the bounds it is declared with."""
    low = float("-inf") if field.minimum is None else float(field.minimum)
    high = float("inf") if field.maximum is None else float(field.maximum)
    return FieldValue(_FIELD_KINDS[field.type], field.name, low, high)


def aggregate_value(aggregate: Aggregate, field: Field | None) -> AggregateValue:
    """An aggregate as a value; `field` is the one it works on, if any."""
    inner = FieldValue(Kind.NUMBER, "") if field is None else field_value(field)
    infinite = float("inf")
    match aggregate.op:
        case Op.COUNT | Op.DISTINCT | Op.SEQUENCE:
            return AggregateValue(Kind.NUMBER, aggregate, True, 0.0)
        case Op.SINCE:
            return AggregateValue(Kind.DURATION, aggregate, False, 0.0, aggregate.window_ms / 1000)
        case Op.SUM:
            never_falls = inner.low >= 0
            return AggregateValue(inner.kind, aggregate, never_falls, 0.0 if never_falls else -infinite)
        case Op.STD:
            return AggregateValue(inner.kind, aggregate, False, 0.0)
        case Op.ZSCORE:
            return AggregateValue(Kind.NUMBER, aggregate, False)
        case Op.SEEN:
            return AggregateValue(Kind.SET, aggregate, True)
        case Op.PERCENTILE:
            return AggregateValue(Kind.NUMBER, aggregate, False, 0.0, 100.0)
        case Op.DAYS_PAST_DUE:
            return AggregateValue(Kind.NUMBER, aggregate, False, 0.0)
        case Op.AMOUNT_PAST_DUE:
            return AggregateValue(inner.kind, aggregate, False, 0.0)
        case _:
            return AggregateValue(inner.kind, aggregate, False, inner.low, inner.high)


class Noted(Exception):  # noqa: N818 - what is wrong has been said already
    """Raised to leave an expression whose problems are noted; a resolver may raise it too."""


class Checker:
    """Checks one expression after another in one scope of names; `errors` holds the problems of the last one."""

    def __init__(self, resolve: Resolver, fields: Mapping[str, Field], vocabulary: Vocabulary) -> None:
        self._resolve = resolve
        self._fields = fields
        self._functions = Functions(self._operand, self._condition, self._of_one_currency, vocabulary)
        self.errors: list[ExpressionError] = []

    def condition(self, text: str | Node) -> Condition | None:
        """The meaning of a condition, or None with `errors`."""
        return self._whole(text, self._condition)

    def value(self, text: str | Node) -> Value | None:
        """The meaning of a value, or None with `errors`."""
        return self._whole(text, self._value)

    def meaning(self, text: str | Node) -> Meaning | None:
        """The meaning of what may be a condition or a value, or None with `errors`."""
        return self._whole(text, self._meaning)

    def _whole(self, text: str | Node, read: Callable[[Node], _Read]) -> _Read | None:
        self.errors = []
        try:
            return read(parse(text) if isinstance(text, str) else text)
        except ExpressionError as error:
            self.errors.append(error)
        except Noted:
            pass
        return None

    def _meaning(self, node: Node) -> Meaning:
        match node:
            case Name(name, at):
                return self._named(name, at)
            case Compare() | Among() | Listed() | Missing() | Not() | All() | Any():
                return self._condition(node)
            case _:
                return self._value(node)

    def _named(self, name: str, at: int) -> Meaning:
        try:
            return self._resolve(name)
        except ExpressionError as error:
            raise ExpressionError(error.message, at) from None

    # Conditions

    def _condition(self, node: Node) -> Condition:
        match node:
            case All(parts):
                return Every(self._parts(parts))
            case Any(parts):
                return Either(self._parts(parts))
            case Not(part):
                return opposite(self._condition(part))
            case Compare():
                return self._comparison(node)
            case Among():
                return self._membership(node)
            case Listed():
                return self._listing(node)
            case Missing(value, negated, at):
                return self._presence(value, negated, at)
            case Literal(bool(), at):
                raise ExpressionError("a condition that never changes decides nothing: leave it out", at)
            case Name(name, at):
                meaning = self._named(name, at)
                if not isinstance(meaning, Value):
                    return meaning
                if meaning.kind is Kind.BOOLEAN:
                    return Truth(meaning, wanted=True)
                raise ExpressionError(_no_condition(name, meaning.kind), at)
            case Call():
                given = self._functions.value(node)
                if given.kind is not Kind.BOOLEAN:
                    raise ExpressionError(
                        f"{node.function}() gives {given.kind.value}, and a condition is expected here: compare it",
                        node.at,
                    )
                return Truth(given, wanted=True)
            case _:
                raise ExpressionError("a condition is expected here: compare the value with something", node.at)

    def _parts(self, parts: tuple[Node, ...]) -> tuple[Condition, ...]:
        """The meanings of all parts; problems of one part do not hide those of the next."""
        found = []
        for part in parts:
            try:
                found.append(self._condition(part))
            except ExpressionError as error:
                self.errors.append(error)
            except Noted:
                pass
        if len(found) < len(parts):
            raise Noted
        return tuple(found)

    def _comparison(self, node: Compare) -> Condition:
        left, right = self._meaning(node.left), self._meaning(node.right)
        for side, other in ((left, right), (right, left)):
            if isinstance(side, Constant) and side.kind is Kind.BOOLEAN:
                return self._compared_with_truth(node, other, wanted=bool(side.value))
        if not isinstance(left, Value) or not isinstance(right, Value):
            raise ExpressionError(
                "a condition cannot be compared with a value: join the two with 'and' or 'or'", node.at
            )
        left, right = as_time(left, right, node.left), as_time(right, left, node.right)
        self._comparable(node, left, right)
        self._of_one_currency((left, right), node.at)
        if isinstance(left, Constant) and isinstance(right, Constant):
            raise ExpressionError("this condition never changes: one side must be a field or a feature", node.at)
        if left == right:
            raise ExpressionError("both sides are the same: this condition never changes", node.at)
        self._choice(left, right, node.right)
        self._choice(right, left, node.left)
        self._never_changes(node, left, right)
        return Comparison(node.op, left, right)

    @staticmethod
    def _compared_with_truth(node: Compare, other: Meaning, *, wanted: bool) -> Condition:
        if node.op not in ("==", "!="):
            raise ExpressionError("true and false can only be compared with == and !=", node.at)
        if isinstance(other, Constant):
            raise ExpressionError("this condition never changes: one side must be a field or a feature", node.at)
        if isinstance(other, Value):
            if other.kind is not Kind.BOOLEAN:
                raise ExpressionError(f"{other.kind.value} cannot be compared with true or false", node.at)
            other = Truth(other, wanted=True)
        return other if wanted is (node.op == "==") else opposite(other)

    @staticmethod
    def _comparable(node: Compare, left: Value, right: Value) -> None:
        kinds = {left.kind, right.kind}
        if len(kinds) > 1 and not kinds <= {Kind.NUMBER, Kind.MONEY} and not kinds <= {Kind.NUMBER, Kind.DURATION}:
            raise ExpressionError(
                f"{left.kind.value} cannot be compared with {right.kind.value}{quoted(left, right)}", node.at
            )
        if Kind.SET in kinds:
            raise ExpressionError(f"{Kind.SET.value} cannot be compared: {ONE_OF_THEM}", node.at)
        if node.op in ("<", "<=", ">", ">=") and left.kind not in ORDERED:
            raise ExpressionError(f"{left.kind.value} has no order: compare it with == or != or in", node.at)

    def _of_one_currency(self, values: tuple[Value, ...], at: int) -> None:
        if said := different_currencies(values, self._fields):
            raise ExpressionError(said, at)

    def _choice(self, value: Value, constant: Value, node: Node) -> None:
        """A choice can only be one of its choices, and lower() gives no capital."""
        for text in texts_of(constant) if isinstance(constant, Constant | ByCase) else ():
            self._functions.can_give(value, text, node.at)
        choices = self.choices(value) if isinstance(constant, Constant | ByCase) else ()
        for text in texts_of(constant) if choices else ():
            if text not in choices:
                advice = nearest(text, choices) or f": it is one of {', '.join(choices)}"
                raise ExpressionError(f"'{wording_of(value)}' is never \"{text}\"{advice}", node.at)

    def choices(self, value: Value) -> tuple[str, ...]:
        """The texts that a value has at most; none where it may have any."""
        if isinstance(value, FieldValue) and value.kind is Kind.TEXT:
            return self._fields[value.name].choices
        if isinstance(value, AggregateValue) and value.kind is Kind.TEXT and value.aggregate.field:
            return self._fields[value.aggregate.field].choices
        return ()

    @staticmethod
    def _never_changes(node: Compare, left: Value, right: Value) -> None:
        """Refuse what the bounds of both sides decide already."""
        if left.kind is Kind.TEXT:
            return
        (low, high), (least, most) = bounds(left), bounds(right)
        always, never = {
            "<": (high < least, low >= most),
            "<=": (high <= least, low > most),
            ">": (low > most, high <= least),
            ">=": (low >= most, high < least),
            "==": (False, high < least or low > most),
            "!=": (high < least or low > most, False),
        }[node.op]
        if always or never:
            bounded, lower, upper = (right, least, most) if isinstance(left, Constant) else (left, low, high)
            span = (
                f"at least {lower:g}"
                if upper == math.inf
                else f"at most {upper:g}"
                if lower == -math.inf
                else f"{lower:g} to {upper:g}"
            )
            raise ExpressionError(
                f"this condition is {'always' if always else 'never'} true: {wording_of(bounded)} is {span}", node.at
            )

    def _membership(self, node: Among) -> Condition:
        value = self._operand(node.value)
        if isinstance(value, Constant):
            raise ExpressionError("this condition never changes: name a field or a feature before 'in'", node.at)
        if value.kind is Kind.BOOLEAN:
            raise ExpressionError("a boolean needs no list: write it bare, or behind 'not'", node.at)
        constants: set[float | str] = set()
        for literal in node.literals:
            constant = as_time(self._literal(literal), value, literal)
            if constant.kind is not value.kind and not (constant.kind is Kind.NUMBER and value.kind in COUNTED):
                raise ExpressionError(
                    f"{constant.kind.value} cannot be among values of {wording_of(value)}, which is {value.kind.value}",
                    literal.at,
                )
            self._choice(value, constant, literal)
            assert isinstance(constant, Constant)
            if constant.value in constants:
                raise ExpressionError("this value stands twice in the list", literal.at)
            constants.add(constant.value)
        return Membership(value, tuple(sorted(constants, key=str)), node.negated)

    def _listing(self, node: Listed) -> Condition:
        value = self._operand(node.value)
        if isinstance(value, Constant):
            raise ExpressionError("this condition never changes: name a field or a feature before 'in'", node.at)
        if not value.kind.is_text:
            raise ExpressionError(
                f"a list of the house holds texts, and {wording_of(value)} is {value.kind.value}: ask for a text",
                node.at,
            )
        return Listing(value, node.list_name, node.negated)

    def _presence(self, node: Node, negated: bool, at: int) -> Condition:
        value = self._operand(node)
        if isinstance(value, Constant):
            raise ExpressionError("this condition never changes: a written value is never missing", at)
        return Presence(value, not negated)

    # Values

    def _operand(self, node: Node) -> Value:
        meaning = self._meaning(node)
        if not isinstance(meaning, Value):
            raise ExpressionError("a value is expected here, and this is a condition", node.at)
        return meaning

    def _value(self, node: Node) -> Value:
        match node:
            case Literal():
                return self._literal(node)
            case Name():
                return self._operand(node)
            case Negate(inner, at):
                value = self._operand(inner)
                must_be(value, COUNTED, "minus", at)
                return folded(value.kind, "negate", (value,), at)
            case Arithmetic():
                return self._arithmetic(node)
            case Call():
                return self._functions.value(node)
            case _:
                raise ExpressionError("a value is expected here, and this is a condition", node.at)

    @staticmethod
    def _literal(node: Literal) -> Value:
        if node.value == "":
            raise ExpressionError("an empty text counts as missing: write x is missing, or x is not missing", node.at)
        if isinstance(node.value, str):
            return Constant(Kind.TEXT, node.value)
        return Constant(Kind.BOOLEAN if isinstance(node.value, bool) else Kind.NUMBER, float(node.value))

    def _arithmetic(self, node: Arithmetic) -> Value:
        left, right = self._operand(node.left), self._operand(node.right)
        kind = _result(node.op, left.kind, right.kind)
        if kind is None:
            words = {"+": "added to", "-": "taken from", "*": "multiplied by", "/": "divided by", "%": "divided by"}[
                node.op
            ]
            first, second = (right, left) if node.op == "-" else (left, right)
            raise ExpressionError(
                f"{first.kind.value} cannot be {words} {second.kind.value}{quoted(left, right)}", node.at
            )
        if node.op in ("+", "-", "%"):
            self._of_one_currency((left, right), node.at)
        if node.op in ("/", "%") and right == Constant(right.kind, 0.0):
            raise ExpressionError("a division by zero is always unknown: divide by what can be something else", node.at)
        # a time is in ms and a duration in seconds, so these are operations of their own
        if left.kind is Kind.TIME and right.kind is Kind.TIME:
            return folded(kind, "elapsed", (left, right), node.at)
        if left.kind is Kind.TIME:
            return folded(kind, "later" if node.op == "+" else "earlier", (left, right), node.at)
        if right.kind is Kind.TIME:
            return folded(kind, "later", (right, left), node.at)
        return folded(kind, node.op, (left, right), node.at)


def _no_condition(name: str, kind: Kind) -> str:
    """The sentence about a name of a value that stands where a condition is expected."""
    if kind is Kind.SET:
        return f"'{name}' is {kind.value}, not a condition: {ONE_OF_THEM.replace('seen', name)}"
    example = {Kind.TEXT: '== "..."', Kind.TIME: '> "2024-01-31"'}.get(kind, "> 1")
    return f"'{name}' is {kind.value}, not a condition: compare it, as in {name} {example}"


def _result(op: str, left: Kind, right: Kind) -> Kind | None:
    """The kind of an arithmetic result, None where the two cannot be computed with."""
    if Kind.TIME in (left, right):
        if op == "-" and left is right:
            return Kind.DURATION
        other = right if left is Kind.TIME else left
        fits = other in (Kind.DURATION, Kind.NUMBER) and (op == "+" or (op == "-" and left is Kind.TIME))
        return Kind.TIME if fits else None
    if left not in COUNTED or right not in COUNTED:
        return None
    if op in ("+", "-"):
        if {left, right} == {Kind.MONEY, Kind.DURATION}:
            return None
        return right if left is Kind.NUMBER else left
    if op == "*":
        return right if left is Kind.NUMBER else left if right is Kind.NUMBER else Kind.NUMBER
    if op == "/":
        return left if right is Kind.NUMBER else Kind.NUMBER
    return left  # the rest of a division is of the kind of what is divided
