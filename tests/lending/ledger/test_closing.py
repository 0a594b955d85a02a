"""A closed book says what its loans add up to."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from bench.loan_events import events_of
from bench.loans import world
from risk_stream.calendars import shipped
from risk_stream.lending import LendingError, expected_loss, monthly_pd, schedule
from risk_stream.lending.ledger import Closing, Tables, close, figures, ledger, month_ends, statuses
from tests.lending.ledger.said import CATALOGUE, book_of, event, loan, paid, said


@pytest.fixture(scope="module")
def closing() -> Closing:
    made = world(1_500, 18, seed=3)
    return close(ledger(events_of(made, CATALOGUE), CATALOGUE, known=made.ends[-1]), made.ends[-1])


def test_every_breakdown_adds_up_to_the_book(closing: Closing) -> None:
    found = figures(closing)
    for parts in (found.buckets, found.classes, found.stages, found.products, found.entities):
        for name in ("loans", "outstanding", "past_due", "non_performing", "expected_loss"):
            assert sum(getattr(part, name) for part in parts) == getattr(found.all, name), name
    assert sum(part.loans for _, part in found.cells) == found.all.loans
    assert found.all.outstanding == int(closing.late.outstanding.sum())
    assert found.ratios.npl == round(found.all.non_performing / found.all.outstanding, 6)
    assert found.ratios.coverage == round(found.all.expected_loss / found.all.non_performing, 6)


def test_rolls_tell_where_each_bucket_went(closing: Closing) -> None:
    rolls = figures(closing).rolls
    assert rolls is not None
    assert rolls.states == ("current", "1-30", "31-60", "61-90", "90+", "repaid", "written off")
    assert all(round(sum(row), 5) == 1 for row in rolls.rates)
    assert closing.before is not None
    assert sum(rolls.loans) == int((closing.before.outstanding > 0).sum())


def test_vintages_never_fall_and_end_with_the_age_of_their_month(closing: Closing) -> None:
    found = figures(closing).vintages
    assert sum(one.loans for one in found) == int((closing.ledger.contracts.start <= closing.as_of).sum())
    for one in found:
        age = (closing.as_of.astype("datetime64[M]") - np.datetime64(one.month, "M")).astype(int)
        assert len(one.bad) == age + 1
        assert list(one.bad) == sorted(one.bad)


def test_the_allowance_of_a_loan_is_that_of_expected_loss() -> None:
    """12,000.00 in twelve months, current: stage 1, PD of a year 1.5 %, LGD 60 %, an exposure that falls each month."""
    found = close(book_of(loan(product="consumer")), "2026-01-15")
    lines = schedule(found.ledger.contracts.terms[0])
    want = expected_loss(
        np.full(12, monthly_pd(0.015)), 0.6, lines.opening, np.arange(1, 13) / 12, Fraction(101, 100) ** 12 - 1
    )
    assert found.allowance.tolist() == [int(want)]


def test_the_allowance_of_stage_2_is_lifetime_and_of_stage_3_what_is_lost_of_all() -> None:
    long = loan(product="sme", instalments=24)
    review = event("loan_review", "2026-01-16", risk_increased=True)
    first, second = (close(book_of(long, *more), "2026-01-31") for more in ([], [review]))
    assert (first.state.stages.stage.tolist(), second.state.stages.stage.tolist()) == ([1], [2])
    assert first.allowance[0] < second.allowance[0] < 2 * first.allowance[0]
    third = close(book_of(long), "2026-08-31")
    assert third.state.stages.stage.tolist() == [3]
    assert third.allowance.tolist() == [round(0.45 * int(third.late.outstanding[0]))]


def test_the_lgd_of_a_contract_goes_before_the_tables() -> None:
    found = close(book_of(loan(lgd=0.25)), "2026-08-31")
    assert found.allowance.tolist() == [round(0.25 * int(found.late.outstanding[0]))]


def test_a_pd_far_over_that_of_the_start_is_stage_2() -> None:
    """13 days late the table says 8 %: four times the 2 % of the start, and six points over it."""
    late = close(book_of(loan(pd_origin=0.02)), "2026-02-28")
    assert (late.late.days.tolist(), late.state.stages.stage.tolist()) == ([13], [2])
    assert close(book_of(loan(pd_origin=0.04)), "2026-02-28").state.stages.stage.tolist() == [1]


def test_month_ends_lead_to_the_day() -> None:
    assert month_ends("2026-01-15", "2026-03-31").astype(str).tolist() == ["2026-01-31", "2026-02-28", "2026-03-31"]
    assert month_ends("2026-01-15", "2026-03-30").astype(str).tolist() == ["2026-01-31", "2026-02-28", "2026-03-30"]
    assert month_ends("2026-01-31", "2026-01-31").astype(str).tolist() == ["2026-01-31"]


def test_a_book_before_its_first_loan_is_refused() -> None:
    with pytest.raises(LendingError, match="no loan of the book had begun by 2025-12-31"):
        close(book_of(loan()), "2025-12-31")


def test_the_standing_of_each_loan_is_an_event_of_one_name() -> None:
    """Said twice it is the same; a loan that is paid off or written off says so once."""
    found = close(book_of(loan(entity="HQ"), loan("L2"), event("write_off", "2026-03-20", name="L2")), "2026-03-31")
    events = list(statuses(found, shipped()["china"]))
    assert events == list(statuses(found, shipped()["china"]))
    said(*events)
    by_loan = {one["loan"]: one for one in events}
    assert by_loan["L1"] == {
        "id": "loan_status/L1/2026-03-31",
        "type": "loan_status",
        "time": 1_774_972_799_999,
        "entity": "HQ",
        "loan": "L1",
        "customer": "C1",
        "business_date": "2026-03-31",
        "days_past_due": 44,
        "bucket": "31-60",
        "classification": "special_mention",
        "ifrs9_stage": 2,
        "outstanding": 12_230.54,
        "amount_past_due": 2_132.38,
        "expected_loss": by_loan["L1"]["expected_loss"],
        "written_off": False,
        "restructured": False,
        "since_opening": False,
    }
    assert (by_loan["L2"]["outstanding"], by_loan["L2"]["written_off"]) == (0, True)
    later = close(found.ledger, "2026-05-31")
    assert [one["loan"] for one in statuses(later, shipped()["china"])] == ["L1"]


def test_figures_are_of_one_currency() -> None:
    found = figures(close(book_of(loan(), loan("L2", currency="USD")), "2026-01-31"))
    assert (found.all.loans, found.other_currencies) == (1, 1)
    assert figures(close(book_of(loan(), loan("L2", currency="USD")), "2026-01-31"), "USD").all.loans == 1


def test_a_house_judges_by_tables_of_its_own() -> None:
    tables = Tables.shipped()
    strict = replace(tables, stages=replace(tables.stages, backstop_days=10))
    book = book_of(loan(), paid("2026-03-15"))
    assert close(book, "2026-02-28").state.stages.stage.tolist() == [1]
    assert close(book, "2026-02-28", strict).state.stages.stage.tolist() == [2]
