"""A model that is fitted anew: when, to which rows, from when on its scores are others, and what a restart changes."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.models import Step, make_learner
from risk_stream.models.estimators import Fitted
from risk_stream.models.registry import check
from risk_stream.models.retrained import Retrained
from tests.models.specs import read_again, spec

DAY = 86_400_000
NAMES = "HistGradientBoostingClassifier, LogisticRegression, RandomForestClassifier or ExtraTreesClassifier"
BOOSTING = "HistGradientBoostingClassifier"
FAST = {"estimator": "LogisticRegression", "good_for_bad": None}


def model(**said: Any) -> Any:
    return spec(("Retrained", {**FAST, **said}), inputs=2, learning="outcomes", warm_up=0)


def outcomes(n: int, seed: int = 1, bad: float = 0.3) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < bad).astype(float)
    return rng.normal(size=(n, 2)) + labels[:, None], labels


def scores(learner: Any, n: int = 1) -> list[float]:
    said: list[float] = learner.run(np.full((n, 2), 0.7)).scores.tolist()
    return said


def test_there_is_no_score_before_the_first_fit_has_taken_effect() -> None:
    """A fit begins with outcome number `every`, and events number `lag` after it and on are scored by it."""
    learner: Any = make_learner(model(every=100, lag=3))
    rows, labels = outcomes(100)
    learner.learn(rows[:99], labels[:99])
    assert np.isnan(scores(learner, 10)).all()
    learner.learn(rows[99:], labels[99:])
    said = scores(learner, 5)
    assert np.isnan(said[:3]).all()
    assert np.isfinite(said[3:]).all()
    assert learner.counts()["fits"] == 1


def test_it_is_fitted_when_event_time_comes_into_another_period() -> None:
    """Not within one, and not with the first event that it sees."""
    learner: Any = make_learner(model(every="1d", lag=0))
    assert learner.period_ms == DAY
    learner.reach(5 * DAY + 3)
    learner.learn(*outcomes(50))
    assert not learner.is_due(6 * DAY - 1)
    learner.reach(6 * DAY - 1)
    assert np.isnan(scores(learner)).all()
    assert learner.is_due(6 * DAY)
    learner.reach(6 * DAY)
    assert np.isfinite(scores(learner)).all()


def test_with_few_of_either_kind_nothing_is_fitted() -> None:
    """Ten bad and ten good ones are needed."""
    learner: Any = make_learner(model(every=50, lag=0))
    learner.learn(outcomes(50)[0], np.repeat([1.0, 0.0], [9, 41]))
    assert np.isnan(scores(learner)).all()
    learner.learn(outcomes(50)[0], np.repeat([1.0, 0.0], [1, 49]))
    assert np.isfinite(scores(learner)).all()


def test_only_the_last_rows_count() -> None:
    """Those that left the window change nothing."""
    learners: list[Any] = [make_learner(model(every=100, lag=0, window=100)) for _ in range(2)]
    for seed, learner in enumerate(learners):
        for rows, labels in (outcomes(100, seed + 10), outcomes(100)):
            learner.learn(rows, labels)
    assert scores(learners[0]) == scores(learners[1])


def test_the_next_fit_is_to_the_rows_of_its_beginning() -> None:
    """Outcomes that come while it is computed wait for the one after."""
    alone, more = (make_learner(model(every=100, lag=5)) for _ in range(2))
    rows, labels = outcomes(150)
    for learner in (alone, more):
        learner.learn(rows[:100], labels[:100])
    more.learn(rows[100:], labels[100:])
    assert scores(alone, 9)[5:] == scores(more, 9)[5:]


def test_a_fit_takes_effect_at_the_latest_when_the_next_begins() -> None:
    """Where few events come, a long lag means that."""
    learner: Any = make_learner(model(every=100, lag=1_000_000))
    for seed in range(2):
        learner.learn(*outcomes(100, seed))
    assert np.isfinite(scores(learner)).all()
    assert learner.counts()["fits"] == 1


def test_of_many_good_outcomes_a_share_stays_and_scores_are_of_all() -> None:
    """With a hundredth bad and one good row for each, the mean score is still a hundredth."""
    rows, labels = outcomes(40_000, bad=0.01)
    learner: Any = make_learner(model(every=40_000, lag=0, good_for_bad=1.0, window=5_000))
    learner.learn(rows, labels)
    said = learner.run(rows).scores
    kept = learner._words[0]
    assert 600 < kept < 1_000
    assert abs(said.mean() - labels.mean()) < 0.003


@pytest.mark.parametrize("beside", [True, False])
def test_where_it_is_computed_changes_no_score(beside: bool) -> None:
    """Beside the events by a slow thread, or when it is asked for."""
    asked = Event()

    def slowly(job: Callable[[], Fitted | None]) -> Callable[[], Fitted | None]:
        found: list[Fitted | None] = []

        def work() -> None:
            asked.wait(5)
            found.append(job())

        thread = Thread(target=work)
        thread.start()

        def wait() -> Fitted | None:
            asked.set()
            thread.join()
            return found[0]

        return wait

    learner: Any = make_learner(model(every=100, lag=4), beside=slowly if beside else None)
    other: Any = make_learner(model(every=100, lag=4))
    for one in (learner, other):
        one.learn(*outcomes(100))
    np.testing.assert_array_equal(scores(learner, 8), scores(other, 8))


def test_what_cannot_be_fitted_is_counted_and_the_last_fit_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events go their way."""
    learner: Any = make_learner(model(every=100, lag=0))
    learner.learn(*outcomes(100))
    before = scores(learner)

    def fails(*_: object) -> Fitted:
        raise ValueError("no")

    monkeypatch.setattr("risk_stream.models.retrained.fit", fails)
    learner.learn(*outcomes(100, 2))
    assert scores(learner) == before
    assert learner.counts()["fits_failed"] == 1


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_journals_and_images_of_any_moment_give_the_same_scores(data: st.DataObject) -> None:
    """Also where a window is full several times between two checkpoints, and while a fit is being computed."""
    said = model(every=40, lag=15, window=100, good_for_bad=data.draw(st.sampled_from([None, 1.0])))
    whole: Any = make_learner(said)
    learner: Any = make_learner(said)
    parts: list[bytes] = []
    for step in range(data.draw(st.integers(1, 12))):
        rows, labels = outcomes(data.draw(st.sampled_from([1, 30, 90, 260])), step)
        asked = data.draw(st.integers(0, 20))
        expected = []
        for one in (whole, learner):
            one.learn(rows, labels)
            expected.append(scores(one, asked))
        np.testing.assert_array_equal(expected[0], expected[1])
        if data.draw(st.booleans()):
            parts += learner.take_journal()
            if data.draw(st.booleans()):  # a full image replaces what was before
                parts = [bytes_ for part in range(256) for bytes_ in learner.image(part)]
            saved = learner.save()
            learner = make_learner(said)
            learner.load(saved)
            learner.load_parts(parts)
    assert learner.counts() == whole.counts()


def test_rows_that_are_missing_from_a_checkpoint_are_noticed() -> None:
    """Rather than fitted to what is left."""
    learner: Any = make_learner(model(every=40, lag=15))
    learner.learn(*outcomes(60))
    again: Any = make_learner(model(every=40, lag=15))
    again.load(learner.save())
    with pytest.raises(ValueError, match="rows of outcomes are missing from a checkpoint"):
        again.load_parts([])


def test_what_moved_a_score_is_what_it_would_be_without() -> None:
    """The input that tells bad from good, and not the other."""
    learner: Any = make_learner(model(every=300, lag=0))
    rows, labels = outcomes(300)
    rows[:, 1] = 0.5
    learner.learn(rows, labels)
    learner.run(rows)
    moved = learner.moved_by(np.array([4.0, 0.5]))
    assert moved[0] > 0.1
    assert moved[1] == 0


def test_without_scikit_learn_a_file_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is learnt in vain."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    [(at, parameter, said)] = check([Step("Retrained", {})], ["x"], [], "outcomes")
    assert (at, parameter) == (0, None)
    assert said == 'Retrained needs scikit-learn, which is not installed: pip install "risk-stream[retrained]"'


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (
            {"estimator": "HistGradientBoosting"},
            f'estimator of Retrained must be {NAMES}, not "HistGradientBoosting"; did you mean "{BOOSTING}"?',
        ),
        (
            {"estimator": "LogisticRegression", "max_depth": 4},
            "max_depth is no parameter of LogisticRegression, which takes C, max_iter",
        ),
        (
            {"every": "1 day"},
            'every of Retrained must be a whole number from 1 to 10,000,000 or a time such as 12h or 1d, not "1 day"',
        ),
        ({"windows": 100}, 'Retrained has no parameter "windows"; did you mean "window"?'),
    ],
)
def test_a_wrong_parameter_is_said_with_what_is_right(parameters: dict[str, Any], said: str) -> None:
    """As of any component."""
    assert [found for _, _, found in check([Step("Retrained", parameters)], ["x"], [], "outcomes")] == [said]


def test_it_stands_alone_over_numbers() -> None:
    """It scales for itself, and texts are asked in conditions."""
    steps = [Step("StandardScaler", {}), Step("Retrained", {})]
    said = [found for _, _, found in check(steps, ["sector", "x"], ["sector"], "outcomes")]
    assert said == [
        "Retrained reads numbers; ask sector in conditions, such as one that it is of one kind",
        "Retrained scales its inputs itself and stands alone; leave StandardScaler out",
    ]


def test_a_copy_of_what_it_was_scores_and_is_fitted_no_more() -> None:
    """So the model from before a drift goes on."""
    learner: Any = make_learner(model(every=100, lag=2))
    for seed in range(2):
        learner.learn(*outcomes(100, seed))
    copy: Any = make_learner(model(every=100, lag=2))
    copy.load(learner.save())
    assert isinstance(copy, Retrained)
    before = scores(read_again(learner, learner.spec, b""))
    assert scores(copy, 5) == before * 5
