"""A champion and its challenger on one history, in one replay: how well each tells bad from good, where they agree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from risk_stream.catalogue import EventBatch
from risk_stream.rules import Plan, Scored
from risk_stream.workbench.evaluate import EVER, Quality, observe

__all__ = ["Comparison", "compare"]

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the events that both scored; what outcomes say is of those whose outcome was known in the end."""

    champion: str
    challenger: str
    events: int  # that both scored
    known: int  # of them, whose outcome was known
    bad: int
    champion_quality: Quality | None  # None where no outcome tells bad from good
    challenger_quality: Quality | None
    agreement: float | None  # rank correlation of their scores; None for fewer than two events
    champion_microseconds: float
    challenger_microseconds: float

    @property
    def better_by(self) -> float | None:
        """The challenger's average precision less the champion's."""
        if self.champion_quality is None or self.challenger_quality is None:
            return None
        return self.challenger_quality.average_precision - self.champion_quality.average_precision


def compare(
    plan: Plan,
    champion: Scored,
    challenger: Scored,
    batches: Iterable[EventBatch],
    *,
    span: tuple[int, int] = EVER,
    k: int = 100,
) -> Comparison:
    """Replay events and outcomes, in the order of time, through two models; figures are of events in `span`, ms.

    Outcomes are matched by the champion's labels, so that both are held against the same truth.
    """
    two = Plan(plan.catalogue, (), plan.wheres, calendars=plan.calendars, models=(champion, challenger))
    seen = observe(two, batches)
    old, new = seen[champion.id], seen[challenger.id]
    _, at, of = np.intersect1d(old.ids, new.ids, return_indices=True)
    scores, others, times, labels = old.scores[at], new.scores[of], old.times[at], old.labels[at]
    both = ~np.isnan(scores) & ~np.isnan(others) & (times >= span[0]) & (times < span[1])
    known = both & ~np.isnan(labels)
    bad = labels[known] == 1
    qualities: list[Quality | None] = [None, None]
    if bad.any() and not bad.all():
        qualities = [Quality.of(times[known] // DAY_MS, said[known], bad, k) for said in (scores, others)]
    return Comparison(
        champion.id,
        challenger.id,
        int(both.sum()),
        int(known.sum()),
        int(bad.sum()),
        qualities[0],
        qualities[1],
        _rank_correlation(scores[both], others[both]),
        old.microseconds,
        new.microseconds,
    )


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman's, ties by their mean rank."""
    if len(first) < 2:
        return None
    ranks = []
    for values in (first, second):
        _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
        ranks.append((np.cumsum(counts) - (counts - 1) / 2)[places])
    if ranks[0].std() == 0 or ranks[1].std() == 0:
        return None
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])
