"""Schedules agree with the worked lines to the minor unit, and what does not add up is refused in a sentence."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.lending import (
    Accrual,
    Adjustment,
    DayCount,
    LendingError,
    Method,
    Prepayment,
    Schedule,
    Terms,
    check_schedule,
    dated_effective_rate,
    due_of,
    effective_annual,
    periodic_rate,
    prepay,
    schedule,
    year_fractions,
)
from tests.lending.facts import interbank, rows

LOANS = {row["loan_id"]: row for row in rows("loans")}
LINES = rows("schedule")
PREPAID = {"L13": Prepayment.SMALLER_INSTALMENT, "L14": Prepayment.SHORTER_TERM}


def terms_of(id: str) -> Terms:
    row = LOANS[id]
    basis = row["interest_basis"]
    adjusted = Accrual.ADJUSTED if "adjusted dates" in basis and "unadjusted" not in basis else Accrual.UNADJUSTED
    by_days = Accrual.ADJUSTED if basis == "daily accrual" else adjusted
    count = {"none": DayCount.ACT_360, "30/360": DayCount.BOND_BASIS}.get(row["day_count"])
    return Terms(
        principal=int(row["principal_minor"]),
        annual_rate=row["annual_rate"],
        instalments=int(row["n_periods"]),
        start=row["start_date"],
        first_due=row["first_due_date"],
        months=int(row["period_months"]),
        method=Method(row["method"]),
        accrual=Accrual.MONTHS if basis == "periodic r/12" else by_days,
        day_count=count or DayCount(row["day_count"]),
        adjustment=Adjustment(row["bdc"]),
        calendar=interbank() if row["calendar"] == "CN-IB" else None,
        end_of_month="month-end" in row["description"],
    )


@pytest.mark.parametrize("id", LOANS)
def test_every_line_is_the_worked_one(id: str) -> None:
    whole = schedule(terms_of(id))
    wanted = [row for row in LINES if row["loan_id"] == id and row["event"] == "instalment"]
    parts = [whole]
    if id in PREPAID:
        rest = prepay(terms_of(id), 6, 3_000_000, PREPAID[id])
        parts = [Schedule(*(getattr(whole, name)[:6] for name in Schedule.__slots__)), rest]
    columns = {
        "accrual_start": "start",
        "unadjusted_due": "unadjusted",
        "due_date": "due",
        "opening_minor": "opening",
        "interest_minor": "interest",
        "principal_minor": "principal",
        "payment_minor": "payment",
    }
    for column, name in columns.items():
        got = np.concatenate([getattr(part, name) for part in parts]).astype(str).tolist()
        assert got == [row[column] for row in wanted], column


@pytest.mark.parametrize("id", sorted(set(LOANS) - set(PREPAID)))
def test_the_totals_are_the_worked_ones(id: str) -> None:
    lines, row = schedule(terms_of(id)), LOANS[id]
    assert int(lines.interest.sum()) == int(row["total_interest_minor"])
    assert int(lines.payment[0]) == int(row["first_payment_minor"])
    assert int(lines.payment[-1]) == int(row["last_payment_minor"])
    check_schedule(lines, int(row["principal_minor"]), row["start_date"])


@pytest.mark.parametrize("row", rows("checks_schedules"), ids=lambda r: r["loan_id"] + r["check"][:14])
def test_rounding_drifts_no_further_than_was_measured_against_other_libraries(row: dict[str, str]) -> None:
    """Level r/12 without rounding, in closed form; for the others, each line's interest before it is rounded."""
    terms, lines = terms_of(row["loan_id"]), schedule(terms_of(row["loan_id"]))
    limit = float(row["max_difference_minor"]) + 0.001
    if terms.accrual is not Accrual.MONTHS:
        limit = max(limit, 0.5)
        drift = np.abs(lines.interest - lines.opening * _period_rate(terms, lines)).max()
    else:
        r, n, p = float(Fraction(str(terms.annual_rate))) / 12, terms.instalments, terms.principal
        level, k = p * r / (1 - (1 + r) ** -n), np.arange(1, n + 1)
        closing = p * (1 + r) ** k - level * ((1 + r) ** k - 1) / r
        opening = np.concatenate(([p], closing[:-1]))
        wanted, got = (opening * r, lines.interest) if "interest" in row["check"] else (closing, lines.closing)
        drift = np.abs(got - wanted).max()
    assert drift <= limit


def _period_rate(terms: Terms, lines: Schedule) -> np.ndarray:
    ends = lines.due if terms.accrual is Accrual.ADJUSTED else lines.unadjusted
    numerators, denominator = year_fractions(lines.start, ends, terms.day_count)
    return float(Fraction(str(terms.annual_rate))) * numerators / denominator


@given(
    principal=st.integers(100, 10**11),
    basis_points=st.integers(0, 3_600),
    instalments=st.integers(1, 80),
    method=st.sampled_from([m for m in Method if m is not Method.BULLET]),
    accrual=st.sampled_from(list(Accrual)),
    day_count=st.sampled_from(list(DayCount)),
)
def test_a_schedule_always_adds_up(
    principal: int, basis_points: int, instalments: int, method: Method, accrual: Accrual, day_count: DayCount
) -> None:
    terms = Terms(
        principal=principal,
        annual_rate=Fraction(basis_points, 10_000),
        instalments=instalments,
        start="2024-01-31",
        first_due="2024-02-29",
        method=method,
        accrual=accrual,
        day_count=day_count,
        adjustment=Adjustment.FOLLOWING,
        calendar=interbank(),
        end_of_month=True,
    )
    lines = schedule(terms)
    check_schedule(lines, principal, "2024-01-31")
    assert lines.closing[-1] == 0
    assert {len(getattr(lines, name)) for name in Schedule.__slots__} == {len(lines)}


def test_principal_in_shares_rounded_up_is_repaid_before_the_last_date() -> None:
    """120 in 80 parts are 2 each: the lines end with the sixtieth, and so do their dates."""
    terms = replace(terms_of("L01"), principal=120, instalments=80, method=Method.EQUAL_PRINCIPAL)
    lines = schedule(terms)
    assert (len(lines), int(lines.principal.sum())) == (60, 120)
    assert {len(getattr(lines, name)) for name in Schedule.__slots__} == {60}
    assert int(due_of(lines).amount.sum()) == int(lines.payment.sum())
    with pytest.raises(LendingError, match="no instalment 60 with others behind it: the schedule has 60"):
        prepay(terms, 60, 0, Prepayment.SHORTER_TERM)


def test_effective_rates_are_the_worked_ones() -> None:
    want = {(row["case"], row["what"].split(":")[-1].strip()): float(row["value"]) for row in rows("eir_cases")}
    loan = schedule(terms_of("L01"))
    with_fee = periodic_rate(12_000_000 - 120_000, loan.payment)
    assert with_fee == pytest.approx(want["E1", "monthly IRR"], abs=1e-10)
    assert effective_annual(with_fee) == pytest.approx(want["E1", "effective annual = (1+m)^12-1"], abs=1e-9)
    without = periodic_rate(12_000_000, loan.payment)
    assert without == pytest.approx(want["E2", "monthly IRR"], abs=1e-10)
    assert effective_annual(without) == pytest.approx(want["E2", "effective annual"], abs=1e-9)
    stub, start = schedule(terms_of("L08")), LOANS["L08"]["start_date"]
    dated = dated_effective_rate(20_000_000, start, stub.payment, stub.due)
    assert dated == pytest.approx(next(v for (case, _), v in want.items() if case == "E3"), abs=1e-9)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"principal": 0}, "not between 1 and"),
        ({"annual_rate": "-0.01"}, "the annual rate -0.01 is negative"),
        ({"annual_rate": "4.35e1"}, "over 10: 4.35 % is written"),
        ({"instalments": 0}, "1 to 1,200 instalments"),
        ({"months": 121}, "1 to 120 months apart"),
        ({"first_due": "2025-01-15"}, "due on 2025-01-15, not after the start"),
        ({"method": Method.BULLET}, "on one date, not on 12"),
        ({"adjustment": Adjustment.FOLLOWING}, "a calendar must say"),
    ],
)
def test_terms_that_make_no_schedule_are_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(LendingError, match=said):
        schedule(replace(terms_of("L01"), **change))


@pytest.mark.parametrize(
    ("name", "line", "by", "said"),
    [
        ("principal", 2, 1, "line 4 begins with .*, but .* is left"),
        ("opening", 0, 5, "line 1 begins with 12000005, but 12000000 is left"),
        ("interest", 3, -(10**9), "interest number 4 is .*: negative"),
        ("principal", 11, -1, "is 1 under 12000000"),
        ("due", 4, np.timedelta64(-40, "D"), "line 5 is due on 2025-05-06, not after 2025-05-15"),
    ],
)
def test_a_schedule_that_does_not_add_up_is_refused(name: str, line: int, by: object, said: str) -> None:
    lines = schedule(terms_of("L01"))
    column = getattr(lines, name).copy()
    column[line] += by
    with pytest.raises(LendingError, match=said):
        check_schedule(replace(lines, **{name: column}), 12_000_000, "2025-01-15")


def test_more_than_is_left_cannot_be_paid_early() -> None:
    with pytest.raises(LendingError, match="is more than the principal of 6065128 that is left"):
        prepay(terms_of("L01"), 6, 6_065_129, Prepayment.SHORTER_TERM)


@given(
    method=st.sampled_from([m for m in Method if m is not Method.BULLET]),
    accrual=st.sampled_from(list(Accrual)),
    mode=st.sampled_from(list(Prepayment)),
    after=st.integers(1, 11),
    share=st.integers(0, 100),
)
def test_what_is_left_after_money_paid_early_adds_up(
    method: Method, accrual: Accrual, mode: Prepayment, after: int, share: int
) -> None:
    """By every method: the rest is repaid by the old dates, and a shorter term never repays less with a line."""
    terms = replace(terms_of("L01"), method=method, accrual=accrual)
    before = schedule(terms)
    left = int(before.closing[after - 1])
    amount = left * share // 100
    rest = prepay(terms, after, amount, mode)
    if amount < left:
        check_schedule(rest, left - amount, before.due[after - 1])
    assert len(rest) <= 12 - after
    assert int(rest.principal.sum()) == left - amount
    assert (rest.due == before.due[after : after + len(rest)]).all()
    if mode is Prepayment.SHORTER_TERM and method is not Method.INTEREST_ONLY:
        assert (rest.principal[:-1] >= before.principal[after:][: max(len(rest) - 1, 0)]).all()
