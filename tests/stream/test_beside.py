"""Work in a thread returns or raises as it would here, and Python's own pace comes back when it is done."""

from __future__ import annotations

import asyncio
import sys
import threading

import numpy as np
import pytest

from risk_stream.models import Spec, Step, Threshold, make_learner
from risk_stream.stream.beside import SWITCH, begin_beside, beside


def test_threads_take_turns_quickly_while_it_computes_and_as_before_afterwards() -> None:
    usual = sys.getswitchinterval()

    async def both() -> list[float]:
        return await asyncio.gather(beside(sys.getswitchinterval), beside(sys.getswitchinterval))

    assert asyncio.run(both()) == pytest.approx([SWITCH, SWITCH])
    assert sys.getswitchinterval() == usual


def test_what_it_raises_is_raised_here_and_the_pace_comes_back() -> None:
    usual = sys.getswitchinterval()

    def fail(text: str, *, more: str) -> None:
        raise ValueError(text + more)

    with pytest.raises(ValueError, match="no plan"):
        asyncio.run(beside(fail, "no ", more="plan"))
    assert sys.getswitchinterval() == usual


def test_what_is_begun_is_waited_for_later() -> None:
    """It runs meanwhile, and gives what it returned or raised."""
    begun = threading.Event()
    found = begin_beside(lambda: begun.set() or 7)
    assert begun.wait(10)
    assert found() == 7
    failed = begin_beside(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        failed()


def test_a_model_fitted_beside_the_loop_says_what_a_replay_says() -> None:
    """Its fit takes effect with the same event, however long it takes."""
    step = Step("Retrained", {"estimator": "LogisticRegression", "every": 60, "lag": 4})
    spec = Spec(("x",), frozenset(), (step,), "outcomes", 0, Threshold(fixed=0.5))
    rows, labels = np.linspace(-1, 1, 60)[:, None], (np.arange(60) % 3 == 0).astype(float)
    said = []
    for learner in (make_learner(spec), make_learner(spec, beside=begin_beside)):
        learner.learn(rows, labels)
        said.append(learner.run(rows).scores)
    np.testing.assert_array_equal(said[0], said[1])
    assert np.isnan(said[0][:4]).all()
    assert np.isfinite(said[0][4:]).all()
