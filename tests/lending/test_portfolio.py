"""A book's ratios, roll rates, vintages and the measures of its scores are the worked ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.lending import (
    BUCKETS,
    Class,
    LendingError,
    auc,
    gini,
    kolmogorov_smirnov,
    quality,
    roll_rates,
    stability,
    stability_index,
    vintages,
)
from tests.lending.facts import rows

METRICS = {row["metric"]: float(row["value"]) for row in rows("metric_results")}
STATES = (*BUCKETS, "paid_off")


def test_the_ratios_of_a_book_are_the_worked_ones() -> None:
    items = {row["item"]: float(row["value"]) for row in rows("portfolio_ratio_cases")}
    balances = np.array([int(items[one.name.lower()]) for one in Class])
    found = quality(np.arange(len(Class)), balances, int(items["allowance"]))
    assert float(found.npl or 0) == items["npl_ratio"]
    assert float(found.special_mention or 0) == items["special_mention_ratio"]
    assert float(found.coverage or 0) == items["coverage_ratio"]
    assert float(found.provision or 0) == items["loan_provision_ratio"]
    assert quality(np.array([0]), np.array([0]), 0).npl is None
    with pytest.raises(LendingError, match="the allowance number 1 is -1: negative"):
        quality(np.array([0]), np.array([1]), -1)


def matrix() -> np.ndarray:
    table = rows("roll_rate_matrix")
    before, after = [], []
    for row in table:
        for state in STATES:
            count = int(row[f"n_{state}"])
            before += [STATES.index(row["from"])] * count
            after += [STATES.index(state)] * count
    return roll_rates(before, after, len(STATES))


def test_roll_rates_are_the_worked_ones() -> None:
    rates = matrix()
    for row in rows("roll_rate_matrix"):
        wanted = [float(row[f"p_{state}"]) for state in STATES]
        assert rates[STATES.index(row["from"])] == pytest.approx(wanted, abs=5e-7)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 9)), max_size=40))
def test_rows_of_roll_rates_add_up_to_one(moves: list[tuple[int, int, int]]) -> None:
    before, after, weights = (list(column) for column in zip(*moves, strict=True)) if moves else ([], [], [])
    rates = roll_rates(np.array(before, int), np.array(after, int), 5, np.array(weights))
    assert rates.sum(axis=1) == pytest.approx(np.ones(5))


def test_vintages_are_the_worked_ones_and_end_with_their_age() -> None:
    table = rows("vintage_cases")
    names = list(dict.fromkeys(row["cohort"] for row in table))
    cohort, month, amount = [], [], []
    before = dict.fromkeys(names, 0)
    for row in table:
        bad = int(row["cum_90plus"])
        cohort.append(names.index(row["cohort"]))
        month.append(int(row["mob"]))
        amount.append(bad - before[row["cohort"]])
        before[row["cohort"]] = bad
    lent = [next(int(row["originated"]) for row in table if row["cohort"] == name) for name in names]
    ages = [max(int(row["mob"]) for row in table if row["cohort"] == name) for name in names]
    found = vintages(cohort, month, amount, lent, ages)
    for row in table:
        got = found[names.index(row["cohort"]), int(row["mob"])]
        assert got == pytest.approx(float(row["cum_rate"]), abs=5e-7)
    assert int(np.isfinite(found).sum()) == len(table)
    with pytest.raises(LendingError, match="a month that its cohort has not reached"):
        vintages([0], [9], [1], [100], [3])


def test_the_stability_index_is_the_worked_one() -> None:
    bins = [row for row in rows("psi_case") if row["bin"] != "total"]
    expected, actual = ([float(row[name]) for row in bins] for name in ("expected", "actual"))
    assert stability_index(expected, actual) == pytest.approx(METRICS["psi_case"], abs=5e-9)
    watched = stability_index([0.2] * 5, [0.35, 0.25, 0.2, 0.12, 0.08])
    assert watched == pytest.approx(METRICS["psi_5bin_0.35_0.25_0.20_0.12_0.08_vs_0.20"], abs=5e-9)
    assert [stability(x) for x in (0.0626, watched, 0.26)] == ["stable", "watch", "act"]
    with pytest.raises(LendingError, match=r"the actual shares add up to 0\.9"):
        stability_index([0.5, 0.5], [0.5, 0.4])


def test_a_score_parts_good_from_bad_as_worked() -> None:
    table = rows("auc_case")
    score, bad = ([int(row[name]) for row in table] for name in ("score", "bad"))
    assert auc(score, bad) == pytest.approx(METRICS["auc_case AUC"], abs=5e-9)
    assert gini(score, bad) == pytest.approx(METRICS["auc_case Gini"], abs=5e-9)
    assert kolmogorov_smirnov(score, bad) == pytest.approx(METRICS["auc_case KS"], abs=5e-9)
    with pytest.raises(LendingError, match="there are good ones and bad ones"):
        auc([1, 2], [0, 0])


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=30))
def test_auc_is_the_share_of_pairs_in_order(cases: list[tuple[int, bool]]) -> None:
    good = [score for score, bad in cases if not bad]
    lost = [score for score, bad in cases if bad]
    if not good or not lost:
        return
    slow = sum((g > b) + 0.5 * (g == b) for g in good for b in lost) / (len(good) * len(lost))
    assert auc(*zip(*cases, strict=True)) == pytest.approx(slow)
