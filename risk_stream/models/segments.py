"""Keys of a kind in segments: who behaves alike, for how long already, and what marks each segment.

A key has a profile that follows the inputs of its events. When enough has been seen, centres are found among the
profiles by k-means (k-means++, Arthur and Vassilvitskii 2007, the best of several starts), and then follow the profiles
as MacQueen 1967 has it, each key once a day, so that who trades much counts no more than others. This is not River's
KMeans: that begins with random centres and moves the nearest one half of the way to each event, which no segment
survives for a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from risk_stream.models._segments_kernel import (
    DAY_MS,
    K_KEY,
    K_LAST,
    K_SEGMENT,
    K_WORDS,
    peek_segments,
    place,
    settle,
)
from risk_stream.models.base import Base
from risk_stream.models.groups import Groups
from risk_stream.models.learner import Floats, Longs, Mask, Placed
from risk_stream.models.marks import Mark, marked, worded
from risk_stream.models.registry import parameters_of
from risk_stream.models.spec import Spec, Step, Threshold

__all__ = ["PARTS", "Segments", "compile_segments"]

#: Parts in which a full image of the keys is made.
PARTS = 256
#: Profiles among which the centres are found, from how many starts, and Lloyd's iterations of each.
SAMPLE, STARTS, ITERATIONS = 2_000, 8, 30
#: The shares of the values of an input between which its deviation is taken, and how many of those beyond it counts.
LEAST_SHARE, MOST_SHARE, BEYOND = 0.02, 0.98, 2.0
#: Bytes of a part of a checkpoint, at most.
_PART_BYTES = 800_000
_FIRST_LINES = 256
#: Days and rows of one that has seen nothing.
_NEVER = np.iinfo(np.int64).min
#: Words of its own: the newest time (ms), the day of the first event, that of the last review, reviews, rows so far.
_NEWEST, _BEGUN, _REVIEWED, _REVIEWS, _ROWS, _WORDS = range(6)


class Segments(Base):
    """Segments of the keys of one partition, numbered for good and named by what marks them.

    A key goes to another segment when its profile has been nearer to that one's centre by `margin` for `patience` of
    its events in a row, the first and the last `patience_days` apart. What is slow is done with the first event of a
    day (UTC): centres are found when `warm_up` events and `settle_days` have passed, and are reviewed every
    `every_days`. A review measures the deviations of the inputs anew, names the segments, and puts a centre that has
    lost its keys at the profile that is farthest from all.
    """

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        said = parameters_of(spec.steps[-1])
        self._said, self._calls = said, spec.marks
        self._keys = Groups(True, said["keep"])
        self._lines = np.zeros((0, K_WORDS), np.int64)
        self._profiles = np.zeros((0, self._inputs))
        self._changed = np.zeros(0, bool)  # [slots], since the journal was taken
        self._words = np.array([_NEVER, _NEVER, _NEVER, 0, 0], np.int64)
        self._centres = np.zeros((0, self._inputs))
        self._weights = np.zeros(0)  # profiles that a centre has followed
        self._members = np.zeros(0, np.int64)  # keys of each segment
        self._born = np.zeros(0, np.int64)  # the review before which a centre was put where it is
        self._bounds = np.zeros((3, self._inputs))  # deviation, least and greatest value that counts
        self._marks: list[list[Mark]] = []
        self._names: list[str] = []

    def place(self, rows: Floats, keys: Longs, times: Longs) -> Placed:
        """Learn events [n, m] of keys [n], which happened at times [n], ms; -> what is said of each.

        An event counts for what is said of it: its key's profile has followed it before the segment is told.
        """
        n = len(rows)
        scores, over, which = np.full(n, np.nan), np.zeros(n, bool), np.full(n, -1, np.int64)
        names: dict[str, int] = {}
        rows, used = self._clean(rows, np.ones(n, bool))
        self._groups.slots(None, used)
        reached = np.maximum(np.maximum.accumulate(times), self._words[_NEWEST]) if n else times
        days = reached // DAY_MS
        dawns = set(np.flatnonzero(np.diff(days, prepend=self._words[_NEWEST] // DAY_MS)).tolist())
        cuts = sorted({0, *dawns, n})
        for begin, end in pairwise(cuts):
            if begin in dawns:
                self._day(int(days[begin]))
            of, numbers = slice(begin, end), np.zeros(end - begin, np.int64)
            self._place(rows[of], used[of], keys[of], times[of], scores[of], over[of], numbers)
            places = [names.setdefault(name, len(names)) for name in self._names]
            which[of] = np.array([-1, *places])[numbers]
        if n:
            self._words[_NEWEST] = reached[-1]
        self._counts["scored"] += n - int(np.isnan(scores).sum())
        self._remember(rows[used])
        return Placed(scores, over, which, list(names))

    def rename(self, marks: tuple[tuple[str, str], ...]) -> None:
        """See `Segmenter.rename`."""
        self._calls = marks

    @property
    def sizes(self) -> dict[str, int]:
        """Name -> keys that are in the segment now."""
        return dict(zip(self._names, self._members.tolist(), strict=True))

    def counts(self) -> dict[str, int]:
        """See `Learner.counts`; `groups` are keys."""
        return {**super().counts(), "groups": len(self._keys), "forgotten": self._keys.forgotten}

    # Events

    def _place(
        self, rows: Floats, used: Mask, keys: Longs, times: Longs, scores: Floats, over: Mask, numbers: Longs
    ) -> None:
        slots, begins = self._keys.slots(keys, used)
        self._grow(len(self._keys))
        said, first = self._said, int(self._words[_ROWS])
        place(
            *(rows, used, keys, times, slots, begins, first, self._lines, self._profiles, self._changed),
            *(self._centres, self._weights, self._members, self._bounds),
            *(said["memory"], said["margin"], said["patience"], said["patience_days"] * DAY_MS, float(said["horizon"])),
            *(self._gate, self._ring, self._order, self._limits, scores, over, numbers),
        )
        self._words[_ROWS] += len(rows)

    def _grow(self, slots: int) -> None:
        have = len(self._lines)
        if slots > have:
            more = max(slots, 2 * have, _FIRST_LINES) - have
            self._lines = np.concatenate([self._lines, np.zeros((more, K_WORDS), np.int64)])
            self._profiles = np.concatenate([self._profiles, np.full((more, self._inputs), np.nan)])
            self._changed = np.concatenate([self._changed, np.zeros(more, bool)])

    # What models have in common: rows of which no key is known are held against the nearest centre, nothing is learnt.

    def _run(self, rows: Floats, slots: Longs, begins: Mask, used: Mask, scores: Floats, over: Mask) -> None:
        del slots, begins
        if len(self._centres):
            scores[used] = self._nearest(rows[used])[1]
            over[:] = scores >= self._limits[0]

    def _learn(self, rows: Floats, labels: Floats, weights: Floats, slots: Longs, begins: Mask, used: Mask) -> None:
        """Outcomes say nothing of segments."""

    def _moved(self, row: Floats, slot: int) -> Floats:
        """The parts of the distance from the nearest centre, which add up to it."""
        del slot
        if not len(self._centres):
            return np.zeros(self._inputs)
        nearest, distances = self._nearest(row.reshape(1, -1))
        scale, low, high = self._bounds
        squares = ((np.clip(row, low, high) - self._centres[nearest[0]]) / scale) ** 2
        parts: Floats = np.nan_to_num(squares / (max(1, int((~np.isnan(row)).sum())) * max(distances[0], 1e-300)))
        return parts

    def _room(self, slots: int) -> None:
        """Keys have their own room."""

    def _nearest(self, rows: Floats) -> tuple[Longs, Floats]:
        nearest, distances = np.zeros(len(rows), np.int64), np.zeros(len(rows))
        peek_segments(np.ascontiguousarray(rows), self._centres, self._bounds, nearest, distances)
        return nearest, distances

    # Days

    def _day(self, day: int) -> None:
        """What is to be done when a day begins."""
        words, said = self._words, self._said
        if words[_BEGUN] == _NEVER:
            words[_BEGUN] = day
        if not len(self._centres):
            if words[_ROWS] >= self.spec.warm_up and day - words[_BEGUN] >= said["settle_days"]:
                self._find(day)
        elif day - words[_REVIEWED] >= said["every_days"]:
            self._review(day)

    def _known(self) -> tuple[Longs, Floats]:
        """(slots of all keys in the order of their hashes, their profiles): the same however they came to be here."""
        slots = np.argsort(self._lines[: len(self._keys), K_KEY])
        return slots, self._profiles[slots]

    def _find(self, day: int) -> None:
        """Find centres, the one with most keys first, and give each key its first segment."""
        slots, profiles = self._known()
        count = self._said["n_clusters"]
        self._measure(profiles)
        sample = profiles[:SAMPLE]  # hashes are in no order
        if len(np.unique(sample, axis=0)) < count:
            return
        draw = np.random.default_rng(self._said["seed"])
        least = np.inf
        for _ in range(STARTS):
            centres = self._start(sample, count, draw)
            apart = settle(sample, centres, self._bounds, ITERATIONS)
            if apart < least:
                least, self._centres = apart, centres
        nearest, _ = self._nearest(profiles)
        order = np.argsort(-np.bincount(nearest, minlength=count), kind="stable")
        self._centres = self._centres[order]
        nearest = np.argsort(order)[nearest]
        self._members = np.bincount(nearest, minlength=count)
        self._weights = np.clip(self._members, 1, self._said["horizon"]).astype(np.float64)
        self._born = np.full(count, -1, np.int64)
        self._lines[slots, K_SEGMENT] = nearest + 1
        self._changed[slots] = True
        self._words[_REVIEWED] = day
        self._name()

    def _start(self, profiles: Floats, count: int, draw: np.random.Generator) -> Floats:
        """k-means++: centres [count, m] at profiles drawn by the square of their distance from those before."""
        scale, low, high = self._bounds
        whole = np.where(np.isnan(profiles), (low + high) / 2, np.clip(profiles, low, high))
        centres = whole[[draw.integers(len(whole))]]
        apart = np.full(len(whole), np.inf)
        while len(centres) < count:
            apart = np.minimum(apart, (((whole - centres[-1]) / scale) ** 2).sum(axis=1))
            reach = np.cumsum(apart)
            at = min(int(np.searchsorted(reach, draw.random() * reach[-1], side="right")), len(whole) - 1)
            centres = np.concatenate([centres, whole[[at]]])
        return centres

    def _measure(self, profiles: Floats) -> None:
        """How far each input deviates without its few least and greatest values, and beyond what none counts."""
        for j in range(self._inputs):
            values = np.sort(profiles[~np.isnan(profiles[:, j]), j])
            if not len(values):
                self._bounds[:, j] = 1.0, 0.0, 0.0
                continue
            low, high = np.quantile(values, [LEAST_SHARE, MOST_SHARE])
            scale = np.clip(values, low, high).std() or values.std() or 1.0
            self._bounds[:, j] = scale, low - BEYOND * scale, high + BEYOND * scale

    def _review(self, day: int) -> None:
        """Measure, put empty centres elsewhere, and name the segments."""
        _, profiles = self._known()
        self._words[_REVIEWED], self._words[_REVIEWS] = day, self._words[_REVIEWS] + 1
        self._measure(profiles)
        reviews = int(self._words[_REVIEWS])
        for at in np.flatnonzero((self._members == 0) & (self._born < reviews - 1)).tolist():
            _, distances = self._nearest(profiles)
            farthest = profiles[int(np.argmax(distances))]
            self._centres[at] = np.where(np.isnan(farthest), self._centres[at], farthest)
            self._weights[at], self._born[at] = 1.0, reviews
        self._name()

    def _name(self) -> None:
        is_new = self._born == self._words[_REVIEWS]
        self._marks = marked(self._centres / self._bounds[0], self._marks, self._said["margin"])
        words = self._calls or [(f"low {name}", f"high {name}") for name in self.spec.inputs]
        self._names = worded(self._marks, words, is_new.tolist())

    # As bytes

    def take_journal(self) -> list[bytes]:
        """The keys that changed since this was last asked, and how they are now."""
        slots = np.flatnonzero(self._changed)
        self._changed[slots] = False
        return list(self._packed(slots))

    def image(self, part: int) -> list[bytes]:
        """The keys of one of `PARTS` parts."""
        keys = self._lines[: len(self._keys), K_KEY]
        return list(self._packed(np.flatnonzero(keys & (PARTS - 1) == part)))

    def _packed(self, slots: Longs) -> Iterator[bytes]:
        step = max(1, _PART_BYTES // (8 * (K_WORDS + self._inputs)))
        for begin in range(0, len(slots), step):
            of = slots[begin : begin + step]
            yield msgspec.msgpack.encode([self._lines[of].tobytes(), self._profiles[of].tobytes()])

    def load_parts(self, parts: Iterable[bytes]) -> None:
        """Take in what `take_journal` and `image` gave, in the order in which they were made; `load` came before."""
        lines, profiles = [np.zeros((0, K_WORDS), np.int64)], [np.zeros((0, self._inputs))]
        for part in parts:
            some, theirs = msgspec.msgpack.decode(part)
            lines.append(np.frombuffer(some, np.int64).reshape(-1, K_WORDS))
            profiles.append(np.frombuffer(theirs).reshape(-1, self._inputs))
        every, known = np.concatenate(lines), np.concatenate(profiles)
        _, last = np.unique(every[::-1, K_KEY], return_index=True)
        newest = len(every) - 1 - last
        slots = newest[np.argsort(every[newest, K_LAST])][-self._said["keep"] :]  # the others were forgotten
        pairs = [[key, slot] for slot, key in enumerate(every[slots, K_KEY].tolist())]
        self._keys = self._keys.restored(pairs, self._keys.forgotten)
        self._lines, self._profiles = every[slots], known[slots]
        self._changed = np.zeros(len(slots), bool)

    def _arrays(self) -> dict[str, Any]:
        return {
            "words": self._words,
            "centres": self._centres,
            "weights": self._weights,
            "members": self._members,
            "born": self._born,
            "bounds": self._bounds,
        }

    def _more(self) -> bytes:
        return msgspec.msgpack.encode([self._marks, self._names, self._keys.forgotten])

    def _restore(self, arrays: Mapping[str, Any], more: bytes) -> None:
        k = len(arrays.get("centres", ()))
        shapes = {
            "words": (_WORDS,),
            "centres": (k, self._inputs),
            **dict.fromkeys(("weights", "members", "born"), (k,)),
            "bounds": (3, self._inputs),
        }
        if {name: a.shape for name, a in arrays.items()} != shapes or k not in {0, self._said["n_clusters"]}:
            raise ValueError("what was saved of this model has other centres than it has now")
        marks, self._names, forgotten = msgspec.msgpack.decode(more)
        self._marks = [[(at, sign) for at, sign in some] for some in marks]
        self._keys = Groups(True, self._said["keep"]).restored([], forgotten)
        self._words, self._centres, self._weights = arrays["words"], arrays["centres"], arrays["weights"]
        self._members, self._born, self._bounds = arrays["members"], arrays["born"], arrays["bounds"]
        self._lines, self._profiles = self._lines[:0], self._profiles[:0]
        self._changed = self._changed[:0]


def compile_segments() -> None:
    """Find two segments of two keys, so that the machine code for it is on disk when a model needs it."""
    step, never = Step("SequentialKMeans", {"n_clusters": 2, "settle_days": 1}), Threshold(fixed=np.inf)
    segments = Segments(Spec(("x",), frozenset(), (step,), "always", 0, never))
    for day in range(2):
        segments.place(np.array([[0.0], [1.0]]), np.array([1, 2]), np.full(2, day * DAY_MS))
