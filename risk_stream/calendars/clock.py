"""What the clocks and the calendar of a place show at a time: its local time, its days, its business days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from risk_stream.calendars.calendar import Calendar
from risk_stream.calendars.periods import FIRST_DAY, LAST_DAY, starts, zone_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Longs: TypeAlias = NDArray[np.int64]

__all__ = ["business_day", "clock_version", "day_start", "local_time"]

_SECOND: Final = timedelta(seconds=1)
_DAY_S: Final = 86_400
_MS_PER_DAY: Final = 86_400_000.0


def local_time(calendar: Calendar, times: Any) -> Any:
    """What clocks in the calendar's zone show at `times`, both in ms since 1970; NaN outside 1989 to 2100."""
    begins, offsets = _offsets(calendar.timezone)
    at = np.searchsorted(begins, times, side="right") - 1
    known = (times >= _ms(FIRST_DAY) + _MS_PER_DAY) & (times < _ms(LAST_DAY))  # its day is one that is looked at
    return np.where(known, times + offsets[at], np.nan)


def day_start(calendar: Calendar, times: Any) -> Any:
    """When the day of each time began in the calendar's zone, ms since 1970; NaN outside 1989 to 2100."""
    begins = starts(calendar, "today")
    at = np.searchsorted(begins, times, side="right") - 1
    return np.where((times >= begins[0]) & (times < begins[-1]), begins[at].astype(np.float64), np.nan)


def business_day(calendar: Calendar, times: Any) -> Any:
    """1 where the day of a time, ms, is a business day of the calendar, 0 where not; NaN outside 1989 to 2100."""
    flags, local = _business_days(calendar), local_time(calendar, times)
    known = ~np.isnan(local)
    day = np.floor_divide(np.where(known, local, _ms(FIRST_DAY)), _MS_PER_DAY) - _ms(FIRST_DAY) / _MS_PER_DAY
    return np.where(known, flags[np.clip(day, 0, len(flags) - 1).astype(np.int64)], np.nan)


@cache
def clock_version(calendar: Calendar, *, business_days: bool) -> str:
    """Twelve hex digits for what its clocks show and, where it matters, which of its days are business days."""
    content = b"".join(part.tobytes() for part in _offsets(calendar.timezone))
    if business_days:
        content += _business_days(calendar).tobytes()
    return blake2b(content, digest_size=6).hexdigest()


def _ms(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000


@cache
def _offsets(zone_name: str) -> tuple[Longs, Longs]:
    """(when each offset from UTC begins, ascending, the offset), ms. No zone changes its clocks twice in a day."""
    zone = zone_of(zone_name)

    def offset(second: int) -> int:
        found = datetime.fromtimestamp(second, UTC).astimezone(zone).utcoffset()
        assert found is not None
        return found // _SECOND

    first, last = (int(_ms(day)) // 1000 for day in (FIRST_DAY, LAST_DAY))
    begins, offsets = [first - _DAY_S], [offset(first - _DAY_S)]
    for day in range(first, last + _DAY_S, _DAY_S):
        now = offset(day)
        if now == offsets[-1]:
            continue
        low, high = day - _DAY_S, day
        while high - low > 1:
            middle = (low + high) >> 1
            low, high = (low, middle) if offset(middle) == now else (middle, high)
        begins.append(high)
        offsets.append(now)
    return np.array(begins, np.int64) * 1000, np.array(offsets, np.int64) * 1000


@cache
def _business_days(calendar: Calendar) -> NDArray[np.float64]:
    """1 for each day from the first one on that is a business day, 0 for the others; a day more at the end."""
    days = range((LAST_DAY - FIRST_DAY).days + 2)
    return np.array([calendar.is_business_day(FIRST_DAY + timedelta(days=n)) for n in days], np.float64)
