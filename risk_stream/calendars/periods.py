"""When the days, weeks, months, quarters, years and business days of a calendar begin, as ms since 1970 UTC."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np

from risk_stream.calendars.calendar import Calendar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Longs: TypeAlias = NDArray[np.int64]

__all__ = ["FIRST_DAY", "LAST_DAY", "UNITS", "known_zone", "midnight", "starts", "zone_of"]

#: What a calendar window may be.
UNITS: Final = ("today", "this_week", "this_month", "this_quarter", "this_year", "business_day")
#: The days that are looked at: of events that are accepted (1990 to 2100) the periods they are in.
FIRST_DAY, LAST_DAY = date(1989, 1, 1), date(2100, 1, 2)

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_EPOCH: Final = date(1970, 1, 1).toordinal()


def known_zone(name: str) -> bool:
    """Whether there is a time zone of this name."""
    return name in _zones()


@cache
def _zones() -> frozenset[str]:
    return frozenset(files("tzdata").joinpath("zones").read_text().split())


@cache
def zone_of(name: str) -> ZoneInfo:
    """A time zone from the package tzdata, never from the system: every machine has the same times."""
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, name)


def midnight(calendar: Calendar, day: date) -> int:
    """When a day begins in a calendar's time zone, ms: the first moment at which clocks show it."""
    return _midnight(calendar.timezone, day)


@cache
def starts(calendar: Calendar, unit: str) -> Longs:
    """int64[n], ascending: when each period of a unit begins.

    A business day takes in the days before it that are none: it begins at the end of the business day before.
    """
    begins = np.array([_midnight(calendar.timezone, day) for day in _first_days(calendar, unit)], np.int64)
    found = np.unique(begins)
    found.setflags(write=False)
    return found


def _first_days(calendar: Calendar, unit: str) -> Iterator[date]:
    day = FIRST_DAY
    while day <= LAST_DAY:
        if _begins(calendar, unit, day):
            yield day
        day += _DAY


def _begins(calendar: Calendar, unit: str, day: date) -> bool:
    """Whether a period begins with a day."""
    match unit:
        case "today":
            return True
        case "this_week":
            return day.weekday() == 0
        case "this_month":
            return day.day == 1
        case "this_quarter":
            return day.day == 1 and day.month % 3 == 1
        case "this_year":
            return (day.month, day.day) == (1, 1)
        case "business_day":
            return calendar.is_business_day(day - _DAY)
    raise ValueError(f"there is no window {unit}")


@cache
def _midnight(zone_name: str, day: date) -> int:
    """The first moment at which clocks show a day, ms."""
    zone, local = zone_of(zone_name), datetime(day.year, day.month, day.day)  # noqa: DTZ001  what clocks there show
    first, second = zone.utcoffset(local), zone.utcoffset(local.replace(fold=1))
    assert first is not None
    assert second is not None
    high = (day.toordinal() - _EPOCH) * 86_400 - first // _SECOND
    if second <= first:  # the same; or clocks are put back over midnight, and it comes twice
        return high * 1000
    low = high - (second - first) // _SECOND  # clocks are put forward over midnight, somewhere between
    while high - low > 1:
        middle = (low + high) >> 1
        if datetime.fromtimestamp(middle, UTC).astimezone(zone).date() >= day:
            high = middle
        else:
            low = middle
    return high * 1000
