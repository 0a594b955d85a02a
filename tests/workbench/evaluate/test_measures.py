"""Measures of models: what they say is what scikit-learn and counting by hand say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.workbench.evaluate import (
    area_under_roc,
    average_precision,
    calibration,
    f1,
    interval,
    leaks,
    precision_at,
)


@st.composite
def judged(draw: st.DrawFn) -> tuple[Any, Any]:
    """Scores with ties, and which of them are bad; there are both kinds."""
    n = draw(st.integers(2, 60))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    bad = rng.random(n) < 0.4
    bad[0], bad[1] = True, False
    return np.round(rng.random(n), draw(st.integers(0, 3))), bad


@settings(max_examples=60, deadline=None)
@given(judged())
def test_average_precision_and_auc_are_those_of_scikit_learn(one: tuple[Any, Any]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    scores, bad = one
    assert average_precision(scores, bad) == pytest.approx(metrics.average_precision_score(bad, scores))
    assert area_under_roc(scores, bad) == pytest.approx(metrics.roc_auc_score(bad, scores))


def test_a_card_that_was_found_counts_no_more_on_later_days() -> None:
    """Day 1: of cards 1 and 2 the first is found. Day 2: card 1 is left out, so 2 and 3 are looked at."""
    days = np.array([1, 1, 1, 2, 2, 2])
    keys = np.array([1, 2, 3, 1, 2, 3])
    scores = np.array([0.9, 0.8, 0.1, 0.9, 0.2, 0.1])
    bad = np.array([True, False, False, True, False, True])
    assert precision_at(days, keys, scores, bad, k=2) == (1 / 2 + 1 / 2) / 2


def test_a_card_counts_by_its_highest_score_and_by_any_hit_of_the_day() -> None:
    days, keys = np.array([1, 1, 1]), np.array([1, 1, 2])
    scores, bad = np.array([0.9, 0.1, 0.5]), np.array([False, True, False])
    assert precision_at(days, keys, scores, bad, k=1) == 1.0
    assert precision_at(days, keys, scores, bad, k=100) == 1 / 100, "the divisor is k, however few cards there are"


def test_the_same_cards_are_counted_as_the_bench_counts_payments() -> None:
    """`bench.cards` says it of payments, as the handbook's own code does."""
    from datetime import UTC, datetime, timedelta

    from bench import cards

    rng, payments, scores = np.random.default_rng(3), [], {}
    for n in range(600):
        at = datetime(2018, 8, 8, tzinfo=UTC) + timedelta(hours=float(n) * 0.27)
        payments.append(cards.Payment(f"x{n}", at, f"C{rng.integers(40):02}", "T1", 1.0, bool(rng.random() < 0.1)))
        scores[f"x{n}"] = float(rng.random())
    days = np.array([p.time.toordinal() for p in payments])
    keys = np.array([int(p.customer[1:]) for p in payments])
    said = np.array([scores[p.id] for p in payments])
    bad = np.array([p.fraud for p in payments])
    assert precision_at(days, keys, said, bad, k=5) == pytest.approx(cards.card_precision(payments, scores, k=5))


def test_calibration_is_none_of_what_is_no_probability_and_0_of_true_shares() -> None:
    bad = np.array([False, True] * 50)
    found = calibration(np.full(100, 0.5), bad, parts=2)
    assert found is not None
    assert found.error == 0.0
    assert calibration(np.array([0.0, 3.0]), np.array([False, True])) is None


def test_f1_of_nothing_found_is_0() -> None:
    assert f1(0, 3, 2) == 0.0
    assert f1(24, 4, 5) == pytest.approx(48 / 57)


def test_an_interval_holds_the_mean_and_is_the_same_each_time() -> None:
    values = np.arange(100.0)
    low, high = interval(lambda at: float(values[at].mean()), 100)
    assert low < 49.5 < high
    assert (low, high) == interval(lambda at: float(values[at].mean()), 100)


@pytest.mark.parametrize("leak", ["the label itself", "the label turned round", "missing where it was good"])
def test_an_input_that_holds_the_label_is_suspected(leak: str) -> None:
    rng = np.random.default_rng(15)
    bad = rng.random(500) < 0.2
    held = {
        "the label itself": bad + 0.0,
        "the label turned round": 1.0 - bad,
        "missing where it was good": np.where(bad, rng.random(500), np.nan),
    }[leak]
    honest = bad + rng.normal(size=500)
    found = leaks(("honest", "leaking"), np.column_stack([honest, held]), bad)
    assert [one.input for one in found] == ["leaking"]


def test_with_few_outcomes_nothing_is_suspected() -> None:
    bad = np.arange(100) < 5
    assert leaks(("x",), bad[:, None] + 0.0, bad) == []
