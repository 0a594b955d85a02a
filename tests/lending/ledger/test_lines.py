"""Instalments of many contracts at once are those of each contract alone."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.calendars import shipped
from risk_stream.lending import Accrual, Adjustment, LendingError, Method, Schedule, Terms, schedule
from risk_stream.lending.ledger.lines import lines_of

CALENDAR = shipped()["china_interbank"]


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    method = draw(st.sampled_from(Method))
    return Terms(
        principal=draw(st.integers(0, 10**15)),
        annual_rate=draw(st.sampled_from((0, 400, 435, 123456789))) * Fraction(1, 10 ** draw(st.integers(4, 9))),
        instalments=1 if method is Method.BULLET else draw(st.integers(1, 60)),
        start="2024-01-31",
        first_due=np.datetime64("2024-01-29") + draw(st.integers(0, 60)),
        months=draw(st.sampled_from((1, 1, 3))),
        method=method,
        accrual=draw(st.sampled_from((Accrual.MONTHS, Accrual.MONTHS, Accrual.ADJUSTED))),
        adjustment=draw(st.sampled_from(Adjustment)),
        calendar=CALENDAR,
        end_of_month=draw(st.booleans()),
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(terms(), max_size=6))
def test_lines_of_a_book_are_those_of_each_contract(contracts: list[Terms]) -> None:
    """Of every method, with large principals and fine rates too; a contract that makes no schedule says why."""
    found, faults = lines_of(contracts)
    for number, one in enumerate(contracts):
        mine = slice(found.at[number], found.at[number + 1])
        want = _alone(one)
        if isinstance(want, str):
            assert faults[number] == want
            assert found.at[number] == found.at[number + 1]
            continue
        assert found.due[mine].tolist() == want.due.tolist()
        assert found.interest[mine].tolist() == want.interest.tolist()
        assert found.principal[mine].tolist() == want.principal.tolist()


def _alone(one: Terms) -> Schedule | str:
    """The schedule of a contract, or why there is none."""
    try:
        return schedule(one)
    except LendingError as error:
        return str(error)
