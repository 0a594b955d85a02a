"""What an online model is held against: scikit-learn's gradient boosting, fitted anew every day on a rolling window."""

from __future__ import annotations

import importlib
import importlib.util
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from risk_stream.workbench.evaluate.measures import Floats
    from risk_stream.workbench.evaluate.observe import Observed

__all__ = ["DAY_MS", "GOOD_FOR_BAD", "Rival", "is_installed", "retrained"]

DAY_MS = 86_400_000
#: Good events for a bad one in what it is fitted to, drawn by lot: with all of them it ranks worse where few are bad.
GOOD_FOR_BAD = 20
#: Bad events below which it is not fitted.
LEAST_BAD = 10


@dataclass(frozen=True, slots=True)
class Rival:
    """Its scores [n], NaN where it could not be fitted by then, and the processor's seconds for fitting and scoring."""

    scores: Floats
    seconds: float


def is_installed() -> bool:
    """Whether scikit-learn is here."""
    return importlib.util.find_spec("sklearn") is not None


def retrained(seen: Observed, start: int, until: int, *, window_days: int = 30, seed: int = 42) -> Rival:
    """Scores of the events in [start, until) by models fitted at each day's start to outcomes that were known by then.

    Those of the last `window_days` before the day; the same inputs as the model's, as they were at scoring.
    """
    ensemble, pools = (importlib.import_module(name) for name in ("sklearn.ensemble", "threadpoolctl"))
    rng = np.random.default_rng(seed)
    scores, begun = np.full(len(seen.ids), np.nan), time.process_time()
    inputs = np.where(np.isfinite(seen.inputs), seen.inputs, np.nan)
    days = seen.times // DAY_MS
    measured = (seen.times >= start) & (seen.times < until)
    for day in np.unique(days[measured]):
        begins = int(day) * DAY_MS
        taught = np.flatnonzero((seen.known < begins) & (seen.known >= begins - window_days * DAY_MS))
        bad, good = taught[seen.labels[taught] == 1], taught[seen.labels[taught] == 0]
        if len(bad) < LEAST_BAD or len(good) < LEAST_BAD:
            continue
        if len(good) > GOOD_FOR_BAD * len(bad):
            good = rng.choice(good, GOOD_FOR_BAD * len(bad), replace=False)
        rows = np.sort(np.concatenate([bad, good]))
        at = np.flatnonzero(measured & (days == day))
        with pools.threadpool_limits(limits=1):  # threads that wait for each other would count as its time
            fitted = ensemble.HistGradientBoostingClassifier(random_state=seed).fit(inputs[rows], seen.labels[rows])
            scores[at] = fitted.predict_proba(inputs[at])[:, 1]
    return Rival(scores, time.process_time() - begun)
