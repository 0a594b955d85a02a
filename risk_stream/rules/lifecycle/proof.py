"""What proves a step, and of which loans a life cycle is: as conditions of the rule language, and as events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from risk_stream.catalogue import Catalogue, EventType, Field, FieldType
from risk_stream.rules.language.check import Checker, field_value, nearest
from risk_stream.rules.language.expression import ExpressionError, names, parse
from risk_stream.rules.language.functions import Vocabulary
from risk_stream.rules.language.meaning import Comparison, Condition, Constant, Every, FieldValue, Membership, Truth

__all__ = ["BY", "NOT_REFUSED", "NO_STEP", "PROCESS_STEP", "Loans", "Proof", "equalities", "other_than"]

#: The kind of key that is followed, and the event type that says a step by its id; a refused one was not done.
BY, PROCESS_STEP = "loan", "process_step"
NOT_REFUSED = 'coalesce(outcome, "done") != "refused"'
#: The step of an event that is none of the life cycle.
NO_STEP = "another-step"


@dataclass(frozen=True, slots=True)
class Proof:
    """The events that prove a step: those of some types for which a condition holds, as text, if there is one."""

    types: tuple[EventType, ...]
    where: str
    fields: Mapping[str, Any] | None  # of an event that is one; None where nobody can tell from the condition
    by_id: bool  # whether it is a process_step with the step's id

    def against(self) -> dict[str, Any]:
        """Fields of an event of the type that meets no part of the condition, as far as there are others."""
        if self.by_id:
            return {"step": NO_STEP, "outcome": "refused"}
        found = {}
        for name, value in (self.fields or {}).items():
            field = self.types[0].field(name)
            if field is not None and (other := other_than(field, value)) is not None:
                found[name] = other
        return found


class Loans:
    """The loans that a life cycle is of: those for which its `where` holds, or all.

    Its fields are the event's own, or where an event lacks one what the last event of the loan said that had it. Raises
    `ExpressionError` where the condition is wrong.
    """

    def __init__(self, catalogue: Catalogue, vocabulary: Vocabulary, where: str) -> None:
        self._catalogue, self._where = catalogue, where
        self.fields: dict[str, tuple[str, ...]] = {}  # name -> the types of a loan's events that have it
        self.values: Mapping[str, Any] | None = {}  # of an event of such a loan; None where nobody can tell
        self._places = tuple(names(parse(where))) if where else ()
        for place in self._places:
            try:
                self.fields[place.name] = _types_with(catalogue, place.name)
            except ExpressionError as error:
                raise ExpressionError(error.message, place.at) from None
        if where:
            checker = Checker(lambda name: field_value(catalogue.fields[name]), catalogue.fields, vocabulary)
            condition = checker.condition(where)
            if checker.errors:
                raise checker.errors[0]
            self.values = None if condition is None else equalities(condition)

    def known(self, name: str) -> str:
        """The feature that says what was said last of a field."""
        return f"known_{name}"

    def condition(self, types: Sequence[EventType]) -> str:
        """Whether an event of some types is of such a loan; nothing where all are."""
        text = self._where
        for place in sorted(self._places, key=lambda place: -place.at):
            name = place.name
            said = all(t.field(name) is not None for t in types)
            stands = f"coalesce({name}, {self.known(name)})" if said else self.known(name)
            text = text[: place.at] + stands + text[place.at + len(name) :]
        return text

    def said_by(self, event_type: EventType) -> dict[str, Any]:
        """The fields of an event of a type that say it is of such a loan."""
        return {name: v for name, v in (self.values or {}).items() if event_type.field(name) is not None}

    def against(self, event_type: EventType) -> dict[str, Any]:
        """The same of an event of another loan, as far as there are others."""
        said = {name: other_than(event_type.field(name), value) for name, value in self.said_by(event_type).items()}
        return {name: value for name, value in said.items() if value is not None}

    def against_all(self) -> dict[str, Any]:
        """All that says of another loan that it is one."""
        return self.against(self._catalogue.type(PROCESS_STEP))

    @property
    def can_be_said(self) -> bool:
        """Whether a process_step can say that its loan is one of these."""
        said = self._catalogue.type(PROCESS_STEP)
        return self.values is not None and all(said.field(name) is not None for name in self.values)


def _types_with(catalogue: Catalogue, name: str) -> tuple[str, ...]:
    """The types of a loan's events that have a field. Raises `ExpressionError` where there are none."""
    types = tuple(t.name for t in catalogue.types if BY in t.keys and t.field(name) is not None)
    field = catalogue.field(name)
    if field is None or not types:
        known = {f.name for t in catalogue.types if BY in t.keys for f in t.fields}
        raise ExpressionError(f"no event of a loan has a field '{name}'{nearest(name, known)}")
    if field.type is FieldType.BOOLEAN or field.name in {"id", "type", "time"}:
        raise ExpressionError(
            f"'{name}' does not say of which loans a life cycle is: ask a text or a number of the loan"
        )
    return types


def equalities(condition: Condition) -> Mapping[str, Any] | None:
    """The fields of an event for which a condition holds that is made of nothing but equalities; else None."""
    match condition:
        case Comparison("==", FieldValue(_, name), Constant(_, value)):
            return {name: _written(value)}
        case Membership(FieldValue(_, name), constants, False):
            return {name: _written(constants[0])}
        case Truth(FieldValue(_, name), wanted):
            return {name: wanted}
        case Every(parts):
            found: dict[str, Any] = {}
            for part in parts:
                one = equalities(part)
                if one is None or found.keys() & one.keys():
                    return None
                found |= one
            return found
    return None


def _written(value: float | str) -> float | int | str:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def other_than(field: Field | None, value: Any) -> Any:
    """A value of a field that is another; None where there is none."""
    if field is None:
        return None
    if field.choices:
        return next((choice for choice in field.choices if choice != value), None)
    if isinstance(value, bool):
        return not value
    return "another" if isinstance(value, str) else value + 1
