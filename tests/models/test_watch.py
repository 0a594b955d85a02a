"""Drift is noticed soon, calm events raise no alarm, and what is noticed does not depend on how rows come in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.drift import DRIFTS, INPUTS, calm
from risk_stream.models import CALIBRATION, LOSS, SCORE, Limits, Signal, Watch
from risk_stream.models.watch import BLOCK

NAMES = tuple(f"x{j}" for j in range(INPUTS))


def watched(seed: int = 1, events: int = 2_500, **limits: Any) -> tuple[Watch, np.random.Generator]:
    """A watch that has seen calm events, and the source of more of them."""
    watch, random = Watch(NAMES, Limits(**limits)), np.random.default_rng(seed)
    assert watch.see(*calm(random, events)) == []
    return watch, random


@pytest.mark.parametrize("what", DRIFTS)
@pytest.mark.parametrize("j", range(5))
def test_planted_drift_is_noticed_within_two_thousand_events_and_named(what: str, j: int) -> None:
    watch, random = watched()
    rows, scores = calm(random, 2_000)
    DRIFTS[what](rows, j)
    signals = watch.see(rows, scores)
    names = {signal.name for signal in signals if signal.begins}
    assert names
    assert names <= {NAMES[k % INPUTS] for k in range(j, j + 5)}
    assert set(watch.drifting) == names


def test_a_small_move_of_the_mean_is_noticed_that_no_bin_shows() -> None:
    watch, random = watched(events=10_000)
    signals: list[Signal] = []
    for _ in range(10):
        rows, scores = calm(random, 1_000)
        rows[:, 0] += 0.35
        signals += watch.see(rows, scores)
    assert [(signal.name, signal.test) for signal in signals if signal.begins] == [("x0", "mean")]


def test_scores_that_are_others_are_noticed() -> None:
    watch, random = watched()
    rows, scores = calm(random, 2_000)
    [signal] = watch.see(rows, scores / 3)
    assert (signal.name, signal.test, signal.begins) == (SCORE, "psi", True)
    assert watch.psi[SCORE] > 0.25


def test_drift_is_over_when_things_are_as_before_or_what_is_new_is_adopted() -> None:
    watch, random = watched()
    rows, scores = calm(random, 1_000)
    rows[:, 0] *= 3
    watch.see(rows, scores)
    [back] = watch.see(*calm(random, 1_000))
    assert (back.name, back.begins, watch.drifting) == ("x0", False, [])
    watch, random = watched(adopt=2)
    rows, scores = calm(random, 4_000)
    rows[:, 0] *= 3
    assert [signal.begins for signal in watch.see(rows, scores)] == [True, False]
    rows, scores = calm(random, 4_000)
    rows[:, 0] *= 3
    assert watch.see(rows, scores) == []


@settings(max_examples=12)
@given(cuts=st.lists(st.integers(1, 700), max_size=12), saves=st.sets(st.integers(0, 12)), seed=st.integers(0, 50))
def test_what_is_noticed_does_not_depend_on_how_rows_come_in_or_on_restarts(
    cuts: list[int], saves: set[int], seed: int
) -> None:
    random = np.random.default_rng(seed)
    rows, scores = calm(random, 6_000)
    rows[4_200:, 1] *= 4
    scores[random.random(6_000) < 0.1] = np.nan
    rows[random.random(6_000) < 0.01, 0] = np.inf
    whole = [(signal.row, signal.name, signal.value) for signal in Watch(NAMES, Limits()).see(rows, scores)]
    watch, found, begin = Watch(NAMES, Limits()), [], 0
    for n, end in enumerate((*np.minimum(np.cumsum(cuts), 6_000).tolist(), 6_000)):
        signals = watch.see(rows[begin:end], scores[begin:end])
        found += [(begin + signal.row, signal.name, signal.value) for signal in signals]
        begin = end
        if n in saves:
            saved, watch = watch.save(), Watch(NAMES, Limits())
            watch.load(saved)
    assert found == whole
    assert whole


def test_outcomes_that_are_worse_than_before_are_noticed_and_so_is_a_score_that_promises_too_much() -> None:
    random = np.random.default_rng(2)
    watch = Watch(NAMES, Limits(), promises=True)
    scores = random.uniform(0.02, 0.2, 6_000)
    calm_labels = (random.random(6_000) < scores).astype(float)
    assert watch.told(scores, calm_labels) == []
    worse = (random.random(3_000) < 0.6).astype(float)
    names = {signal.name for signal in watch.told(scores[:3_000], worse) if signal.begins}
    assert names == {LOSS, CALIBRATION}
    assert set(watch.drifting) >= {CALIBRATION}


def test_inputs_that_are_constant_or_always_missing_are_no_drift_as_long_as_they_are_so() -> None:
    watch = Watch(("always", "never", "late"), Limits())
    rows = np.column_stack([np.full(5 * BLOCK, 7.0), np.full(5 * BLOCK, np.nan), np.full(5 * BLOCK, np.nan)])
    scores = np.linspace(0, 1, BLOCK).repeat(5).reshape(BLOCK, 5).T.ravel()
    assert watch.see(rows, scores) == []
    rows[:, 2] = 1.0
    assert [signal.name for signal in watch.see(rows, scores)] == ["late"]
