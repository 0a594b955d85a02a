"""From when until when a rule judges: days of a calendar, as of the event's own time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from risk_stream.calendars import Calendar, midnight
from risk_stream.catalogue import Node
from risk_stream.rules.declared.aggregates import calendar_named
from risk_stream.rules.language.meaning import Comparison, Condition, Constant, Every, FieldValue, Kind
from risk_stream.rules.model import Rule, Validity
from risk_stream.rules.words import Report

__all__ = ["DAY", "EXPIRED_DAYS", "expired", "limits_of", "read_validity", "within"]

#: So many days after its last one a rule that judges nothing any more is named.
EXPIRED_DAYS = 30
#: How a day is written.
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

_TIME = FieldValue(Kind.TIME, "time")


def read_validity(node: Node, calendars: Mapping[str, Calendar], report: Report) -> Validity | None:
    """The days that a rule names with `from`, `until` and `calendar`; None where it names none, or they are wrong."""
    if "from" not in node and "until" not in node:
        if "calendar" in node:
            report(node["calendar"], "a rule's calendar says whose days from and until are: name one of them, or none")
        return None
    first, last = _day(node.get("from"), report), _day(node.get("until"), report)
    calendar = calendar_named(node["calendar"], calendars, report) if "calendar" in node else calendars["utc"]
    wrong = ("from" in node and first is None) or ("until" in node and last is None)
    if wrong or calendar is None:
        return None
    if first is not None and last is not None and last < first:
        report(node["until"], f"until is before from, {first}: the rule would never judge")
        return None
    return Validity(
        first,
        last,
        calendar.name,
        None if first is None else midnight(calendar, first),
        None if last is None else midnight(calendar, last + timedelta(days=1)),
    )


def _day(node: Node | None, report: Report) -> date | None:
    if node is None:
        return None
    try:
        day = date.fromisoformat(node.value) if node.is_text and DAY.fullmatch(node.value) else None
    except ValueError:
        day = None
    if day is None or not 1990 <= day.year < 2100:
        report(node, "a day from or until which a rule judges is written 2026-01-31, of the years 1990 to 2099")
        return None
    return day


def within(validity: Validity | None, condition: Condition) -> Condition:
    """A condition that is true where another is, of events within some days."""
    limits = () if validity is None else limits_of(validity)
    return Every((*limits, condition)) if limits else condition


def limits_of(validity: Validity) -> tuple[Condition, ...]:
    """What holds of the time of an event within some days."""
    found = []
    if validity.from_ms is not None:
        found.append(Comparison(">=", _TIME, Constant(Kind.TIME, float(validity.from_ms))))
    if validity.until_ms is not None:
        found.append(Comparison("<", _TIME, Constant(Kind.TIME, float(validity.until_ms))))
    return tuple(found)


def expired(rules: Iterable[Rule], today: date) -> list[str]:
    """A sentence for each rule that has judged nothing for `EXPIRED_DAYS` days by `today`."""
    said = []
    for rule in rules:
        last = None if rule.validity is None else rule.validity.last
        if rule.mode != "off" and last is not None and (days := (today - last).days) >= EXPIRED_DAYS:
            said.append(
                f"{rule.file}:{rule.line}: {rule.id} judged until {last}, {days} days ago: remove it, or move its until"
            )
    return said
