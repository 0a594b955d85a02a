"""Detectors of one number: how far it is from its mean, in standard deviations or as a share of a normal curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from risk_stream.models._univariate_kernel import (
    GAUSSIAN,
    U_WORDS,
    learn_univariate,
    peek_univariate,
    run_univariate,
)
from risk_stream.models.base import HALF, Replacing
from risk_stream.models.learner import Floats, Longs, Mask
from risk_stream.models.registry import parameters_of
from risk_stream.models.spec import Spec

__all__ = ["Univariate"]


class Univariate(Replacing):
    """GaussianScorer without a window, or StandardAbsoluteDeviation, with River's scores; one for each group."""

    good_alone = True

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        said = parameters_of(spec.steps[-1])
        self._kind = GAUSSIAN if spec.steps[-1].component == "GaussianScorer" else GAUSSIAN + 1
        self._grace = float(said.get("grace_period", 0))
        self._lines = np.zeros((1, U_WORDS))

    def _run(self, rows: Floats, slots: Longs, begins: Mask, used: Mask, scores: Floats, over: Mask) -> None:
        judge = self._gate, self._ring, self._order, self._limits, self._policy, self.spec.warm_up
        run_univariate(self._kind, self._grace, HALF, self._lines, *judge, rows, slots, begins, used, scores, over)

    def _learn(self, rows: Floats, labels: Floats, weights: Floats, slots: Longs, begins: Mask, used: Mask) -> None:
        del labels, weights
        learn_univariate(self._lines, self._gate, rows, slots, begins, used)

    def _peek(self, rows: Floats, slot: int) -> Floats:
        scores = np.zeros(len(rows))
        peek_univariate(self._kind, self._grace, HALF, self._lines[slot], rows, scores)
        return scores

    def _room(self, slots: int) -> None:
        have = len(self._lines)
        if slots > have:
            self._lines = np.concatenate([self._lines, np.zeros((max(slots, 2 * have) - have, U_WORDS))])

    def _arrays(self) -> dict[str, Any]:
        return {"lines": self._lines[: len(self._groups)]}

    def _restore(self, arrays: Mapping[str, Any], more: bytes) -> None:
        del more
        lines = arrays.get("lines")
        if lines is None or lines.ndim != 2 or lines.shape[1] != U_WORDS or len(lines) > len(self._lines):
            raise ValueError("what was saved of this model has other sums than it has now")
        self._lines[: len(lines)] = lines
