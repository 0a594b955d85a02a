"""Half-space trees: the scores of River to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.anomaly import HalfSpaceTrees
from river.preprocessing import MinMaxScaler, StandardScaler

from risk_stream.models import Threshold, make_learner
from risk_stream.models.trees import Trees
from tests.models.specs import as_dict, drawn, spec

SCALERS: dict[str, Any] = {"MinMaxScaler": MinMaxScaler, "StandardScaler": StandardScaler}


def of_river(inputs: tuple[str, ...], said: dict[str, Any]) -> HalfSpaceTrees:
    """River's trees over all inputs, as its first complete row would have made them."""
    trees = HalfSpaceTrees(**said)
    trees.learn_one(dict.fromkeys(inputs, 0.5))
    for nodes in trees._tree_nodes:
        for node in nodes:
            node.l_mass = node.r_mass = 0
    trees.counter, trees._first_window = 0, True
    return trees


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    inputs=st.integers(1, 20),
    scaler=st.sampled_from(["MinMaxScaler", "StandardScaler", ""]),
    said=st.fixed_dictionaries(
        {
            "n_trees": st.integers(1, 6),
            "height": st.integers(1, 7),
            "window_size": st.integers(2, 40),
            "seed": st.integers(0, 1_000),
        }
    ),
)
def test_scores_are_those_of_river_to_the_last_bit(seed: int, inputs: int, scaler: str, said: dict[str, Any]) -> None:
    """With missing and infinite inputs, constants, huge numbers, in the first window and after each pivot."""
    steps: list[Any] = [scaler] if scaler else []
    model = spec(*steps, ("HalfSpaceTrees", said), inputs=inputs, warm_up=0)
    rows = drawn(seed, 100, inputs)
    if not scaler:
        rows = np.where(np.isfinite(rows), np.abs(np.tanh(rows)), rows)
    learner = make_learner(model)
    assert isinstance(learner, Trees)
    scores = learner.run(rows).scores
    scale, trees = SCALERS[scaler]() if scaler else None, of_river(model.inputs, said)
    for row, score in zip(rows, scores, strict=True):
        x = as_dict(model, row)
        if not x:
            assert np.isnan(score)
            continue
        assert score == trees.score_one(scale.transform_one(x) if scale else x)
        if scale:
            scale.learn_one(x)
        trees.learn_one(scale.transform_one(x) if scale else x)


def test_a_first_row_that_lacks_no_input_makes_the_trees_of_river() -> None:
    """Then nothing has to be arranged: a new object of River gives the same scores."""
    model = spec("MinMaxScaler", ("HalfSpaceTrees", {"n_trees": 5, "height": 5, "window_size": 30}), warm_up=0)
    rows = np.random.default_rng(5).normal(size=(200, 4))
    river = MinMaxScaler() | HalfSpaceTrees(n_trees=5, height=5, window_size=30, seed=42)
    scores = make_learner(model).run(rows).scores
    for row, score in zip(rows, scores, strict=True):
        assert score == river.score_one(as_dict(model, row))
        river.learn_one(as_dict(model, row))


def test_an_input_that_the_first_row_lacks_is_split_on_all_the_same() -> None:
    """River would leave it out for good."""
    model = spec("MinMaxScaler", ("HalfSpaceTrees", {"n_trees": 10, "window_size": 50}), inputs=2, warm_up=50)
    rows = np.random.default_rng(5).uniform(0.4, 0.6, (300, 2))
    rows[0, 1] = np.nan
    rows[:, 0] = 0.5
    rows[-1, 1] = 0.99
    learner = make_learner(model)
    scores = learner.run(rows).scores
    assert scores[-1] > np.nanmean(scores[:-1])
    assert learner.moved_by(rows[-1])[1] > 0.0


def test_a_calm_model_does_not_learn_what_is_over_its_threshold() -> None:
    """A burst of the same strange row stays strange to it, and becomes usual to one that learns always."""
    rng = np.random.default_rng(3)
    rows = np.concatenate([rng.normal(size=(300, 4)), np.full((200, 4), 6.0)])
    last = {}
    for learning in ("always", "calm"):
        model = spec(
            "StandardScaler",
            "MinMaxScaler",
            ("HalfSpaceTrees", {"window_size": 50}),
            learning=learning,
            warm_up=100,
            threshold=Threshold(fixed=0.97),
        )
        last[learning] = make_learner(model).run(rows).scores[-1]
    assert last["calm"] >= 0.97 > last["always"]


@pytest.mark.parametrize("height", [1, 10])
def test_no_groups_are_needed_and_none_are_kept(height: int) -> None:
    """A forest is shared by all events of its partition."""
    learner = make_learner(spec(("HalfSpaceTrees", {"height": height}), inputs=1))
    learner.run(np.full((30, 1), 0.5))
    assert learner.counts()["groups"] == 1
