"""Days and fractions of a year are those of the conventions."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.lending import DayCount, LendingError, add_months, days_between, year_fraction, year_fractions
from tests.lending.facts import rows

DAYS = st.dates(date(1999, 1, 1), date(2061, 1, 1))


@pytest.mark.parametrize("row", rows("day_count_cases"), ids=lambda r: "{start} {end} {convention}".format(**r))
def test_every_convention_counts_as_its_table_says(row: dict[str, str]) -> None:
    convention = DayCount(row["convention"])
    assert int(days_between(row["start"], row["end"], convention)) == int(row["days"])
    assert float(year_fraction(row["start"], row["end"], convention)) == pytest.approx(
        float(row["year_fraction"]), abs=1e-12
    )


@given(DAYS, DAYS, DAYS)
def test_actual_fractions_of_two_spans_add_up_exactly(a: date, b: date, c: date) -> None:
    for convention in (DayCount.ACT_360, DayCount.ACT_365F, DayCount.ACT_ACT_ISDA):
        parts = [year_fraction(*ends, convention) for ends in ((a, b), (b, c), (a, c))]
        assert parts[0] + parts[1] == parts[2]


@given(DAYS)
def test_a_year_is_a_year(start: date) -> None:
    end = add_months(start, 12)
    assert int(days_between(start, end, DayCount.EUROBOND)) in {359, 360}  # 29 February to 28 February is a day short
    # Whole years are counted back from the end, from 28 February to 29 February where there is one: a day is left of
    # 28 February 2000 to 2001, and one is lacking from 29 February 2000 on.
    assert year_fraction(start, end, DayCount.ACT_ACT_AFB) in {Fraction(1), Fraction(365, 366), Fraction(366, 365)}


@given(DAYS, st.integers(0, 4000))
def test_isda_counts_each_day_by_its_own_year(start: date, days: int) -> None:
    each = (start + timedelta(n) for n in range(days))
    slow = sum(Fraction(1, 366 if (d.year % 4 == 0 and d.year % 100) or d.year % 400 == 0 else 365) for d in each)
    assert year_fraction(start, start + timedelta(days), DayCount.ACT_ACT_ISDA) == slow


def test_columns_of_dates_are_counted_as_each_of_them() -> None:
    pairs = rows("day_count_cases")
    for convention in DayCount:
        mine = [r for r in pairs if r["convention"] == convention.value]
        got, denominator = year_fractions([r["start"] for r in mine], [r["end"] for r in mine], convention)
        assert got / denominator == pytest.approx([float(r["year_fraction"]) for r in mine], abs=1e-12)


def test_months_roll_from_the_anchor_and_keep_the_end_of_month_only_where_asked() -> None:
    assert add_months("2025-01-31", [1, 2]).astype(str).tolist() == ["2025-02-28", "2025-03-31"]
    assert add_months("2025-02-28", [1, 2]).astype(str).tolist() == ["2025-03-28", "2025-04-28"]
    kept = add_months("2025-02-28", [1, 2], end_of_month=True)
    assert kept.astype(str).tolist() == ["2025-03-31", "2025-04-30"]


@pytest.mark.parametrize("wrong", ["31/01/2025", "2025-02-30", None, np.datetime64("NaT"), 20_250_131, 1.5])
def test_what_is_no_date_is_refused(wrong: object) -> None:
    with pytest.raises(LendingError, match=r"is no date|is missing"):
        days_between(wrong, "2025-01-01", DayCount.ACT_360)
