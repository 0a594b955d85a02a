"""How well scores tell bad from good: what a table of models compares. High scores are bad throughout."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from risk_stream.lending import auc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Longs = NDArray[np.int64]
    Mask = NDArray[np.bool_]

__all__ = ["area_under_roc", "average_precision", "calibration", "f1", "interval", "precision_at"]


def average_precision(scores: Floats, bad: Mask) -> float:
    """Area under the precision-recall steps, ties taken together, as scikit-learn defines it. Both [n], n > 0."""
    order = np.argsort(-scores, kind="stable")
    scores, bad = scores[order], bad[order]
    ends = np.flatnonzero(np.append(np.diff(scores) != 0, True))
    found = np.cumsum(bad)[ends]
    precision, recall = found / (ends + 1), found / bad.sum()
    return float(np.sum(np.diff(recall, prepend=0) * precision))


def area_under_roc(scores: Floats, bad: Mask) -> float:
    """P(a bad one scores higher than a good one), ties half. Raises `LendingError` where all are alike."""
    return auc(-scores, bad)


class Calibration(NamedTuple):
    """How far scores are from the shares of bad ones, in parts of equally many events."""

    error: float  # mean distance of the two, weighted by events
    said: tuple[float, ...]  # by part, ascending: the mean score
    found: tuple[float, ...]  # and the share that was bad


def calibration(scores: Floats, bad: Mask, parts: int = 10) -> Calibration | None:
    """Expected calibration error; None where scores are no probabilities."""
    if scores.min() < 0 or scores.max() > 1:
        return None
    places = np.array_split(np.argsort(scores, kind="stable"), min(parts, len(scores)))
    said = [float(scores[at].mean()) for at in places]
    found = [float(bad[at].mean()) for at in places]
    error = sum(len(at) * abs(s - f) for at, s, f in zip(places, said, found, strict=True)) / len(scores)
    return Calibration(error, tuple(said), tuple(found))


def precision_at(days: Longs, keys: Longs, scores: Floats, bad: Mask, k: int = 100) -> float:
    """Mean over days of the share of the day's k highest-scored keys that were hit that day, found keys left out.

    A key's score is the highest of its events of the day; a key that was among the k and was hit is found, and counts
    no more on later days. So the Fraud Detection Handbook counts cards. All arguments are [n].
    """
    found: set[int] = set()
    shares = []
    for day in np.unique(days):
        at = np.flatnonzero(days == day)
        at = at[[key not in found for key in keys[at].tolist()]]
        names, of = np.unique(keys[at], return_inverse=True)
        highest, hit = np.full(len(names), -np.inf), np.zeros(len(names), np.bool_)
        np.maximum.at(highest, of, scores[at])
        np.logical_or.at(hit, of, bad[at])
        top = np.lexsort((names, -highest))[:k]
        found.update(names[top[hit[top]]].tolist())
        shares.append(float(hit[top].sum()) / k)
    return float(np.mean(shares))


def f1(right: int, wrong: int, missed: int) -> float:
    """Harmonic mean of precision and recall; 0 where nothing was right."""
    return 2 * right / (2 * right + wrong + missed) if right else 0.0


def interval(measure: Callable[[Longs], float], n: int, draws: int = 400, seed: int = 15) -> tuple[float, float]:
    """The middle 95 % of what `measure` says of n rows drawn with replacement (bootstrap)."""
    rng = np.random.default_rng(seed)
    low, high = np.quantile([measure(rng.integers(0, n, n)) for _ in range(draws)], [0.025, 0.975])
    return float(low), float(high)
