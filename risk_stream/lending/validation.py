"""Whether a score still works: stability of its distribution, and how it parts good from bad."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_stream.lending.errors import LendingError

__all__ = ["auc", "gini", "kolmogorov_smirnov", "stability", "stability_index"]


def stability_index(expected: Any, actual: Any, least: float = 1e-4) -> float:
    """PSI: the sum over bins of (a - e) ln(a / e); an empty bin counts as `least` (a default).

    Raises `LendingError` for shares that are not of the same bins or do not add up to 1.
    """
    wanted, found = np.asarray(expected, np.float64), np.asarray(actual, np.float64)
    if wanted.shape != found.shape or min(wanted.min(), found.min()) < 0:
        raise LendingError("both distributions have the same bins, and shares of 0 or more")
    for name, shares in (("expected", wanted), ("actual", found)):
        if abs(shares.sum() - 1.0) > 1e-6:
            raise LendingError(f"the {name} shares add up to {shares.sum():g}, not to 1")
    wanted, found = np.maximum(wanted, least), np.maximum(found, least)
    return float(((found - wanted) * np.log(found / wanted)).sum())


def stability(index: float) -> str:
    """stable below 0.1, watch up to 0.25, act above: the usual reading of a PSI."""
    return "stable" if index < 0.1 else "watch" if index <= 0.25 else "act"


def auc(score: Any, bad: Any) -> float:
    """P(a good one scores higher than a bad one), ties half; high scores are good."""
    good, lost = _parts(score, bad)
    lost = np.sort(lost)
    below = np.searchsorted(lost, good, side="left")
    upto = np.searchsorted(lost, good, side="right")
    return float((below + upto).sum() / (2.0 * len(good) * len(lost)))


def gini(score: Any, bad: Any) -> float:
    """2 AUC - 1, the accuracy ratio."""
    return 2.0 * auc(score, bad) - 1.0


def kolmogorov_smirnov(score: Any, bad: Any) -> float:
    """KS: the largest distance between the distributions of the good and of the bad."""
    good, lost = _parts(score, bad)
    at = np.unique(np.concatenate((good, lost)))
    shares = [np.searchsorted(np.sort(part), at, side="right") / len(part) for part in (good, lost)]
    return float(np.abs(shares[0] - shares[1]).max())


def _parts(score: Any, bad: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values, is_bad = np.asarray(score, np.float64), np.asarray(bad, np.bool_)
    if values.shape != is_bad.shape or is_bad.all() or not is_bad.any():
        raise LendingError("every score has an outcome, and there are good ones and bad ones")
    return values[~is_bad], values[is_bad]
