"""What all kinds of models have in common: which rows count, groups, threshold, what is usual, saving and counting."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from risk_stream.catalogue.formats import MODELS
from risk_stream.models._gate_kernel import G_COUNT, G_LEARNT, G_NEXT, G_WORDS
from risk_stream.models.groups import Groups
from risk_stream.models.learner import LARGEST, Floats, Longs, Mask, Scores
from risk_stream.models.registry import parameters_of
from risk_stream.models.spec import LEARNING, Spec

__all__ = ["HALF", "Base", "Replacing"]

#: The last rows that say what is usual, for `moved_by`.
USUAL = 128
#: An exponent that the compiler does not know (see `_scale_kernel.scale`).
HALF = 0.5
#: The hashes of a text that is missing: that of none, and NaN's bytes.
_NO_TEXT = np.array([0.0, np.nan]).view(np.int64)


class _Saved(msgspec.Struct, array_like=True):
    """What a learner writes: arrays by name as (type, shape, bytes), and what else its kind has to say."""

    format: int
    digest: bytes
    arrays: dict[str, tuple[str, list[int], bytes]]
    groups: list[list[int]]
    counts: dict[str, int]
    more: bytes


class Base(ABC):
    """A learner but for its mathematics, which a kind adds: `_run`, `_learn`, `_moved` and the arrays of its state."""

    #: Whether it learns the rows of good outcomes alone, as a detector does.
    good_alone = False

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self._inputs = len(spec.inputs)
        self._texts = np.array([name in spec.texts for name in spec.inputs], bool)
        self._has_texts = bool(self._texts.any())
        self._policy = LEARNING.index(spec.learning)
        self._groups = Groups(spec.grouped, spec.most_groups)
        threshold = spec.threshold
        last = 1 if threshold.fixed is not None else max(1, threshold.last)
        self._gate = np.zeros(G_WORDS, np.int64)
        self._ring, self._order = np.zeros(last), np.zeros(last)
        fixed = np.nan if threshold.fixed is None else threshold.fixed
        self._limits = np.array([fixed, threshold.share or 0.0, max(1.0, last / 10)])
        self._recent = np.full((USUAL, self._inputs), np.nan)
        self._counts = dict.fromkeys(("scored", "missing", "infinite", "empty", "failed", "rows"), 0)

    # What a kind adds.

    @abstractmethod
    def _run(self, rows: Floats, slots: Longs, begins: Mask, used: Mask, scores: Floats, over: Mask) -> None:
        """Score and learn used rows; `begins` is where a slot is another group's from now on."""

    @abstractmethod
    def _learn(self, rows: Floats, labels: Floats, weights: Floats, slots: Longs, begins: Mask, used: Mask) -> None:
        """Learn used rows, whose outcomes are known."""

    @abstractmethod
    def _moved(self, row: Floats, slot: int) -> Floats:
        """[m]: how much each input of a cleaned row [m] moves its score up."""

    @abstractmethod
    def _room(self, slots: int) -> None:
        """Have room for so many slots."""

    @abstractmethod
    def _arrays(self) -> dict[str, Any]:
        """The arrays of the state by name; `_restore` is given the same."""

    @abstractmethod
    def _restore(self, arrays: Mapping[str, Any], more: bytes) -> None:
        """Take over arrays of the right types and shapes. Raises `ValueError` with a sentence, and changes nothing."""

    def _more(self) -> bytes:
        return b""

    # The protocol.

    def run(self, rows: Floats, groups: Longs | None = None) -> Scores:
        """See `Learner.run`."""
        n = len(rows)
        scores, over = np.full(n, np.nan), np.zeros(n, bool)
        rows, used = self._clean(rows, np.ones(n, bool))
        slots, begins = self._groups.slots(groups, used)
        self._room(len(self._groups))
        self._run(rows, slots, begins, used, scores, over)
        self._counts["scored"] += n - int(np.isnan(scores).sum())
        self._remember(rows[used])
        return Scores(scores, over)

    def learn(self, rows: Floats, labels: Floats, groups: Longs | None = None, weights: Floats | None = None) -> None:
        """See `Learner.learn`."""
        labels = np.ascontiguousarray(labels, np.float64)
        weights = np.ones(len(rows)) if weights is None else np.ascontiguousarray(weights, np.float64)
        known = (np.abs(labels) <= LARGEST) & (weights > 0.0) & (weights <= LARGEST)
        if self.good_alone:
            known &= labels == 0.0
        rows, used = self._clean(rows, known)
        slots, begins = self._groups.slots(groups, used)
        self._room(len(self._groups))
        self._learn(rows, labels, weights, slots, begins, used)

    def moved_by(self, row: Floats, group: int = 0) -> Floats:
        """See `Learner.moved_by`."""
        slot = self._groups.slot(group)
        if slot is None:
            return np.zeros(self._inputs)
        return self._moved(self._cleaned(np.asarray(row, np.float64).reshape(1, -1))[0], slot)

    def usual(self) -> Floats:
        """[m]: the middle one of each input's last values, NaN where there are none; of texts the most frequent."""
        usual = np.full(self._inputs, np.nan)
        there = ~self._absent(self._recent)
        for j in range(self._inputs):
            seen = self._recent[there[:, j], j]
            if not len(seen):
                continue
            if self._texts[j]:
                values, times = np.unique(seen.view(np.int64), return_counts=True)
                usual[j : j + 1] = values[[int(times.argmax())]].view(np.float64)
            else:
                usual[j] = np.sort(seen)[len(seen) // 2]
        return usual

    def counts(self) -> dict[str, int]:
        """See `Learner.counts`."""
        counts = {name: n for name, n in self._counts.items() if name != "rows"}
        learnt = int(self._gate[G_LEARNT])
        return {**counts, "learnt": learnt, "groups": len(self._groups), "forgotten": self._groups.forgotten}

    def learnt(self) -> dict[str, Any]:
        """What it has learnt, for people: copies of its arrays by name; none of what runs as River's objects."""
        return {name: array.copy() for name, array in self._arrays().items()}

    def save(self) -> bytes:
        """See `Learner.save`."""
        arrays = {
            **self._arrays(),
            "gate": self._gate,
            "ring": self._ring[: self._gate[G_COUNT]],
            "recent": self._recent,
        }
        packed = {name: (a.dtype.str, list(a.shape), a.tobytes()) for name, a in arrays.items()}
        counts = {**self._counts, "forgotten": self._groups.forgotten}
        return msgspec.msgpack.encode(
            _Saved(MODELS.newest, self._digest(), packed, self._groups.saved(), counts, self._more())
        )

    def load(self, saved: bytes) -> None:
        """See `Learner.load`."""
        try:
            read = msgspec.msgpack.decode(saved, type=_Saved)
            arrays = {
                name: np.frombuffer(data, np.dtype(kind)).reshape(shape).copy()
                for name, (kind, shape, data) in read.arrays.items()
                if kind in {"<f8", "<i8", "<i4", "|b1"}
            }
        except (msgspec.MsgspecError, ValueError, TypeError) as error:
            raise ValueError(f"what was saved of this model cannot be read: {error}") from error
        MODELS.check(read.format)
        if read.digest != self._digest():
            raise ValueError("what was saved was learnt by another pipeline than this model has now")
        groups = self._groups.restored(read.groups, read.counts.get("forgotten", 0))
        gate, ring, recent = (arrays.pop(name, np.zeros(0)) for name in ("gate", "ring", "recent"))
        fits = gate.shape == self._gate.shape and gate.dtype == np.int64 and recent.shape == self._recent.shape
        fits = fits and ring.ndim == 1 and len(ring) <= len(self._ring) and ring.dtype == recent.dtype == np.float64
        fits = fits and gate[G_COUNT] == len(ring) and 0 <= gate[G_NEXT] < len(self._ring)
        if not fits or (len(ring) < len(self._ring) and gate[G_NEXT] != len(ring)):
            raise ValueError("what was saved of this model has other scores than its threshold can have")
        self._room(len(groups))
        self._restore(arrays, read.more)
        self._groups, self._gate, self._recent = groups, gate, recent
        self._ring[: len(ring)] = ring
        self._order[: len(ring)] = np.sort(ring)
        self._counts = {name: int(read.counts.get(name, 0)) for name in self._counts}

    # Parts.

    def _digest(self) -> bytes:
        """A hash of all that the shape and the meaning of the state depend on; a threshold may be moved."""
        spec = self.spec
        steps = [[step.component, sorted(parameters_of(step).items())] for step in spec.steps]
        said = [type(self).__name__, list(spec.inputs), sorted(spec.texts), steps, len(self._ring), spec.grouped]
        return hashlib.blake2b(msgspec.msgpack.encode(said), digest_size=16).digest()

    def _cleaned(self, rows: Floats) -> Floats:
        """A copy in which what is no number to a model is NaN; texts are left as they are."""
        if not self._has_texts:
            numbers: Floats = np.where(np.abs(rows) <= LARGEST, rows, np.nan)
            return numbers
        clean = np.array(rows, np.float64, order="C")
        clean[:, ~self._texts] = np.where(np.abs(rows[:, ~self._texts]) <= LARGEST, rows[:, ~self._texts], np.nan)
        return clean

    def _absent(self, rows: Floats) -> Mask:
        """[n, m]: where a row has nothing."""
        absent = np.isnan(rows)
        if self._has_texts:
            absent[:, self._texts] = np.isin(np.ascontiguousarray(rows[:, self._texts]).view(np.int64), _NO_TEXT)
        return absent

    def _clean(self, rows: Floats, chosen: Mask) -> tuple[Floats, Mask]:
        """Rows for the kernels, and which of them are used: those chosen of which not all is missing."""
        clean = self._cleaned(rows)
        absent = self._absent(clean)
        was, now = (rows, clean) if not self._has_texts else (rows[:, ~self._texts], clean[:, ~self._texts])
        infinite = int((~np.isnan(was) & np.isnan(now))[chosen].sum())
        empty = absent.all(axis=1)
        self._counts["infinite"] += infinite
        self._counts["missing"] += int(absent[chosen].sum()) - infinite
        self._counts["empty"] += int((empty & chosen).sum())
        return clean, np.ascontiguousarray(chosen & ~empty)

    def _remember(self, rows: Floats) -> None:
        """Keep the last rows, in a ring."""
        at = self._counts["rows"]
        self._counts["rows"] = at + len(rows)
        skipped = max(0, len(rows) - USUAL)
        self._recent[(np.arange(skipped, len(rows)) + at) % USUAL] = rows[skipped:]


class Replacing(Base):
    """A learner whose inputs are said to move a score by as much as it falls with their usual values in their place."""

    @abstractmethod
    def _peek(self, rows: Floats, slot: int) -> Floats:
        """Scores of rows [k, m], with nothing learnt and nothing counted."""

    def _moved(self, row: Floats, slot: int) -> Floats:
        rows, usual = row.reshape(1, -1), self.usual().reshape(1, -1)
        there = ~self._absent(rows)[0] & ~self._absent(usual)[0]
        variants = np.repeat(rows, self._inputs + 1, axis=0)
        for j in np.flatnonzero(there):
            variants[j + 1, j] = usual[0, j]
        scores = self._peek(variants, slot)
        moved: Floats = np.nan_to_num(np.where(there, scores[0] - scores[1:], 0.0))
        return moved
