"""A loan's schedule: what was paid, when, and what is late, as its own events make it."""

from __future__ import annotations

import numpy as np

from risk_stream.access import EVERYWHERE, Scope
from risk_stream.calendars import shipped
from risk_stream.console.subjects.loan import loan_of, owner_of, seen_by
from risk_stream.console.subjects.logs import Found
from risk_stream.console.subjects.schedule import schedule_of, settled
from risk_stream.lending.past_due import arrears
from risk_stream.lending.payments import Due
from risk_stream.rules import plan_of_texts
from tests.lending.ledger.said import CATALOGUE, book_of, event, loan, paid, said

CYCLE = """
lifecycle: short
name: Short
owner: retail
steps:
  - {id: consent, name: Consent, stage: pre_loan}
  - {id: intake, name: Intake, stage: pre_loan, needs: consent}
  - {id: contract, name: Contract, stage: mid_loan, needs: intake, within: 1d, after: intake}
"""
PLAN = plan_of_texts({"short.yaml": CYCLE}, CATALOGUE)


def states(*events: dict[str, object], day: str) -> list[str]:
    return [line.state for line in schedule_of(said(*events), CATALOGUE, day, shipped()).lines]


def test_each_instalment_says_whether_and_when_it_was_paid() -> None:
    """On its day, some days later, not yet, or not to be paid yet."""
    made = schedule_of(said(loan(), paid("2026-02-15"), paid("2026-03-20")), CATALOGUE, "2026-04-25", shipped())
    first, second, third, fourth, *_ = made.lines
    assert (first.state, first.paid_on, first.unpaid) == ("paid", "2026-02-15", 0)
    assert (second.state, second.paid_on, second.days_late) == ("paid_late", "2026-03-20", 5)
    assert (third.state, third.paid_on, third.days_late, third.unpaid) == ("late", None, 10, 1066.19)
    assert (fourth.state, fourth.days_late) == ("open", 0)
    assert len(made.lines) == 12
    assert made.paid == (("2026-02-15", 1066.19), ("2026-03-20", 1066.19))
    assert made.status is not None
    assert (made.status["days_past_due"], made.status["classification"]) == (10, "special_mention")


def test_a_part_leaves_the_rest_late_and_too_much_waits() -> None:
    """Money settles what is due and no more."""
    part = schedule_of(said(loan(), paid("2026-02-15", 1_000)), CATALOGUE, "2026-02-16", shipped())
    assert (part.lines[0].state, part.lines[0].unpaid) == ("late", 66.19)
    more = schedule_of(said(loan(), paid("2026-02-15", 1_200)), CATALOGUE, "2026-02-16", shipped())
    assert (more.lines[0].state, more.lines[1].state, more.credit) == ("paid", "open", 133.81)


def test_what_is_due_today_is_not_late() -> None:
    """The day after is."""
    assert states(loan(), day="2026-02-15")[0] == "due"
    assert states(loan(), day="2026-02-16")[0] == "late"


def test_what_is_unpaid_is_what_the_ledger_says() -> None:
    """Every week of half a year: the sum of what is late here is the amount past due there."""
    events = [loan(), paid("2026-02-17", 500), paid("2026-03-15"), paid("2026-05-02", 2_500)]
    made = book_of(*events)
    for day in np.arange("2026-01-15", "2026-07-15", 7, dtype="datetime64[D]"):
        lines = schedule_of(said(*events), CATALOGUE, day, shipped()).lines
        late = sum(round(100 * line.unpaid) for line in lines if line.state == "late")
        assert late == arrears(made.book(day), day).amount[0], day


def test_a_loan_without_a_contract_says_so() -> None:
    """And one whose contract makes no schedule, and one that has not begun."""
    assert schedule_of(said(paid("2026-02-15")), CATALOGUE, "2026-03-01", shipped()).why.startswith(
        "there is no contract"
    )
    bad = schedule_of(said(loan(first_due="2020-01-01")), CATALOGUE, "2026-03-01", shipped())
    assert (bad.lines, bad.why) == ((), "its contract makes no schedule")
    assert bad.faults
    assert schedule_of(said(loan()), CATALOGUE, "2026-01-01", shipped()).why == "it begins on 2026-01-15"


def test_a_loan_in_another_currency_has_its_schedule() -> None:
    """The contract's own."""
    made = schedule_of(
        said(loan(currency="USD"), paid("2026-02-15", currency="USD")), CATALOGUE, "2026-02-20", shipped()
    )
    assert (made.currency, made.lines[0].state) == ("USD", "paid")


def test_settling_leaves_no_money_unsaid() -> None:
    """What was paid is what is settled and what is left over."""
    book = book_of(loan(), paid("2026-02-15", 700), paid("2026-02-20", 700)).book("2026-03-01")
    items = Due(book.due.astype("datetime64[D]"), book.kind.astype(np.int8), book.amount)
    value = book.value.astype("datetime64[D]")
    unpaid, done, credit = settled(items, book.by, (value, book.paid), np.datetime64("2026-03-01"))
    assert int(items.amount.sum() - unpaid.sum()) + credit == 140_000
    assert np.isnat(done[unpaid > 0]).all()


def found(*events: dict[str, object]) -> Found:
    return Found(tuple(said(*events)), 0, 0, 0, (), len(events))


def test_a_loan_belongs_to_whom_its_events_name() -> None:
    """Who may not see one of these entities does not see the loan."""
    one = found(
        loan(entity="Beta", product="consumer"), paid("2026-02-15", entity="Beta"), event("loan_review", "2026-03-01")
    )
    assert owner_of(one) == {"customer": "C1", "product": "consumer", "entity": "Beta"}
    assert seen_by(one, EVERYWHERE)
    assert seen_by(one, Scope(frozenset({"Beta", "Alpha"})))
    assert not seen_by(one, Scope(frozenset({"Alpha"})))
    assert not seen_by(found(loan()), Scope(frozenset({"Alpha"})))


def test_a_loan_page_has_all_of_it_without_a_plan() -> None:
    """Life cycles are those of the plan; without one there is the schedule."""
    at = int(np.datetime64("2026-02-14T17:00:00", "ms").astype(int))  # the 15th in Shanghai
    made = loan_of("L1", found(loan()), None, shipped(), at=at, lateness_ms=1000)
    assert made["lifecycles"] == []
    assert made["schedule"]["day"] == "2026-02-15"
    assert made["schedule"]["lines"][0]["state"] == "due"


def test_events_of_several_partitions_stand_in_one_order() -> None:
    """A later event of one partition does not make an earlier one of another seem late."""
    step = {"type": "process_step", "loan": "L1", "customer": "C1"}
    parts = (
        *said({**step, "id": "S2", "step": "intake", "time": "2026-02-01T00:00:00Z"}),
        *said({**step, "id": "S1", "step": "consent", "time": "2026-01-20T00:00:00Z"}),
    )
    made = loan_of("L1", Found(parts, 0, 0, 0, (), 2), PLAN, shipped(), at=1_770_000_000_000, lateness_ms=1_000)
    (cycle,) = made["lifecycles"]
    assert [step["state"] for step in cycle["steps"]] == ["done", "done", "overdue"]


def test_a_loan_that_was_taken_over_counts_its_instalments_from_then() -> None:
    """What was late at the opening is the first of them."""
    opening = {
        "type": "loan_opening", "time": "2026-03-01T02:00:00Z", "loan": "L1", "customer": "C1", "product": "consumer",
        "business_date": "2026-02-28", "start_date": "2025-08-01", "principal": 6_000, "annual_rate": 0.12,
        "instalments": 6, "first_due": "2026-03-15", "outstanding": 6_000, "days_past_due": 0, "amount_past_due": 0,
        "classification": "normal", "ifrs9_stage": 1, "clean_from": "2025-08-01",
    }  # fmt: skip
    made = schedule_of(said(opening, paid("2026-03-15", 1_035.29)), CATALOGUE, "2026-04-20", shipped())
    assert [(line.number, line.due, line.state) for line in made.lines][:3] == [
        (1, "2026-03-15", "paid"),
        (2, "2026-04-15", "late"),
        (3, "2026-05-15", "open"),
    ]
    assert len(made.lines) == 6
    assert made.status is not None
    assert made.status["since_opening"] is True
