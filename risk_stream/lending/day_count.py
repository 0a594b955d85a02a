"""Day counts: how many days lie between two dates, and which fraction of a year they are, exactly."""

from __future__ import annotations

from enum import Enum
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from risk_stream.lending.errors import LendingError

__all__ = [
    "Dates",
    "DayCount",
    "Days",
    "add_months",
    "dates",
    "days_between",
    "one_date",
    "year_fraction",
    "year_fractions",
]

#: datetime64[D]
Dates: TypeAlias = NDArray[np.datetime64]
Days: TypeAlias = NDArray[np.int64]

#: A year of 365 and one of 366 days as whole parts of one denominator.
_ACTUAL = 365 * 366


class DayCount(Enum):
    """The conventions, by the names of ISDA and ICMA; the start counts, the end does not.

    "ACT/365" without "Fixed" means ACT/ACT in the language of ISDA: it is not among the names, so that nobody guesses.
    """

    ACT_365F = "ACT/365F"
    ACT_360 = "ACT/360"  # daily rate = annual rate / 360: usual for loans of Chinese banks
    BOND_BASIS = "30/360-BondBasis"  # ISDA 2006 4.16(f)
    US_30_360 = "30/360-USA"  # with the end-of-February rule of SIFMA
    EUROBOND = "30E/360"  # ISDA 2006 4.16(g)
    ACT_ACT_ISDA = "ACT/ACT-ISDA"  # days in leap years / 366 + the others / 365; ISDA 2006 4.16(b)
    ACT_ACT_AFB = "ACT/ACT-AFB"  # whole years back from the end, the rest / 366 where it holds a 29 February


def dates(values: Any) -> Dates:
    """Dates as datetime64[D]: from ISO text, `datetime.date` or such an array; a time of day is left out.

    Raises `LendingError` for anything else, a number too: whether it counts days or milliseconds nobody can tell.
    """
    given = np.asarray(values)
    if given.size and given.dtype.kind not in "MOUS":
        raise LendingError(f"{values!r} is no date: write 2025-01-31")
    try:
        found = given.astype("datetime64[D]")
    except (ValueError, TypeError) as error:
        raise LendingError(f"{values!r} is no date: write 2025-01-31") from error
    if np.isnat(found).any():
        raise LendingError("a date is missing")
    return found


def one_date(value: Any) -> np.datetime64:
    """One date, as `dates` reads it."""
    found = dates(value)
    if found.shape:
        raise LendingError(f"one date is meant, not {found.size}")
    one: Any = found[()]
    return np.datetime64(one, "D")


def _parts(when: Dates) -> tuple[Days, Days, Days]:
    """Year, month 1-12, day 1-31."""
    months = when.astype("datetime64[M]")
    number = months.astype(np.int64)
    return number // 12 + 1970, number % 12 + 1, (when - months).astype(np.int64) + 1


def _last_of_month(when: Dates) -> Dates:
    after: Dates = (when.astype("datetime64[M]") + np.timedelta64(1, "M")).astype("datetime64[D]")
    return np.asarray(after - np.timedelta64(1, "D"), "datetime64[D]")


def add_months(when: Any, months: Any, *, end_of_month: bool = False) -> Dates:
    """The same day so many months later, the last of a month that is shorter.

    With `end_of_month` the last day of a month leads to the last day of every month: 28 February to 31 March.
    """
    start = dates(when)
    first = start.astype("datetime64[M]")
    there = (first + np.asarray(months, np.int64)).astype("datetime64[D]")
    last = _last_of_month(there)
    same = np.minimum(there + (start - first.astype("datetime64[D]")), last)
    result: Dates = np.where(start == _last_of_month(start), last, same) if end_of_month else same
    return result


def days_between(start: Any, end: Any, convention: DayCount) -> Days:
    """Days from `start` (counted) to `end` (not counted) by a convention; those with 30 have months of 30 days."""
    first, last = dates(start), dates(end)
    if convention not in {DayCount.BOND_BASIS, DayCount.US_30_360, DayCount.EUROBOND}:
        return np.asarray((last - first).astype(np.int64))
    (year1, month1, day1), (year2, month2, day2) = _parts(first), _parts(last)
    if convention is DayCount.US_30_360:
        february1 = (first == _last_of_month(first)) & (month1 == 2)
        february2 = (last == _last_of_month(last)) & (month2 == 2)
        day2 = np.where(february1 & february2, 30, day2)
        day1 = np.where(february1, 30, day1)
    day2 = np.where((day2 == 31) & ((day1 >= 30) | (convention is DayCount.EUROBOND)), 30, day2)
    day1 = np.minimum(day1, 30)
    return np.asarray(360 * (year2 - year1) + 30 * (month2 - month1) + day2 - day1)


def year_fractions(start: Any, end: Any, convention: DayCount) -> tuple[Days, int]:
    """Fractions of a year as numerators and their one denominator: exact; negative where an end is before its start."""
    days = days_between(start, end, convention)
    if convention is DayCount.ACT_365F:
        return days, 365
    if convention is DayCount.ACT_ACT_ISDA:
        return _isda(dates(end)) - _isda(dates(start)), _ACTUAL
    if convention is DayCount.ACT_ACT_AFB:
        pairs = np.broadcast_arrays(dates(start), dates(end))
        found = [_afb(first, last) for first, last in zip(pairs[0].ravel(), pairs[1].ravel(), strict=True)]
        return np.array(found, np.int64).reshape(pairs[0].shape), _ACTUAL
    return days, 360


def year_fraction(start: Any, end: Any, convention: DayCount) -> Fraction:
    """The fraction of a year between two dates, exactly."""
    numerator, denominator = year_fractions(start, end, convention)
    return Fraction(int(numerator), denominator)


def _isda(when: Dates) -> Days:
    """Parts of `_ACTUAL` from 1 January 1970 to a date, where each year is one whole."""
    year, _, _ = _parts(when)
    first = when.astype("datetime64[Y]").astype("datetime64[D]")
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    inside = (when - first).astype(np.int64) * np.where(leap, 365, 366)
    return np.asarray((year - 1970) * _ACTUAL + inside)


def _afb(first: np.datetime64, last: np.datetime64) -> int:
    """Parts of `_ACTUAL`: whole years counted back from the end, then the days that are left, start counted.

    Counting back from 28 February of a leap year stays on the 28th; from the end of another year's it goes to the 29th.
    """
    if last < first:
        return -_afb(last, first)
    years = 0
    while _years_back(last, years + 1) >= first:
        years += 1
    until = _years_back(last, years)
    days = np.arange(first, until)
    _, month, day = _parts(days)
    length = 366 if bool(((month == 2) & (day == 29)).any()) else 365
    return years * _ACTUAL + len(days) * (_ACTUAL // length)


def _years_back(last: np.datetime64, years: int) -> Any:
    end = np.asarray(last)
    _, month, day = _parts(end)
    is_end_of_february = month == 2 and day == 28 and end == _last_of_month(end)
    found: Any = add_months(end, -12 * years, end_of_month=bool(is_end_of_february))[()]
    return found
