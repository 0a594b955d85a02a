"""Features of a rule file: aggregates are checked once, expressions stay text until a rule gives them an event type."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b

from risk_stream.calendars import UNITS, Calendar, starts
from risk_stream.catalogue import Catalogue, EventType, Field, FieldType, Node
from risk_stream.features import Aggregate, Op, Periods
from risk_stream.rules.check import Checker, Resolver, field_value, nearest
from risk_stream.rules.expression import ExpressionError
from risk_stream.rules.expression import Node as Tree
from risk_stream.rules.functions import Vocabulary
from risk_stream.rules.limits import MAX_WINDOW_MS
from risk_stream.rules.meaning import Condition, Meaning, lists_of, wording

__all__ = [
    "LENGTH",
    "Feature",
    "content_hash",
    "event_types",
    "has_key",
    "keys",
    "length_ms",
    "read_aggregate",
    "shared_field",
]

Report = Callable[[Node, str], None]
"""Notes a problem at a node."""

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
LENGTH = re.compile(r"([0-9]{1,9})\s*([smhdw])")
_OPERATIONS = tuple(op.value for op in Op)
_OF_TYPES = (Op.COUNT, Op.SINCE)
_WORKS_ON = {
    **dict.fromkeys((Op.SUM, Op.MEAN, Op.STD), (FieldType.MONEY, FieldType.NUMBER, FieldType.INTEGER)),
    **dict.fromkeys((Op.MIN, Op.MAX), (FieldType.MONEY, FieldType.NUMBER, FieldType.INTEGER, FieldType.TIMESTAMP)),
}


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature as a file declares it: an aggregate, or the tree of an expression."""

    name: str
    node: Node
    aggregate: Aggregate | None = None
    where: Condition | None = None
    tree: Tree | None = None
    calendar: Calendar | None = None


@dataclass(frozen=True, slots=True)
class _Window:
    """How far back an aggregate looks, and by which calendar, if by any."""

    ms: int
    unit: str = ""
    calendar: Calendar | None = None
    periods: Periods | None = None

    def __str__(self) -> str:
        """What stands for it in an aggregate's id."""
        return str(self.ms) if self.periods is None else f"{self.unit} {self.periods.version}"


def content_hash(text: str) -> str:
    """Twelve hex digits that stand for a content."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def length_ms(text: object) -> int | None:
    """The ms of a length such as 10m or 30d; None where it is none."""
    found = LENGTH.fullmatch(text.strip()) if isinstance(text, str) else None
    return int(found[1]) * _UNITS[found[2]] if found else None


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


def keys(node: Node) -> list[Node]:
    """The keys of a mapping, with their places."""
    return [key for key, _ in node.items()]


def shared_field(types: tuple[EventType, ...], name: str) -> Field:
    """A field that all the types have. Raises `ExpressionError`."""
    lacking = [t.name for t in types if t.field(name) is None]
    if not lacking:
        found = types[0].field(name)
        assert found is not None
        return found
    known = {f.name for t in types for f in t.all_fields}
    if len(lacking) < len(types):
        raise ExpressionError(f"'{name}' is not a field of {', '.join(lacking)}, which is judged too")
    raise ExpressionError(f"{lacking[0]} has no field '{name}'{nearest(name, known)}")


def event_types(catalogue: Catalogue, node: Node | None, report: Report) -> tuple[EventType, ...] | None:
    """The event types that a node names: one, or a list of them."""
    if node is None:
        return None
    items = node.value if node.is_list else [node]
    found = []
    for item in items:
        if not item.is_text or item.value not in catalogue:
            known = [t.name for t in catalogue.types]
            advice = nearest(str(item.plain()), known) or f": there are {', '.join(known)}"
            report(item, f"'{item.plain()}' is no event type{advice}")
        elif catalogue.type(item.value) in found:
            report(item, f"'{item.value}' stands twice in the list")
        else:
            found.append(catalogue.type(item.value))
    if not items:
        report(node, "the list of event types is empty: name at least one")
    return tuple(found) if found and len(found) == len(items) else None


def read_aggregate(
    catalogue: Catalogue,
    calendars: Mapping[str, Calendar],
    name: str,
    node: Node,
    report: Report,
    report_in: Callable[[Node, ExpressionError], None],
    constant: Callable[[str, Resolver], Meaning | None],
) -> Feature | None:
    """The aggregate a mapping declares, or None with everything wrong in it reported.

    `constant` gives what a name of one stands for, where others have the meaning given; None for names of none.
    """
    operations = [key for key in keys(node) if key.value in _OPERATIONS]
    allowed = ("of", "by", "window", "where", "calendar")
    good = True
    for key in keys(node):
        if key.value not in _OPERATIONS and key.value not in allowed:
            advice = (
                nearest(key.value, (*_OPERATIONS, *allowed))
                or f": an aggregate has one of {', '.join(_OPERATIONS)}, and {', '.join(allowed)}"
            )
            report(key, f"'{key.value}' is no part of a feature{advice}")
            good = False
    if len(operations) != 1:
        if not good and not operations:  # the misspelt operation is reported
            return None
        report(node, f"a feature has exactly one operation of {', '.join(_OPERATIONS)}, and this has {len(operations)}")
        return None
    op = Op(operations[0].value)
    target = node[op.value]
    types = event_types(catalogue, target if op in _OF_TYPES else node.get("of"), report)
    if op in _OF_TYPES and "of" in node:
        report(node.key("of"), f"{op.value} names the event type itself: leave 'of' out")
        good = False
    if op not in _OF_TYPES and "of" not in node:
        report(operations[0], f"'of' is missing: of which event type is {op.value} taken? write of: TYPE")
    by, window = _by(catalogue, node, types, report), _window(calendars, node, report)
    field, condition = None, None
    if types is not None:
        field = None if op in _OF_TYPES else _field(op, target, types, report)
        if "where" in node:
            condition = _where(catalogue, Vocabulary(calendars), node["where"], types, report, report_in, constant)
            good = good and condition is not None
    if not good or types is None or by is None or window is None or (op not in _OF_TYPES and field is None):
        return None
    text = op in (Op.FIRST, Op.LAST) and field is not None and field.type.is_text
    where = wording(condition) if condition is not None else ""
    of = tuple(sorted(t.name for t in types))
    said = f"{op.value} {of} {where} {by} {window} {field.name if field else ''}"
    aggregate = Aggregate(
        content_hash(said),
        op,
        of,
        where,
        by,
        window.ms,
        field.name if field else None,
        field.decimals if field else 0,
        text,
        window.periods,
    )
    return Feature(name, node, aggregate, condition, calendar=window.calendar)


def _by(catalogue: Catalogue, node: Node, types: tuple[EventType, ...] | None, report: Report) -> str | None:
    by = node.get("by")
    if by is None:
        report(node, "'by' is missing: name the kind of key to keep it by, such as by: customer")
        return None
    kinds = [k.name for k in catalogue.kinds]
    if by.value not in kinds:
        report(
            by,
            f"'{by.plain()}' is no kind of key{nearest(str(by.plain()), kinds) or ': there are ' + ', '.join(kinds)}",
        )
        return None
    for event_type in types or ():
        if not has_key(catalogue, event_type, by.value):
            report(by, f"{event_type.name} has no {by.value}: it has {', '.join(event_type.keys) or 'no key at all'}")
            return None
    return str(by.value)


def _window(calendars: Mapping[str, Calendar], node: Node, report: Report) -> _Window | None:
    window = node.get("window")
    if window is None:
        report(node, "'window' is missing: say how far back it reaches, such as window: 30d")
        return None
    if window.is_text and window.value in UNITS:
        return _calendar_window(calendars, node, window.value, report)
    ms = length_ms(window.value)
    if ms is None or not 0 < ms <= MAX_WINDOW_MS:
        said = str(window.plain())
        advice = ("" if any(c.isdigit() for c in said) else nearest(said, UNITS)) or (
            ": write a whole number and s, m, h, d or w, such as 10m, up to 3650d, or a calendar's: " + ", ".join(UNITS)
        )
        report(window, f"'{said}' is no window{advice}")
        return None
    if "calendar" in node:
        report(node.key("calendar"), f"a window of {window.value} slides by no calendar: leave 'calendar' out")
        return None
    return _Window(ms)


def _calendar_window(calendars: Mapping[str, Calendar], node: Node, unit: str, report: Report) -> _Window | None:
    named = node.get("calendar")
    if named is None and unit == "business_day":
        report(node["window"], "business_day asks which days are business days: name a calendar, calendar: weekdays")
        return None
    calendar = calendars["utc"] if named is None else calendar_named(named, calendars, report)
    if calendar is None:
        return None
    periods = periods_of(unit, calendar)
    return _Window(periods.longest_ms, unit, calendar, periods)


def calendar_named(node: Node, calendars: Mapping[str, Calendar], report: Report) -> Calendar | None:
    """The calendar with the name that a node holds; None where there is none, which is reported."""
    name = node.plain()
    calendar = calendars.get(name) if isinstance(name, str) else None
    if calendar is None:
        advice = nearest(str(name), tuple(calendars)) or f": there are {', '.join(sorted(calendars))}"
        report(node, f"'{name}' is no calendar{advice}")
    return calendar


@cache
def periods_of(unit: str, calendar: Calendar) -> Periods:
    """The periods of a unit by a calendar; made once."""
    return Periods(unit, starts(calendar, unit), calendar.name)


def _field(op: Op, target: Node, types: tuple[EventType, ...], report: Report) -> Field | None:
    try:
        field = shared_field(types, str(target.plain()))
    except ExpressionError as error:
        report(target, error.message)
        return None
    if field.type not in _WORKS_ON.get(op, tuple(FieldType)):
        taken = ", ".join(t.value for t in _WORKS_ON[op])
        report(target, f"{op.value} works on {taken} fields, and '{field.name}' is {field.type.value}")
        return None
    return field


def _where(
    catalogue: Catalogue,
    vocabulary: Vocabulary,
    node: Node,
    types: tuple[EventType, ...],
    report: Report,
    report_in: Callable[[Node, ExpressionError], None],
    constant: Callable[[str, Resolver], Meaning | None],
) -> Condition | None:
    if not node.is_text:
        report(node, "where is a condition, such as where: amount > 1000")
        return None

    def resolve(name: str) -> Meaning:
        if (known := constant(name, resolve)) is not None:
            return known
        try:
            return field_value(shared_field(types, name))
        except ExpressionError as error:
            if "did you mean" in error.message:
                raise
            raise ExpressionError(
                f"{error.message}, and where can name nothing but fields of the events and constants"
            ) from None

    checker = Checker(resolve, catalogue.fields, vocabulary)
    condition = checker.condition(node.value)
    for error in checker.errors:
        report_in(node, error)
    if condition is not None and any(lists_of(condition)):
        report(
            node, "where cannot ask a list, which may change while events are in the window: ask it in the rule's when"
        )
        return None
    return condition
