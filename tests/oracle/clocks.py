"""Calendars as their files have them, and what their clocks show at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

import risk_stream.calendars
from tests.oracle.worlds import house_calendar

__all__ = ["CALENDARS", "clock", "is_business_day"]


def _calendars() -> dict[str, Any]:
    folder = Path(risk_stream.calendars.__file__).parent
    read = [yaml.safe_load(text) for text in (*(p.read_text() for p in folder.glob("*.yaml")), house_calendar)]
    return {calendar["name"]: calendar for calendar in read}


CALENDARS = _calendars()


def is_business_day(calendar: Mapping[str, Any], day: dt.date) -> bool:
    if day in calendar.get("workdays", ()):
        return True
    return day not in calendar.get("holidays", ()) and day.strftime("%A").lower() not in calendar["weekend"]


def clock(function: str, time: Fraction, calendar: str = "utc") -> Fraction | bool:
    """What a function of a time, ms, gives by a calendar; behind its name its version may stand."""
    known = CALENDARS[calendar.split(maxsplit=1)[0]]
    local = (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=int(time))).astimezone(
        ZoneInfo(known["timezone"])
    )
    if function == "business_day":
        return is_business_day(known, local.date())
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    shown = {
        "minute": local.minute,
        "hour": local.hour,
        "weekday": local.isoweekday(),
        "day": local.day,
        "month": local.month,
        "year": local.year,
        "time_of_day": (local.replace(tzinfo=None) - midnight.replace(tzinfo=None)).total_seconds(),
        "date": midnight.timestamp() * 1000,
    }
    return Fraction(str(shown[function]))
