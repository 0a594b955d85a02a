"""Pumps by a model that is fitted to them: each eighth of them is judged by what the other seven taught.

The threshold of an eighth is chosen on the other seven, each of which is scored by a model that saw neither it nor the
eighth that is judged: with p parts that takes p (p + 1) / 2 fits.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.pumps import AFTERWARDS, EARLIEST, Floats, LeftOut, Longs, Pump, best, by_threshold
from risk_stream.models import Learner, Spec, make_learner

__all__ = ["Seen", "judged", "microseconds"]

#: Parts into which pumps are cut, in turn by their time.
PARTS = 8
#: A bar that ends so many ms after the announcement, or sooner, is one of the pump.
JUST_AFTER = 120_000
#: Inputs without which no bar is looked at: rush orders and the jump of the price, both above the usual.
ASKED = ("rush_z", "rise_z")


class Seen(NamedTuple):
    """Bars in the order of time: whose, when, and the inputs of the model, [n] and [n, m]."""

    symbols: NDArray[np.str_]
    times: Longs
    inputs: Floats


def judged(spec: Spec, seen: Seen, pumps: Sequence[Pump], seed: int) -> LeftOut:
    """What alarms do to each pump, by models and thresholds that know nothing of its part; `spec` is of the model."""
    bars, own, labels = _taught(spec, seen, pumps)
    part = np.arange(len(pumps)) % PARTS
    of, known = part[own], ~np.isnan(labels)
    scores = np.full((PARTS, len(labels)), np.nan)  # [a]: of bars of b, by a model that saw neither a nor b
    for a in range(PARTS):
        for b in range(a, PARTS):
            learner = _fitted(spec, bars.inputs, labels, known & (of != a) & (of != b), seed)
            for one, other in {(a, b), (b, a)}:
                rows = np.flatnonzero(of == other)
                scores[one, rows] = learner.run(bars.inputs[rows]).scores
    counts, delays, thresholds = np.zeros((len(pumps), 3), np.int64), list[int](), np.zeros(len(pumps))
    for a in range(PARTS):
        tried, said = by_threshold(bars.symbols.tolist(), bars.times, scores[a], pumps)
        at = best(said, [pump for pump, p in zip(pumps, part.tolist(), strict=True) if p != a])
        for i in np.flatnonzero(part == a).tolist():
            counts[i], thresholds[i] = said[at].right([pumps[i]]), tried[at]
            if pumps[i].moved and pumps[i].id in said[at].found:
                delays.append(said[at].found[pumps[i].id])
    return LeftOut(counts, delays, thresholds.tolist())


def microseconds(spec: Spec, seen: Seen, pumps: Sequence[Pump]) -> float:
    """What fitting once to all pumps and scoring every bar takes of the processor, for each bar."""
    bars, _, labels = _taught(spec, seen, pumps)
    begun = time.thread_time()
    _fitted(spec, bars.inputs, labels, ~np.isnan(labels), 42).run(seen.inputs)
    return (time.thread_time() - begun) * 1e6 / len(seen.times)


def _taught(spec: Spec, seen: Seen, pumps: Sequence[Pump]) -> tuple[Seen, Longs, Floats]:
    """(the bars that are looked at, the pump that each is nearest to, 1 for its bars, 0 for others).

    A label is NaN where a bar teaches nothing: shortly before a pump and in the hour after it.
    """
    asked = [spec.inputs.index(name) for name in ASKED]
    rows = np.flatnonzero((seen.inputs[:, asked] > 0).all(axis=1))
    bars = Seen(seen.symbols[rows], seen.times[rows], np.ascontiguousarray(seen.inputs[rows]))
    announced = np.array([pump.announced for pump in pumps])
    own = np.zeros(len(rows), np.int64)
    for symbol in np.unique(bars.symbols):
        of = np.array([i for i, pump in enumerate(pumps) if pump.symbol == symbol])
        here = np.flatnonzero(bars.symbols == symbol)
        own[here] = of[np.abs(bars.times[here][:, None] - announced[of]).argmin(axis=1)]
    after = bars.times - announced[own]
    moved = np.array([pump.moved for pump in pumps])[own]
    labels = np.where((after >= EARLIEST) & (after <= AFTERWARDS), np.nan, 0.0)
    labels[(after > 0) & (after <= JUST_AFTER) & moved] = 1.0
    return bars, own, labels


def _fitted(spec: Spec, inputs: Floats, labels: Floats, taught: NDArray[np.bool_], seed: int) -> Learner:
    """The model of a file, fitted once to some rows."""
    rows = np.flatnonzero(taught)
    (step,) = spec.steps
    said = {**step.parameters, "every": len(rows), "lag": 0, "seed": seed}
    learner = make_learner(replace(spec, steps=(replace(step, parameters=said),)))
    learner.learn(inputs[rows], labels[rows])
    return learner
