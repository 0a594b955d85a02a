"""Margin accounts and stock pledges have the ratios, bands and cures of the worked cases."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.lending import (
    BANDS,
    Financed,
    LendingError,
    MarginLines,
    Pledge,
    Short,
    available_margin,
    cash_to_line,
    concentration,
    maintenance_ratio,
    margin_band,
    pledge_breaches,
    pledge_ratio,
    sale_to_line,
    withdrawable,
)
from tests.lending.facts import minor, rows


@pytest.mark.parametrize("row", rows("margin_cases"), ids=lambda r: r["case"] + " " + r["description"])
def test_a_margin_account_is_the_worked_one(row: dict[str, str]) -> None:
    assets, debts = np.array([minor(row["assets"])]), np.array([minor(row["liabilities"])])
    short = int(row["short_qty"]) * minor(row["short_price"])
    assert assets[0] == minor(row["cash_incl_short_proceeds"]) + minor(row["securities_mv"])
    assert debts[0] == minor(row["financed_amount"]) + short + minor(row["interest_fees"])
    assert maintenance_ratio(assets, debts)[0] == pytest.approx(float(row["maintenance_ratio"]), abs=5e-7)
    assert BANDS[margin_band(assets, debts)[0]] == row["band_150_140_130"]
    for line, percent in (("1.5", "150"), ("1.4", "140")):
        assert cash_to_line(assets, debts, line)[0] == minor(row[f"cash_topup_to_{percent}"])
        assert sale_to_line(assets, debts, line)[0] == minor(row[f"sell_and_repay_to_{percent}"])
    if row["available_margin"]:
        available = minor(row["available_margin"])
        assert withdrawable(int(assets[0]), int(debts[0]), available) == minor(row["withdrawable_over_300"])
    else:
        assert withdrawable(int(assets[0]), int(debts[0]), 10**12) == minor(row["withdrawable_over_300"])


def parts(text: str) -> dict[str, str]:
    """Of "mv880000/amt800000@0.7" what stands before the sign and behind it."""
    money, _, haircut = text.partition("@")
    found = {word.rstrip("0123456789."): word.lstrip("amtv") for word in money.split("/")}
    return {**found, "haircut": haircut}


@pytest.mark.parametrize("row", rows("margin_available_cases"), ids=lambda r: r["case"])
def test_the_margin_available_is_the_worked_one(row: dict[str, str]) -> None:
    value, haircut = row["collateral"].split("@")
    bought, sold = (parts(row[side]) if row[side] else None for side in ("financed", "short"))
    got = available_margin(
        minor(row["cash_incl_short_proceeds"]),
        [(minor(value), haircut)],
        [Financed(minor(bought["mv"]), minor(bought["amt"]), bought["haircut"])] if bought else [],
        [Short(minor(sold["amt"]), minor(sold["mv"]), sold["haircut"])] if sold else [],
        interest=minor(row["interest_fees"]),
        financing_ratio=row["fin_margin_ratio"],
        short_ratio=row["short_margin_ratio"],
    )
    assert got == minor(row["available_margin"])


@given(st.integers(0, 10**12), st.integers(1, 10**12), st.sampled_from(["1.3", "1.4", "1.5"]))
def test_a_cure_reaches_the_line_and_no_less_would(assets: int, debts: int, line: str) -> None:
    one, two = np.array([assets]), np.array([debts])
    cash, sale, t = int(cash_to_line(one, two, line)[0]), int(sale_to_line(one, two, line)[0]), Fraction(line)
    assert assets + cash >= t * debts
    assert cash == 0 or assets + cash - 1 < t * debts
    assert assets - sale >= t * (debts - sale)
    assert sale == 0 or assets - sale + 1 < t * (debts - sale + 1)


def test_lines_that_do_not_fall_and_haircuts_over_one_are_refused() -> None:
    with pytest.raises(LendingError, match="fall from warning to call"):
        margin_band(np.array([1]), np.array([1]), MarginLines("1.3", "1.4", "1.5"))
    with pytest.raises(LendingError, match=r"a haircut of 1\.1 is over 1"):
        available_margin(0, [(100, "1.1")])
    with pytest.raises(LendingError, match="reached by no sale"):
        sale_to_line(np.array([1]), np.array([1]), 1)


@pytest.mark.parametrize("row", rows("pledge_cases"), ids=lambda r: r["case"])
def test_a_pledge_is_the_worked_one(row: dict[str, str]) -> None:
    loan, shares = minor(row["loan"]), int(row["shares"])
    found = Pledge(
        loan, row["annual_rate"], int(row["days"]), shares, minor(row["price_now"]), minor(row["dividends_pledged"])
    )
    assert pledge_ratio(loan, shares, minor(row["initial_price"])) == Fraction(row["pledge_ratio"])
    assert found.payable == minor(row["amount_payable"])
    assert float(found.performance_ratio) == pytest.approx(float(row["performance_ratio"]), abs=5e-7)
    assert found.band == row["band_160_140"]
    assert found.shares_to("1.6") == int(row["extra_shares_to_160"])
    assert found.repayment_to("1.6") == minor(row["cash_repayment_to_160"])


def test_limits_of_pledging_are_said_and_meeting_them_is_no_breach() -> None:
    assert pledge_breaches("0.6", "0.5", "0.3", "0.15") == []
    assert pledge_breaches("0.601", "0.51", "0.3") == [
        "the loan is over 60 % of the market value",
        "over 50 % of the company's shares are pledged",
    ]


def test_a_pledge_of_nothing_is_refused() -> None:
    with pytest.raises(LendingError, match="has a loan and shares"):
        Pledge(0, "0.06", 1, 100, 100)
    with pytest.raises(LendingError, match="is -1: negative"):
        Pledge(1, "0.06", -1, 100, 100)


def test_concentration_is_the_largest_share_and_the_sum_of_squares() -> None:
    assert concentration([50, 30, 20]) == (Fraction(1, 2), Fraction(38, 100))
    with pytest.raises(LendingError, match="have no concentration"):
        concentration([0, 0])


def test_negative_amounts_are_refused() -> None:
    with pytest.raises(LendingError, match="cash, interest and collateral number 1 is -1: negative"):
        available_margin(-1, [])
    with pytest.raises(LendingError, match="what is financed number 2 is -5: negative"):
        available_margin(0, [], [Financed(1, -5, "0.7")])
    with pytest.raises(LendingError, match="assets number 1 is -1: negative"):
        margin_band(np.array([-1]), np.array([1]))
    with pytest.raises(LendingError, match="assets and debts number 2 is -1: negative"):
        withdrawable(1, -1, 1)
