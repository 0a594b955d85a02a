"""A running book that is taken over goes on as it would have with all of its history, as far as an opening can tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.loan_events import events_of
from bench.loans import world
from risk_stream.lending import Class, arrears
from risk_stream.lending.ledger import Ledger, close, figures, ledger
from tests.lending.histories import rows_of
from tests.lending.ledger.said import CATALOGUE, book_of, event, loan, paid, said


def opening(name: str = "L1", **fields: Any) -> dict[str, Any]:
    """A loan of 12,000.00 of which 11,053.81 are left on 28 February 2026, nothing late."""
    given = {
        "id": f"opening-{name}",
        "type": "loan_opening",
        "time": "2026-02-28T15:00:00Z",
        "loan": name,
        "customer": "C1",
        "business_date": "2026-02-28",
        "start_date": "2026-01-15",
        "outstanding": 11_053.81,
        "principal": 11_053.81,
        "annual_rate": 0.12,
        "instalments": 11,
        "first_due": "2026-03-15",
        "instalment_amount": 1_066.19,
        "days_past_due": 0,
        "amount_past_due": 0,
        "classification": "normal",
        "ifrs9_stage": 1,
        "clean_from": "2026-01-15",
    }
    return {name: value for name, value in (given | fields).items() if value is not None}


def late(name: str = "L1", **fields: Any) -> dict[str, Any]:
    """The same loan, 100 days late with 3,000.00."""
    owed = {"days_past_due": 100, "amount_past_due": 3_000, "principal_past_due": 2_800, "outstanding": 14_053.81}
    bad = {"start_date": "2025-01-15", "classification": "substandard", "ifrs9_stage": 3, "clean_from": None}
    return opening(name, **{**owed, **bad, **fields})


def test_an_opened_loan_goes_on_as_its_contract_would_have() -> None:
    """The lines of the contract from the second on, to the last cent."""
    whole = book_of(loan(), paid("2026-02-15"), paid("2026-03-15"), paid("2026-04-15"))
    taken = book_of(opening(), paid("2026-03-15"), paid("2026-04-15"))
    for day in ("2026-03-01", "2026-03-31", "2026-04-30", "2026-06-30", "2027-06-30"):
        one, other = (arrears(book.book(day), day) for book in (whole, taken))
        for name in ("days", "amount", "principal", "outstanding", "material_days"):
            assert getattr(one, name).tolist() == getattr(other, name).tolist(), (day, name)


def test_what_is_late_at_the_opening_is_late_since_then() -> None:
    found = book_of(late())
    then = arrears(found.book("2026-03-01"), "2026-03-01")
    assert (then.days.tolist(), then.amount.tolist(), then.outstanding.tolist()) == ([101], [300_000], [1_405_381])
    paid_up = book_of(late(), paid("2026-03-01", amount=3_000))
    assert arrears(paid_up.book("2026-03-01"), "2026-03-01").days.tolist() == [0]


def test_before_its_opening_a_loan_is_not_there() -> None:
    found = book_of(opening(), loan("L2"))
    at = found.contracts.batch.texts("loan", range(2)).index("L1")
    assert arrears(found.book("2026-02-27"), "2026-02-27").outstanding[at] == 0
    assert arrears(found.book("2026-02-28"), "2026-02-28").outstanding[at] == 1_105_381


def test_events_before_the_opening_are_in_it() -> None:
    """Its contract too; what is booked later with an earlier value date counts."""
    found = book_of(opening(), loan(), paid("2026-02-15"), paid("2026-03-02", value_date="2026-02-20", amount=53.81))
    assert found.faults.count == {"before_opening": 1}
    assert found.faults.told[0].message == "repayment P-L1-2026-02-15 of 2026-02-15 is in the opening of L1"
    then = arrears(found.book("2026-03-02"), "2026-03-02")
    assert then.credit.tolist() == [53_81]


def test_class_and_stage_begin_with_those_of_the_opening() -> None:
    found = book_of(late(), opening("L2", classification="doubtful", ifrs9_stage=3), opening("L3", ifrs9_stage=2))
    names = found.contracts.batch.texts("loan", range(3))
    state = close(found, "2026-02-28").state
    classes = dict(zip(names, state.classes.reported.tolist(), strict=True))
    assert classes == {"L1": Class.SUBSTANDARD, "L2": Class.DOUBTFUL, "L3": Class.NORMAL}
    assert dict(zip(names, state.stages.stage.tolist(), strict=True)) == {"L1": 3, "L2": 3, "L3": 2}


def test_months_on_time_count_from_the_day_since_which_a_loan_is_clean() -> None:
    """Substandard and clean since 15 November: six months and two periods are over on 15 May."""
    payments = [paid(f"2026-{month:02}-15") for month in range(3, 9)]
    clean = {"classification": "substandard", "start_date": "2025-01-15", "ifrs9_stage": 3}
    early = book_of(opening(**clean, clean_from="2025-11-15"), *payments)
    unknown = book_of(opening(**clean, clean_from=None), *payments)
    months = ("2026-04-30", "2026-05-31", "2026-08-31")
    assert [close(early, day).state.classes.reported.tolist() for day in months] == [[2], [0], [0]]
    assert [close(unknown, day).state.classes.reported.tolist() for day in months] == [[2], [2], [0]]


def test_an_observation_period_goes_on() -> None:
    observed = opening(
        start_date="2025-01-15",
        classification="special_mention",
        restructured_on="2025-12-01",
        observed_from="2025-12-15",
        clean_from="2025-12-01",
    )
    payments = [paid(f"2026-{month:02}-15") for month in range(3, 13)]
    found = book_of(observed, *payments)
    assert close(found, "2026-11-30").state.classes.reported.tolist() == [Class.SPECIAL_MENTION]
    assert close(found, "2026-12-31").state.classes.reported.tolist() == [Class.NORMAL]


def test_a_report_says_what_is_known_since_the_opening_only() -> None:
    found = figures(close(book_of(opening(), loan("L2")), "2026-03-31"))
    assert found.since_opening is not None
    assert (found.since_opening.loans, found.since_opening.from_day) == (1, "2026-02-28")
    assert [one.loans for one in found.vintages] == [1]


def test_a_late_loan_that_was_opened_can_be_restructured() -> None:
    """Also where all of it is past due and no instalment is left."""
    all_late = late(principal=0, outstanding=3_000, instalments=None, first_due=None, instalment_amount=None)
    change = event("restructuring", "2026-03-10", first_due="2026-04-10", instalments=6, in_difficulty=True)
    found = book_of(all_late, change)
    assert found.faults.total == 0
    after = arrears(found.book("2026-03-10"), "2026-03-10")
    assert (after.days.tolist(), after.outstanding.tolist()) == ([0], [300_000])


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"outstanding": 11_000}, "outstanding is not the principal not yet due and what is past due"),
        ({"days_past_due": 3}, "days past due and an amount past due go together"),
        ({"amount_past_due": 5, "outstanding": 11_058.81}, "days past due and an amount past due go together"),
        ({"business_date": "soon"}, "business_date is no day such as 2026-11-27"),
        ({"first_due": "2026-02-15"}, "first_due is before the day of the opening: that is past due"),
        ({"instalments": None}, "principal that is not yet due needs instalments and first_due"),
        ({"start_date": "2026-03-01"}, "its start is after the day of the opening"),
        ({"clean_from": "2026-03-01"}, "clean_from is after the day of the opening"),
    ],
)
def test_an_opening_that_does_not_add_up_is_left_out(fields: dict[str, Any], sentence: str) -> None:
    found = book_of(opening("L1", **fields), opening("L2"))
    assert [(one.kind, one.message) for one in found.faults.told] == [("opening", f"loan L1: {sentence}")]
    assert len(found) == 1


def test_an_opening_later_than_it_began_is_left_out() -> None:
    found = book_of(late(start_date="2025-12-01"))
    assert [one.message for one in found.faults.told] == ["loan L1: it cannot be late since before it began"]


def test_a_late_loan_may_say_that_it_is_clean_from_the_next_day_at_the_earliest() -> None:
    found = book_of(late(clean_from="2026-03-01"))
    assert found.faults.total == 0
    assert arrears(found.book("2026-02-28"), "2026-02-28").days.tolist() == [100]


def test_an_instalment_below_the_interest_is_no_contract() -> None:
    found = book_of(loan(instalment_amount=100))
    said_of = "loan L1: an instalment of 100.00 does not pay the interest of the first period: agree on more"
    assert [one.message for one in found.faults.told] == [said_of]


def test_an_opened_book_shows_the_days_and_balances_of_the_whole_one() -> None:
    """Loans that were on time when they were taken over, month for month, with all that was booked since."""
    made = world(800, 24, seed=21)
    events = events_of(made, CATALOGUE)
    whole = ledger(events, CATALOGUE, known=made.ends[-1])
    day = made.ends[11]
    then = ledger(events, CATALOGUE, known=day)
    openings, on_time = _openings(then, day)
    chosen = np.isin(rows_of(whole), rows_of(then)[on_time])
    taken = ledger([*said(*openings), *events], CATALOGUE, known=made.ends[-1])
    assert set(taken.faults.count) <= {"before_opening", "reversal"}
    mine, theirs = rows_of(taken), rows_of(whole)
    assert (mine == theirs).all()
    unknown = {fault.loan for fault in taken.faults.told if fault.kind == "reversal"}  # paid before the opening
    chosen &= ~np.isin(np.array(taken.contracts.batch.texts("loan", range(len(taken)))), sorted(unknown))
    differ = 0
    for end in made.ends[12:]:
        one, other = arrears(taken.book(end), end), arrears(whole.book(end), end)
        differ += int((one.days != other.days)[chosen].sum())
        assert (one.outstanding == other.outstanding)[chosen & (one.days == 0) & (other.days == 0)].mean() > 0.97
    assert chosen.sum() > 150
    assert differ == 0


def _openings(whole: Ledger, day: np.datetime64) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Openings of the loans that are on time on a day with nothing waiting, in level or equal instalments."""
    late, found = arrears(whole.book(day), day), []
    contracts = whole.contracts
    chosen = (late.days == 0) & (late.outstanding > 0) & (late.credit == 0) & (contracts.start < day)
    for loan_ in np.flatnonzero(chosen).tolist():
        lines = slice(contracts.lines.at[loan_], contracts.lines.at[loan_ + 1])
        due = contracts.lines.due[lines]
        left = due > day
        row, terms = contracts.batch.row(loan_), contracts.terms[loan_]
        level = contracts.lines.interest[lines][0] + contracts.lines.principal[lines][0]
        agreed = level if terms.method.value == "annuity" else contracts.lines.principal[lines][0]
        owed = int(contracts.lines.principal[lines][left].sum())
        anchored = int(str(due[0])[-2:]) <= 28  # else later dates cannot be told from the next one
        if not left.any() or owed != late.outstanding[loan_] or not anchored or terms.end_of_month:
            chosen[loan_] = False
            continue
        keep = ("loan", "customer", "entity", "annual_rate", "method", "payment_order", "class_lines", "debtor_kind")
        found.append(
            {
                **{name: row[name] for name in keep},
                "id": f"O{loan_}",
                "type": "loan_opening",
                "time": f"{day}T15:00:00Z",
                "business_date": str(day),
                "start_date": str(contracts.start[loan_]),
                "outstanding": owed / 100,
                "principal": owed / 100,
                "instalments": int(left.sum()),
                "first_due": str(due[left][0]),
                "days_past_due": 0,
                "amount_past_due": 0,
                "classification": "normal",
                "ifrs9_stage": 1,
            }
            | ({} if terms.method.value == "interest_only" else {"instalment_amount": int(agreed) / 100})
        )
    return found, chosen


def test_an_opening_that_is_sent_again_is_the_same() -> None:
    """Its time is only when it was sent; another balance under its id is another opening."""
    again = opening() | {"time": "2026-03-09T15:00:00Z"}
    assert book_of(opening(), again).faults.count == {"twice": 1}
    assert book_of(opening(), again | {"classification": "loss"}).faults.count == {"differs": 1}
