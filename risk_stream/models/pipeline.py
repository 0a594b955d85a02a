"""From a spec to a learner: compiled where there is a kernel for it, else River as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from risk_stream.models.learner import Learner
from risk_stream.models.registry import check, kind_of
from risk_stream.models.spec import Spec, Step, Threshold

if TYPE_CHECKING:
    from risk_stream.models.retrained import Beside

__all__ = ["compile_kinds", "make_learner"]


def make_learner(spec: Spec, key: bytes = b"", beside: Beside | None = None) -> Learner:
    """A learner that has learnt nothing.

    `key` seals what River's own models save; without one that is good in this process alone, and such a model begins
    anew after a restart. `beside` computes what is fitted anew while events go on (see `retrained`); without one it is
    computed when its result is needed.

    Raises:
        ValueError: The pipeline cannot be built (see `registry.check`), with all that is wrong with it.
    """
    # How it learns is not asked here: a model as it once was scores and learns no more.
    flaws = check(spec.steps, spec.inputs, spec.texts, grouped=spec.grouped)
    if flaws:
        raise ValueError("; ".join(said for _, _, said in flaws))
    kind = kind_of(spec.steps)
    if kind == "trees":
        from risk_stream.models.trees import Trees

        return Trees(spec)
    if kind == "linear":
        from risk_stream.models.linear import Linear

        return Linear(spec)
    if kind == "univariate":
        from risk_stream.models.univariate import Univariate

        return Univariate(spec)
    if kind == "segments":
        from risk_stream.models.segments import Segments

        return Segments(spec)
    if kind == "retrained":
        from risk_stream.models.retrained import Retrained, when_asked

        return Retrained(spec, beside or when_asked)
    from risk_stream.models.river import River

    return River(spec, key)


def compile_kinds() -> None:
    """Run one row through every compiled kind, so that its machine code is on disk when a model needs it."""
    for last in ("HalfSpaceTrees", "LogisticRegression", "GaussianScorer"):
        spec = Spec(("x",), frozenset(), (Step(last, {}),), "always", 0, Threshold(share=0.5))
        learner = make_learner(spec)
        learner.run(np.zeros((1, 1)))
        learner.learn(np.zeros((1, 1)), np.zeros(1))
        learner.moved_by(np.zeros(1))
    from risk_stream.models._gate_kernel import gate_one
    from risk_stream.models.estimators import compile_fitted
    from risk_stream.models.segments import compile_segments

    compile_segments()
    compile_fitted()

    gate_one(np.zeros(3, np.int64), np.zeros(1), np.zeros(1), np.zeros(3), 0.0)
