"""What holds for every component of the registry, compiled or not."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.models import Learner, Spec, Threshold, make_learner
from risk_stream.models.components import COMPONENTS
from tests.models.specs import drawn, read_again, rows_of, spec, spec_of

KEY = b"a key"
BLOCKS, BLOCK = 3, 16
ROOT = Path(__file__).parents[2]


def history(model: Spec, seed: int) -> tuple[Any, Any]:
    """Rows with all that may come, and what is said of them later."""
    rows = rows_of(model, drawn(seed, BLOCKS * BLOCK, len(model.inputs)).tolist())
    return rows, (np.random.default_rng(seed).random(len(rows)) < 0.4).astype(float)


def told(learner: Learner, model: Spec, seed: int) -> list[float]:
    """Scores of a history, outcomes learnt between its blocks."""
    rows, labels = history(model, seed)
    scores: list[float] = []
    for begin in range(0, len(rows), BLOCK):
        block = slice(begin, begin + BLOCK)
        scores += learner.run(rows[block]).scores.tolist()
        if model.learning == "outcomes":
            learner.learn(rows[block], labels[block])
    return scores


@settings(max_examples=3, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("name", COMPONENTS)
def test_it_says_the_same_however_its_rows_are_cut_saved_and_explained(name: str, data: st.DataObject) -> None:
    """One row or many in a call, saved and read in between, asked what moved a score: nothing changes what is said."""
    model, seed = spec_of(name), data.draw(st.integers(0, 1_000))
    whole = make_learner(model, KEY)
    expected = told(whole, model, seed)
    rows, labels = history(model, seed)
    learner, scores = make_learner(model, KEY), []
    cuts = data.draw(st.sets(st.integers(0, len(rows)), max_size=8)) | set(range(0, len(rows) + 1, BLOCK))
    ends = sorted(cuts)
    for begin, end in pairwise(ends):
        scores += learner.run(rows[begin:end]).scores.tolist()
        moved = learner.moved_by(rows[begin])
        assert moved.shape == (len(model.inputs),)
        assert np.isfinite(moved).all()
        if model.learning == "outcomes" and end % BLOCK == 0:
            learner.learn(rows[end - BLOCK : end - 1], labels[end - BLOCK : end - 1])
            learner.learn(rows[end - 1 : end], labels[end - 1 : end])
        if data.draw(st.booleans()):
            learner = read_again(learner, model, KEY)
    np.testing.assert_array_equal(scores, expected)
    assert learner.counts() == whole.counts()


@pytest.mark.parametrize("name", COMPONENTS)
def test_no_input_makes_it_fail_or_leaves_it_broken(name: str) -> None:
    """Missing, infinite and huge inputs are passed over; afterwards it scores as well as before."""
    model = spec_of(name)
    learner = make_learner(model, KEY)
    for seed in range(3):
        told(learner, model, seed)
    rows, labels = history(model, 9)
    before = rows.copy()
    odd = rows_of(model, [[value] * len(model.inputs) for value in (np.nan, np.inf, -np.inf, 1e308, -0.0, 5e-324)])
    said = learner.run(odd)
    learner.learn(odd, np.array([1.0, 0.0, np.nan, 1.0, 0.0, 1.0]))
    learner.learn(rows, np.full(len(rows), np.nan))
    learner.learn(rows, labels, weights=np.zeros(len(rows)))
    scores = learner.run(rows).scores
    assert np.array_equal(rows, before, equal_nan=True)
    assert not np.isinf([*said.scores, *scores]).any()
    there = ~np.isnan(rows[:, np.array([n not in model.texts for n in model.inputs])]).any(axis=1)
    if COMPONENTS[name].role != "segmenter":  # it scores keys that it has known for days
        assert np.isfinite(scores[there & (np.abs(np.nan_to_num(rows)) <= 1e100).all(axis=1)]).all()
    counts = learner.counts()
    assert counts["failed"] == 0
    assert counts["missing"] > 0
    assert counts["empty"] >= 1
    if not model.texts:
        assert np.isnan(said.scores[:4]).all()
        assert counts["infinite"] >= 3 * len(model.inputs)


def test_another_process_says_the_same() -> None:
    """Nothing goes by the order of a set of texts, which differs from process to process."""
    names = ("KMeans", "ARFClassifier", "OneHotEncoder")
    code = (
        "from tests.models.test_kinds import *\n"
        f"said = [told(make_learner(spec_of(name), KEY), spec_of(name), 1) for name in {names}]\n"
        "print(np.array(said).tobytes().hex())"
    )
    there = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    ).stdout
    here = [told(make_learner(spec_of(name), KEY), spec_of(name), 1) for name in names]
    assert there.strip() == np.array(here).tobytes().hex()


def test_a_score_is_over_a_running_quantile_as_the_last_scores_have_it() -> None:
    """The nearest rank of the last scores, exactly, before the score itself is one of them."""
    model = spec("StandardAbsoluteDeviation", inputs=1, warm_up=2, threshold=Threshold(share=0.8, last=25))
    said = make_learner(model).run(drawn(4, 400, 1))
    scores: list[float] = []
    for score, over in zip(said.scores.tolist(), said.over.tolist(), strict=True):
        if np.isnan(score):
            assert not over
            continue
        last = sorted(scores[-25:])
        assert over == (len(last) >= 2.5 and score > last[int(np.ceil(0.8 * len(last))) - 1])
        scores.append(score)


def test_a_score_is_over_a_fixed_threshold_from_there_on() -> None:
    """The threshold itself is over."""
    model = spec("StandardAbsoluteDeviation", inputs=1, warm_up=2, threshold=Threshold(fixed=0.0))
    said = make_learner(model).run(np.full((10, 1), 4.0))
    assert said.over.tolist() == [False] * 2 + [True] * 8


def test_a_category_that_was_never_seen_is_counted_and_scored() -> None:
    """It adds nothing to the sum; later ones beyond the limit are as if missing."""
    model = spec("OneHotEncoder", ("LogisticRegression", {"optimizer": "Adam"}), texts=1, learning="outcomes")
    learner = make_learner(model, KEY)
    rows = np.zeros((300, 4))
    rows[:, 0] = (np.arange(300) + 1).view(np.float64)
    learner.learn(rows, np.ones(300))
    unseen = learner.counts()["unseen"]
    assert unseen == 300
    said = learner.run(np.array([[np.array([999]).view(np.float64)[0], 0.0, 0.0, 0.0]]))
    assert np.isfinite(said.scores[0])
    assert learner.counts()["unseen"] == unseen + 1


def test_a_detector_learns_the_rows_of_good_outcomes_alone() -> None:
    """What was fraud must not become usual."""
    model = spec("MinMaxScaler", "HalfSpaceTrees", learning="outcomes")
    learner = make_learner(model)
    learner.learn(np.random.default_rng(1).normal(size=(10, 4)), np.array([1.0, 0.0] * 5))
    assert learner.counts()["learnt"] == 5


def test_a_grouped_model_that_is_given_no_groups_says_so() -> None:
    """It is a mistake of the caller, not of an event."""
    with pytest.raises(ValueError, match="no groups were given"):
        make_learner(spec("GaussianScorer", inputs=1, grouped=True)).run(np.zeros((1, 1)))
