"""Simulated clocks: honest about their pace, and able to hurry through the nights."""

from __future__ import annotations

import datetime as dt

import pytest

from risk_stream.simulate import Clock
from risk_stream.simulate.clock import DAY_MS, HOUR_MS, day_of, midnight

MONDAY = midnight(dt.date(2026, 3, 2))


def test_a_day_begins_at_midnight_in_china():
    assert dt.datetime.fromtimestamp(MONDAY / 1000, dt.UTC).isoformat() == "2026-03-01T16:00:00+00:00"


def test_days_know_whether_the_market_is_open():
    assert [day_of(dt.date(2026, 3, 2), n).trading for n in range(8)] == [True] * 5 + [False] * 2 + [True]


def test_real_time_needs_no_declaration():
    clock = Clock(MONDAY)
    assert not clock.simulated
    assert clock.wall(MONDAY + 90_000) == 90.0


@pytest.mark.parametrize("given", [{"factor": 60.0}, {"night": 10.0}])
def test_a_clock_that_runs_fast_must_be_declared(given):
    with pytest.raises(ValueError, match="declare it"):
        Clock(MONDAY, **given)
    assert Clock(MONDAY, **given, declared=True).simulated


@pytest.mark.parametrize("factor", [0.0, -3.0])
def test_time_does_not_stand_still_or_run_back(factor):
    with pytest.raises(ValueError, match="above 0"):
        Clock(MONDAY, factor, declared=True)


def test_a_month_can_pass_in_a_minute():
    clock = Clock(MONDAY, 30 * 86_400 / 60, declared=True)
    assert clock.wall(MONDAY + 30 * DAY_MS) == pytest.approx(60.0)


def test_nights_and_weekends_pass_faster_where_asked():
    clock = Clock(MONDAY, 1.0, 10.0, declared=True)
    nine, half_past_three = MONDAY + 9 * HOUR_MS, MONDAY + 15 * HOUR_MS + HOUR_MS // 2
    assert clock.wall(nine) == pytest.approx(9 * 3_600 / 10)
    assert clock.wall(half_past_three) - clock.wall(nine) == pytest.approx(6.5 * 3_600)
    saturday = MONDAY + 5 * DAY_MS
    assert clock.wall(saturday + DAY_MS) - clock.wall(saturday) == pytest.approx(8_640)


@pytest.mark.parametrize("clock", [Clock(MONDAY), Clock(MONDAY + 7_654_321, 5_000.0, 12.0, declared=True)])
def test_wall_time_and_simulated_time_are_each_others_inverse(clock):
    for hours in (0, 1, 8.99, 9, 12, 15.5, 16, 24 * 4.7, 24 * 61.2):
        time = clock.start + int(hours * HOUR_MS)
        assert abs(clock.at(clock.wall(time)) - time) <= 1 + 1e-6 * clock.factor * clock.night
