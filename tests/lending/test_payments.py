"""Payments settle what is due in the order of law or contract, whatever the order in which they become known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.lending import (
    ORDERS,
    Due,
    Kind,
    LendingError,
    Loan,
    Payment,
    Reversal,
    advance,
    allocate,
    arrears,
    book,
    counted,
    dates,
    days_past_due,
    interest_of,
    one_date,
    opened,
    penalty_rate,
    sequence,
    settle,
)
from tests.lending.facts import rows
from tests.oracle import lending as slow

START = date(2025, 1, 1)


def items_of(amounts: list[tuple[date, Kind, int]]) -> Due:
    amounts = sorted(amounts, key=lambda item: (item[0], item[1]))
    due, kind, amount = zip(*amounts, strict=True)
    return Due(dates(list(due)), np.array(kind, np.int8), np.array(amount, np.int64))


@pytest.mark.parametrize("row", rows("payment_allocation_cases"), ids=lambda r: "{order} {payment_minor}".format(**r))
def test_a_payment_goes_where_the_order_says(row: dict[str, str]) -> None:
    first, second = date(2025, 2, 1), date(2025, 3, 1)
    items = items_of(
        [
            (first, Kind.COSTS, 5_000),
            (first, Kind.PENALTY, 1_800),
            (first, Kind.INTEREST, 10_000),
            (first, Kind.PRINCIPAL, 60_000),
            (second, Kind.INTEREST, 9_500),
            (second, Kind.PRINCIPAL, 60_500),
        ]
    )
    taken, left = allocate(int(row["payment_minor"]), items.amount, sequence(items, ORDERS[row["order"]]))
    names = ("costs", "penalty_interest", "I1.interest", "I1.principal", "I2.interest", "I2.principal")
    assert dict(zip(names, taken.tolist(), strict=True)) == {name: int(row[name]) for name in names}
    assert left == int(row["unapplied"])


@pytest.mark.parametrize("row", rows("overdue_interest_cases"), ids=lambda r: r["from"] + " " + r["uplift"])
def test_late_money_costs_what_the_table_says(row: dict[str, str]) -> None:
    rate = penalty_rate(row["contract_rate"], row["uplift"])
    assert float(rate) == float(row["penalty_rate"])
    for amount, wanted in (
        ("overdue_principal_minor", "penalty_interest_minor"),
        ("unpaid_interest_minor", "compound_interest_minor"),
    ):
        assert interest_of(int(row[amount]), rate, row["from"], row["to"]) == int(row[wanted])


def test_of_two_uplifts_the_higher_one_counts_and_never_both() -> None:
    assert penalty_rate("0.06", "0.5", "1") == penalty_rate("0.06", 0, "1")


days = st.integers(0, 200).map(lambda n: START + timedelta(n))
amounts = st.integers(1, 50_000)
debts = st.lists(st.tuples(days, st.sampled_from(list(Kind)), amounts), min_size=1, max_size=8)
payments = st.lists(st.tuples(days, st.integers(0, 30), st.integers(1, 90_000), st.booleans()), max_size=8)


@given(debts, payments, st.sampled_from(sorted(ORDERS)), st.integers(0, 260), st.integers(0, 260), st.randoms())
def test_arrears_are_the_oracles_in_whatever_order_payments_arrive(
    owed: list[tuple[date, Kind, int]],
    paid: list[tuple[date, int, int, bool]],
    order: str,
    until: int,
    known: int,
    chance: object,
) -> None:
    """One account step by step, many loans in a kernel, and a count of every day agree."""
    items, as_of, seen = items_of(owed), START + timedelta(until), START + timedelta(known)
    by = sequence(items, ORDERS[order])
    mine = [
        Payment(f"P{i}", one_date(day), amount, one_date(day + timedelta(lag)))
        for i, (day, lag, amount, _) in enumerate(paid)
    ]
    back = [Reversal(f"P{i}", one_date(day + timedelta(lag + 5))) for i, (day, lag, _, gone) in enumerate(paid) if gone]
    shuffled = sorted(mine, key=lambda _: chance.random())  # type: ignore[attr-defined]
    counts = counted(shuffled + mine[:1], back, start=START, known=seen)
    account = settle(items, by, counts, START, as_of)
    found = arrears(book([Loan(one_date(START), items, counts, by)]), as_of)
    truth = slow.Loan(
        START,
        [(day, kind.name.lower(), amount) for day, kind, amount in owed],
        [(p.id, p.value.astype(object), p.booked.astype(object), p.amount) for p in mine],
        {r.payment: r.booked.astype(object) for r in back},
        order,
    )
    want = slow.walk(truth, as_of, seen)[as_of]
    assert days_past_due(items, account.unpaid, as_of) == int(found.days[0]) == want.late
    assert (int(found.amount[0]), int(found.material_days[0])) == (want.past_due, want.material_days)
    assert int(found.outstanding[0]) == want.outstanding
    assert int(found.credit[0]) == account.credit
    inside = counts[0] <= one_date(as_of)
    assert int(items.amount.sum() - account.unpaid.sum()) + account.credit == int(counts[1][inside].sum())


@given(debts, payments, st.integers(0, 200), st.integers(0, 60))
def test_an_account_kept_is_the_account_made_anew(
    owed: list[tuple[date, Kind, int]], paid: list[tuple[date, int, int, bool]], first: int, more: int
) -> None:
    """What a keyed state holds of a loan can be carried on day after day."""
    items = items_of(owed)
    by = sequence(items)
    value, amount = counted([Payment(str(i), one_date(p[0]), p[2]) for i, p in enumerate(paid)], start=START)
    middle, end = (one_date(START + timedelta(n)) for n in (first, first + more))
    early, late = value <= middle, (value > middle) & (value <= end)
    kept = advance(opened(items, START), items, by, (value[early], amount[early]), middle)
    kept = advance(kept, items, by, (value[late], amount[late]), end)
    anew = settle(items, by, (value, amount), START, end)
    assert (kept.unpaid.tolist(), kept.credit) == (anew.unpaid.tolist(), anew.credit)


GOOD = Payment("P1", one_date("2025-02-01"), 100)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"currency": "USD"}, "payment P1 is in USD, but the contract is in CNY"),
        ({"value": one_date("2024-12-31")}, "value date 2024-12-31, before the contract of 2025-01-01"),
        ({"amount": -5}, "payment P1 is of -5 minor units, not between 1 and"),
        ({"amount": 0}, "payment P1 is of 0 minor units"),
        ({"booked": one_date("2025-01-31")}, "booked on 2025-01-31, before its value date 2025-02-01"),
    ],
)
def test_a_payment_that_cannot_be_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(LendingError, match=said):
        counted([replace(GOOD, **change)], start=START)


def test_a_payment_given_twice_counts_once_and_two_of_one_name_are_refused() -> None:
    assert counted([GOOD, GOOD], start=START)[1].tolist() == [100]
    with pytest.raises(LendingError, match="two payments P1 that differ"):
        counted([GOOD, replace(GOOD, amount=99)], start=START)


def test_a_reversal_of_nothing_is_refused() -> None:
    with pytest.raises(LendingError, match="payment P9 is reversed, but was never received"):
        counted([GOOD], [Reversal("P9", one_date("2025-03-01"))], start=START)


def test_what_came_before_cannot_be_added_behind() -> None:
    items = items_of([(START, Kind.PRINCIPAL, 100)])
    account = settle(items, sequence(items), counted([], start=START), START, "2025-02-10")
    with pytest.raises(LendingError, match="do not lie after 2025-02-10"):
        advance(account, items, sequence(items), counted([GOOD], start=START), "2025-02-28")


def test_a_negative_payment_and_an_order_without_a_kind_are_refused() -> None:
    items = items_of([(START, Kind.PRINCIPAL, 100)])
    with pytest.raises(LendingError, match="is negative: send a reversal"):
        allocate(-1, items.amount, sequence(items))
    with pytest.raises(LendingError, match="names each of costs, penalty, interest, principal once"):
        sequence(items, ((Kind.COSTS,), (Kind.INTEREST,)))
    with pytest.raises(LendingError, match="cannot run from"):
        interest_of(1, "0.1", "2025-02-01", "2025-01-01")
