"""Logistic regression learnt from outcomes by plain gradient descent, with exactly River's probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from risk_stream.models._linear_kernel import (
    R_CLIP,
    R_INTERCEPT,
    R_INTERCEPT_RATE,
    R_L2,
    R_RATE,
    R_WORDS,
    learn_linear,
    parts_linear,
    run_linear,
)
from risk_stream.models._scale_kernel import NO_SCALER
from risk_stream.models.base import HALF, Base
from risk_stream.models.learner import Floats, Longs, Mask
from risk_stream.models.registry import parameters_of
from risk_stream.models.spec import Spec
from risk_stream.models.trees import SCALERS

__all__ = ["Linear"]


class Linear(Base):
    """LogisticRegression with SGD, alone or behind a scaler; one for each group where it is grouped."""

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        said = parameters_of(spec.steps[-1])
        self._kind = SCALERS[spec.steps[0].component] if len(spec.steps) > 1 else NO_SCALER
        self._parameters = np.zeros(R_WORDS)
        self._parameters[R_RATE] = 0.01 if said["lr"] is None else said["lr"]
        self._parameters[R_L2] = said["l2"]
        self._parameters[R_INTERCEPT] = said["intercept_init"]
        self._parameters[R_INTERCEPT_RATE] = said["intercept_lr"]
        self._parameters[R_CLIP] = said["clip_gradient"]
        self._weights = np.zeros((1, self._inputs))
        self._intercepts = np.zeros(1)
        self._learnt = np.zeros(1, np.int64)
        self._scaler = np.zeros((1, 3, self._inputs))

    def _state(self) -> tuple[Any, ...]:
        return self._weights, self._intercepts, self._learnt, self._scaler, self._kind, HALF, self._parameters

    def _run(self, rows: Floats, slots: Longs, begins: Mask, used: Mask, scores: Floats, over: Mask) -> None:
        judge = self._gate, self._ring, self._order, self._limits, self.spec.warm_up
        run_linear(*self._state(), *judge, rows, slots, begins, used, scores, over)

    def _learn(self, rows: Floats, labels: Floats, weights: Floats, slots: Longs, begins: Mask, used: Mask) -> None:
        learn_linear(*self._state(), self._gate, rows, labels, weights, slots, begins, used)

    def _moved(self, row: Floats, slot: int) -> Floats:
        """Weight times scaled input, in units of the logit."""
        moved = np.zeros(self._inputs)
        parts_linear(self._weights, self._scaler, self._kind, HALF, slot, row, moved)
        return moved

    def _room(self, slots: int) -> None:
        have = len(self._weights)
        if slots > have:
            more = max(slots, 2 * have) - have
            self._weights = np.concatenate([self._weights, np.zeros((more, self._inputs))])
            self._intercepts = np.concatenate([self._intercepts, np.zeros(more)])
            self._learnt = np.concatenate([self._learnt, np.zeros(more, np.int64)])
            self._scaler = np.concatenate([self._scaler, np.zeros((more, 3, self._inputs))])

    def _arrays(self) -> dict[str, Any]:
        n = len(self._groups)
        return {
            "weights": self._weights[:n],
            "intercepts": self._intercepts[:n],
            "learnt": self._learnt[:n],
            "scaler": self._scaler[:n],
        }

    def _restore(self, arrays: Mapping[str, Any], more: bytes) -> None:
        del more
        n = len(arrays.get("weights", ()))
        shapes = {"weights": (n, self._inputs), "intercepts": (n,), "learnt": (n,), "scaler": (n, 3, self._inputs)}
        if {name: a.shape for name, a in arrays.items()} != shapes or n > len(self._weights):
            raise ValueError("what was saved of this model has other weights than it has now")
        self._weights[:n], self._intercepts[:n] = arrays["weights"], arrays["intercepts"]
        self._learnt[:n], self._scaler[:n] = arrays["learnt"], arrays["scaler"]
