"""Watches a model: whether its inputs, its scores and its losses are distributed as when it was good.

Rows are looked at in blocks of `BLOCK` events: what is noticed is a function of the rows alone, however they come in.
An input or the score has drifted where a block differs from the reference by the population stability index (PSI, over
ten bins of the reference and one of missing values), or where its mean moved within the recent past by more than chance
allows (the test of ADWIN, Bifet and Gavalda 2007, over parts of a block). What outcomes say of the score is watched by
the test of Page and Hinkley on the loss, and by the difference between what was promised and what came (calibration).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["BLOCK", "CALIBRATION", "LOSS", "SCORE", "Limits", "Signal", "Spread", "Watch"]

#: Events of a block, and of the parts in which means are compared.
BLOCK, PART = 500, 50
#: Blocks that make the reference, and parts that the recent past has at most.
REFERENCE_BLOCKS, PAST_PARTS = 4, 200
#: Bins of the reference, and what stands for a share of nothing.
BINS, LEAST = 10, 0.5
#: What the score is called among the inputs; the losses, and what was promised.
SCORE, LOSS, CALIBRATION = "score", "loss", "calibration"


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on something has drifted.

    `psi` 0.25 is the usual line between a shift and a change (facts: population stability). `chance` is that of the
    mean's test over one history, `clear` the PSI below which a drift is over, `loss` the rise of the mean loss that is
    tolerated and `patience` the sum above it that is not; `calibration` is in standard errors. After `adopt` blocks of
    drift what is new becomes the reference; 0: never.
    """

    psi: float = 0.25
    clear: float = 0.1
    chance: float = 1e-7
    loss: float = 0.02
    patience: float = 20.0
    calibration: float = 5.0
    adopt: int = 0


class Signal(NamedTuple):
    """Something drifted, or is back: `row` is the place in the rows of the call with which that was noticed."""

    row: int
    name: str  # an input, or SCORE, LOSS, CALIBRATION
    test: str  # psi, mean, loss, calibration
    value: float
    limit: float
    begins: bool


class Spread(NamedTuple):
    """How scores are spread: shares of the reference and of the last block in bins, and last of events without any.

    The first bin is all up to the first edge, the last but one all above the last.
    """

    edges: list[float]
    reference: list[float]
    now: list[float]


class _Shares:
    """How one input, or the score, is spread over bins of the reference; whether it drifts."""

    def __init__(self) -> None:
        self.edges: list[float] = []
        self.shares: list[float] = []  # of the reference: bins, then missing
        self.psi = 0.0
        self.now: list[float] = []  # of the last block, as `shares`; none before the first since it began
        self.drifting = 0  # blocks since it began; 0: it does not

    def refer(self, values: Floats) -> None:
        """Values [n] become the reference: ten bins of equal shares, and one below all and above all."""
        known = values[~np.isnan(values)]
        self.edges = []
        if len(known):
            edges = np.quantile(known, np.arange(1, BINS) / BINS, method="higher")
            self.edges = np.unique([np.nextafter(known.min(), -np.inf), *edges, known.max()]).tolist()
        self.shares = self._of(values).tolist()
        self.now = []
        self.drifting = 0

    def _of(self, values: Floats) -> Floats:
        known = values[~np.isnan(values)]
        places = np.searchsorted(np.array(self.edges), known, side="left")
        counts = np.bincount(places, minlength=len(self.edges) + 1).astype(np.float64)
        counts = np.append(counts, len(values) - len(known)) + LEAST
        shares: Floats = counts / counts.sum()
        return shares

    def compare(self, values: Floats) -> float:
        """The PSI of a block [n] to the reference: sum of (new - old) ln(new / old) over bins."""
        new, old = self._of(values), np.array(self.shares)
        self.now = new.tolist()
        self.psi = float(((new - old) * np.log(new / old)).sum())
        return self.psi

    def state(self) -> list[Any]:
        return [self.edges, self.shares, self.psi, self.drifting]

    def go_on(self, state: list[Any]) -> None:
        self.edges, self.shares, self.psi, self.drifting = state


class _Past:
    """Means of the recent past, of m columns: sums, squares and numbers of parts [PAST_PARTS, m], the newest last."""

    def __init__(self, columns: int) -> None:
        self.center, self.scale = np.zeros(columns), np.ones(columns)
        self.parts = np.zeros((3, PAST_PARTS, columns))

    def refer(self, block: Floats, column: int) -> None:
        """What is usual of a column is that of a block [n, m] now, and its past begins with it."""
        values = block[:, column]
        known = values[~np.isnan(values)]
        self.center[column], self.scale[column] = 0.0, 1.0
        if len(known):
            low, self.center[column], high = np.quantile(known, [0.1, 0.5, 0.9])
            self.scale[column] = high - low or known.std() or 1.0
        self.parts[:, :, column] = 0.0
        added = self._sums(block)[:, -PAST_PARTS:, column]
        self.parts[:, -added.shape[1] :, column] = added

    def remember(self, block: Floats) -> None:
        """Add a block [n, m]."""
        added = self._sums(block)
        self.parts = np.concatenate([self.parts[:, added.shape[1] :], added], axis=1)

    def _sums(self, block: Floats) -> Floats:
        """[3, n / PART, m] of values that are bounded to what is usual, as the test of means wants it."""
        usual = np.clip((block - self.center) / (4 * self.scale) + 0.5, 0.0, 1.0)
        known = ~np.isnan(usual)
        usual = np.where(known, usual, 0.0)
        parts = (usual, usual * usual, known.astype(np.float64))
        return np.stack([part.reshape(-1, PART, block.shape[1]).sum(axis=1) for part in parts])

    def moved(self, chance: float) -> tuple[Floats, Floats]:
        """([m] the largest move of a mean beside what chance allows, [m] that limit): drift where the first is larger.

        Both are shares of the usual range; the limit is ADWIN's with the variance. What lies before a move is
        forgotten.
        """
        sums, squares, numbers = self.parts.cumsum(axis=1)
        n, total = numbers[-1], sums[-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = np.maximum(0.0, squares[-1] / n - (total / n) ** 2)
            before, after = numbers[:-1], n - numbers[:-1]
            apart = np.abs(sums[:-1] / before - (total - sums[:-1]) / after)
            harmonic = 1.0 / (1.0 / before + 1.0 / after)
            log = np.log(2.0 * (self.parts[2] > 0).sum(axis=0) / chance)
            limit = np.sqrt(2.0 / harmonic * variance * log) + 2.0 / (3.0 * harmonic) * log
        beyond = np.where((before > 0) & (after > 0), apart - limit, -np.inf)
        at = beyond.argmax(axis=0)
        every = np.arange(len(at))
        largest, allowed = apart[at, every], limit[at, every]
        is_drift = beyond[at, every] > 0
        for column in np.flatnonzero(is_drift).tolist():
            self.parts[:, : at[column] + 1, column] = 0.0
        return np.where(is_drift, largest, 0.0), np.where(is_drift, allowed, np.inf)

    def state(self) -> list[bytes]:
        return [self.center.tobytes(), self.scale.tobytes(), self.parts.tobytes()]

    def go_on(self, state: list[bytes]) -> None:
        center, scale, parts = (np.frombuffer(part).copy() for part in state)
        self.center, self.scale, self.parts = center, scale, parts.reshape(3, PAST_PARTS, len(center))


class Watch:
    """Watches one model on one partition; a function of the rows, scores and outcomes that it is shown."""

    def __init__(self, inputs: tuple[str, ...], limits: Limits, *, promises: bool = False) -> None:
        """`promises`: scores are probabilities, so that they can be held against what came."""
        self.limits, self.names = limits, (*inputs, SCORE)
        self.blocks = 0
        self._promises = promises
        self._columns = [_Shares() for _ in self.names]
        self._past = _Past(len(self.names))
        self._held: list[Floats] = []  # rows [.., m + 1] of the block that is not full, or of the reference
        self._rows = 0  # in `_held`
        self._losses = _Losses(limits)

    @property
    def drifting(self) -> list[str]:
        """What drifts now."""
        drifting = [name for name, column in zip(self.names, self._columns, strict=True) if column.drifting]
        return drifting + self._losses.drifting

    @property
    def psi(self) -> dict[str, float]:
        """The PSI of the last block by input, and of the score."""
        return {name: column.psi for name, column in zip(self.names, self._columns, strict=True)}

    @property
    def spread(self) -> Spread | None:
        """How the scores are spread; None before a block was compared with the reference."""
        scores = self._columns[self.names.index(SCORE)]
        same = len(scores.now) == len(scores.shares)
        return Spread(scores.edges, scores.shares, scores.now) if scores.now and same else None

    def see(self, rows: Floats, scores: Floats) -> list[Signal]:
        """Look at events: inputs [n, m], scores [n]; those that have no score yet are not looked at."""
        places = np.flatnonzero(~np.isnan(scores))
        shown = np.column_stack([rows[places], scores[places]])
        shown[~np.isfinite(shown)] = np.nan
        signals: list[Signal] = []
        at = 0
        while at < len(shown):
            taken = shown[at : at + self._wanted - self._rows]
            self._held.append(taken)
            self._rows += len(taken)
            at += len(taken)
            if self._rows == self._wanted:
                block = np.concatenate(self._held)
                self._held, self._rows = [], 0
                signals += self._look(block, int(places[at - 1]))
        return signals

    @property
    def _wanted(self) -> int:
        return BLOCK if self._columns[0].shares else BLOCK * REFERENCE_BLOCKS

    def _look(self, block: Floats, row: int) -> list[Signal]:
        if not self._columns[0].shares:
            for i, column in enumerate(self._columns):
                column.refer(np.ascontiguousarray(block[:, i]))
                self._past.refer(block, i)
            return []
        self.blocks += 1
        self._past.remember(block)
        moved, limits = self._past.moved(self.limits.chance)
        signals: list[Signal] = []
        for i in range(len(self.names)):
            signals += self._judge(i, block, float(moved[i]), float(limits[i]), row)
        return signals

    def _judge(self, i: int, block: Floats, moved: float, limit: float, row: int) -> list[Signal]:
        name, column, limits = self.names[i], self._columns[i], self.limits
        values = np.ascontiguousarray(block[:, i])
        psi = column.compare(values)
        if column.drifting:
            column.drifting += 1
            is_over = psi < limits.clear
            if limits.adopt and column.drifting > limits.adopt:
                column.refer(values)
                self._past.refer(block, i)
                is_over = True
            if is_over:
                column.drifting = 0
                return [Signal(row, name, "psi", psi, limits.clear, begins=False)]
            return []
        if psi > limits.psi:
            column.drifting = 1
            return [Signal(row, name, "psi", psi, limits.psi, begins=True)]
        if moved > limit:
            column.drifting = 1
            return [Signal(row, name, "mean", moved, limit, begins=True)]
        return []

    def told(self, scores: Floats, labels: Floats) -> list[Signal]:
        """Look at outcomes: what the score was [n], what came [n]. A signal's row is the place among these."""
        return self._losses.see(scores, labels, promises=self._promises)

    def save(self) -> bytes:
        """All that it has seen."""
        held = np.concatenate(self._held) if self._held else np.empty((0, len(self.names)))
        said: bytes = msgspec.msgpack.encode(
            [
                1,
                self.blocks,
                held.tobytes(),
                [column.state() for column in self._columns],
                self._past.state(),
                self._losses.state(),
            ]
        )
        return said

    def load(self, saved: bytes) -> None:
        """Go on where `save` was called."""
        _, self.blocks, held, columns, past, losses = msgspec.msgpack.decode(saved)
        rows = np.frombuffer(held).reshape(-1, len(self.names))
        self._held, self._rows = [rows] if len(rows) else [], len(rows)
        for column, state in zip(self._columns, columns, strict=True):
            column.go_on(state)
        self._past.go_on(past)
        self._losses.go_on(losses)


class _Losses:
    """What outcomes say of scores: the test of Page and Hinkley on |score - label|, and calibration over blocks."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.seen, self.mean, self.rise, self.least = 0, 0.0, 0.0, 0.0
        self.promised = self.variance = self.came = 0.0
        self.in_block = 0
        self.is_off = {LOSS: False, CALIBRATION: False}

    @property
    def drifting(self) -> list[str]:
        return [name for name, off in self.is_off.items() if off]

    def see(self, scores: Floats, labels: Floats, *, promises: bool) -> list[Signal]:
        known = np.flatnonzero(~np.isnan(scores))
        losses = np.abs(np.clip(scores[known], 0.0, 1.0) - labels[known])
        signals = self._page_hinkley(known.tolist(), losses.tolist())
        if promises:
            for row in known.tolist():
                signals += self._promise(row, float(scores[row]), float(labels[row]))
            signals.sort(key=lambda signal: signal.row)
        return signals

    def _page_hinkley(self, rows: list[int], losses: list[float]) -> list[Signal]:
        """Page 1954: the loss rose where its sum above mean and tolerance is far above the least that it was."""
        signals: list[Signal] = []
        tolerance, patience = self.limits.loss, self.limits.patience
        seen, mean, rise, least = self.seen, self.mean, self.rise, self.least
        for row, loss in zip(rows, losses, strict=True):
            seen += 1
            mean += (loss - mean) / seen
            rise += loss - mean - tolerance
            least = min(rise, least)
            if rise - least > patience:
                if not self.is_off[LOSS]:
                    signals.append(Signal(row, LOSS, "loss", rise - least, patience, begins=True))
                self.is_off[LOSS] = True
                seen, mean, rise, least = 0, 0.0, 0.0, 0.0
            elif seen >= BLOCK and self.is_off[LOSS]:
                self.is_off[LOSS] = False
                signals.append(Signal(row, LOSS, "loss", rise - least, patience, begins=False))
        self.seen, self.mean, self.rise, self.least = seen, mean, rise, least
        return signals

    def _promise(self, row: int, score: float, label: float) -> list[Signal]:
        self.promised += score
        self.variance += score * (1.0 - score)
        self.came += label
        self.in_block += 1
        if self.in_block < BLOCK:
            return []
        errors = abs(self.came - self.promised) / max(1.0, self.variance) ** 0.5
        self.promised = self.variance = self.came = 0.0
        self.in_block = 0
        is_off = errors > self.limits.calibration
        if is_off == self.is_off[CALIBRATION]:
            return []
        self.is_off[CALIBRATION] = is_off
        return [Signal(row, CALIBRATION, "calibration", errors, self.limits.calibration, begins=is_off)]

    def state(self) -> list[Any]:
        numbers = [self.seen, self.mean, self.rise, self.least, self.promised, self.variance, self.came, self.in_block]
        return [numbers, self.is_off]

    def go_on(self, state: list[Any]) -> None:
        numbers, self.is_off = state
        self.seen, self.mean, self.rise, self.least, self.promised, self.variance, self.came, self.in_block = numbers
