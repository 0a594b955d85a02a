"""Events that are judged some time after they happened: which are waiting at a hop, and which were judged of late.

A *timer* is such an event with the time at which it is due. It waits until the partition's clock reaches that time, for
days perhaps, and once it was judged it stays as long as something can come that stands before it: until the clock is
more than the allowed lateness beyond it. It lives apart from the ring and is no row of a window, so nothing can count
it or take it for a copy.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import numpy as np

from risk_stream.catalogue import MISSING, Catalogue, EventBatch
from risk_stream.engine.lexicon import CHUNKS, packed, taken_upto
from risk_stream.engine.plans import InForce
from risk_stream.engine.scoring import column_of, none_of
from risk_stream.engine.view import DUE, Mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Longs = NDArray[np.int64]

__all__ = ["NEVER", "Timer", "Timers", "batch_of"]

#: A time beyond all others, ms.
NEVER = 2**63 - 1

#: What tells timers of a hop apart, and their order: (due in ms, hash of the event's id, hash of its key).
Name: TypeAlias = tuple[int, int, int]

_SET, _FIRED = 1, 0


@dataclass(frozen=True, slots=True)
class Timer:
    """An event that is judged at `due`, ms, by the plan with the version `plan`."""

    due: int
    id: int  # the hash of the event's id
    key: int  # the hash of its key of this hop's kind
    plan: str
    facts: bytes  # the event as far as its rules need it
    fired: bool = False

    @property
    def name(self) -> Name:
        """What tells it apart."""
        return self.due, self.id, self.key


class Timers:
    """The timers of one hop, waiting or fired. With `journal` it keeps what changed until it is taken."""

    def __init__(self, kind: str, *, journal: bool) -> None:
        self.kind = kind
        self._chunks: list[dict[Name, Timer]] = [{} for _ in range(CHUNKS)]
        self._waiting: list[Name] = []  # heaps
        self._fired: list[Name] = []
        self._by_key: dict[int, dict[Name, None]] = {}  # of those that have fired
        self._latest: tuple[Longs, Longs] | None = None  # those keys, sorted, and the latest due of each
        self._of_plan: Counter[str] = Counter()  # waiting or fired
        self._waiting_of_plan: Counter[str] = Counter()
        self._journal: list[tuple[int, list[Any]]] | None = [] if journal else None

    def _of(self, name: Name) -> dict[Name, Timer]:
        return self._chunks[name[1] & (CHUNKS - 1)]

    @property
    def waiting(self) -> int:
        """How many have not fired."""
        return len(self._waiting)

    @property
    def next_due(self) -> int:
        """When the first that waits is due, ms; NEVER where none waits."""
        return self._waiting[0][0] if self._waiting else NEVER

    @property
    def plans(self) -> Collection[str]:
        """Versions of the plans of any."""
        return self._of_plan.keys()

    def waits_for(self, version: str) -> bool:
        """Whether one of this plan has not fired: it goes before the plan can."""
        return version in self._waiting_of_plan

    def soonest(self, batch: EventBatch, held: InForce) -> int:
        """When the first timer that new events of a plan may set is due, ms; NEVER where they set none."""
        rows = _rows(batch, held)
        if len(rows) == 0:
            return NEVER
        return min(int(due.min()) for _, due in _dues(batch, rows, held))

    # Setting and firing

    def set(self, batch: EventBatch, held: InForce, position: int) -> None:
        """Set the timers of events that are new here: one for each length of time after which a rule judges them."""
        rows = _rows(batch, held)
        if len(rows) == 0:
            return
        for timer in self._made(batch, rows, held):
            if timer.name not in self._of(timer.name):
                self._put(timer, position)

    def amend(self, batch: EventBatch, held: InForce, position: int) -> None:
        """The facts of events have changed: those of their timers do, as far as there are any."""
        rows = _rows(batch, held)
        if len(rows) == 0:
            return
        for timer in self._made(batch, rows, held):
            before = self._of(timer.name).get(timer.name)
            if before is not None and before.facts != timer.facts:
                self._put(replace(before, facts=timer.facts), position)

    def fire(self, clock: int, position: int) -> list[Timer]:
        """Those that wait and are due at a clock, in order of (due, id): they have fired."""
        found = []
        while self._waiting and self._waiting[0][0] <= clock:
            name = heapq.heappop(self._waiting)
            timer = self._of(name)[name] = replace(self._of(name)[name], fired=True)
            _count_down(self._waiting_of_plan, timer.plan)
            self._keep_fired(timer)
            self._note(position, [_FIRED, *name])
            found.append(timer)
        return found

    def forget(self, floor: int) -> None:
        """Let go those that have fired and lie below what can still come."""
        while self._fired and self._fired[0][0] < floor:
            name = heapq.heappop(self._fired)
            timer = self._of(name).pop(name)
            _count_down(self._of_plan, timer.plan)
            names = self._by_key[timer.key]
            del names[name]
            if not names:
                del self._by_key[timer.key]
            self._latest = None

    # Those that have fired

    def touched(self, batch: EventBatch) -> Mask | None:
        """bool[n]: the events that stand before a timer of their key that has fired; None where none has."""
        if not self._fired:
            return None
        keys = batch.hashes(self.kind)
        if self._latest is None:
            known = np.array(sorted(self._by_key), np.int64)
            self._latest = known, np.array([max(self._by_key[key])[0] for key in known.tolist()], np.int64)
        known, latest = self._latest
        at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        before: Mask = (known[at] == keys) & (batch.times <= latest[at])
        return before

    def fired_of(self, keys: Longs) -> list[Timer]:
        """Those of some keys that have fired, in order of (due, id)."""
        names = {name for key in np.unique(keys).tolist() for name in self._by_key.get(key, ())} if self._fired else ()
        return self.now(sorted(names))

    def fired_since(self, time: int) -> list[Timer]:
        """Those that have fired and were due at a time or later, ms, in order of (due, id)."""
        return self.now(sorted(name for name in self._fired if name[0] >= time))

    def now(self, names: Iterable[Name]) -> list[Timer]:
        """The timers of these names as they are now."""
        return [self._of(name)[name] for name in names]

    # Inside

    def _made(self, batch: EventBatch, rows: NDArray[np.intp], held: InForce) -> list[Timer]:
        waiting = batch.take(rows)
        ids, keys = waiting.hashes("id").tolist(), waiting.hashes(self.kind).tolist()
        scores = {column_of(said) for scored in held.plan.models_at(self.kind) for said in scored.says}
        facts, version = _facts(waiting, scores), held.plan.version
        return [
            Timer(due, ids[row], keys[row], version, facts[row])
            for of, dues in _dues(waiting, np.arange(len(rows)), held)
            for row, due in zip(of.tolist(), dues.tolist(), strict=True)
        ]

    def _put(self, timer: Timer, position: int) -> None:
        if timer.name not in self._of(timer.name):
            self._of_plan[timer.plan] += 1
            self._waiting_of_plan[timer.plan] += 1
            heapq.heappush(self._waiting, timer.name)
        self._of(timer.name)[timer.name] = timer
        self._note(position, _entry(timer))

    def _keep_fired(self, timer: Timer) -> None:
        heapq.heappush(self._fired, timer.name)
        self._by_key.setdefault(timer.key, {})[timer.name] = None
        self._latest = None

    # As bytes

    def _note(self, position: int, entry: list[Any]) -> None:
        if self._journal is not None:
            self._journal.append((position, entry))

    def take_journal(self, upto: int) -> list[bytes]:
        """What changed at positions up to `upto` and was not taken yet."""
        if not self._journal:
            return []
        return list(packed(taken_upto(self._journal, upto)))

    def image(self, chunk: int) -> list[bytes]:
        """All timers of one of `CHUNKS` parts."""
        return list(packed([_entry(timer) for timer in self._chunks[chunk].values()]))

    def load(self, part: bytes) -> None:
        """Take in what a journal or an image holds; parts in the order in which they were made, then `settle`."""
        for what, due, id, key, *said in msgspec.msgpack.decode(part):
            name = (due, id, key)
            of = self._of(name)
            if what == _SET:
                of[name] = Timer(*name, *said)
            elif name in of:  # else it was let go before the image was made
                of[name] = replace(of[name], fired=True)

    def settle(self, floor: int) -> None:
        """All parts are in: go on from there, at a floor of what can still come."""
        timers = [timer for of in self._chunks for timer in of.values()]
        self._of_plan = Counter(timer.plan for timer in timers)
        self._waiting_of_plan = Counter(timer.plan for timer in timers if not timer.fired)
        self._waiting = sorted(timer.name for timer in timers if not timer.fired)
        for timer in timers:
            if timer.fired:
                self._keep_fired(timer)
        self.forget(floor)


def _entry(timer: Timer) -> list[Any]:
    return [_SET, *timer.name, timer.plan, timer.facts, timer.fired]


def _rows(batch: EventBatch, held: InForce) -> NDArray[np.intp]:
    """The events of types that a plan has rules for which judge later."""
    if not held.after:
        return np.zeros(0, np.intp)
    return np.flatnonzero(np.isin(batch.types, list(held.after)))


def _dues(batch: EventBatch, rows: NDArray[np.intp], held: InForce) -> Iterator[tuple[NDArray[np.intp], Longs]]:
    """For each type among some rows and each length of time after which a rule judges it: rows, and when they are due.

    An event may be due at one time by two of them: a timer stands for both.
    """
    types = batch.types[rows]
    for code in np.unique(types).tolist():
        of = rows[types == code]
        for after in held.after[code]:
            yield of, after.due(batch.times[of])


def batch_of(catalogue: Catalogue, timers: Sequence[Timer]) -> EventBatch:
    """The events of timers, in the same order, with when each is due in the column DUE."""
    rows = [msgspec.msgpack.decode(timer.facts) for timer in timers]
    names = list(dict.fromkeys(name for row in rows for name in row))
    fields = catalogue.fields
    columns: dict[str, Any] = {}
    for name in names:
        if name in fields:
            missing = None if fields[name].type.is_text else MISSING
            columns[name] = [row.get(name, missing) for row in rows]
    columns["type"] = [catalogue.code(said) for said in columns["type"]]
    columns[DUE] = [timer.due for timer in timers]
    scores = {name: [row.get(name, none_of(name)) for row in rows] for name in names if name not in fields}
    return EventBatch.of_columns(catalogue, columns).with_columns(scores)


def _facts(batch: EventBatch, scores: Collection[str]) -> list[bytes]:
    """Each event as the fields it has, as they are stored, and the scores that it was given."""
    fields, types = batch.catalogue.fields, batch.catalogue.types
    names = [name for name in batch.table.schema.names if name in fields or name in scores]
    columns = [batch.table.column(name).to_pylist() for name in names]
    encode = msgspec.msgpack.Encoder().encode
    facts = []
    for values in zip(*columns, strict=True):
        known = ((name, value) for name, value in zip(names, values, strict=True) if value not in (None, MISSING))
        said = {name: value for name, value in known if value == value}  # noqa: PLR0124  NaN is no score
        said["type"] = types[said["type"]].name
        facts.append(encode(said))
    return facts


def _count_down(counter: Counter[str], name: str) -> None:
    counter[name] -= 1
    if not counter[name]:
        del counter[name]
