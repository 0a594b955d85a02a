"""A history through an engine's models: each event's inputs and score as they were, and what was known of it when."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from risk_stream.catalogue import EventBatch, text_hash
from risk_stream.engine import Engine, MakeLearner, ScoredRows
from risk_stream.models import make_learner
from risk_stream.rules import OUTCOME, Plan, Scored

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Longs = NDArray[np.int64]

__all__ = ["NEVER", "Observed", "observe"]

#: When the outcome of an event was known of which nothing was ever said.
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Observed:
    """What a model saw and said of a history's n events, in the order in which it scored them."""

    scored: Scored
    ids: Longs  # hashes
    times: Longs  # ms
    inputs: Floats  # [n, m]
    scores: Floats  # [n], NaN for none
    labels: Floats  # [n]: 1 bad, 0 good, NaN where nothing was ever known
    known: Longs  # [n]: when the label was known, ms
    early: int  # outcomes that are dated before their events; they were refused
    contradicting: int  # outcomes that say otherwise than an earlier one of the same event; that one counts
    microseconds: float  # of the processor, for each event it scored or learnt


class _Told:
    """The outcomes of a history: hash of the event -> [(label's hash, when)], in order."""

    def __init__(self) -> None:
        self._ids: list[Longs] = []
        self._labels: list[Longs] = []
        self._times: list[Longs] = []

    def take(self, batch: EventBatch, code: int) -> None:
        rows = np.flatnonzero(batch.types == code)
        if len(rows):
            self._ids.append(batch.hashes("of_event")[rows])
            self._labels.append(batch.hashes("label")[rows])
            self._times.append(batch.times[rows])

    def of(self, ids: Longs, times: Longs, scored: Scored) -> tuple[Floats, Longs, int, int]:
        """(labels, when they were known, early ones, contradicting ones) of some events."""
        labels, known = np.full(len(ids), np.nan), np.full(len(ids), NEVER)
        if scored.labels is None:
            return labels, known, 0, 0
        meant = dict.fromkeys(map(text_hash, scored.labels.bad), 1.0)
        meant |= dict.fromkeys(map(text_hash, scored.labels.good), 0.0)
        row_of = dict(zip(ids.tolist(), range(len(ids)), strict=True))
        early = contradicting = 0
        for id, said, at in zip(*map(_joined, (self._ids, self._labels, self._times)), strict=True):
            row, label = row_of.get(id), meant.get(said)
            if row is None or label is None:
                continue
            if at < times[row]:
                early += 1
            elif np.isnan(labels[row]):
                labels[row], known[row] = label, at
            else:
                contradicting += labels[row] != label
        return labels, known, early, int(contradicting)


def observe(plan: Plan, batches: Iterable[EventBatch], make: MakeLearner = make_learner) -> dict[str, Observed]:
    """Replay events and outcomes, which are in the order of time, through the plan's models; -> by model.

    Each event is scored first and learnt when its outcome comes (prequential evaluation). Where a model takes silence
    for good, events that nobody spoke of within its time are good from then on.
    """
    rows: dict[str, list[ScoredRows]] = {scored.id: [] for scored in plan.models}
    engine = Engine(plan, make=make, stopwatch=time.thread_time_ns, tap=lambda said: rows[said.scored.id].append(said))
    told, took, last = _Told(), dict.fromkeys(rows, 0), 0
    code = plan.catalogue.code(OUTCOME)
    for batch in batches:
        if len(batch) == 0:
            continue
        told.take(batch, code)
        for model, ns in engine.apply(batch).models_ns.items():
            took[model] += ns
        last = max(last, int(batch.times.max()))
    return {scored.id: _observed(scored, rows[scored.id], told, took[scored.id], last) for scored in plan.models}


def _observed(scored: Scored, parts: list[ScoredRows], told: _Told, took: int, last: int) -> Observed:
    ids = np.concatenate([p.ids for p in parts]) if parts else np.zeros(0, np.int64)
    times = np.concatenate([p.times for p in parts]) if parts else np.zeros(0, np.int64)
    inputs = np.concatenate([p.inputs for p in parts]) if parts else np.zeros((0, len(scored.inputs)))
    scores = np.concatenate([p.scores for p in parts]) if parts else np.zeros(0)
    labels, known, early, contradicting = told.of(ids, times, scored)
    if scored.labels is not None and scored.labels.silence_is_good:
        silent = np.isnan(labels) & (times + scored.labels.within_ms <= last)
        labels[silent], known[silent] = 0.0, times[silent] + scored.labels.within_ms
    each = took / 1000 / max(1, len(ids))
    return Observed(scored, ids, times, inputs, scores, labels, known, early, contradicting, each)


def _joined(parts: list[Longs]) -> list[int]:
    found: list[int] = np.concatenate(parts).tolist() if parts else []
    return found
