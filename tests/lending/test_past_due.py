"""Days past due are counted as the worked cases count them, in both ways."""

from __future__ import annotations

import numpy as np
import pytest

from risk_stream.lending import (
    BUCKETS,
    Due,
    Kind,
    LendingError,
    Loan,
    Materiality,
    Payment,
    add_months,
    arrears,
    before_first_month,
    book,
    bucket,
    class_by_days,
    counted,
    load_class_rules,
    load_stage_rules,
    one_date,
    stage,
)
from tests.lending.facts import minor, rows

START = one_date("2024-12-01")
SIX = Due(add_months("2025-01-01", np.arange(6)), np.full(6, Kind.PRINCIPAL, np.int8), np.full(6, 100_000))
CLASSES = ("normal", "special_mention", "substandard", "doubtful", "loss")


@pytest.mark.parametrize("row", rows("dpd_cases"), ids=lambda r: r["case"] + " " + r["description"][:30])
def test_both_counters_are_the_worked_ones(row: dict[str, str]) -> None:
    """Six instalments of 1,000; thresholds of 100 and 1 %."""
    said = [pair.split("=") for pair in row["payments"].split(";") if pair]
    paid = counted([Payment(day, one_date(day), minor(amount)) for day, amount in said], start=START)
    found = arrears(book([Loan(START, SIX, paid)]), row["as_of"])
    assert int(found.days[0]) == int(row["dpd_oldest_unpaid"])
    assert int(found.amount[0]) == minor(row["past_due_amount"])
    assert int(found.material_days[0]) == int(row["eba_counter_days"])
    assert BUCKETS[int(bucket(found.days[0]))] == row["bucket"]
    products = np.zeros(1, np.int64)
    assert CLASSES[class_by_days(found.days, products, load_class_rules())[0]] == row["cn_min_class"]
    assert stage_by_days(int(found.days[0])) == int(row["ifrs9_backstop_stage"])


@pytest.mark.parametrize("row", rows("dpd_boundary_cases"), ids=lambda r: r["dpd"])
def test_every_line_is_over_so_many_days_and_not_on_them(row: dict[str, str]) -> None:
    dpd, rules = int(row["dpd"]), load_class_rules()
    assert BUCKETS[int(bucket(dpd))] == row["bucket"]
    for product, column in (("loan", "cn_min_class_2023"), ("credit_card", "cn_credit_card_class_2011")):
        position = np.array([rules.products.index(product)])
        assert CLASSES[class_by_days(np.array([dpd]), position, rules)[0]] == row[column]
    assert stage_by_days(dpd) == int(row["ifrs9_backstop_stage"])
    assert (dpd > load_stage_rules().default_days) == bool(int(row["basel_dpd_default"]))


def stage_by_days(dpd: int) -> int:
    """The stage of a claim that is so many days past due and nothing else."""
    rules, as_of, never = load_stage_rules(), one_date("2025-06-30"), before_first_month(1).stages.judged
    last = {limit: np.array([as_of if dpd > limit else never]) for limit in (0, 30, 90)}
    no = np.zeros(1, np.bool_)
    found = stage(
        before_first_month(1).stages,
        as_of,
        rules,
        last_late=last[0],
        last_over_backstop=last[30],
        last_in_default=last[90],
        impaired=no,
        increased=no,
    )
    return int(found.stage[0])


def test_a_loan_that_has_not_begun_owes_nothing() -> None:
    found = arrears(book([Loan(START, SIX, counted([], start=START))]), "2024-11-30")
    assert (int(found.outstanding[0]), int(found.days[0])) == (0, 0)


def test_days_over_a_limit_that_was_not_asked_for_are_refused() -> None:
    found = arrears(book([Loan(START, SIX, counted([], start=START))]), "2025-11-30", limits=(0,))
    with pytest.raises(LendingError, match="days over 30 were not asked for"):
        found.last_day_over(30)


@pytest.mark.parametrize("wrong", [Materiality(-1), Materiality(0, "0.00001")])
def test_thresholds_that_cannot_be_are_refused(wrong: Materiality) -> None:
    with pytest.raises(LendingError, match="an amount of 0 or more, and a share with at most three decimals"):
        arrears(book([]), "2025-11-30", materiality=wrong)
