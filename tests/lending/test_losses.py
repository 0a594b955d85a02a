"""Expected losses are the worked ones, and agree with losses counted default by default."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.lending import (
    LendingError,
    expected_loss,
    impaired_loss,
    interest_revenue,
    marginal_pd,
    monthly_pd,
    weighted_loss,
)
from tests.lending.facts import minor, rows

TERMS = {case: list(group) for case, group in groupby(rows("ecl_terms"), key=lambda row: row["case"])}
TOTALS = {row["case"]: row for row in rows("ecl_cases")}
EIR = "0.06"


def column(case: str, name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in TERMS[case]])


def loss_of(case: str, horizon: float | None = None) -> int:
    ead = np.array([minor(row["ead"]) for row in TERMS[case]])
    of = column(case, "conditional_pd"), column(case, "lgd"), ead, column(case, "year"), EIR
    return int(expected_loss(*of, horizon=horizon))


@pytest.mark.parametrize("case", TERMS)
def test_every_term_and_total_is_the_worked_one(case: str) -> None:
    conditional = column(case, "conditional_pd")
    assert marginal_pd(conditional) == pytest.approx(column(case, "marginal_pd"), abs=1e-8)
    terms = column(case, "marginal_pd") * column(case, "lgd") * column(case, "ead") * column(case, "discount_factor")
    assert terms == pytest.approx(column(case, "ecl"), abs=0.01)
    assert loss_of(case) == minor(TOTALS[case]["ecl_pd_lgd_ead"]) == minor(TOTALS[case]["ecl_independent"])


def test_twelve_months_count_the_defaults_of_twelve_months_with_all_their_loss() -> None:
    assert loss_of("ECL1L", horizon=1) == loss_of("ECL1")
    assert loss_of("ECL2", horizon=1) == loss_of("ECL2M")
    assert (loss_of("ECL1"), loss_of("ECL1L")) == (800_000, 2_525_435)


def test_scenarios_are_weighted_by_their_losses_not_at_their_mean() -> None:
    table = {row["scenario"]: row for row in rows("ecl_scenarios")}
    base = column("ECL2", "conditional_pd")
    ead = np.array([minor(row["ead"]) for row in TERMS["ECL2"]])
    losses = []
    for name in ("base", "up", "down"):
        conditional = base * float(table[name]["pd_multiplier"])
        losses.append(expected_loss(conditional, 0.4, ead, np.arange(1, 5), EIR))
        assert int(losses[-1]) == minor(table[name]["lifetime_ecl"])
    weights = [table[name]["weight"] for name in ("base", "up", "down")]
    assert int(weighted_loss(losses, weights)) == minor(table["weighted"]["lifetime_ecl"])
    with pytest.raises(LendingError, match="3 scenarios need as many weights that add up to 1, not to 6/5"):
        weighted_loss(losses, ["0.5", "0.2", "0.5"])


def test_an_impaired_claim_loses_what_its_recoveries_do_not_bring() -> None:
    cash = rows("ecl_stage3_recoveries")
    years = [float(row["years_from_reporting_date"]) for row in cash]
    for row, when in zip(cash, years, strict=True):
        assert 1.06**-when == pytest.approx(float(row["discount_factor"]), abs=1e-8)
        worth = 10**9 - impaired_loss(10**9, [minor(row["expected_cash"])], [when], EIR)
        assert worth == minor(row["present_value"])
    gross = minor(TOTALS["ECL3"]["gross_carrying_amount"])
    loss = impaired_loss(gross, [minor(row["expected_cash"]) for row in cash], years, EIR)
    assert loss == minor(TOTALS["ECL3"]["ecl_pd_lgd_ead"])
    assert interest_revenue(3, gross, loss, EIR) == 2_072_626
    assert interest_revenue(2, gross, loss, EIR) == 4_035_823


def test_a_monthly_pd_makes_the_annual_one() -> None:
    assert float(monthly_pd(0.02)) == pytest.approx(0.00168214, abs=5e-9)
    assert marginal_pd(np.full(12, monthly_pd(0.02))).sum() == pytest.approx(0.02)


shares = st.floats(0, 1)


@given(st.lists(st.tuples(shares, shares, st.integers(0, 10**10)), min_size=1, max_size=12))
def test_a_loss_is_that_of_each_year_of_default_by_its_chance(years: list[tuple[float, float, int]]) -> None:
    alive, slow = 1.0, 0.0
    for year, (pd, lgd, ead) in enumerate(years, 1):
        slow += alive * pd * lgd * ead / 1.06**year
        alive *= 1 - pd
    pd, lgd, ead = zip(*years, strict=True)
    got = expected_loss(pd, lgd, np.array(ead), np.arange(1, len(years) + 1), EIR)
    assert int(got) == pytest.approx(slow, abs=0.501)


@pytest.mark.parametrize(
    ("pd", "lgd", "ead", "years", "said"),
    [
        (1.2, 0.4, 100, 1, "a PD lies between 0 and 1, so 1.2 is none"),
        (0.1, -0.4, 100, 1, "an LGD lies between 0 and 1, so -0.4 is none"),
        (0.1, 0.4, 100.5, 1, "whole number of minor units"),
        (0.1, 0.4, -1, 1, "whole number of minor units, 0 or more"),
        (0.1, 0.4, 100, 0, "after today"),
    ],
)
def test_figures_that_cannot_be_are_refused(pd: float, lgd: float, ead: float, years: int, said: str) -> None:
    with pytest.raises(LendingError, match=said):
        expected_loss([pd], [lgd], [ead], [years], EIR)


def test_a_stage_or_an_amount_that_there_is_not_is_refused() -> None:
    with pytest.raises(LendingError, match="there are stages 1, 2 and 3, not 4"):
        interest_revenue(4, 100, 0, EIR)
    with pytest.raises(LendingError, match="the gross amount number 1 is -1: negative"):
        impaired_loss(-1, [1], [1.0], EIR)
