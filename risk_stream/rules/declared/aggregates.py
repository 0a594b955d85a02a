"""Features of a rule file: aggregates are checked once, expressions stay text until a rule gives them an event type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from risk_stream.calendars import UNITS, Calendar, starts
from risk_stream.catalogue import Catalogue, EventType, Field, FieldType, Node
from risk_stream.features import MOST_VALUES, Aggregate, Bit, Op, Periods
from risk_stream.rules.declared.arrears import ACCOUNT_PARTS, read_account
from risk_stream.rules.declared.patterns import read_sequence
from risk_stream.rules.language.check import nearest
from risk_stream.rules.language.events import Pattern, Reading, events_named, has_key, narrowed, shared_field
from risk_stream.rules.language.expression import ExpressionError
from risk_stream.rules.language.expression import Node as Tree
from risk_stream.rules.language.meaning import Condition, wording
from risk_stream.rules.limits import MAX_WINDOW_MS
from risk_stream.rules.words import Report, content_hash, keys, length_ms, written

__all__ = ["LEAST", "MAX_LEAST", "Feature", "calendar_named", "periods_of", "read_aggregate"]

_OPERATIONS = tuple(op.value for op in Op if not op.is_score)
_OF_TYPES = (Op.COUNT, Op.SINCE)
_ARREARS = tuple(op for op in Op if op.is_arrears)
_NUMBERS = (FieldType.MONEY, FieldType.NUMBER, FieldType.INTEGER)
_WORKS_ON = {
    **dict.fromkeys((Op.SUM, Op.MEAN, Op.STD, Op.QUANTILE, Op.ZSCORE, Op.PERCENTILE), _NUMBERS),
    **dict.fromkeys(_ARREARS, _NUMBERS),
    **dict.fromkeys((Op.MIN, Op.MAX), (*_NUMBERS, FieldType.TIMESTAMP)),
    Op.SEEN: (FieldType.STRING, FieldType.CHOICE),
}
#: What every aggregate may have, and what only some do.
_PARTS = ("of", "by", "window", "where", "calendar")
_OWN_PARTS = {
    "within": (Op.SEQUENCE,),
    "p": (Op.QUANTILE,),
    "least": (Op.ZSCORE, Op.PERCENTILE),
    "values": (Op.SEEN,),
    **dict.fromkeys(ACCOUNT_PARTS, _ARREARS),
}
#: Of a quantile's share: millionths in a whole.
_WHOLE = 1_000_000
#: With fewer values a baseline is unknown: where a file does not say, and as many as it may ask for.
LEAST, MAX_LEAST = 10, 1_000


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature as a file declares it: an aggregate, or the tree of an expression."""

    name: str
    node: Node
    aggregate: Aggregate | None = None
    wheres: Mapping[Bit, Condition] = field(default_factory=dict)  # the conditions that the aggregate's events meet
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


def read_aggregate(reading: Reading, calendars: Mapping[str, Calendar], name: str, node: Node) -> Feature | None:
    """The aggregate a mapping declares, or None with everything wrong in it reported."""
    op = _operation(node, reading.report)
    if op is None:
        return None
    good = _has_its_parts(op, node, reading.report)
    if op.is_arrears:
        feature = _arrears(reading, calendars, op, name, node)
        return feature if good else None
    pattern = _events(reading, op, node)
    types = None if pattern is None else tuple(dict.fromkeys(t for step in pattern.steps for t in step.types))
    by, window = _by(reading.catalogue, node, types, reading.report), _window(calendars, node, reading.report)
    field = _field(op, node[op.value], types, reading.report) if op.needs_field and types is not None else None
    share = _share(node, reading.report) if op is Op.QUANTILE else 0
    least = _least(node, reading.report) if op.is_baseline else 1
    values = _values(node, field, reading.report) if op is Op.SEEN else ()
    if pattern is not None and window is not None and pattern.within_ms > window.ms:
        reading.report(
            node["window"], "the sequence may take longer than the window: make the window as long as within, or longer"
        )
        return None
    if not good or pattern is None or types is None or by is None or window is None:
        return None
    if share is None or least is None or values is None or (op.needs_field and field is None):
        return None
    aggregate = _aggregate(op, pattern, by, window, field, share, least, values)
    wheres = {bit: step.where for step in pattern.steps if step.where is not None for bit in step.bits}
    return Feature(name, node, aggregate, wheres, calendar=window.calendar)


def _aggregate(
    op: Op,
    pattern: Pattern,
    by: str,
    window: _Window,
    field: Field | None,
    share: int,
    least: int,
    values: tuple[str, ...],
) -> Aggregate:
    steps, within = pattern.steps, pattern.within_ms
    of = tuple(sorted({t.name for step in steps for t in step.types}))
    sequence = tuple(step.bits for step in steps) if within else ()
    first = steps[0].where
    where = "" if within or first is None else wording(first)
    if op is Op.COUNT and within:
        op = Op.SEQUENCE
    what = f"{op.value} {of} {where} {by} {window} {field.name if field else ''}"
    if within or share or op.is_baseline:
        what = f"{what} {sequence} {within} {share} {least}"
    if values:
        what = f"{what} {values}"
    return Aggregate(
        content_hash(what),
        op,
        of,
        where,
        by,
        window.ms,
        field.name if field else None,
        field.decimals if field else 0,
        op in (Op.FIRST, Op.LAST) and field is not None and field.type.is_text,
        window.periods,
        sequence,
        within,
        share,
        least,
        values,
    )


def _arrears(reading: Reading, calendars: Mapping[str, Calendar], op: Op, name: str, node: Node) -> Feature | None:
    """The feature that sets payments against instalments; None with what is wrong reported."""
    account = read_account(reading, node)
    types = None if account is None else tuple(dict.fromkeys(t for step in account.steps for t in step.types))
    by = _by(reading.catalogue, node, types, reading.report)
    field = None if types is None else _field(op, node[op.value], types, reading.report)
    named = node.get("calendar")
    calendar = calendars["utc"] if named is None else calendar_named(named, calendars, reading.report)
    if account is None or types is None or by is None or field is None or calendar is None:
        return None
    days = periods_of("today", calendar)
    what = f"{op.value} {account.bits} {by} {account.window_ms} {field.name}"
    aggregate = Aggregate(
        content_hash(f"{what} {account.when} {days.version} {account.before}"),
        op,
        tuple(sorted(t.name for t in types)),
        "",
        by,
        account.window_ms,
        field.name,
        field.decimals,
        steps=account.bits,
        due=account.when,
        days=days,
        before=account.before,
    )
    wheres = {bit: step.where for step in account.steps if step.where is not None for bit in step.bits}
    return Feature(name, node, aggregate, wheres, calendar=calendar)


def _operation(node: Node, report: Report) -> Op | None:
    """What a feature does with its events; None with what is wrong reported."""
    operations = [key for key in keys(node) if key.value in _OPERATIONS]
    known = (*_OPERATIONS, *_PARTS, *_OWN_PARTS)
    unknown = [key for key in keys(node) if key.value not in known]
    for key in unknown:
        advice = (
            nearest(key.value, known) or f": an aggregate has one of {', '.join(_OPERATIONS)}, and {', '.join(_PARTS)}"
        )
        report(key, f"'{key.value}' is no part of a feature{advice}")
    if len(operations) == 1:
        return Op(operations[0].value)
    if operations or not unknown:  # a misspelt operation is reported
        report(
            node,
            f"a feature has exactly one operation of {', '.join(_OPERATIONS)}, and this has"
            f" {len(operations)}: keep one",
        )
    return None


def _has_its_parts(op: Op, node: Node, report: Report) -> bool:
    """Whether a feature has the parts that go with its operation, and no others; if not, it is reported."""
    good = all(key.value in (op.value, *_PARTS, *_OWN_PARTS) for key in keys(node))
    for part, ops in _OWN_PARTS.items():
        if part in node and op not in ops:
            report(node.key(part), f"'{part}' is a part of {' and '.join(o.value for o in ops)}: leave it out")
            good = False
    if op in _OF_TYPES and "of" in node:
        report(node.key("of"), f"{op.value} names the event type itself: leave 'of' out")
        good = False
    if op is Op.SEQUENCE:
        for part in ("of", "where"):
            if part in node:
                report(node.key(part), f"'{part}' is no part of a sequence: each step names its events and condition")
                good = False
    if op.needs_field and "of" not in node:
        report(node.key(op.value), f"'of' is missing: of which event type is {op.value} taken? write of: TYPE")
    return good


def _events(reading: Reading, op: Op, node: Node) -> Pattern | None:
    """What a feature counts or takes its values of; None with what is wrong reported."""
    if op is Op.SEQUENCE:
        return read_sequence(reading, node)
    named, where = node[op.value] if op in _OF_TYPES else node.get("of"), node.get("where")
    pattern = events_named(reading, named)
    if pattern is None or named is None:
        return None
    if not pattern.within_ms:
        step = narrowed(reading, pattern.steps[0], where)
        return None if step is None else Pattern((step,))
    if op not in _OF_TYPES:
        reading.report(named, f"'{named.value}' is a sequence, which has no fields: it has count and since")
        return None
    if where is not None:
        reading.report(node.key("where"), f"the steps of '{named.value}' have their own conditions: leave 'where' out")
        return None
    return pattern


def _share(node: Node, report: Report) -> int | None:
    """What `p` says, in millionths; None with what is wrong reported."""
    said = node.get("p")
    if said is None:
        report(node, "'p' is missing: say which share of the values lies below it or at it, such as p: 0.95")
        return None
    value = said.value
    share = value if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1 else 0
    millionths = round(share * _WHOLE)
    if not millionths or abs(millionths - share * _WHOLE) > 1e-6:
        report(said, "p is a share above 0 and at most 1 with at most six decimals, such as 0.95")
        return None
    return millionths


def _least(node: Node, report: Report) -> int | None:
    """What `least` says; None with what is wrong reported."""
    said = node.get("least")
    if said is None:
        return LEAST
    value = said.value
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_LEAST:
        report(said, f"least is a whole number, 1 to {MAX_LEAST:,}, of values that it compares with at least")
        return None
    return value


def _values(node: Node, field: Field | None, report: Report) -> tuple[str, ...] | None:
    """The texts that `values` lists; None with what is wrong reported."""
    said = node.get("values")
    if said is None:
        report(node, f"'values' is missing: list the texts that are looked for, at most {MOST_VALUES}")
        return None
    items = said.value if said.is_list else []
    if not 0 < len(items) <= MOST_VALUES or not all(item.is_text and item.value for item in items):
        report(
            said,
            f"values is a list of 1 to {MOST_VALUES} texts that are looked for: put numbers in quotes, and make two"
            " features of more",
        )
        return None
    good = True
    for place, item in enumerate(items):
        if any(item.value == other.value for other in items[:place]):
            report(item, f"'{item.value}' stands twice in the list")
            good = False
        elif field is not None and field.choices and item.value not in field.choices:
            advice = nearest(item.value, field.choices) or f": it is one of {', '.join(field.choices)}"
            report(item, f"'{field.name}' is never \"{item.value}\"{advice}")
            good = False
    return tuple(item.value for item in items) if good else None


def _by(catalogue: Catalogue, node: Node, types: tuple[EventType, ...] | None, report: Report) -> str | None:
    by = node.get("by")
    if by is None:
        report(node, "'by' is missing: name the kind of key to keep it by, such as by: customer")
        return None
    kinds = [k.name for k in catalogue.kinds]
    if by.value not in kinds:
        report(
            by,
            f"{written(by)} is no kind of key{nearest(by.raw, kinds) or ': there are ' + ', '.join(kinds)}",
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
        said = window.raw
        advice = ("" if any(c.isdigit() for c in said) else nearest(said, UNITS)) or (
            ": write a whole number and s, m, h, d or w, such as 10m, up to 3650d, or a calendar's: " + ", ".join(UNITS)
        )
        report(window, f"{written(window)} is no window{advice}")
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
        advice = nearest(node.raw, tuple(calendars)) or f": there are {', '.join(sorted(calendars))}"
        report(node, f"{written(node)} is no calendar{advice}")
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
