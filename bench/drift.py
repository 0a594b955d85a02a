"""Drift planted in a model's inputs: how soon it is noticed, what is missed, and what is said of calm events."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bench.report import table
from risk_stream.models import Limits, Watch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["run"]

SEEDS = 5
#: Inputs of the model, five of each sort: bell-shaped, heavy-tailed, counts, yes or no, and often missing.
SORTS, OF_EACH = 5, 4
INPUTS = SORTS * OF_EACH
CALM_EVENTS = 1_000_000
BEFORE, AFTER = 12_000, 4_000
#: Events that the watch is shown at a time, a number that no block is a multiple of.
AT_ONCE = 100


def calm(random: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """(inputs [n, INPUTS], scores [n]) as they are when nothing is wrong."""
    rows = np.empty((n, INPUTS))
    for j in range(INPUTS):
        sort = j % SORTS
        if sort == 0:
            rows[:, j] = random.normal(size=n)
        elif sort == 1:
            rows[:, j] = random.lognormal(0, 1.5, size=n)
        elif sort == 2:
            rows[:, j] = random.poisson(2, size=n)
        elif sort == 3:
            rows[:, j] = random.random(n) < 0.1
        else:
            rows[:, j] = np.where(random.random(n) < 0.3, np.nan, random.exponential(size=n))
    return rows, random.random(n)


def scaled(rows: Floats, j: int) -> None:
    """One input times 3, as when a feed changes its unit."""
    rows[:, j] *= 3


def constant(rows: Floats, j: int) -> None:
    """One input is what it mostly was, as when a feed hangs."""
    rows[:, j] = (0.0, 1.0, 2.0, 0.0, 0.7)[j % SORTS]


def population(rows: Floats, j: int) -> None:
    """Others come: five inputs are larger by half and moved."""
    for k in range(j, j + SORTS):
        rows[:, k % INPUTS] = rows[:, k % INPUTS] * 1.5 + 0.5


def silent(rows: Floats, j: int) -> None:
    """One input is missing."""
    rows[:, j] = np.nan


DRIFTS: dict[str, Callable[[Floats, int], None]] = {
    "an input times 3": scaled,
    "a feed that goes constant": constant,
    "another population": population,
    "a feed that goes silent": silent,
}


def run(quick: bool) -> dict[str, float]:
    """Measure it; the keys of the result are in its last line."""
    names = tuple(f"x{j}" for j in range(INPUTS))
    seeds = range(2 if quick else SEEDS)
    rows, delays, missed = [], list[int](), 0
    for what, drift in DRIFTS.items():
        found = [_delay(names, seed, drift, j) for seed in seeds for j in range(SORTS)]
        noticed = [delay for delay in found if delay is not None]
        rows.append((what, len(found), len(found) - len(noticed), float(np.median(noticed)), max(noticed)))
        delays += noticed
        missed += len(found) - len(noticed)
    table(("drift", "planted", "missed", "events until noticed, median", "at most"), rows)
    alarms, events, seconds = 0, 0, 0.0
    for seed in seeds:
        n = CALM_EVENTS // (10 if quick else 1)
        alarms_here, seconds_here = _alarms(names, seed, n)
        alarms, events, seconds = alarms + alarms_here, events + n, seconds + seconds_here
    per_million = alarms / events * 1e6
    print(f"{events:,} calm events, {INPUTS} inputs and the score each: {alarms} false alarms")
    us = seconds / events * 1e6
    print(f"{us:.2f} us an event of {INPUTS} inputs\n")
    return {
        "median_delay_events": float(np.median(delays)),
        "max_delay_events": max(delays),
        "missed": missed,
        "false_alarms_per_million": per_million,
        "us_per_event": round(us, 2),
    }


def _delay(names: tuple[str, ...], seed: int, drift: Callable[[Floats, int], None], j: int) -> int | None:
    """Events from the beginning of a drift until it is noticed; None where it is not."""
    random = np.random.default_rng(seed)
    watch = Watch(names, Limits())
    for _ in range(BEFORE // AT_ONCE):
        watch.see(*calm(random, AT_ONCE))
    watch.see(*calm(random, int(random.integers(1, 500))))  # a drift begins anywhere in a block
    for n in range(AFTER // AT_ONCE):
        inputs, scores = calm(random, AT_ONCE)
        drift(inputs, j)
        for signal in watch.see(inputs, scores):
            if signal.begins:
                return n * AT_ONCE + signal.row + 1
    return None


def _alarms(names: tuple[str, ...], seed: int, events: int) -> tuple[int, float]:
    """(alarms over so many calm events, seconds that the watch took)."""
    random = np.random.default_rng(1_000 + seed)
    watch, alarms, took = Watch(names, Limits()), 0, 0.0
    for _ in range(events // 1_000):
        inputs, scores = calm(random, 1_000)
        begun = time.process_time()
        alarms += sum(signal.begins for signal in watch.see(inputs, scores))
        took += time.process_time() - begun
    return alarms, took
