"""Scored events that wait for what turns out to be true of them, with their inputs as they were then."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from risk_stream.models.learner import Floats, Longs

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PARTS", "Known", "Waiting"]

#: Parts in which a full image of all that waits is made.
PARTS = 256
#: What a line holds before the inputs: id and group as integers in the bytes of floats, then time, score, over, label.
_ID, _GROUP, _TIME, _SCORE, _OVER, _LABEL, _INPUTS = range(7)
_FIRST_LINES = 256
#: Bytes of a part of a checkpoint, at most.
_PART_BYTES = 800_000


class Known(NamedTuple):
    """Events whose outcome is known now: inputs [n, m], label, score and whether that was over the threshold [n]."""

    rows: Floats
    labels: Floats
    scores: Floats
    over: Floats
    groups: Longs


class Waiting:
    """Bounded in number and time: at most `keep` events, each for `within_ms` after its own time.

    They are let go in the order in which they came. One whose outcome was told stays until then, so that the same
    outcome said twice, or another one, is noticed. A function of what it is told alone; with `journal` it keeps what
    changed until that is taken. `counts` says what became of outcomes and events.
    """

    def __init__(self, inputs: int, within_ms: int, keep: int, *, journal: bool = False) -> None:
        self.within_ms, self.keep = within_ms, keep
        self.counts: Counter[str] = Counter()
        self._inputs = inputs
        self._lines = np.empty((_FIRST_LINES, _INPUTS + inputs))
        self._first, self._next = 0, 0  # numbers of the oldest event and of the one to come
        self._numbers: dict[int, int] = {}  # id hash -> number
        self._journal: list[list[Any]] | None = [] if journal else None

    def __len__(self) -> int:
        return self._next - self._first

    def _place(self, number: int) -> int:
        return number & (len(self._lines) - 1)

    def add(self, ids: Longs, times: Longs, rows: Floats, scores: Floats, over: Floats, groups: Longs) -> None:
        """Events that were scored, in their order."""
        n = len(ids)
        if n > self.keep:  # only the last of them stay
            self._forget(self._next)
            self.counts["forgotten"] += n - self.keep
            ids, times, groups = ids[-self.keep :], times[-self.keep :], groups[-self.keep :]
            rows, scores, over = rows[-self.keep :], scores[-self.keep :], over[-self.keep :]
            n = self.keep
        self._forget(self._next + n - self.keep)
        self._grow(n)
        lines = np.empty((n, _INPUTS + self._inputs))
        lines[:, _ID], lines[:, _GROUP] = ids.view(np.float64), groups.view(np.float64)
        lines[:, _TIME], lines[:, _SCORE], lines[:, _OVER], lines[:, _LABEL] = times, scores, over, np.nan
        lines[:, _INPUTS:] = rows
        if self._journal is not None:
            self._journal.append(["a", self._next, lines])
        self._put(self._next, lines)

    def tell(self, ids: Longs, times: Longs, labels: Floats) -> tuple[Longs, Known]:
        """Outcomes [k], said at `times`, of the events with these id hashes; -> those that teach, by place, and Known.

        Outcomes of events that are not waiting are `unknown`, those dated before their event `early`; of several of
        one event the first counts, others are `repeated` or `contradicting`.
        """
        known = self._numbers
        numbers = np.array([known.get(id, -1) for id in ids.tolist()], np.int64)
        taken = np.flatnonzero(numbers >= 0)
        self._count("unknown", len(ids) - len(taken))
        places = numbers[taken] & (len(self._lines) - 1)
        is_early = times[taken] < self._lines[places, _TIME]
        self._count("early", int(is_early.sum()))
        taken, places = taken[~is_early], places[~is_early]
        before = self._lines[places, _LABEL]
        _, first = np.unique(places, return_index=True)
        teaching = np.zeros(len(taken), np.bool_)
        teaching[first] = np.isnan(before[first])
        new = np.sort(np.flatnonzero(teaching))
        self._lines[places[new], _LABEL] = labels[taken[new]]
        again = ~teaching
        is_same = self._lines[places[again], _LABEL] == labels[taken[again]]
        self._count("repeated", int(is_same.sum()))
        self._count("contradicting", int(len(is_same) - is_same.sum()))
        self._count("told", len(new))
        taken = taken[new]
        if self._journal is not None and len(taken):
            self._journal.append(["t", numbers[taken].tobytes(), labels[taken].tobytes()])
        return taken, _known(self._lines[places[new]])

    def _count(self, what: str, n: int) -> None:
        if n:
            self.counts[what] += n

    def expire(self, now: int) -> Known | None:
        """Let go the events whose time to wait has passed by `now`; -> those that nothing was said of, as 0."""
        end = self._first
        while end < self._next and self._lines[self._place(end), _TIME] + self.within_ms <= now:
            end += 1
        if end == self._first:
            return None
        lines = self._lines[np.arange(self._first, end) & (len(self._lines) - 1)]
        self._let_go(end)
        silent = lines[np.isnan(lines[:, _LABEL])]
        self.counts["silent"] += len(silent)
        if len(silent) == 0:
            return None
        silent[:, _LABEL] = 0.0
        return _known(silent)

    @property
    def next_deadline(self) -> float:
        """When the oldest has waited long enough, ms; infinite where none waits."""
        if self._first == self._next:
            return float("inf")
        return float(self._lines[self._place(self._first), _TIME]) + self.within_ms

    def _forget(self, first: int) -> None:
        """Make room: all below a number go."""
        if first > self._first:
            first = min(first, self._next)
            lines = self._lines[np.arange(self._first, first) & (len(self._lines) - 1)]
            self.counts["forgotten"] += int(np.isnan(lines[:, _LABEL]).sum())
            self._let_go(first)

    def _let_go(self, first: int) -> None:
        gone = self._lines[np.arange(self._first, first) & (len(self._lines) - 1), _ID].view(np.int64)
        for number, id in enumerate(gone.tolist(), self._first):
            if self._numbers.get(id) == number:
                del self._numbers[id]
        self._first = first
        if self._journal is not None:
            self._journal.append(["x", first])

    def _grow(self, more: int) -> None:
        size = len(self._lines)
        while len(self) + more > size:
            size *= 2
        if size > len(self._lines):
            larger = np.empty((size, self._lines.shape[1]))
            numbers = np.arange(self._first, self._next)
            larger[numbers & (size - 1)] = self._lines[numbers & (len(self._lines) - 1)]
            self._lines = larger

    def _put(self, number: int, lines: Floats) -> None:
        self._lines[np.arange(number, number + len(lines)) & (len(self._lines) - 1)] = lines
        ids: list[int] = np.ascontiguousarray(lines[:, _ID]).view(np.int64).tolist()
        self._numbers.update(zip(ids, range(number, number + len(ids)), strict=True))
        self._next = max(self._next, number + len(lines))

    # As bytes

    def take_journal(self) -> list[bytes]:
        """What changed since this was last asked, and counts; as parts in their order."""
        if self._journal is None:
            raise ValueError("nothing was noted: make it with journal=True")
        parts: list[bytes] = []
        at = 0
        while at < len(self._journal):
            what, number, *said = self._journal[at]
            at += 1
            if what == "a":
                parts += self._packed(number, said[0])
            else:
                parts.append(msgspec.msgpack.encode([what, number, *said]))
        self._journal.clear()
        parts.append(msgspec.msgpack.encode(["c", dict(self.counts)]))
        return parts

    def image(self, part: int) -> list[bytes]:
        """One of `PARTS` parts of all that waits."""
        numbers = np.arange(self._first, self._next)
        numbers = numbers[(numbers >> 8) % PARTS == part]
        parts: list[bytes] = []
        for run in np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1) if len(numbers) else ():
            parts += self._packed(int(run[0]), self._lines[run & (len(self._lines) - 1)])
        return parts

    def _packed(self, number: int, lines: Floats) -> list[bytes]:
        step = max(1, _PART_BYTES // (8 * lines.shape[1]))
        return [
            msgspec.msgpack.encode(["a", number + begin, np.ascontiguousarray(lines[begin : begin + step]).tobytes()])
            for begin in range(0, len(lines), step)
        ]

    def load(self, parts: list[bytes]) -> None:
        """Go on from parts of journals and images, in the order in which they were made. Raises `ValueError`."""
        held: dict[int, Floats] = {}
        first = self._first
        for part in parts:
            what, said, *more = msgspec.msgpack.decode(part)
            if what == "a":
                lines = np.frombuffer(more[0]).reshape(-1, _INPUTS + self._inputs).copy()
                held.update(zip(range(said, said + len(lines)), lines, strict=True))
            elif what == "l" and said in held:  # as releases before wrote one outcome
                held[said][_LABEL] = more[0]
            elif what == "t":
                for number, label in zip(np.frombuffer(said, np.int64).tolist(), np.frombuffer(more[0]), strict=True):
                    if number in held:
                        held[number][_LABEL] = label
            elif what == "x":
                first = max(first, said)
            elif what == "c":
                self.counts = Counter(said)
        numbers = sorted(number for number in held if number >= first)
        self._first = self._next = first if not numbers else numbers[0]
        if numbers:
            if numbers[-1] - numbers[0] + 1 != len(numbers):
                raise ValueError("events that wait for their outcome are missing from a checkpoint")
            self._grow(len(numbers))
            self._put(numbers[0], np.array([held[number] for number in numbers]))
        if self._journal is not None:
            self._journal.clear()


def _known(lines: NDArray[np.float64]) -> Known:
    groups = np.ascontiguousarray(lines[:, _GROUP]).view(np.int64)
    return Known(np.ascontiguousarray(lines[:, _INPUTS:]), lines[:, _LABEL], lines[:, _SCORE], lines[:, _OVER], groups)
