"""The functions of times by a calendar: what its clocks show, its days and its business days."""

from __future__ import annotations

from typing import Any

from risk_stream.calendars import Calendar, business_day, day_start, local_time
from risk_stream.rules.language.arithmetic import compute

__all__ = ["compute_clocked"]


def compute_clocked(op: str, calendar: Calendar, times: Any) -> Any:
    """What a function gives of times, ms since 1970, by a calendar; NaN outside 1989 to 2100."""
    if op == "business_day":
        return business_day(calendar, times)
    if op == "date":
        return day_start(calendar, times)
    return compute(op, [local_time(calendar, times)])
