"""Money paid early, new terms, write-offs and recoveries change a loan as its papers say."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.lending import Class, Kind, arrears
from risk_stream.lending.ledger import Ledger, close
from tests.lending.ledger.said import book_of, event, loan, paid


def owed(found: Ledger, day: str) -> tuple[int, int, int]:
    """Days past due, amount past due, outstanding of the only loan."""
    late = arrears(found.book(day), day)
    return int(late.days[0]), int(late.amount[0]), int(late.outstanding[0])


def test_a_reversed_payment_never_was() -> None:
    events = [loan(), paid("2026-02-15", id="P1")]
    assert owed(book_of(*events), "2026-02-20") == (0, 0, 11_053_81)
    back = event("repayment_reversal", "2026-02-18", repayment="P1", amount=1_066.19)
    assert owed(book_of(*events, back), "2026-02-20") == (5, 1_066_19, 12_120_00)
    assert owed(book_of(*events, back, known="2026-02-17"), "2026-02-17") == (0, 0, 11_053_81)


def test_a_payment_counts_from_its_value_date() -> None:
    found = book_of(loan(), paid("2026-02-25", value_date="2026-02-15"))
    assert owed(found, "2026-02-20") == (0, 0, 11_053_81)


def test_the_day_of_an_event_is_that_of_the_house() -> None:
    """17:00 in UTC is one in the morning of the next day in Shanghai."""
    late = paid("2026-02-15") | {"time": "2026-02-15T17:00:00Z"}
    assert owed(book_of(loan(), late), "2026-02-15")[2] == 12_120_00
    assert owed(book_of(loan(), late), "2026-02-16") == (0, 0, 11_053_81)


def test_money_paid_early_waits_unless_it_prepays() -> None:
    found = book_of(loan(), paid("2026-02-15", amount=6_066.19))
    assert owed(found, "2026-02-20") == (0, 0, 11_053_81)
    assert arrears(found.book("2026-02-20"), "2026-02-20").credit.tolist() == [5_000_00]


def test_money_paid_early_makes_later_instalments_smaller() -> None:
    """5,000.00 with the first instalment leave 6,053.81 in eleven instalments."""
    found = book_of(loan(), paid("2026-02-15", amount=6_066.19, prepays=True))
    assert owed(found, "2026-02-20") == (0, 0, 6_053_81)
    due = found.version(0, np.datetime64("2026-02-20"))
    assert due is not None
    later = due.due.due > np.datetime64("2026-02-15")
    assert int(due.due.amount[later & (due.due.kind == Kind.PRINCIPAL)].sum()) == 6_053_81
    assert due.due.amount[later].reshape(-1, 2).sum(axis=1).tolist()[:2] == [583_91, 583_91]


def test_a_loan_paid_off_between_two_dates_owes_the_interest_of_the_days() -> None:
    """On 1 March, 14 of 28 days of 110.54 have passed: 55.27 with 11,053.81."""
    first = paid("2026-02-15")
    off = paid("2026-03-01", amount=11_109.08, prepays=True)
    found = book_of(loan(), first, off)
    assert owed(found, "2026-03-01") == (0, 0, 0)
    assert owed(found, "2026-12-31") == (0, 0, 0)
    short = book_of(loan(), first, off | {"amount": 11_109.07})
    assert owed(short, "2026-03-02")[2] == 1


def test_each_of_two_early_payments_in_a_period_bears_the_interest_on_it_since_the_last_due_date() -> None:
    """Of 28 days 14 and 21 have passed: a half of a percent of 5,000.00, then three quarters of one of the rest."""
    some = paid("2026-03-01", amount=5_025.01, prepays=True)
    found = book_of(loan(), paid("2026-02-15"), some, paid("2026-03-08", amount=6_099.21, prepays=True))
    assert owed(found, "2026-03-01") == (0, 0, 6_053_81)
    assert owed(found, "2026-03-08") == (0, 0, 0)
    short = book_of(loan(), paid("2026-02-15"), some, paid("2026-03-08", amount=6_099.20, prepays=True))
    assert owed(short, "2026-03-08")[2] > 0


_DUE = np.arange("2026-02", "2027-02", dtype="datetime64[M]").astype("datetime64[D]") + 14


@settings(max_examples=60, deadline=None)
@given(
    early=st.lists(st.tuples(st.integers(0, 380), st.integers(1, 400_000)), min_size=1, max_size=6),
    method=st.sampled_from(("annuity", "equal_principal", "interest_only")),
    accrual=st.sampled_from(("months", "unadjusted")),
)
def test_interest_is_that_of_each_days_principal_however_often_money_is_paid_early(
    early: list[tuple[int, int]], method: str, accrual: str
) -> None:
    """Counted day by day: by 1/360 of a year, or the month's interest spread over its days."""
    first = np.datetime64("2026-01-15")
    events = [paid(str(day), id=f"R{day}") for day in _DUE]
    events += [paid(str(first + day), minor / 100, id=f"P{i}", prepays=True) for i, (day, minor) in enumerate(early)]
    found = book_of(loan(method=method, accrual=accrual), *events)
    assert found.faults.total == 0
    assert_interest_of_days(found, _DUE, accrual)


@settings(max_examples=60, deadline=None)
@given(
    early=st.lists(st.tuples(st.integers(0, 380), st.integers(1, 400_000)), min_size=1, max_size=4),
    method=st.sampled_from(("annuity", "equal_principal", "interest_only")),
    terms=st.sampled_from(
        (
            {"accrual": "unadjusted", "end_of_month": True},
            {"accrual": "adjusted", "calendar": "china", "adjustment": "following"},
            {"accrual": "adjusted", "calendar": "china", "adjustment": "modified_following"},
            {"accrual": "adjusted", "calendar": "china", "adjustment": "preceding"},
        )
    ),
    first_due=st.sampled_from(("2026-01-31", "2026-02-28", "2026-03-14")),
)
def test_money_paid_early_leaves_the_periods_of_the_contract_as_they_are(
    early: list[tuple[int, int]], method: str, terms: dict[str, object], first_due: str
) -> None:
    """Dates roll from the contract's first, the 31st or a month's last day, and interest runs between those it says."""
    contract = loan(method=method, first_due=first_due, **terms)
    ends = np.unique(book_of(contract).book("2026-01-15").due).astype("datetime64[D]")
    first = np.datetime64("2026-01-15")
    events = [paid(str(day), id=f"R{day}") for day in ends]
    events += [paid(str(first + day), minor / 100, id=f"P{i}", prepays=True) for i, (day, minor) in enumerate(early)]
    found = book_of(contract, *events)
    assert found.faults.total == 0
    assert_interest_of_days(found, ends, str(terms["accrual"]))


def test_a_small_early_payment_changes_later_interest_by_that_on_it_alone() -> None:
    """From 31 January come 28 February and 31 March: a day of 12,000.00 bears 4.00, one of 11,880.00 bears 3.96."""
    contract = loan(method="interest_only", accrual="unadjusted", first_due="2026-01-31", instalments=6)
    found = book_of(contract, paid("2026-01-31", amount=184, prepays=True)).book("2026-01-31")
    interest = found.amount[(found.kind == Kind.INTEREST) & (found.amount > 0)]
    assert interest.tolist() == [64_00, 28 * 3_96, 31 * 3_96, 30 * 3_96, 31 * 3_96, 30 * 3_96]


def assert_interest_of_days(found: Ledger, ends: np.ndarray, accrual: str) -> None:
    """Interest at 12 % due up to each end of a period is that of every day's principal, within half a cent a line."""
    book = found.book("2027-12-31")
    due = book.due.astype("datetime64[D]")
    interest, principal = book.kind == Kind.INTEREST, book.kind == Kind.PRINCIPAL
    wanted, begin = Fraction(0), np.datetime64("2026-01-15")
    for end in ends:
        of_day = Fraction(1, 360) if accrual != "months" else Fraction(1, 12 * int((end - begin).astype(int)))
        for day in np.arange(begin, end):
            left = 12_000_00 - int(book.amount[principal & (due <= day)].sum())
            wanted += left * Fraction(12, 100) * of_day
        got = int(book.amount[interest & (due <= end)].sum())
        assert abs(got - wanted) <= Fraction(int((interest & (due <= end)).sum()), 2), end
        begin = end


@pytest.mark.parametrize("early", [(), ("2027-02-10",), ("2027-02-10", "2027-02-11"), ("2027-01-15",)])
def test_money_paid_early_makes_no_period_of_good_conduct(early: tuple[str, ...]) -> None:
    """97 days late until 20 October; the second half-yearly instalment paid on time since then is that of July."""
    half_yearly = loan(instalments=6, period_months=6, first_due="2026-07-15")
    events = [paid("2026-10-20", amount=2_440.35), paid("2027-01-15", amount=2_440.35, id="R")]
    events += [paid("2027-07-15", amount=2_440.35)]
    events += [paid(day, amount=100, id=f"P{day}", prepays=True) for day in early]
    found = book_of(half_yearly, *events)
    months = ("2026-10-31", "2027-04-30", "2027-06-30", "2027-07-31")
    classes = [close(found, day).state.classes.reported.tolist() for day in months]
    assert classes == [[Class.SUBSTANDARD], [Class.SUBSTANDARD], [Class.SUBSTANDARD], [Class.NORMAL]]


@pytest.mark.parametrize("late_days", [0, 40])
def test_new_terms_take_all_that_is_unpaid(late_days: int) -> None:
    day = str(np.datetime64("2026-02-10") + late_days)
    change = event("restructuring", day, first_due="2026-04-20", instalments=6, in_difficulty=True)
    found = book_of(loan(), change)
    before, after = owed(found, str(np.datetime64(day) - 1)), owed(found, day)
    assert after == (0, 0, before[2])
    held = found.held(day)
    assert held.restructured.astype(str).tolist() == [day]
    assert held.observed_from.astype(str).tolist() == ["2026-04-20"]
    assert owed(found, "2026-04-21")[0] == 1


def test_new_terms_of_a_smaller_principal_forgive_the_rest() -> None:
    change = event(
        "restructuring", "2026-03-20", first_due="2026-04-20", instalments=6, in_difficulty=True, principal=10_000
    )
    assert owed(book_of(loan(), change), "2026-03-20") == (0, 0, 10_000_00)


@pytest.mark.parametrize(
    ("payments", "left"), [((), 12_120_00), ((1_066.19,), 11_053_81), ((500,), 11_620_00), ((6_066.19,), 11_053_81)]
)
def test_new_terms_on_a_due_date_take_what_its_payment_leaves_of_interest_and_principal(
    payments: tuple[float, ...], left: int
) -> None:
    """120.00 of interest and 946.19 of principal fall due on the day itself; what is paid over them waits."""
    change = event("restructuring", "2026-02-15", first_due="2026-03-15", instalments=6, in_difficulty=True)
    found = book_of(loan(), change, *(paid("2026-02-15", amount=amount) for amount in payments))
    assert owed(found, "2026-02-15") == (0, 0, left)
    waits = max(0, round(100 * sum(payments)) - 1_066_19)
    late = arrears(found.book("2026-02-15"), "2026-02-15")
    assert (late.principal.tolist(), late.credit.tolist()) == ([left], [waits])
    assert late.last_day_over(0).astype(str).tolist() == ["0001-01-01"]


def test_what_is_written_off_leaves_the_book_and_comes_back_as_a_recovery() -> None:
    found = book_of(loan(), event("write_off", "2026-05-20"), event("recovery", "2026-06-01", amount=700))
    assert owed(found, "2026-05-19")[0] == 93
    assert owed(found, "2026-05-20") == (0, 0, 0)
    amount, ended = found.written_off("2026-05-20")
    assert (amount.tolist(), ended.tolist()) == ([12_000_00 + 120_00 + 110_54 + 100_98 + 91_33], [True])
    assert found.written_off("2026-05-19")[0].tolist() == [0]
    assert found.recoveries("2026-06-30").tolist() == [700_00]
    assert found.recoveries("2026-05-31").tolist() == [0]


def test_a_part_is_written_off_from_what_is_due_last() -> None:
    found = book_of(loan(), event("write_off", "2026-03-20", amount=2_000))
    assert owed(found, "2026-03-20") == (33, 2_132_38, 10_230_54)
    assert found.written_off("2026-03-20")[1].tolist() == [False]


@settings(max_examples=40, deadline=None)
@given(
    payments=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 500_000)), min_size=1, max_size=5),
    method=st.sampled_from(("annuity", "equal_principal", "interest_only")),
)
def test_money_paid_early_repays_what_was_lent_and_no_more(payments: list[tuple[int, int]], method: str) -> None:
    """Whatever is paid early, and when: principal adds up to what was lent, and nobody pays more than is owed."""
    first = np.datetime64("2026-01-15")
    events = [paid(str(first + day), minor / 100, id=f"P{i}", prepays=True) for i, (day, minor) in enumerate(payments)]
    found = book_of(loan(method=method), *events)
    assert found.faults.total == 0
    before = 12_000_00
    for day in sorted({first + day for day, _ in payments}):
        book = found.book(day)
        assert int(book.amount[book.kind == Kind.PRINCIPAL].sum()) == 12_000_00
        late = arrears(book, day)
        assert 0 <= int(late.principal[0]) <= before
        before = int(late.principal[0])
        money = sum(minor for passed, minor in payments if first + passed <= day)
        due_interest = int(book.amount[(book.kind == Kind.INTEREST) & (book.due <= day.astype(int))].sum())
        unpaid_interest = int(late.outstanding[0]) - before
        assert 12_000_00 - before + due_interest - unpaid_interest + int(late.credit[0]) == money
        if before:
            assert int(late.credit[0]) <= 1  # a cent that would be interest on itself
