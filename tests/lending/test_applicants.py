"""What an applicant can bear, scores and may buy is what the worked cases say."""

from __future__ import annotations

from fractions import Fraction
from math import nan
from pathlib import Path

import numpy as np
import pytest

from risk_stream.lending import (
    LendingError,
    Match,
    TableError,
    affordability_breaches,
    debt_service_cover,
    debt_to_income,
    load_scorecard,
    payment_to_income,
    suitability,
)
from tests.lending.facts import DATA, minor, rows

CARD = DATA / "scorecard.yaml"
APPLICANT = {"age": 24, "utilisation": 0.85, "inquiries_3m": 3, "employment_years": 2}
#: A value inside each bin of the worked card.
INSIDE = {
    "<25": 20,
    "25-40": 30,
    ">40": 50,
    "<30%": 0.1,
    "30-80%": 0.5,
    ">80%": 0.9,
    ">=5": 7,
    "2-4": 3,
    "0-1": 0,
    "<1": 0.5,
    "1-5": 3,
    ">5": 9,
}
RESULTS = {row["item"]: row["value"] for row in rows("scorecard_results")}


@pytest.mark.parametrize("row", rows("affordability_cases"), ids=lambda r: r["case"])
def test_ratios_to_income_are_the_worked_ones(row: dict[str, str]) -> None:
    instalment, income = minor(row["instalment"]), minor(row["monthly_income"])
    other = minor(row["other_monthly_debt"])
    assert float(payment_to_income(instalment, income)) == pytest.approx(float(row["pti"]), abs=6e-7)
    assert float(debt_to_income(instalment, other, income)) == pytest.approx(
        float(row["dti"]), abs=1e-6
    )  # of an unrounded instalment


@pytest.mark.parametrize("row", rows("dscr_cases"), ids=lambda r: r["case"])
def test_the_cover_of_debt_service_is_the_worked_one(row: dict[str, str]) -> None:
    names = ("ebitda", "cash_taxes", "maintenance_capex", "principal_due", "interest_due")
    assert debt_service_cover(*(int(row[name]) for name in names)) == Fraction(row["dscr"])


def test_what_a_borrower_cannot_bear_is_said_in_sentences() -> None:
    assert affordability_breaches(Fraction(1, 2), Fraction(55, 100), Fraction(6, 5)) == []
    assert affordability_breaches(Fraction(51, 100), Fraction(6, 10), Fraction(1)) == [
        "the instalment is 51.0% of income, over 50.0%",
        "the service of all debt is 60.0% of income, over 55.0%",
        "debt service is covered 1.00 times, under 1.20",
    ]
    with pytest.raises(LendingError, match="needs an income"):
        payment_to_income(1, 0)
    with pytest.raises(LendingError, match="without debt to serve"):
        debt_service_cover(1, 0, 0, 0, 0)


@pytest.mark.parametrize("row", rows("scorecard_points"), ids=lambda r: r["characteristic"] + r["bin"])
def test_every_bin_has_its_points(row: dict[str, str]) -> None:
    card = load_scorecard(CARD)
    one = next(c for c in card.characteristics if c.name == row["characteristic"])
    points = one.points[one.bins(np.array([INSIDE[row["bin"]]]))[0]]
    assert points == pytest.approx(float(row["points"]), abs=5e-5)
    assert max(one.points) - points == pytest.approx(float(row["points_lost_vs_max"]), abs=1e-4)
    if row["applicant_bin"] == "1":
        assert one.bins(np.array([APPLICANT[one.name]]))[0] == one.bins(np.array([INSIDE[row["bin"]]]))[0]


def test_the_applicant_scores_as_worked_with_the_reasons_in_order() -> None:
    card = load_scorecard(CARD)
    found = card.score(APPLICANT)
    assert card.factor == pytest.approx(float(RESULTS["factor"]), abs=1e-8)
    assert card.offset == pytest.approx(float(RESULTS["offset"]), abs=1e-8)
    assert found.exact[0] == pytest.approx(float(RESULTS["score"]), abs=5e-7)
    assert found.score[0] == int(RESULTS["score_rounded_points"])
    assert found.pd[0] == pytest.approx(float(RESULTS["pd"]), abs=5e-9)
    assert found.reasons[0] == tuple(RESULTS[f"reason_{n}"] for n in range(1, 5))


def test_a_column_of_applicants_scores_as_each_of_them() -> None:
    card = load_scorecard(CARD)
    many = {name: [value, 30.0] for name, value in APPLICANT.items()}
    both = card.score(many)
    assert both.score[0] == card.score(APPLICANT).score[0]
    assert both.score[1] == card.score(dict.fromkeys(APPLICANT, 30.0)).score[0]


def test_a_value_that_is_missing_needs_a_bin(tmp_path: Path) -> None:
    with pytest.raises(LendingError, match="1 applicants have no age, and the card has no bin for that"):
        load_scorecard(CARD).score({**APPLICANT, "age": nan})
    with pytest.raises(LendingError, match="no column age"):
        load_scorecard(CARD).score({"utilisation": 0.1})
    text = CARD.read_text().replace("    beta: -0.9\n", "    beta: -0.9\n    missing: {woe: -0.3}\n    reason: false\n")
    (tmp_path / "card.yaml").write_text(text)
    found = load_scorecard(tmp_path / "card.yaml").score({**APPLICANT, "age": nan})
    assert found.points[0, 0] == pytest.approx(137.073, abs=1e-3)
    assert "age" not in found.reasons[0]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("from: 25, below: 40", "from: 24, below: 40", r"card.yaml:\d+:\d+: bins of age overlap: one begins at 24"),
        ("from: 25, below: 40", "from: 26, below: 40", "age from 25 to 26 has no bin"),
        ("{from: 40, woe: 0.45}", "{from: 40, below: 99, woe: 0.45}", "age from 99 on has no bin: leave `below` out"),
        ("{below: 25, woe", "{from: 0, below: 25, woe", "age from -inf to 0 has no bin"),
        ("from: 25, below: 40", "from: 25, below: 25", "a bin of age from 25 to 25 holds nothing"),
        ("pdo: 20", "pdo: 0", "pdo and base_odds are over 0"),
        ("pdo: 20", "pdo: 1e400", "pdo has at most 60 digits before the point and 60 behind it"),
        ("pdo: 20", "pdo: 1e-3000000", "pdo has at most 60 digits before the point and 60 behind it"),
        ("pdo: 20", "pdo: 20." + "3" * 61, "pdo has at most 60 digits before the point and 60 behind it"),
        ("pdo: 20", "pdo: .nan", "pdo is a number, not "),
        ("beta: -0.9", "beta: low", "beta is a number, not 'low'"),
        ("woe: 0.10", "woo: 0.10", 'did you mean "woe"'),
        ("beta: -0.9", "beta: -0.9\n    reason: yes", "reason is true or false, not 'yes'"),
    ],
)
def test_a_card_that_cannot_score_is_refused_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = CARD.read_text()
    assert old in text
    (tmp_path / "card.yaml").write_text(text.replace(old, new, 1))
    with pytest.raises(TableError, match=said):
        load_scorecard(tmp_path / "card.yaml")


@pytest.mark.parametrize("row", rows("suitability_matrix"), ids=lambda r: r["investor"])
def test_who_may_buy_what_is_the_matrix(row: dict[str, str]) -> None:
    name = row["investor"]
    investor, kind = (1, {"professional": True}) if name == "professional" else (int(name[1]), {})
    kind |= {"lowest": True} if name.endswith("lowest") else {}
    got = [suitability(investor, product, **kind).value for product in range(1, 6)]
    assert got == [row[f"R{product}"] for product in range(1, 6)]


def test_a_class_that_there_is_not_is_refused() -> None:
    assert suitability(5, 5) is Match.ALLOWED
    with pytest.raises(LendingError, match="C1 to C5"):
        suitability(6, 1)
    with pytest.raises(LendingError, match="inside C1"):
        suitability(2, 1, lowest=True)
