"""Detectors of one number: River's scores, and a constant that is no anomaly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.anomaly import GaussianScorer, StandardAbsoluteDeviation

from risk_stream.models import make_learner
from risk_stream.models.univariate import Univariate
from tests.models.specs import drawn, spec


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), grace=st.integers(2, 50))
@pytest.mark.parametrize("name", ["GaussianScorer", "StandardAbsoluteDeviation"])
def test_scores_are_those_of_river_to_the_last_bit(name: str, seed: int, grace: int) -> None:
    """Wherever the number has varied at all."""
    step = (name, {"grace_period": grace} if name == "GaussianScorer" else {})
    rows = drawn(seed, 150, 1)
    learner = make_learner(spec(step, inputs=1, warm_up=0))
    assert isinstance(learner, Univariate)
    river = GaussianScorer(grace_period=grace) if name == "GaussianScorer" else StandardAbsoluteDeviation()
    for (value,), score in zip(rows.tolist(), learner.run(rows).scores, strict=True):
        if not abs(value) <= 1e100:
            assert np.isnan(score)
            continue
        if name != "GaussianScorer" or river.gaussian.sigma > 0 or river.gaussian.n_samples < grace:
            assert score == river.score_one(None, value)
        river.learn_one(None, value)


@pytest.mark.parametrize("name", ["GaussianScorer", "StandardAbsoluteDeviation"])
def test_what_never_changes_is_no_anomaly_until_it_does(name: str) -> None:
    """River's GaussianScorer gives such a value the highest score."""
    step = (name, {"grace_period": 5} if name == "GaussianScorer" else {})
    scores = make_learner(spec(step, inputs=1, warm_up=10)).run(np.array([[7.0]] * 50 + [[7.5]])).scores
    assert not scores[10:50].any()
    assert scores[50] >= 1.0


def test_each_group_has_a_mean_of_its_own_and_the_idle_longest_is_forgotten() -> None:
    """A bounded number of groups: one that comes back begins anew."""
    learner = make_learner(
        spec(("GaussianScorer", {"grace_period": 2}), inputs=1, warm_up=3, grouped=True, most_groups=2)
    )
    rows = np.array([[1.0], [100.0]] * 4)
    learner.run(rows, np.array([1, 2] * 4))
    assert learner.counts()["groups"] == 2
    same = learner.run(np.array([[1.0], [100.0], [100.0], [1.0]]), np.array([1, 2, 1, 2]))
    assert same.scores.tolist() == [0.0, 0.0, 1.0, 1.0]
    learner.run(np.array([[5.0]]), np.array([3]))
    assert learner.counts()["forgotten"] == 1
    assert np.isnan(learner.run(np.array([[1.0]]), np.array([1])).scores[0])
