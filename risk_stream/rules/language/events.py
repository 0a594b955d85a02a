"""What rule files say of events: types by their names, the fields and keys they have, conditions over their fields."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from risk_stream.catalogue import Catalogue, EventType, Field, Node
from risk_stream.features import Bit
from risk_stream.rules.language.check import Checker, Resolver, field_value, nearest
from risk_stream.rules.language.expression import ExpressionError
from risk_stream.rules.language.functions import Vocabulary
from risk_stream.rules.language.meaning import Condition, Every, Meaning, lists_of, wording
from risk_stream.rules.words import Report, written

__all__ = [
    "Pattern",
    "Reading",
    "Step",
    "event_types",
    "events_named",
    "has_key",
    "narrowed",
    "read_where",
    "shared_field",
]


@dataclass(frozen=True, slots=True)
class Step:
    """The events of some types for which a condition holds, if there is one."""

    types: tuple[EventType, ...]
    where: Condition | None = None

    @property
    def bits(self) -> tuple[Bit, ...]:
        """How rows say that they are such events."""
        said = "" if self.where is None else wording(self.where)
        return tuple((name, said) for name in sorted(t.name for t in self.types))


@dataclass(frozen=True, slots=True)
class Pattern:
    """Something that happens: one event, or, where `within_ms` is not 0, a sequence of steps that take less than it."""

    steps: tuple[Step, ...]
    within_ms: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """With what a file is read: its catalogue, where problems go, and what the names in its conditions stand for.

    `constant` gives what a name of one stands for, where others have the meaning given; None for names of none.
    """

    catalogue: Catalogue
    report: Report
    report_in: Callable[[Node, ExpressionError], None]
    constant: Callable[[str, Resolver], Meaning | None]
    patterns: Mapping[str, Pattern | None]  # by name; None for what is wrong in itself
    use: Callable[[str], object]  # notes that a pattern is used
    vocabulary: Vocabulary


def has_key(catalogue: Catalogue, event_type: EventType, kind: str) -> bool:
    """Whether events of a type have a key of a kind: as a field, or as the owner of a key that they have."""
    kinds = set(event_type.keys)
    pending = list(kinds)
    while pending:
        parent = catalogue.kind(pending.pop()).belongs_to
        if parent is not None and parent not in kinds:
            kinds.add(parent)
            pending.append(parent)
    return kind in kinds


def shared_field(types: tuple[EventType, ...], name: str) -> Field:
    """A field that all the types have. Raises `ExpressionError`."""
    lacking = [t.name for t in types if t.field(name) is None]
    if not lacking:
        found = types[0].field(name)
        assert found is not None
        return found
    known = {f.name for t in types for f in t.all_fields}
    if len(lacking) < len(types):
        raise ExpressionError(
            f"'{name}' is not a field of {', '.join(lacking)}, which is judged too: name one that all have"
        )
    raise ExpressionError(f"{lacking[0]} has no field '{name}'{nearest(name, known)}")


def event_types(
    catalogue: Catalogue, node: Node | None, report: Report, patterns: Collection[str] = ()
) -> tuple[EventType, ...] | None:
    """The event types that a node names: one, or a list of them; where there are `patterns`, these could be meant."""
    if node is None:
        return None
    items = node.value if node.is_list else [node]
    found = []
    for item in items:
        if item.is_text and item.value in patterns:
            report(item, f"'{item.value}' is a pattern, which stands by itself: take it out of the list")
        elif not item.is_text or item.value not in catalogue:
            known = [*(t.name for t in catalogue.types), *patterns]
            advice = nearest(item.raw, known) or f": there are {', '.join(known)}"
            report(item, f"{written(item)} is no event type{' or pattern' if patterns else ''}{advice}")
        elif catalogue.type(item.value) in found:
            report(item, f"'{item.value}' stands twice in the list")
        else:
            found.append(catalogue.type(item.value))
    if not items:
        report(node, "the list of event types is empty: name at least one")
    return tuple(found) if found and len(found) == len(items) else None


def events_named(reading: Reading, node: Node | None) -> Pattern | None:
    """What a node names: a pattern, or events of one type or several; None with what is wrong reported."""
    if node is not None and node.is_text and node.value in reading.patterns:
        reading.use(node.value)
        return reading.patterns[node.value]
    types = event_types(reading.catalogue, node, reading.report, reading.patterns)
    return None if types is None else Pattern((Step(types),))


def narrowed(reading: Reading, step: Step, node: Node | None) -> Step | None:
    """Those of the events for which the condition holds that a node says, if it says one; None where it is wrong."""
    if node is None:
        return step
    condition = read_where(reading, node, step.types)
    if condition is None:
        return None
    both = [condition] if step.where is None else [step.where, condition]
    parts = tuple(part for one in both for part in (one.parts if isinstance(one, Every) else (one,)))
    return Step(step.types, parts[0] if len(parts) == 1 else Every(parts))


def read_where(reading: Reading, node: Node, types: tuple[EventType, ...]) -> Condition | None:
    """A condition over the fields that all the types have, or None with its problems reported."""
    if not node.is_text:
        reading.report(node, "where is a condition, such as where: amount > 1000")
        return None

    def resolve(name: str) -> Meaning:
        if (known := reading.constant(name, resolve)) is not None:
            return known
        try:
            return field_value(shared_field(types, name))
        except ExpressionError as error:
            if "did you mean" in error.message:
                raise
            raise ExpressionError(
                f"{error.message}, and where can name nothing but fields of the events and constants"
            ) from None

    checker = Checker(resolve, reading.catalogue.fields, reading.vocabulary)
    condition = checker.condition(node.value)
    for error in checker.errors:
        reading.report_in(node, error)
    if condition is not None and any(lists_of(condition)):
        reading.report(
            node, "where cannot ask a list, which may change while events are in the window: ask it in the rule's when"
        )
        return None
    return condition
