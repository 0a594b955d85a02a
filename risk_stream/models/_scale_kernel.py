"""Kernel of the scalers that compiled models have in front: River's MinMaxScaler and StandardScaler, to the last bit.

State is three lines [m]: lowest, highest and nothing; or count, mean and variance. A missing input stays NaN.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from risk_stream.models._jit import Floats, inner

__all__ = ["MIN_MAX", "NO_SCALER", "STANDARD", "learn_scale", "reset_scale", "scale"]

NO_SCALER: Final = 0
MIN_MAX: Final = 1
STANDARD: Final = 2


@inner
def reset_scale(kind: int, state: Floats) -> None:
    """A scaler that has seen nothing: state [3, m]."""
    for j in range(state.shape[1]):
        state[0, j] = np.inf if kind == MIN_MAX else 0.0
        state[1, j] = -np.inf if kind == MIN_MAX else 0.0
        state[2, j] = 0.0


@inner
def scale(kind: int, state: Floats, row: Floats, half: float, out: Floats) -> None:
    """Scale one row [m] into `out` [m]; `half` is 0.5.

    It is an argument lest the compiler make `v ** 0.5` a square root, whose last bit is another one at times.
    """
    for j in range(len(row)):
        x = row[j]
        if np.isnan(x) or kind == NO_SCALER:
            out[j] = x
        elif kind == MIN_MAX:
            low = state[0, j]
            gap = state[1, j] - low
            out[j] = (x - low) / gap if gap != 0.0 else 0.0
        else:
            variance = state[2, j]
            out[j] = (x - state[1, j]) / variance**half if variance != 0.0 else 0.0


@inner
def learn_scale(kind: int, state: Floats, row: Floats) -> bool:
    """Learn one row [m]; whether rows are scaled differently from now on."""
    changed = False
    for j in range(len(row)):
        x = row[j]
        if np.isnan(x) or kind == NO_SCALER:
            continue
        changed = changed or kind == STANDARD
        if kind == MIN_MAX:
            if x < state[0, j]:
                state[0, j] = x
                changed = True
            if x > state[1, j]:
                state[1, j] = x
                changed = True
        else:
            state[0, j] += 1.0
            n = state[0, j]
            before = state[1, j]
            state[1, j] += (x - before) / n
            state[2, j] += ((x - before) * (x - state[1, j]) - state[2, j]) / n
    return changed
