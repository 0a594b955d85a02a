"""Logistic regression: the probabilities of River to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from river.linear_model import LogisticRegression
from river.optim import SGD
from river.preprocessing import MinMaxScaler, StandardScaler

from risk_stream.models import make_learner
from risk_stream.models.linear import Linear
from tests.models.specs import as_dict, drawn, spec

SCALERS: dict[str, Any] = {"MinMaxScaler": MinMaxScaler, "StandardScaler": StandardScaler}


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    inputs=st.integers(1, 20),
    scaler=st.sampled_from(["StandardScaler", "MinMaxScaler", ""]),
    said=st.fixed_dictionaries(
        {
            "lr": st.sampled_from([0.01, 0.3]),
            "l2": st.sampled_from([0.0, 0.001, 0.1]),
            "intercept_lr": st.sampled_from([0.0, 0.01, 0.5]),
            "intercept_init": st.sampled_from([0.0, -3.0]),
            "clip_gradient": st.sampled_from([1e12, 0.2]),
        }
    ),
)
def test_probabilities_are_those_of_river_to_the_last_bit(
    seed: int, inputs: int, scaler: str, said: dict[str, Any]
) -> None:
    """With missing and infinite inputs, constants, huge numbers, penalties, clipped gradients and weights of rows."""
    steps: list[Any] = [scaler] if scaler else []
    model = spec(*steps, ("LogisticRegression", said), inputs=inputs, learning="outcomes", warm_up=0)
    rows, rng = drawn(seed, 80, inputs), np.random.default_rng(seed)
    if not scaler:
        rows = np.where(np.isfinite(rows), np.tanh(rows), rows)
    labels, weights = (rng.random(80) < 0.4).astype(float), rng.choice([0.5, 1.0, 20.0], 80)
    parameters = {**said, "optimizer": SGD(said["lr"])}
    del parameters["lr"]
    scale, river = SCALERS[scaler]() if scaler else None, LogisticRegression(**parameters)
    learner = make_learner(model)
    assert isinstance(learner, Linear)
    for start in range(0, 80, 8):
        part = slice(start, start + 8)
        for row, score in zip(rows[part], learner.run(rows[part]).scores, strict=True):
            x = as_dict(model, row)
            if x:
                scaled = scale.transform_one(x) if scale else x
                # An input that a MinMaxScaler never met is NaN in River, and so would be the score.
                known = {name: value for name, value in scaled.items() if not np.isnan(value)}
                assert score == river.predict_proba_one(known)[True]
        learner.learn(rows[part], labels[part], weights=weights[part])
        for row, label, weight in zip(rows[part], labels[part], weights[part], strict=True):
            x = as_dict(model, row)
            if x:
                if scale:
                    scale.learn_one(x)
                river.learn_one(scale.transform_one(x) if scale else x, bool(label), w=float(weight))


def test_an_input_is_said_to_move_the_score_by_its_weight_times_its_scaled_value() -> None:
    """So that what a person reads adds up to the logit without its intercept."""
    model = spec("StandardScaler", "LogisticRegression", learning="outcomes", warm_up=0)
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(400, 4))
    learner = make_learner(model)
    learner.run(rows[:1])
    learner.learn(rows, (rows[:, 2] > 0).astype(float))
    moved = learner.moved_by(np.array([0.0, 0.0, 2.0, np.nan]))
    assert moved.argmax() == 2
    assert moved[3] == 0.0


def test_each_group_has_weights_of_its_own() -> None:
    """As many models as groups, each equal to one that saw its own rows alone."""
    model = spec("StandardScaler", "LogisticRegression", learning="outcomes", warm_up=3, grouped=True)
    rng = np.random.default_rng(2)
    rows, groups = rng.normal(size=(200, 4)), rng.integers(0, 3, 200)
    labels = (rows[:, 0] > groups).astype(float)
    learner = make_learner(model)
    learner.learn(rows[:100], labels[:100], groups[:100])
    scores = learner.run(rows[100:], groups[100:]).scores
    for group in range(3):
        alone = make_learner(spec("StandardScaler", "LogisticRegression", learning="outcomes", warm_up=3))
        mine = groups == group
        alone.learn(rows[:100][mine[:100]], labels[:100][mine[:100]])
        assert np.array_equal(alone.run(rows[100:][mine[100:]]).scores, scores[mine[100:]])
