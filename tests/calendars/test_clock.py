"""What a house may rely on of the clocks and days of its calendars, at every time that an event may have."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.calendars import Calendar, business_day, clock_version, day_start, local_time, shipped
from risk_stream.calendars.periods import zone_of

ZONES = ("UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca")
FIRST, LAST = 631_152_000_000, 4_102_444_800_000  # 1990 to 2100, ms
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Seconds around the changes of clocks in some of the zones.
CHANGES = (1_743_296_400, 1_761_440_400, 1_762_063_200, 1_743_874_200)


def moments() -> st.SearchStrategy[int]:
    near = st.builds(lambda s, ms: s * 1000 + ms, st.sampled_from(CHANGES), st.integers(-7_200_000, 7_200_000))
    return st.one_of(st.integers(FIRST, LAST - 1), near)


def local(zone: str, ms: int) -> datetime:
    return (EPOCH + timedelta(milliseconds=ms)).astimezone(zone_of(zone))


@settings(max_examples=300, deadline=None)
@given(zone=st.sampled_from(ZONES), times=st.lists(moments(), min_size=1))
def test_clocks_show_what_the_time_zone_says_to_the_millisecond(zone: str, times: list[int]) -> None:
    shown = local_time(Calendar("test", zone), np.array(times, np.float64))
    assert shown.tolist() == [(local(zone, ms).replace(tzinfo=UTC) - EPOCH) / timedelta(milliseconds=1) for ms in times]


@settings(max_examples=300, deadline=None)
@given(zone=st.sampled_from(ZONES), times=st.lists(moments(), min_size=1))
def test_a_day_begins_at_its_midnight(zone: str, times: list[int]) -> None:
    begun = day_start(Calendar("test", zone), np.array(times, np.float64)).tolist()
    for ms, start in zip(times, begun, strict=True):
        assert start <= ms
        assert local(zone, int(start)).date() == local(zone, ms).date()
        assert local(zone, int(start) - 1).date() < local(zone, ms).date()


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(sorted(shipped())), times=st.lists(moments(), min_size=1))
def test_a_time_is_of_a_business_day_where_its_date_is_one(name: str, times: list[int]) -> None:
    calendar = shipped()[name]
    flags = business_day(calendar, np.array(times, np.float64))
    assert flags.tolist() == [float(calendar.is_business_day(local(calendar.timezone, ms).date())) for ms in times]


@pytest.mark.parametrize("time", [np.nan, -1e18, 0.0, 1e18])
def test_a_time_that_no_event_can_have_is_unknown(time: float) -> None:
    for function in (local_time, day_start, business_day):
        assert np.isnan(function(shipped()["china"], np.array([time]))).all()


def test_holidays_change_the_version_only_of_what_asks_business_days() -> None:
    plain, with_holiday = (
        Calendar("house", "Europe/Berlin", holidays=frozenset(days)) for days in ((), (date(2026, 5, 5),))
    )
    assert clock_version(plain, business_days=False) == clock_version(with_holiday, business_days=False)
    assert clock_version(plain, business_days=True) != clock_version(with_holiday, business_days=True)
    elsewhere = Calendar("house", "Europe/Lisbon")
    assert clock_version(plain, business_days=False) != clock_version(elsewhere, business_days=False)
