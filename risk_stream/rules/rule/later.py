"""Rules that are judged some time after their event: what their `after` may be, and what they may ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from risk_stream.calendars import Calendar
from risk_stream.catalogue import Node
from risk_stream.features import Aggregate
from risk_stream.rules.declared.aggregates import calendar_named, periods_of
from risk_stream.rules.limits import MAX_WINDOW_MS
from risk_stream.rules.rule.delay import Delay
from risk_stream.rules.words import Report, keys, length_ms

__all__ = ["misfit", "read_after"]

#: Business days after which a rule may judge at most: about a year.
MAX_BUSINESS_DAYS = 250


def read_after(
    node: Node | None, calendars: Mapping[str, Calendar], report: Report
) -> tuple[Delay | None, Calendar | None]:
    """How long after its event a rule is judged, and by which calendar, if by any.

    None where it says nothing, or what is wrong is reported.
    """
    if node is None:
        return None, None
    if node.is_mapping:
        return _business_days(node, calendars, report)
    after = length_ms(node.value)
    if after is None or after == 0:
        report(
            node,
            "after is a length of time such as 2h or 3d, or {business_days: 3, calendar: weekdays}: so long after its "
            "event the rule is judged",
        )
        return None, None
    if after > MAX_WINDOW_MS:
        report(node, f"after is {node.value}, at most {MAX_WINDOW_MS // 86_400_000}d are allowed")
        return None, None
    return Delay(after), None


def _business_days(
    node: Node, calendars: Mapping[str, Calendar], report: Report
) -> tuple[Delay | None, Calendar | None]:
    """after: {business_days: 3, calendar: china}."""
    for key in keys(node):
        if key.value not in {"business_days", "calendar"}:
            report(key, f"'{key.value}' is nothing that after has: it is {{business_days: 3, calendar: weekdays}}")
            return None, None
    days, named = node.get("business_days"), node.get("calendar")
    count = None if days is None else days.value
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= MAX_BUSINESS_DAYS:
        report(
            days or node,
            f"business_days is a whole number, 0 to {MAX_BUSINESS_DAYS}, of days behind that of the event: at the end "
            "of the last of them the rule is judged",
        )
        return None, None
    if named is None:
        report(node, "business_days asks which days are business days: name a calendar, calendar: weekdays")
        return None, None
    calendar = calendar_named(named, calendars, report)
    if calendar is None:
        return None, None
    return Delay(business_days=count, periods=periods_of("business_day", calendar)), calendar


def misfit(aggregates: Sequence[Aggregate]) -> str:
    """Why a rule with these aggregates cannot be judged later, or nothing."""
    kinds = list(dict.fromkeys(a.by for a in aggregates))
    if not kinds:
        return (
            "'after' needs a feature that counts what happens until then: what the event itself says is known at once"
        )
    if len(kinds) > 1:
        return (
            f"a rule with 'after' asks one kind of key, and this one has features by {' and by '.join(kinds)}:"
            " keep them by one, or make it two rules"
        )
    baseline = next((a.op.value for a in aggregates if a.op.is_baseline), "")
    if baseline:
        return f"{baseline} compares an event with those before it, so a rule with 'after' cannot ask it"
    return ""
