"""The figures of one model on a history, beside those of a model that is fitted anew every day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from risk_stream.catalogue import EventBatch
from risk_stream.engine import MakeLearner
from risk_stream.models import make_learner
from risk_stream.rules import Plan
from risk_stream.workbench.evaluate.leaks import Leak, leaks
from risk_stream.workbench.evaluate.measures import area_under_roc, average_precision, calibration
from risk_stream.workbench.evaluate.observe import Observed, observe
from risk_stream.workbench.evaluate.rival import DAY_MS, is_installed, retrained

if TYPE_CHECKING:
    from risk_stream.workbench.evaluate.measures import Floats, Longs, Mask

__all__ = ["EVER", "NEAR", "Evaluation", "Quality", "evaluate"]

#: The span that has no beginning and no end, ms.
EVER = (-(1 << 62), 1 << 62)
#: An online model is as good as one fitted anew where its average precision is at most so far below that one's,
NEAR = 0.02
#: at so small a part of its time.
CHEAP = 0.1


@dataclass(frozen=True, slots=True)
class Quality:
    """How well the scores of the measured events tell bad from good."""

    average_precision: float
    area_under_roc: float
    precision_at: float  # of the k highest scores of each day, the share that was bad, on average over days
    calibration_error: float | None  # None where scores are no probabilities

    @staticmethod
    def of(days: Longs, scores: Floats, bad: Mask, k: int) -> Quality:
        """Of n scored events whose outcome is known; there are bad ones and good ones."""
        top = [_share_of_top(scores[at], bad[at], k) for day in np.unique(days) for at in [days == day]]
        fit = calibration(scores, bad)
        return Quality(
            average_precision(scores, bad),
            area_under_roc(scores, bad),
            float(np.mean(top)),
            None if fit is None else fit.error,
        )


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model on a history. `quality` is None where no outcome tells bad from good among the measured events."""

    model: str
    events: int  # in the span
    scored: int  # of them; the others came while it warmed up, or it does not look at all
    known: int  # of them, whose outcome was known in the end
    bad: int
    quality: Quality | None
    microseconds: float  # of the processor for each event, scored and learnt
    rival: Quality | None  # None where scikit-learn is not installed or had too few outcomes to begin
    rival_microseconds: float | None  # fitting included
    suspected: tuple[Leak, ...]
    early: int  # outcomes dated before their events, which were refused
    contradicting: int

    @property
    def holds_its_own(self) -> bool | None:
        """Whether it is as good as the rival at a tenth of its time, or better; None where there is no comparison."""
        if self.quality is None or self.rival is None or self.rival_microseconds is None:
            return None
        behind = self.rival.average_precision - self.quality.average_precision
        return behind <= 0 or (behind <= NEAR and self.microseconds <= CHEAP * self.rival_microseconds)


def evaluate(
    plan: Plan,
    batches: Iterable[EventBatch],
    make: MakeLearner = make_learner,
    *,
    span: tuple[int, int] = EVER,
    k: int = 100,
    window_days: int = 30,
) -> list[Evaluation]:
    """Replay events and outcomes in the order of time through the plan's models; figures are of events in `span`, ms.

    Outcomes that come after the span still count for what was scored in it. The rival learns from the outcomes of
    `window_days`.
    """
    seen = observe(plan, batches, make)
    return [_evaluation(one, span, k, window_days) for one in seen.values()]


def _evaluation(seen: Observed, span: tuple[int, int], k: int, window_days: int) -> Evaluation:
    start, until = span
    inside = (seen.times >= start) & (seen.times < until)
    scored = inside & ~np.isnan(seen.scores)
    judged = scored & ~np.isnan(seen.labels)
    bad = seen.labels[judged] == 1
    quality = rival = rival_microseconds = None
    if bad.any() and not bad.all():
        quality = Quality.of(seen.times[judged] // DAY_MS, seen.scores[judged], bad, k)
        if is_installed():
            fitted = retrained(seen, start, until, window_days=window_days)
            both = judged & ~np.isnan(fitted.scores)
            its_bad = seen.labels[both] == 1
            # only where it could score all that the model did: figures of other events would compare nothing
            if both.sum() == judged.sum():
                rival = Quality.of(seen.times[both] // DAY_MS, fitted.scores[both], its_bad, k)
                rival_microseconds = fitted.seconds * 1e6 / max(1, int(inside.sum()))
    return Evaluation(
        seen.scored.id,
        int(inside.sum()),
        int(scored.sum()),
        int(judged.sum()),
        int(bad.sum()),
        quality,
        seen.microseconds,
        rival,
        rival_microseconds,
        tuple(leaks(seen.scored.spec.inputs, seen.inputs[judged], bad)),
        seen.early,
        seen.contradicting,
    )


def _share_of_top(scores: Floats, bad: Mask, k: int) -> float:
    top = np.argsort(-scores, kind="stable")[:k]
    return float(bad[top].mean())
