"""What a house may rely on of calendars: which days are business days, when periods begin, what is refused."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.calendars import UNITS, Calendar, CalendarError, load_calendars, shipped, starts

DAY = timedelta(days=1)


def days(year: int) -> Iterator[date]:
    day = date(year, 1, 1)
    while day.year == year:
        yield day
        day += DAY


def start(calendar: Calendar, unit: str, text: str) -> str:
    """When the period of a moment began, in the calendar's time."""
    ms = round(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)
    began = max(s for s in starts(calendar, unit).tolist() if s <= ms)
    return datetime.fromtimestamp(began / 1000, ZoneInfo(calendar.timezone)).isoformat()


def zone(name: str) -> Calendar:
    return Calendar("test", name)


def test_these_are_shipped() -> None:
    assert sorted(shipped()) == ["china", "china_interbank", "utc", "weekdays"]


def test_days_of_china_are_those_of_quantlib() -> None:
    """Each day of 2025 and 2026; the file has the days on which QuantLib 1.44 departs from Monday to Friday."""
    with Path(__file__).with_name("quantlib_exceptions.csv").open() as file:
        theirs = {(row["calendar"], row["date"]): row["is_business_day"] == "1" for row in csv.DictReader(file)}
    for name in ("china", "china_interbank"):
        for day in (*days(2025), *days(2026)):
            wanted = theirs.get((name, day.isoformat()), day.weekday() < 5)
            assert shipped()[name].is_business_day(day) == wanted, (name, day)


def test_the_exchanges_do_not_make_up_for_holidays() -> None:
    bank, exchange = shipped()["china_interbank"], shipped()["china"]
    other = [day for day in (*days(2025), *days(2026)) if bank.is_business_day(day) != exchange.is_business_day(day)]
    assert len(other) == 11
    assert all(day.weekday() >= 5 and bank.is_business_day(day) for day in other)


def test_beyond_the_years_it_knows_its_weekends_count() -> None:
    china = shipped()["china"]
    assert china.is_business_day(date(2031, 10, 1))  # a Wednesday
    assert not china.is_business_day(date(2031, 10, 4))


@pytest.mark.parametrize(
    ("unit", "began"),
    [
        ("today", "2026-10-03T00:00:00+08:00"),
        ("this_week", "2026-09-28T00:00:00+08:00"),
        ("this_month", "2026-10-01T00:00:00+08:00"),
        ("this_quarter", "2026-10-01T00:00:00+08:00"),
        ("this_year", "2026-01-01T00:00:00+08:00"),
        ("business_day", "2026-10-01T00:00:00+08:00"),  # with all of the holidays, on the eighth
    ],
)
def test_periods_begin_at_local_midnight(unit: str, began: str) -> None:
    assert start(shipped()["china"], unit, "2026-10-03T15:00+08:00") == began


def test_a_saturday_counts_with_the_monday_behind_it() -> None:
    weekdays = shipped()["weekdays"]
    assert {start(weekdays, "business_day", f"2026-11-{d}T12:00Z") for d in (21, 22, 23)} == {
        "2026-11-21T00:00:00+00:00"
    }
    assert start(weekdays, "business_day", "2026-11-24T00:00Z") == "2026-11-24T00:00:00+00:00"


@pytest.mark.parametrize(
    ("name", "moment", "began"),
    [
        ("Europe/Berlin", "2025-03-30T20:00+02:00", "2025-03-30T00:00:00+01:00"),
        ("Europe/Berlin", "2025-10-26T20:00+01:00", "2025-10-26T00:00:00+02:00"),
        # Clocks were put forward at midnight: that day began at one.
        ("America/Sao_Paulo", "2018-11-04T12:00-02:00", "2018-11-04T01:00:00-02:00"),
        # Put back from one to midnight: it came twice, and the first counts.
        ("America/Havana", "2025-11-02T12:00-05:00", "2025-11-02T00:00:00-04:00"),
        # A day that Samoa never had.
        ("Pacific/Apia", "2011-12-31T12:00+14:00", "2011-12-31T00:00:00+14:00"),
    ],
)
def test_a_day_begins_when_clocks_first_show_it(name: str, moment: str, began: str) -> None:
    assert start(zone(name), "today", moment) == began


ZONES = st.sampled_from(["Europe/Berlin", "Asia/Shanghai", "Asia/Beirut", "America/New_York", "Africa/Cairo", "UTC"])
MOMENTS = st.integers(631_152_000_000, 4_102_444_800_000)  # 1990 to 2100


@settings(deadline=None)
@given(ZONES, st.sampled_from(UNITS), MOMENTS)
def test_every_moment_is_in_the_period_of_its_local_date(name: str, unit: str, ms: int) -> None:
    """The first moment of its period has the period's first date, the moment before it another."""
    found = starts(zone(name), unit)
    began = int(found[found.searchsorted(ms, side="right") - 1])
    assert ms - 366.1 * 86_400_000 < began <= ms
    now, first, before = (datetime.fromtimestamp(t / 1000, ZoneInfo(name)).date() for t in (ms, began, began - 1))
    same = {
        "today": lambda d: d,
        "this_week": lambda d: d.isocalendar()[:2],
        "this_month": lambda d: (d.year, d.month),
        "this_quarter": lambda d: (d.year, (d.month - 1) // 3),
        "this_year": lambda d: d.year,
        "business_day": lambda d: d + max(0, 7 - d.isoweekday()) * DAY + DAY if d.weekday() >= 5 else d,
    }[unit]
    assert same(first) == same(now) != same(before)


def test_a_houses_calendar_takes_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "china.yaml").write_text(
        "name: china\ntimezone: Asia/Shanghai\nfrom: 2025\nuntil: 2027\nholidays: [2027-01-01]\n"
    )
    found = load_calendars([tmp_path])
    assert found["china"].last_year == 2027
    assert found["utc"] == shipped()["utc"]


BAD = {
    "- utc": "bad.yaml:1:1: a calendar is a mapping with name and timezone; this is a list",
    "name: x\ntimezone: Mars/Base\n": (
        "bad.yaml:2:11: 'Mars/Base' is none: write a time zone of the IANA database, such as Asia/Shanghai"
    ),
    "name: x\ntimezone: ../../etc/passwd\n": (
        "bad.yaml:2:11: '../../etc/passwd' is none: write a time zone of the IANA database, such as Asia/Shanghai"
    ),
    "timezone: UTC\n": "bad.yaml:1:1: a calendar has a name of a-z 0-9 _ -, such as name: china",
    "name: x\ntimezone: UTC\nweekends: [sunday]\n": (
        "bad.yaml:3:1: 'weekends' is no part of a calendar; did you mean \"weekend\"?"
    ),
    "name: x\ntimezone: UTC\nweekend: [sonntag]\n": (
        "bad.yaml:3:11: 'sonntag' cannot stand in weekend, a list of days such as saturday"
    ),
    "name: x\ntimezone: UTC\nfrom: 2026\nuntil: 2026\nholidays: [2026-02-30]\n": (
        "bad.yaml:5:12: '2026-02-30' cannot stand in holidays, a list of dates such as 2026-10-01"
    ),
    "name: x\ntimezone: UTC\nholidays: [2026-02-28]\n": (
        "bad.yaml:1:1: say from and until which year the holidays are known: from: 2025, until: 2026"
    ),
    "name: x\ntimezone: UTC\nfrom: 2026\nuntil: 2026\nholidays: [2027-01-01]\n": (
        "bad.yaml:1:1: 2027-01-01 lies outside the years 2026 to 2026 that the calendar covers"
    ),
    "name: x\ntimezone: UTC\nfrom: 2026\nuntil: 2025\n": "bad.yaml:4:8: until is a year before from",
    "name: x\ntimezone: UTC\nfrom: true\n": "bad.yaml:3:7: from is a year from 1989 to 2099",
    "name: x\ntimezone: UTC\nfrom: 2026\nuntil: 2026\nholidays: [2026-01-01]\nworkdays: [2026-01-01]\n": (
        "bad.yaml:1:1: 2026-01-01 cannot be a holiday and a workday"
    ),
    "name: x\ntimezone: UTC\nweekend: [monday, tuesday, wednesday, thursday, friday, saturday, sunday]\n": (
        "bad.yaml:3:10: a week has a day that is no weekend"
    ),
    "name: x\ntimezone: UTC\nholidays: easter\n": "bad.yaml:3:11: holidays is a list of dates such as 2026-10-01",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_calendar_is_refused_with_place_and_sentence(text: str) -> None:
    with pytest.raises(CalendarError) as caught:
        load_calendars(texts={"bad.yaml": text})
    assert [str(problem) for problem in caught.value.problems] == [BAD[text]]


def test_two_calendars_of_one_name_and_a_file_that_is_not_there_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("name: x\ntimezone: UTC\n")
    with pytest.raises(CalendarError, match="there is another calendar x"):
        load_calendars([tmp_path])
    with pytest.raises(CalendarError, match="cannot read the file"):
        load_calendars([tmp_path / "nowhere.yaml"])
