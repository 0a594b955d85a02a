"""Due dates move to business days as the conventions say."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.calendars import shipped
from risk_stream.lending import Adjustment, adjust
from tests.lending.facts import interbank, rows


@pytest.mark.parametrize("row", rows("business_day_cases"), ids=lambda r: "{calendar} {date}".format(**r))
def test_a_date_moves_as_the_table_says(row: dict[str, str]) -> None:
    calendar = interbank() if row["calendar"] == "CN-IB" else shipped()["weekdays"]
    assert calendar.is_business_day(date.fromisoformat(row["date"])) == bool(int(row["is_business_day"]))
    for how in set(Adjustment) - {Adjustment.UNADJUSTED}:
        assert str(adjust(row["date"], calendar, how)) == row[how.value]


@given(st.lists(st.dates(date(2024, 1, 1), date(2026, 12, 31)), min_size=1), st.sampled_from(list(Adjustment)))
def test_a_column_moves_day_by_day(days: list[date], how: Adjustment) -> None:
    calendar = shipped()["china_interbank"]

    def walk(day: date, step: int) -> date:
        while not calendar.is_business_day(day):
            day += timedelta(step)
        return day

    def slow(day: date) -> date:
        if how is Adjustment.UNADJUSTED:
            return day
        step = 1 if "following" in how.value else -1
        moved = walk(day, step)
        return walk(day, -step) if "modified" in how.value and moved.month != day.month else moved

    assert adjust(days, calendar, how).astype(object).tolist() == [slow(day) for day in days]
