"""When a rule with `after` judges: so much later, or at the end of a business day."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from risk_stream.calendars import shipped, starts
from risk_stream.features import Periods
from risk_stream.rules import Delay


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def due(delay: Delay, *times: str) -> list[int]:
    return delay.due(np.array([ms(time) for time in times], np.int64)).tolist()


def business_days(n: int, calendar: str) -> Delay:
    return Delay(
        business_days=n, periods=Periods("business_day", starts(shipped()[calendar], "business_day"), calendar)
    )


@pytest.mark.parametrize(
    ("n", "calendar", "time", "ends"),
    [
        (0, "china", "2026-09-30T23:59:59+08:00", "2026-10-01T00:00+08:00"),
        (1, "china", "2026-09-30T09:30+08:00", "2026-10-09T00:00+08:00"),
        (0, "china", "2026-10-03T12:00+08:00", "2026-10-09T00:00+08:00"),
        (1, "china", "2026-10-03T12:00+08:00", "2026-10-10T00:00+08:00"),
        (1, "weekdays", "2026-11-27T12:00+00:00", "2026-12-01T00:00+00:00"),
        (5, "weekdays", "2026-11-27T00:00+00:00", "2026-12-05T00:00+00:00"),
        (3, "utc", "2026-11-27T00:00+00:00", "2026-12-01T00:00+00:00"),
    ],
)
def test_business_days_end_where_the_last_of_them_does(n: int, calendar: str, time: str, ends: str) -> None:
    """Counted from the day behind the event's; an event on a day that is none belongs to the next that is one."""
    assert due(business_days(n, calendar), time) == [ms(ends)]


def test_a_length_of_time_is_added() -> None:
    assert due(Delay(3000), "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z") == [
        ms("2026-01-01T00:00:03Z"),
        ms("2026-01-02T00:00:03Z"),
    ]


def test_behind_the_last_day_a_calendar_knows_an_event_is_judged_at_once() -> None:
    """Its days end with the years it was made for: the last of them is the furthest that is waited for."""
    delay = business_days(2, "china")
    assert delay.periods is not None
    last, before = (int(delay.periods.starts[-n]) for n in (1, 2))
    assert delay.due(np.array([before - 1, before, last, last + 5], np.int64)).tolist() == [last, last, last, last + 5]


def test_no_event_is_judged_later_than_the_longest_delay() -> None:
    """What is read back of a history for it is enough."""
    for delay in (Delay(5000), business_days(0, "china"), business_days(7, "china")):
        times = np.arange(ms("2025-12-20T00:00Z"), ms("2026-03-01T00:00Z"), 7_919_000, dtype=np.int64)
        waits = delay.due(times) - times
        assert (waits > 0).all()
        assert waits.max() <= delay.longest_ms


def test_delays_are_one_where_their_business_days_are() -> None:
    """However a calendar is called; and a fixed one is known by its ms, as it ever was."""
    assert business_days(2, "china") == business_days(2, "china") != business_days(3, "china")
    assert business_days(2, "china") != business_days(2, "weekdays")
    assert Delay(5000).wording == 5000
