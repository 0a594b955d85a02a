"""A classifier that is fitted anew to the last outcomes, after so many of them or when so much event time has passed.

What it is fitted to and when its scores change are functions of the hop's log alone. A fit begins at an outcome or an
event, takes the rows of its window as they are then, and takes effect `lag` scored events later: whoever runs a worker
may have it computed beside the loop meanwhile (`Beside`), and it is waited for where it is not done by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeAlias

import msgspec
import numpy as np

from risk_stream.models._fitted_kernel import judge_all
from risk_stream.models._gate_kernel import G_LEARNT
from risk_stream.models.base import Replacing
from risk_stream.models.components import ESTIMATORS, SPAN
from risk_stream.models.estimators import Fitted, fit, fitted_from
from risk_stream.models.learner import Floats, Longs, Mask
from risk_stream.models.registry import parameters_of
from risk_stream.models.spec import Spec

__all__ = ["LEAST_OF_EACH", "PARTS", "Beside", "Job", "Retrained", "when_asked"]

#: A fit that is to be computed.
Job: TypeAlias = Callable[[], Fitted | None]
#: Has a fit computed somewhere; what it returns waits for the result.
Beside: TypeAlias = Callable[[Job], Job]

#: Bad and good rows below which nothing is fitted.
LEAST_OF_EACH = 10
#: Parts in which a full image of the rows is made.
PARTS = 256
#: Bytes of a part of a checkpoint, at most.
_PART_BYTES = 800_000
_MS = {"h": 3_600_000, "d": 86_400_000}
#: What a line holds before the inputs; a good row that was kept stands for so many.
_LABEL, _WEIGHT, _STANDS, _INPUTS = range(4)
#: Words of its own: lines kept so far; good and bad outcomes so far; the period of event time; the lines that are being
#: fitted, and the events scored since that began.
_NEXT, _GOOD, _BAD, _PERIOD, _FROM, _TO, _SINCE, _WORDS = range(8)
_NEVER = np.iinfo(np.int64).min


def when_asked(job: Job) -> Job:
    """The fit is computed where its result is asked for: in a replay, and wherever no thread may be."""
    return job


class Retrained(Replacing):
    """An estimator of scikit-learn, fitted anew every so often to the last `window` outcomes.

    Of good outcomes only so many are kept, by lot, as make `good_for_bad` of them for each bad one so far; scores are
    probabilities all the same (see `Fitted`). There is no score before the first fit has taken effect.
    """

    def __init__(self, spec: Spec, beside: Beside = when_asked) -> None:
        super().__init__(spec)
        said = parameters_of(spec.steps[-1])
        self._estimator, self._beside = str(said["estimator"]), beside
        self._own = {name: said[name] for name in ESTIMATORS[self._estimator]}
        self._seed, self._lag, self._ratio = int(said["seed"]), int(said["lag"]), said["good_for_bad"]
        span = SPAN.fullmatch(str(said["every"]))
        self.period_ms = int(span[1]) * _MS[span[2]] if span else 0
        self._every = 0 if span else int(said["every"])
        self._lines = np.zeros((int(said["window"]), _INPUTS + self._inputs))
        self._words = np.zeros(_WORDS, np.int64)
        self._words[_PERIOD] = _NEVER
        self._saved_to = 0  # lines below this are in a journal
        self._fitted: Fitted | None = None
        self._fit: Job | None = None  # gives what is being fitted
        self._fitting = self._lines[:0]  # the lines of that
        self._counts |= {"fits": 0, "fits_failed": 0}

    # When it is fitted

    @property
    def fits(self) -> int:
        """See `Retraining.fits`."""
        return self._counts["fits"]

    def is_due(self, time: int) -> bool:
        """See `Retraining.is_due`."""
        return self.period_ms > 0 and time // self.period_ms > int(self._words[_PERIOD])

    def reach(self, time: int) -> None:
        """See `Retraining.reach`."""
        if not self.is_due(time):
            return
        if self._words[_PERIOD] != _NEVER:
            self._begin()
        self._words[_PERIOD] = time // self.period_ms

    def _begin(self) -> None:
        """Begin a fit to the rows at hand; one that has not taken effect yet does so now."""
        self._take_effect()
        first, end = self._bounds()
        lines = self._lines[np.arange(first, end) % len(self._lines)]
        bad = int((lines[:, _LABEL] != 0).sum())
        if min(bad, len(lines) - bad) < LEAST_OF_EACH:
            return
        self._words[_FROM], self._words[_TO], self._words[_SINCE] = first, end, 0
        self._start(lines)

    def _start(self, lines: Floats) -> None:
        good = lines[:, _LABEL] == 0
        stands_for = float(lines[good, _STANDS].mean())
        rows = np.ascontiguousarray(lines[:, _INPUTS:])
        labels = (~good).astype(np.float64)
        weights = np.ascontiguousarray(lines[:, _WEIGHT])
        job = partial(_fit, self._estimator, self._own, self._seed, rows, labels, weights, stands_for)
        self._fit, self._fitting = self._beside(job), lines

    def _take_effect(self) -> None:
        """Score by what is being fitted from now on; where it could not be fitted, all stays as it is."""
        if self._fit is None:
            return
        fitted = self._fit()
        self._counts["fits" if fitted is not None else "fits_failed"] += 1
        self._fitted = fitted or self._fitted
        self._fit, self._fitting = None, self._lines[:0]
        self._words[_FROM] = self._words[_TO] = self._words[_SINCE] = 0

    # The machine's parts

    def _run(self, rows: Floats, slots: Longs, begins: Mask, used: Mask, scores: Floats, over: Mask) -> None:
        del slots, begins
        at = 0
        while at < len(rows):
            end = len(rows)
            if self._fit is not None:
                left = self._lag - int(self._words[_SINCE])
                if left <= 0:
                    self._take_effect()
                else:
                    end = min(end, at + left)
                    self._words[_SINCE] += end - at
            of = slice(at, end)
            scores[of] = np.where(used[of], self._scores(rows[of]), np.nan)
            at = end
        judge_all(self._gate, self._ring, self._order, self._limits, scores, over)

    def _scores(self, rows: Floats) -> Floats:
        if self._fitted is None or self._gate[G_LEARNT] < self.spec.warm_up:
            return np.full(len(rows), np.nan)
        return self._fitted.scores(rows)

    def _learn(self, rows: Floats, labels: Floats, weights: Floats, slots: Longs, begins: Mask, used: Mask) -> None:
        del slots, begins
        of = np.flatnonzero(used)
        at = 0
        while at < len(of):
            told = int(self._words[_GOOD] + self._words[_BAD])
            left = self._every - told % self._every if self._every else len(of) - at
            some = of[at : at + left]
            self._keep(rows[some], labels[some], weights[some], told)
            at += len(some)
            if self._every and len(some) == left:
                self._begin()

    def _keep(self, rows: Floats, labels: Floats, weights: Floats, told: int) -> None:
        """Put the rows that stay into the window."""
        bad = labels != 0
        goods, bads = self._words[_GOOD] + np.cumsum(~bad), self._words[_BAD] + np.cumsum(bad)
        self._words[_GOOD], self._words[_BAD] = goods[-1], bads[-1]
        self._gate[G_LEARNT] += len(rows)
        share = np.ones(len(rows))
        if self._ratio is not None:
            wanted = self._ratio * np.maximum(bads, 1)
            share = np.where(bad, 1.0, np.minimum(1.0, wanted / np.maximum(goods, 1)))
        kept = _lots(self._seed, told, len(rows)) < share
        lines = np.column_stack([labels, weights, 1.0 / share, rows])[kept]
        numbers = self._words[_NEXT] + np.arange(len(lines))
        self._words[_NEXT] += len(lines)
        last = slice(max(0, len(lines) - len(self._lines)), None)
        self._lines[numbers[last] % len(self._lines)] = lines[last]

    def _bounds(self) -> tuple[int, int]:
        """The numbers of the oldest line at hand and of the next one."""
        end = int(self._words[_NEXT])
        return max(0, end - len(self._lines)), end

    def _peek(self, rows: Floats, slot: int) -> Floats:
        del slot
        return self._scores(rows)

    def _room(self, slots: int) -> None:
        del slots

    # As bytes

    def take_journal(self) -> list[bytes]:
        """See `Apart.take_journal`."""
        parts = self._packed(lambda numbers: numbers >= self._saved_to)
        self._saved_to = int(self._words[_NEXT])
        return parts

    def image(self, part: int) -> list[bytes]:
        """See `Apart.image`."""
        return self._packed(lambda numbers: (numbers >> 8) % PARTS == part)

    def _packed(self, chosen: Callable[[Longs], Mask]) -> list[bytes]:
        """The chosen lines that the window or a fit needs, by their numbers."""
        first, end = self._bounds()
        fitting = np.arange(self._words[_FROM], self._words[_TO])
        fitting = fitting[(fitting < first) & chosen(fitting)]
        numbers = np.arange(first, end)
        numbers = numbers[chosen(numbers)]
        both = np.concatenate([fitting, numbers])
        lines = np.concatenate([self._fitting[fitting - self._words[_FROM]], self._lines[numbers % len(self._lines)]])
        step = max(1, _PART_BYTES // (8 * (1 + lines.shape[1])))
        return [
            msgspec.msgpack.encode([both[at : at + step].tobytes(), lines[at : at + step].tobytes()])
            for at in range(0, len(both), step)
        ]

    def load_parts(self, parts: Iterable[bytes]) -> None:
        """See `Apart.load_parts`."""
        numbers, lines = [np.zeros(0, np.int64)], [self._lines[:0]]
        for part in parts:
            of, some = msgspec.msgpack.decode(part)
            numbers.append(np.frombuffer(of, np.int64))
            lines.append(np.frombuffer(some).reshape(-1, self._lines.shape[1]))
        known, first_at = np.unique(np.concatenate(numbers), return_index=True)
        every = np.concatenate(lines)[first_at]
        first, end = self._bounds()
        self._lines[np.arange(first, end) % len(self._lines)] = _lines_of(known, every, first, end)
        if self._words[_TO] > self._words[_FROM]:
            self._start(_lines_of(known, every, int(self._words[_FROM]), int(self._words[_TO])))
        self._saved_to = end

    def _arrays(self) -> dict[str, Any]:
        if self._fitted is None:
            return {"words": self._words}
        return {"words": self._words, "numbers": np.array(self._fitted.numbers()), **self._fitted.arrays}

    def _restore(self, arrays: Mapping[str, Any], more: bytes) -> None:
        del more
        arrays = dict(arrays)
        words, numbers = arrays.pop("words", None), arrays.pop("numbers", None)
        if words is None or words.shape != (_WORDS,) or words.dtype != np.int64:
            raise ValueError("what was saved of this model is none that is fitted anew")
        fitting = words[_TO] - words[_FROM]
        if words[_NEXT] < 0 or not 0 <= fitting <= len(self._lines) or not 0 <= words[_FROM] <= words[_NEXT]:
            raise ValueError("what was saved of this model has other rows than it can have")
        self._fitted = None if numbers is None else fitted_from(numbers.tolist(), arrays, self._inputs)
        self._words = words
        self._fit, self._fitting = None, self._lines[:0]


def _fit(*of: Any) -> Fitted | None:
    """A fit; None where scikit-learn cannot."""
    try:
        return fit(*of)
    except ValueError:
        return None


def _lots(seed: int, first: int, n: int) -> Floats:
    """Lots [n] from 0 to 1 of outcomes number `first` and on (SplitMix64, Steele and others 2014)."""
    z = (np.arange(first, first + n) + 1).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z += np.array(seed, np.uint64)[None] * np.uint64(0xD1B54A32D192ED03)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    lots: Floats = (z >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return lots


def _lines_of(known: Longs, lines: Floats, first: int, end: int) -> Floats:
    """Lines number `first` to `end` of those that are known, by ascending numbers."""
    at = int(np.searchsorted(known, first))
    if not np.array_equal(known[at : at + end - first], np.arange(first, end)):
        raise ValueError("rows of outcomes are missing from a checkpoint")
    return lines[at : at + end - first]
