"""Kernel of logistic regression by plain gradient descent: River's LogisticRegression with SGD, to the last bit.

Each group has a line of every array, so that a model per instrument costs its weights and no more.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from risk_stream.models._gate_kernel import G_LEARNT, gate
from risk_stream.models._jit import SOURCES, Bools, Floats, Ints, entry, inner
from risk_stream.models._scale_kernel import learn_scale, reset_scale, scale

__all__ = [
    "R_CLIP",
    "R_INTERCEPT",
    "R_INTERCEPT_RATE",
    "R_L2",
    "R_RATE",
    "R_WORDS",
    "learn_linear",
    "parts_linear",
    "run_linear",
]

#: Words of the parameters: learning rate, penalty, intercept's first value and rate, limit of a gradient.
R_RATE: Final = 0
R_L2: Final = 1
R_INTERCEPT: Final = 2
R_INTERCEPT_RATE: Final = 3
R_CLIP: Final = 4
R_WORDS: Final = 5


@inner
def _logit(weights: Floats, intercept: float, row: Floats) -> float:
    """Weights times inputs, added in their order; what is missing, or not met by the scaler yet, adds nothing."""
    total = 0.0
    for j in range(len(row)):
        if not np.isnan(row[j]):
            total += weights[j] * row[j]
    return total + intercept


@inner
def _sigmoid(logit: float) -> float:
    if logit < -30.0:
        return 0.0
    if logit > 30.0:
        return 1.0
    return 1.0 / (1.0 + math.exp(-logit))


@inner
def _slope(label: float, logit: float) -> float:
    """Derivative of the logarithmic loss by the logit, as River takes it."""
    sign = 1.0 if label != 0.0 else -1.0
    z = logit * sign
    if z > 18.0:
        return math.exp(-z) * -sign
    if z < -18.0:
        return -sign
    return -sign / (math.exp(z) + 1.0)


@inner
def _learn(
    weights: Floats, intercepts: Floats, slot: int, parameters: Floats, row: Floats, label: float, weight: float
) -> None:
    """One step down the gradient of one scaled row; a step that would end outside of numbers is not taken."""
    slope = _slope(label, _logit(weights[slot], intercepts[slot], row)) * weight
    slope = max(min(slope, parameters[R_CLIP]), -parameters[R_CLIP])
    if not np.isfinite(slope):
        return
    intercepts[slot] -= parameters[R_INTERCEPT_RATE] * slope
    for j in range(len(row)):
        if not np.isnan(row[j]):
            before = weights[slot, j]
            gradient = row[j] * slope
            if parameters[R_L2] != 0.0:
                gradient += parameters[R_L2] * before
            after = before - parameters[R_RATE] * gradient
            if np.isfinite(after):
                weights[slot, j] = after


@inner
def _reset(
    weights: Floats, intercepts: Floats, learnt: Ints, scaler: Floats, kind: int, slot: int, first: float
) -> None:
    weights[slot] = 0.0
    intercepts[slot] = first
    learnt[slot] = 0
    reset_scale(kind, scaler[slot])


def _entries(sources: int) -> tuple[Any, Any, Any]:
    """The functions Python calls, compiled anew where `sources` differs (see `features._jit.entry`)."""

    @entry
    def run_linear(
        weights: Floats,
        intercepts: Floats,
        learnt: Ints,
        scaler: Floats,
        kind: int,
        half: float,
        parameters: Floats,
        gate_words: Ints,
        ring: Floats,
        order: Floats,
        limits: Floats,
        warm_up: int,
        rows: Floats,
        slots: Ints,
        begins: Bools,
        used: Bools,
        scores: Floats,
        over: Bools,
    ) -> None:
        row = np.empty(rows.shape[1])
        for i in range(len(rows)):
            if not used[i] or sources < 0:
                continue
            slot = slots[i]
            if begins[i]:
                _reset(weights, intercepts, learnt, scaler, kind, slot, parameters[R_INTERCEPT])
            if learnt[slot] >= warm_up:
                scale(kind, scaler[slot], rows[i], half, row)
                scores[i] = _sigmoid(_logit(weights[slot], intercepts[slot], row))
                over[i] = gate(gate_words, ring, order, limits, scores[i])

    @entry
    def learn_linear(
        weights: Floats,
        intercepts: Floats,
        learnt: Ints,
        scaler: Floats,
        kind: int,
        half: float,
        parameters: Floats,
        gate_words: Ints,
        rows: Floats,
        labels: Floats,
        row_weights: Floats,
        slots: Ints,
        begins: Bools,
        used: Bools,
    ) -> None:
        row = np.empty(rows.shape[1])
        for i in range(len(rows)):
            if not used[i] or sources < 0:
                continue
            slot = slots[i]
            if begins[i]:
                _reset(weights, intercepts, learnt, scaler, kind, slot, parameters[R_INTERCEPT])
            learn_scale(kind, scaler[slot], rows[i])
            scale(kind, scaler[slot], rows[i], half, row)
            _learn(weights, intercepts, slot, parameters, row, labels[i], row_weights[i])
            learnt[slot] += 1
            gate_words[G_LEARNT] += 1

    @entry
    def parts_linear(
        weights: Floats, scaler: Floats, kind: int, half: float, slot: int, row: Floats, parts: Floats
    ) -> None:
        if sources >= 0:
            scale(kind, scaler[slot], row, half, parts)
            for j in range(len(row)):
                parts[j] = 0.0 if np.isnan(parts[j]) else parts[j] * weights[slot, j]

    return run_linear, learn_linear, parts_linear


run_linear, learn_linear, parts_linear = _entries(SOURCES)
