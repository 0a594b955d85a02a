"""What cannot be used of a book's events is counted and said in a sentence; the rest of the book stands."""

from __future__ import annotations

from typing import Any

import pytest

from risk_stream.lending import arrears
from risk_stream.lending.ledger.faults import KINDS
from tests.lending.ledger.said import book_of, event, loan, paid

CASES: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "a schedule that cannot be": (
        [loan("L2", first_due="2026-01-10")],
        "terms",
        "loan L2: the first instalment is due on 2026-01-10, not after the start on 2026-01-15",
    ),
    "a bullet loan with many dates": (
        [loan("L2", method="bullet")],
        "terms",
        "loan L2: a bullet loan is repaid on one date, not on 12",
    ),
    "nothing lent": ([loan("L2", principal=0)], "terms", "loan L2: a principal of 0.0 cannot be lent"),
    "a calendar nobody knows": (
        [loan("L2", calendar="mars", adjustment="following")],
        "terms",
        "loan L2: there is no calendar mars: there are china, china_interbank, utc, weekdays",
    ),
    "lines nobody knows": (
        [loan("L2", class_lines="leasing")],
        "terms",
        "loan L2: the table of classes has no lines leasing: loan, credit_card",
    ),
    "an instalment that is not the contract's": (
        [event("instalment_due", "2026-02-15", instalment=1, amount=1_000)],
        "schedule",
        "instalment 1 of loan L1 is said to be of 1,000.00, but the contract makes it 1,066.19",
    ),
    "an instalment too many": (
        [event("instalment_due", "2026-02-15", instalment=13, amount=1_066.19)],
        "schedule",
        "there is no instalment 13 of loan L1: it has 12",
    ),
    "a payment in another currency": (
        [paid("2026-02-15", currency="USD", id="P9")],
        "currency",
        "repayment P9 is in USD, but loan L1 is in CNY",
    ),
    "a payment for an unknown loan": (
        [paid("2026-02-15", name="L9", id="P9")],
        "unknown_loan",
        "repayment P9: loan L9 has no contract that can be used",
    ),
    "a payment before the contract": (
        [paid("2026-01-14", id="P9")],
        "before_contract",
        "payment P9 counts from 2026-01-14, before the contract of L1 on 2026-01-15",
    ),
    "a payment that counts from tomorrow": (
        [paid("2026-02-15", id="P9", value_date="2026-02-16")],
        "value_date",
        "payment P9 counts from 2026-02-16, but was booked on 2026-02-15 already",
    ),
    "a negative payment": (
        [paid("2026-02-15", amount=-5, id="P9")],
        "amount",
        "repayment P9 is of -5.00, which cannot be: to take a payment back send a repayment_reversal",
    ),
    "two payments of one id": (
        [paid("2026-02-15", id="P9"), paid("2026-03-15", id="P9", amount=7)],
        "differs",
        "there are two events P9 (repayment) that differ; the first one counts",
    ),
    "a second contract": (
        [loan(principal=99)],
        "contract",
        "loan L1 has a contract or an opening already; the first one counts",
    ),
    "a reversal of nothing": (
        [event("repayment_reversal", "2026-02-16", repayment="P9", amount=5)],
        "not_received",
        "payment P9 is reversed, but was never received",
    ),
    "a reversal of another amount": (
        [paid("2026-02-15", id="P9"), event("repayment_reversal", "2026-02-16", repayment="P9", amount=5)],
        "reversal",
        "reversal repayment_reversal-L1-2026-02-16 takes back 5.00 of loan L1, but payment P9 was 1,066.19 for loan L1",
    ),
    "a recovery of a loan that is not written off": (
        [event("recovery", "2026-02-16", amount=5)],
        "not_written_off",
        "recovery recovery-L1-2026-02-16: loan L1 was not written off by 2026-02-16: send a repayment",
    ),
    "a payment after the write-off": (
        [event("write_off", "2026-02-16"), paid("2026-02-17", id="P9")],
        "written_off",
        "payment P9: loan L1 was written off before: it counts as a recovery",
    ),
    "a write-off of more than is owed": (
        [event("write_off", "2026-01-16", amount=12_000.01)],
        "change",
        "write_off write_off-L1-2026-01-16 of loan L1: 12,000.01 cannot be written off where 12,000.00 is owed",
    ),
    "a write-off of less than nothing": (
        [event("write_off", "2026-01-16", amount=-1)],
        "amount",
        "write_off write_off-L1-2026-01-16 is of -1.00, which cannot be",
    ),
    "new terms before the contract": (
        [event("restructuring", "2026-01-14", first_due="2026-02-15", in_difficulty=True)],
        "before_contract",
        "restructuring restructuring-L1-2026-01-14 takes effect on 2026-01-14, before the contract of L1 on 2026-01-15",
    ),
    "new terms after a write-off": (
        [
            event("write_off", "2026-02-14"),
            event("restructuring", "2026-02-15", first_due="2026-03-15", instalments=3, in_difficulty=False),
        ],
        "change",
        "restructuring restructuring-L1-2026-02-15 of loan L1: it was written off on 2026-02-14: correct that first",
    ),
    "a review of an unknown loan": (
        [event("loan_review", "2026-02-15", name="L9")],
        "unknown_loan",
        "review loan_review-L9-2026-02-15: loan L9 has no contract that can be used",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_events_are_said_in_a_sentence_and_the_rest_stands(case: str) -> None:
    events, kind, sentence = CASES[case]
    found = book_of(loan(id="A1"), loan("L0"), *events)
    assert [(fault.kind, fault.message) for fault in found.faults.told] == [(kind, sentence)]
    assert found.faults.count == {kind: 1}
    assert {"L0", "L1"} <= set(found.contracts.batch.texts("loan", range(len(found))))
    assert arrears(found.book("2026-03-16"), "2026-03-16").days.tolist()[0] >= 0


def test_every_kind_of_fault_is_shown_by_a_case() -> None:
    shown = {kind for _, kind, _ in CASES.values()} | {"twice", "opening", "before_opening"}
    assert shown == set(KINDS)


def test_the_same_payment_twice_counts_once() -> None:
    found = book_of(loan(), paid("2026-02-15"), paid("2026-02-15"))
    assert found.faults.count == {"twice": 1}
    late = arrears(found.book("2026-03-16"), "2026-03-16")
    assert (late.days.tolist(), late.amount.tolist()) == ([1], [1_066_19])


def test_a_book_of_nothing_is_a_book() -> None:
    found = book_of(paid("2026-02-15"))
    assert len(found) == 0
    assert found.faults.count == {"unknown_loan": 1}
    assert len(found.book("2026-03-16")) == 0


def test_thousands_of_faults_are_all_counted() -> None:
    found = book_of(loan(), *[paid("2026-02-15", name="L9", id=f"P{i}") for i in range(1_500)])
    assert found.faults.count == {"unknown_loan": 1_500}
    assert len(found.faults.told) == 1_000
