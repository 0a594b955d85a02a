"""One model at work at a hop: its inputs, what it has learnt, events that wait for their outcome, whether it drifts.

It takes in events and outcomes row by row, so how blocks are cut into calls changes nothing of what it says.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

import msgspec
import numpy as np

from risk_stream.catalogue import MISSING, Catalogue, EventBatch, text_hash
from risk_stream.catalogue.formats import LaterFormatError
from risk_stream.engine.view import Features, Floats, View, rows_of_types
from risk_stream.models import (
    Apart,
    Known,
    Learner,
    Retraining,
    Scores,
    Segmenter,
    Signal,
    Spec,
    Spread,
    Waiting,
    Watch,
)
from risk_stream.models.registry import is_retrained
from risk_stream.rules import OUTCOME, Scored
from risk_stream.rules.evaluation.program import Program
from risk_stream.rules.evaluation.run import Run
from risk_stream.rules.language.meaning import asks_clock

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Longs = NDArray[np.int64]
    Rows = NDArray[np.intp]

log = logging.getLogger(__name__)

__all__ = ["Machine", "MakeLearner", "Noticed", "Said", "ScoredRows", "Standing", "Tap"]

#: Makes the mathematics of a model.
MakeLearner: TypeAlias = Callable[[Spec], Learner]
#: Is told of the events that a model has scored, for who measures models; it changes nothing that they say.
Tap: TypeAlias = Callable[["ScoredRows"], None]

#: An event is among the share of those that are scored by its id's hash, in so many parts of one.
SHARES = 1 << 20
#: Events whose time to wait for an outcome has passed are learnt together: so many times in that time.
TICKS = 100
#: Events after which what was learnt is kept: it explains scores, and a model that drifts later may go back to it.
KEPT_EVERY = 2_000
#: Inputs that an explanation names at most, and how much they moved the score beside the one that moved it most.
MOST_NAMED, LEAST_MOVED = 3, 0.2

#: What an outcome weighs at most where bad and good ones are balanced.
MOST_WEIGHT = 1_000.0

#: What an outcome says, and of which event.
_LABEL, _OF = "label", "of_event"


class Said(NamedTuple):
    """What a model says of n events.

    Score and whether that is over, NaN for none; hashes of what moved it and of the segment of its key, 0 for none.
    """

    scores: Floats
    over: Floats
    moved: Longs
    segments: Longs


class ScoredRows(NamedTuple):
    """Events as a model scored them for the first time: id hash, event time in ms, inputs [n, m] and score [n]."""

    scored: Scored
    ids: Longs
    times: Longs
    inputs: Floats
    scores: Floats


class Noticed(NamedTuple):
    """A model drifts, or no longer does: noticed with the event in a row of the batch."""

    scored: Scored
    row: int
    signal: Signal


class Standing(NamedTuple):
    """How a model stands on one partition."""

    psi: dict[str, float]  # of the last block of events, by input, and of the score
    drifting: list[str]  # what drifts now
    waiting: int  # events that wait for their outcome
    segments: dict[str, int]  # keys in each segment, by what it is called now
    spread: Spread | None = None  # of its scores, where it is known


class Machine:
    """A model on one partition; `score` takes the events that come, in the order of the log."""

    def __init__(
        self, scored: Scored, catalogue: Catalogue, make: MakeLearner, *, journal: bool, tap: Tap | None = None
    ) -> None:
        self.scored, self._make, self._catalogue, self._tap = scored, make, catalogue, tap
        self.learner = make(scored.spec)
        #: The inputs that are watched: a part of the time goes round by itself.
        self._watched = [i for i, (_, value) in enumerate(scored.inputs) if not asks_clock(value)]
        self.watch = self._new_watch()
        self.changed = self.kept_changed = False  # since what it has learnt, and what of that is kept, was saved
        self.noticed: list[Noticed] = []
        self._counts: Counter[str] = Counter()
        self._known: list[tuple[Rows, Known]] = []  # outcomes, each with the row that brought it, to be learnt
        self._taught = [0.0, 0.0]  # weight of good and of bad outcomes so far
        self._newest = MISSING  # event time so far, ms
        self._ran = self._kept = 0  # events, and those after which the newest of these was kept
        self._good: list[bytes] = []  # what it had learnt when it last did not drift, the older first
        self._latest = b""  # what it had learnt when that was last kept, drifting or not
        self._explains: Learner | None = None  # that at work
        self.texts: dict[int, str] = {}  # behind the hashes of what was said last
        self._before: Learner | None = None  # the model as it was, while it drifts
        labels = scored.labels
        self._tick = 0
        self.waiting: Waiting | None = None
        self._labels: dict[int, float] = {}  # hash of what is said -> 1 or 0
        if labels is not None:
            self.waiting = Waiting(len(scored.inputs), labels.within_ms, labels.keep, journal=journal)
            self._labels = dict.fromkeys(map(text_hash, labels.bad), 1.0)
            self._labels |= dict.fromkeys(map(text_hash, labels.good), 0.0)
            self._tick = max(1, labels.within_ms // TICKS)
        self._types = [catalogue.code(name) for name in scored.on]
        self._period = 0 if self.retraining is None else self.retraining.period_ms
        self._program = Program()
        self._slots = [self._program.value(value) for _, value in scored.inputs]
        self._group = None if scored.group is None else self._program.value(scored.group)
        self._program.compile()

    def _new_watch(self) -> Watch:
        names = tuple(self.scored.spec.inputs[i] for i in self._watched)
        return Watch(names, self.scored.limits, promises=self.scored.promises)

    @property
    def segments(self) -> Segmenter | None:
        """The mathematics of a model that gives segments."""
        return None if self.scored.segment is None else cast("Segmenter", self.learner)

    @property
    def retraining(self) -> Retraining | None:
        """The mathematics of a model that is fitted anew from time to time."""
        return cast("Retraining", self.learner) if is_retrained(self.scored.spec.steps) else None

    @property
    def apart(self) -> Apart | None:
        """The mathematics of a model whose state is saved in parts, beside what `save` gives."""
        return self.segments or self.retraining

    def rename(self, scored: Scored) -> None:
        """Go by another file of the same version: its role, mode, owner or words may be others."""
        self.scored = scored
        if self.segments is not None:
            self.segments.rename(scored.spec.marks)

    def score(self, batch: EventBatch, features: Features, texts: Mapping[int, str]) -> Said:
        """Score and learn the events of a batch, learn the outcomes in it."""
        n = len(batch)
        said = Said(np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, np.int64), np.zeros(n, np.int64))
        self.texts = {}
        rows, inputs, groups = self._inputs(batch, features, texts)
        reached = np.maximum(np.maximum.accumulate(batch.times), self._newest)
        begin = 0
        for at, outcomes in (*self._stops(batch, rows, reached), (n, rows[:0])):
            end = int(np.searchsorted(rows, at))
            if end > begin:
                self._learn_known()
                of = slice(begin, end)
                found = self._run(batch, rows[of], inputs[of], groups[of])
                for all_rows, column in zip(said, found, strict=True):
                    all_rows[rows[of]] = column
                begin = end
            if at < n:
                self._take(batch, at, int(reached[at]), outcomes)
        self._learn_known()
        self._newest = int(reached[-1])
        return said

    def _inputs(self, batch: EventBatch, features: Features, texts: Mapping[int, str]) -> tuple[Rows, Floats, Longs]:
        """(rows that are scored, ascending; their inputs; their groups)."""
        share = self.scored.spec.sample
        chosen = np.isin(batch.types, self._types)
        if share < 1:
            chosen &= (batch.hashes("id") & (SHARES - 1)) < share * SHARES
        rows = np.flatnonzero(chosen)
        inputs, groups = np.empty((len(rows), len(self._slots))), np.zeros(len(rows), np.int64)
        if len(rows) == 0:
            return rows, inputs, groups
        part = batch if len(rows) == len(batch) else batch.take(rows)
        known = features if part is batch else features.take(rows)
        for _, of in rows_of_types(part):
            run = Run(self._program, View(part, of, known, texts))
            with np.errstate(all="ignore"):
                for i, slot in enumerate(self._slots):
                    column = run.column(slot)
                    inputs[of, i] = column.view(np.float64) if column.dtype == np.int64 else column
                if self._group is not None:
                    groups[of] = run.column(self._group).view(np.int64)
        return rows, inputs, groups

    def _stops(self, batch: EventBatch, rows: Rows, reached: Longs) -> list[tuple[int, Rows]]:
        """Rows before which something is done, each with those of the outcomes that are learnt there.

        Something is done where time or events have come far enough, and at the first of some outcomes between which no
        event is scored and nothing else is done.
        """
        stops = np.zeros(len(batch), np.bool_)
        for length in (self._period, self._tick):
            if length:
                parts = reached // length
                stops[1:] |= parts[1:] != parts[:-1]
                stops[0] |= parts[0] != self._newest // length
        stops[rows[-self._ran % KEPT_EVERY :: KEPT_EVERY]] = True
        told = np.flatnonzero(batch.types == self._catalogue.code(OUTCOME)) if self.waiting is not None else rows[:0]
        after = np.searchsorted(rows, told) + (np.cumsum(stops)[told] << 32)
        firsts = np.flatnonzero(np.diff(after, prepend=-1))
        stops[told[firsts]] = True
        together = dict(zip(told[firsts].tolist(), np.split(told, firsts[1:]), strict=False))
        return [(at, together.get(at, rows[:0])) for at in np.flatnonzero(stops).tolist()]

    def _run(self, batch: EventBatch, rows: Rows, inputs: Floats, groups: Longs) -> Said:
        """Score some rows of a batch, learn them, look at them; -> what is said of them."""
        given = groups if self.scored.spec.grouped else None
        own, segments = self._own(batch, rows, inputs, given)
        self.changed = True
        self._ran += len(rows)
        if self.waiting is not None:
            ids, times, is_over = batch.hashes("id")[rows], batch.times[rows], own.over.astype(np.float64)
            self.waiting.add(ids, times, inputs, own.scores, is_over, groups)
        self._counts["over"] += int(own.over.sum())
        scores = own.scores.copy()
        over = np.where(np.isnan(scores), np.nan, own.over)
        begin = 0
        for signal in (*self.watch.see(inputs[:, self._watched], own.scores), None):
            end = len(rows) if signal is None else signal.row + 1
            if self._counts["drifting"] and end > begin and self.scored.drifting != "go_on":
                of = slice(begin, end)
                scores[of], over[of] = self._instead(inputs[of], None if given is None else given[of])
            begin = end
            if signal is not None:
                self._notice(signal._replace(row=int(rows[signal.row])))
        if self._tap is not None:
            self._tap(ScoredRows(self.scored, batch.hashes("id")[rows], batch.times[rows], inputs, scores))
        return Said(scores, over, self._explained(inputs, groups, over), segments)

    def _own(self, batch: EventBatch, rows: Rows, inputs: Floats, groups: Longs | None) -> tuple[Scores, Longs]:
        """What the model itself says of some rows of a batch, and the hashes of their segments' names, or 0."""
        segments = self.segments
        if segments is None:
            return self.learner.run(inputs, groups), np.zeros(len(rows), np.int64)
        placed = segments.place(inputs, batch.hashes(self.scored.by)[rows], batch.times[rows])
        hashes = [text_hash(name) for name in placed.names]
        self.texts.update(zip(hashes, placed.names, strict=True))
        return Scores(placed.scores, placed.over), np.array([*hashes, 0], np.int64)[placed.which]

    def _explained(self, inputs: Floats, groups: Longs, over: Floats) -> Longs:
        """What moved those scores most that are over the threshold, as the model was when it was last kept."""
        moved = np.zeros(len(inputs), np.int64)
        places = np.flatnonzero(over == 1)
        if len(places) == 0 or not self._latest:
            return moved
        if self._explains is None:
            self._explains = self._made(self._latest)
        for at in places.tolist():
            by = self._explains.moved_by(inputs[at], int(groups[at]))
            most = float(by.max())
            if most > 0:
                order = np.argsort(-by, kind="stable")[:MOST_NAMED]
                names = [self.scored.spec.inputs[i] for i in order[by[order] > LEAST_MOVED * most].tolist()]
                text = ", ".join(self.scored.words.get(name, name) for name in names)
                moved[at] = text_hash(text)
                self.texts[int(moved[at])] = text
        return moved

    def _instead(self, inputs: Floats, groups: Longs | None) -> tuple[Floats, Floats]:
        """What is said of rows while the model drifts."""
        if self._before is None:
            nothing = np.full(len(inputs), np.nan)
            return nothing, nothing
        said = self._before.run(inputs, groups)
        return said.scores, np.where(np.isnan(said.scores), np.nan, said.over)

    def _notice(self, signal: Signal) -> None:
        self.noticed.append(Noticed(self.scored, signal.row, signal))
        self._counts["drifts"] += signal.begins
        self._counts["drifting"] = len(self.watch.drifting)
        if self._counts["drifting"] == 0:
            self._before = None
        elif self._before is None and self.scored.drifting == "last_good" and self._good:
            self._before = self._made(self._good[0])

    def _made(self, learnt: bytes) -> Learner:
        """The model as it was: it learns no more."""
        made = self._make(replace(self.scored.spec, learning="outcomes"))
        made.load(learnt)
        return made

    def _take(self, batch: EventBatch, row: int, reached: int, outcomes: Rows) -> None:
        """What there is to do at a row: keep what is good, learn what waited long enough and outcomes from there on."""
        retraining = self.retraining
        fits = 0 if retraining is None else retraining.fits
        if (self._ran % KEPT_EVERY == 0 and self._ran > self._kept) or fits > self._counts["kept_fits"]:
            self._counts["kept_fits"] = fits
            self._learn_known()
            self._latest, self._kept, self._explains = self.learner.save(), self._ran, None
            if self.scored.drifting == "last_good" and not self._counts["drifting"]:
                self._good = [*self._good[-1:], self._latest]
            self.kept_changed = True
        if retraining is not None and retraining.is_due(reached):
            self._learn_known()
            retraining.reach(reached)
            self.changed = True
        if self.waiting is None or self.scored.labels is None:
            return
        passed = reached // self._tick * self._tick
        if self.waiting.next_deadline <= passed:
            silent = self.waiting.expire(passed)
            self.changed = True
            if silent is not None and self.scored.labels.silence_is_good:
                self._known.append((np.full(len(silent.labels), row), silent))
        if len(outcomes):
            said = [self._labels.get(label, np.nan) for label in batch.hashes(_LABEL)[outcomes].tolist()]
            labels = np.array(said)
            meant = ~np.isnan(labels)
            outcomes, labels = outcomes[meant], labels[meant]
            if len(outcomes):
                self.changed = True
                at, known = self.waiting.tell(batch.hashes(_OF)[outcomes], batch.times[outcomes], labels)
                if len(at):
                    self._known.append((outcomes[at], known))

    def _learn_known(self) -> None:
        """Learn the outcomes that have come since an event was scored, together."""
        if not self._known:
            return
        rows = np.concatenate([rows for rows, _ in self._known])
        parts = [known for _, known in self._known]
        self._known = []
        known = (
            parts[0] if len(parts) == 1 else Known(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
        )
        self._learn(known, rows)

    def _learn(self, known: Known, rows_of: Rows) -> None:
        """Outcomes are known, each with the event in a row of the batch."""
        bad, over = known.labels > 0, known.over == 1
        for what, rows in (("bad", bad), ("good", ~bad)):
            self._counts[f"{what}_over"] += int((rows & over).sum())
            self._counts[f"{what}_under"] += int((rows & ~over).sum())
        for signal in self.watch.told(known.scores, known.labels):
            self._notice(signal._replace(row=int(rows_of[signal.row])))
        if self.scored.spec.learning == "outcomes":
            groups = known.groups if self.scored.spec.grouped else None
            self.learner.learn(known.rows, known.labels, groups, self._weights(known))

    def _weights(self, known: Known) -> Floats | None:
        """What outcomes weigh [n], each by those before it and itself; None where all weigh alike.

        One of an event that was not over stands for those like it that nobody looked into (inverse propensity, Horvitz
        and Thompson 1952).
        """
        labels = self.scored.labels
        if labels is None or not (labels.balanced or labels.reviewed < 1):
            return None
        weights = np.where(known.over == 1, 1.0, 1.0 / labels.reviewed)
        if labels.balanced:
            for i, bad in enumerate((known.labels > 0).tolist()):
                self._taught[bad] += weights[i]
                weights[i] *= min(MOST_WEIGHT, sum(self._taught) / (2.0 * self._taught[bad]))
        return weights

    def totals(self) -> Counter[str]:
        """What it counted so far."""
        total = Counter(self.learner.counts()) + self._counts
        for own in ("drifting", "kept_fits"):  # `state` says the one, the other is of no interest
            del total[own]
        if self.waiting is not None:
            total.update({f"outcomes_{what}": n for what, n in self.waiting.counts.items()})
        return total

    # As bytes

    def save(self) -> bytes:
        """What it has learnt and seen, but for the events that wait and what `save_kept` gives."""
        self.changed = False
        before = None if self._before is None else self._before.save()
        own = [self._newest, self._ran, self._kept, self._taught, dict(self._counts), before]
        said: bytes = msgspec.msgpack.encode([own, self.learner.save(), self.watch.save()])
        return said

    def save_kept(self) -> bytes:
        """What it had learnt when that was last kept; it changes rarely, and is as large as the rest."""
        self.kept_changed = False
        said: bytes = msgspec.msgpack.encode([self._latest, self._good])
        return said

    def load(self, saved: bytes, kept: bytes | None, waiting: list[bytes], parts: Sequence[bytes] = ()) -> None:
        """Go on where `save` was called. What cannot be read is learnt anew: that is counted, and why is logged.

        Raises `LaterFormatError` where a later release saved it.
        """
        own, learnt, watched = msgspec.msgpack.decode(saved)
        self._newest, self._ran, self._kept, self._taught, counts, before = own
        if kept is not None:
            self._latest, self._good = msgspec.msgpack.decode(kept)
        self._counts = Counter(counts)
        try:
            self.learner.load(learnt)
            if self.apart is not None:
                self.apart.load_parts(parts)
            self.watch.load(watched)
            self._before = None if before is None else self._made(before)
        except LaterFormatError:
            raise
        except ValueError as error:
            log.warning("the model %s begins anew: %s", self.scored.id, error)
            self.learner, self._good, self._before = self._make(self.scored.spec), [], None
            self._latest = b""
            self.watch = self._new_watch()
            self._counts["begun_anew"] += 1
            self._counts["drifting"] = self._counts["kept_fits"] = 0
        if self.waiting is not None:
            self.waiting.load(waiting)

    def state(self) -> Standing:
        """How it stands, for people."""
        return Standing(
            self.watch.psi,
            self.watch.drifting,
            0 if self.waiting is None else len(self.waiting),
            {} if self.segments is None else self.segments.sizes,
            self.watch.spread,
        )
