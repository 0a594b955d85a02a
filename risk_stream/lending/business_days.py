"""Due dates that fall on holidays: moved to a business day of one of the house's calendars."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np

from risk_stream.calendars import Calendar
from risk_stream.lending.day_count import Dates, dates

__all__ = ["Adjustment", "adjust"]

#: Days looked at before and after the dates; no row of holidays is as long.
_REACH = np.timedelta64(40, "D")


class Adjustment(Enum):
    """The business-day conventions of ISDA 2006 4.12."""

    UNADJUSTED = "unadjusted"
    FOLLOWING = "following"  # the next business day
    MODIFIED_FOLLOWING = "modified_following"  # the same, unless it leaves the month: then the one before
    PRECEDING = "preceding"  # the business day before
    MODIFIED_PRECEDING = "modified_preceding"  # the same, unless it leaves the month: then the next


def adjust(when: Any, calendar: Calendar, how: Adjustment) -> Dates:
    """Dates moved to business days; those that are business days stay.

    In years whose holidays a calendar does not know, only its weekends count: load a yearly table for each year of the
    contract that has been announced.
    """
    days = dates(when)
    if how is Adjustment.UNADJUSTED or days.size == 0:
        return days
    around = np.arange(days.min() - _REACH, days.max() + _REACH)
    open_ = around[[calendar.is_business_day(day) for day in around.astype(object)]]
    at = np.searchsorted(open_, days)
    after = open_[at]
    before = np.where(after == days, days, open_[at - 1])
    forward = how in {Adjustment.FOLLOWING, Adjustment.MODIFIED_FOLLOWING}
    wanted, other = (after, before) if forward else (before, after)
    if how in {Adjustment.FOLLOWING, Adjustment.PRECEDING}:
        return np.asarray(wanted)
    leaves = wanted.astype("datetime64[M]") != days.astype("datetime64[M]")
    return np.where(leaves, other, wanted)
