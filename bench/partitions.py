"""What "one model for all" means on many partitions: how well each partition's own model ranks simulated card frauds.

The engine judges the payments once; the inputs that it made are then scored again by as many models as there are
partitions, each of which sees the terminals of its own, and their outcomes when they were known.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench import cards
from bench.data import data_folder
from bench.model_cards import PACKS, batches, card_records, plan_of
from bench.report import table
from risk_stream.catalogue import hash_column, load_catalogue
from risk_stream.models import Learner, Spec, make_learner
from risk_stream.models.linear import Linear
from risk_stream.workbench.evaluate import Observed, average_precision, observe

__all__ = ["run"]

COUNTS = (1, 2, 4, 8, 16)
#: Outcomes are told each full hour; models are averaged each midnight.
HOUR_MS, DAY_HOURS = 3_600_000, 24
SEEDS = range(42, 47)

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]


class Hours(NamedTuple):
    """One partition's rows by hour: those that are scored in it, and those whose outcome is told as it begins."""

    rows: Longs
    scored: Longs  # [hours + 1]: where each hour begins in `rows`
    learnt: Longs  # rows in the order in which their outcomes were told
    told: Longs  # [hours + 1]: where each hour begins in `learnt`


def hours_of(seen: Observed, mine: NDArray[np.bool_]) -> Hours:
    """How the rows of one partition come."""
    first, last = int(seen.times.min()) // HOUR_MS, int(seen.times.max()) // HOUR_MS
    begins = np.arange(first, last + 2) * HOUR_MS
    rows = np.flatnonzero(mine)
    learnt = np.flatnonzero(mine & ~np.isnan(seen.labels))
    learnt = learnt[np.argsort(seen.known[learnt], kind="stable")]
    return Hours(
        rows, np.searchsorted(seen.times[rows], begins), learnt, np.searchsorted(seen.known[learnt], begins, "right")
    )


def scores_of(seen: Observed, spec: Spec, partition: Longs, *, averaged: bool = False) -> Floats:
    """[n]: what the models of all partitions say, each of its own rows; `averaged` makes them alike each midnight."""
    count = int(partition.max()) + 1
    parts = [hours_of(seen, partition == p) for p in range(count)]
    models = [make_learner(spec) for _ in parts]
    scores = np.full(len(seen.times), np.nan)
    for hour in range(len(parts[0].scored) - 1):
        if averaged and hour % DAY_HOURS == 0:
            average(models)
        for part, model in zip(parts, models, strict=True):
            taught = part.learnt[part.told[hour - 1] if hour else 0 : part.told[hour]]
            if len(taught) and spec.learning == "outcomes":
                model.learn(seen.inputs[taught], seen.labels[taught])
            rows = part.rows[part.scored[hour] : part.scored[hour + 1]]
            if len(rows):
                scores[rows] = model.run(seen.inputs[rows]).scores
    return scores


def average(models: Sequence[Learner]) -> None:
    """Give regressions of the same inputs the mean of their weights and of what their scalers know."""
    for name in ("_weights", "_intercepts", "_scaler"):
        arrays = [getattr(model, name) for model in models if isinstance(model, Linear)]
        mean = np.mean(arrays, axis=0)
        for array in arrays:
            array[...] = mean


class Cards:
    """The payments, and how well scores of them rank the frauds of the week."""

    def __init__(self, payments: list[cards.Payment]) -> None:
        self.week = cards.measured(payments)
        hashes = hash_column(pa.array([p.id for p in payments], pa.utf8())).tolist()
        self._terminals = dict(zip(hashes, (zlib.crc32(p.terminal.encode()) for p in payments), strict=True))
        self._ids = dict(zip((p.id for p in payments), hashes, strict=True))
        self._frauds = np.array([p.fraud for p in self.week])

    def partition(self, seen: Observed, count: int) -> Longs:
        """[n]: the partition that each row's terminal belongs to."""
        return np.array([self._terminals[id] % count for id in seen.ids.tolist()])

    def precision(self, seen: Observed, scores: Floats) -> float:
        """Average precision on the week."""
        row_of = {id: row for row, id in enumerate(seen.ids.tolist())}
        said = scores[[row_of[self._ids[p.id]] for p in self.week]]
        return average_precision(said, self._frauds)


def run(quick: bool) -> dict[str, Any]:
    """Average precision by number of partitions, of a regression that outcomes teach and of half-space trees."""
    catalogue = load_catalogue(PACKS / "model_events.yaml")
    payments = cards.read(data_folder(cards.FILES))
    if quick:
        payments = [p for p in payments if p.time.date() >= cards.LEARNT[0] - timedelta(days=3)]
    records, known = list(batches(card_records(payments), catalogue)), Cards(payments)
    plans = [plan_of("model_cards_unlabelled", catalogue, seed) for seed in (SEEDS[:1] if quick else SEEDS)]
    taught = observe(plan_of("model_cards", catalogue), records)["card-fraud"]
    alone = observe(plans[0], records)["payment-unlike-others"]
    rows, figures = [], dict[str, Any]()
    for count in COUNTS:
        own, mean = (
            known.precision(
                taught, scores_of(taught, taught.scored.spec, known.partition(taught, count), averaged=made)
            )
            for made in (False, True)
        )
        parts = known.partition(alone, count)
        trees = [known.precision(alone, scores_of(alone, plan.models[0].spec, parts)) for plan in plans]
        middle = float(np.median(trees))
        rows.append((f"{count}", f"{own:.3f}", f"{mean:.3f}", f"{middle:.3f} ({min(trees):.3f} to {max(trees):.3f})"))
        figures |= {f"regression_{count}": round(own, 4), f"averaged_{count}": round(mean, 4)}
        figures[f"trees_{count}"] = round(middle, 4)
    table(("partitions", "regression, one each", "averaged each midnight", "half-space trees, one each"), rows)
    return figures
