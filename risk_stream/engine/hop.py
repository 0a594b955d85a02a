"""One kind of key on one partition: a deterministic machine over the blocks of its log.

A block in which every event is in front of all that its keys have, as nearly all are, is judged at once with its
neighbours. One that holds an event behind others, a known event or an owner who comes late is judged by itself, and
so are the events that it changes: as before it and as after it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from risk_stream.catalogue import MISSING, EventBatch
from risk_stream.engine import _ring_kernel as ring_kernel
from risk_stream.engine.block import INDEX_BITS, Block, Result
from risk_stream.engine.due import ask, fire, say_again
from risk_stream.engine.judge import Meter
from risk_stream.engine.lists import Lists, changes_of
from risk_stream.engine.machine import MakeLearner, Standing, Tap
from risk_stream.engine.memory import Memory
from risk_stream.engine.owners import lost_owner
from risk_stream.engine.plans import InForce
from risk_stream.engine.revise import Again, arrive, asked_again
from risk_stream.engine.ring import Placed
from risk_stream.engine.saved import Walk, changes, head_of, restore
from risk_stream.engine.scoring import Stopwatch
from risk_stream.engine.tell import Tell, first_revised
from risk_stream.engine.view import Features, Floats, Mask, is_broadcast
from risk_stream.engine.windows import carried_in
from risk_stream.features import KeyState
from risk_stream.models import make_learner
from risk_stream.rules import Plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Longs = NDArray[np.int64]

__all__ = ["LATENESS_MS", "RING_EVENTS", "Hop"]

#: How late an event may be, ms, and how many events a hop keeps in its ring, where nothing else is said.
LATENESS_MS, RING_EVENTS = 10_000, 2_000_000

#: Events that are put into the ring together when a log is read again.
REMEMBERED_TOGETHER = 8_192

#: Index entries that `Hop.apply` looks through for expired keys, per event it applied.
SWEEP_PER_EVENT = 2


class Hop:
    """One kind of key on one partition: a deterministic machine over the blocks it is given.

    `reserve_mib` bounds its windows' memory, which is committed as it is used; `lateness_ms` is how far behind its
    clock an event may come; `ring_events` bounds the events that may still be revised. With `journal` it keeps what a
    checkpoint needs until it is taken. `make` makes the mathematics of its models. A `meter` is told of every
    evaluation, a `stopwatch` measures models, and a `tap` is told of what they scored.
    """

    def __init__(
        self,
        plan: Plan,
        kind: str,
        *,
        reserve_mib: int = 1024,
        lateness_ms: int = LATENESS_MS,
        ring_events: int = RING_EVENTS,
        journal: bool = False,
        make: MakeLearner = make_learner,
        meter: Meter | None = None,
        stopwatch: Stopwatch | None = None,
        tap: Tap | None = None,
    ) -> None:
        self.kind, self.lateness_ms = kind, lateness_ms
        self.clock = MISSING  # the partition's, after the last block
        self.newest = MISSING  # the highest event time so far
        self.position = -1  # of the last block
        self._walk = Walk()
        self._reads: deque[tuple[int, int]] = deque()  # (first entry in the ring, from where it and later are read)
        self._rank = [k.name for k in plan.catalogue.kinds].index(kind)
        self._memory = Memory(
            plan,
            kind,
            reserve_mib=reserve_mib,
            lateness_ms=lateness_ms,
            ring_events=ring_events,
            journal=journal,
            make=make,
            meter=meter,
            stopwatch=stopwatch,
            tap=tap,
        )

    @property
    def state(self) -> KeyState | None:
        """Its windows, where any plan so far needed some."""
        return self._memory.windows.state

    @property
    def models(self) -> list[tuple[str, Standing]]:
        """The models that score here, and how each stands."""
        return [(machine.scored.id, machine.state()) for machine in self._memory.scoring.machines.values()]

    @property
    def plan(self) -> Plan:
        """The newest plan in force."""
        return self._memory.plans.newest

    @property
    def plans(self) -> list[str]:
        """The versions of all plans in force, the newest last."""
        return [held.plan.version for held in self._memory.plans.held]

    @property
    def ring_events(self) -> int:
        """Events that may still be revised."""
        return len(self._memory.ring)

    @property
    def pending_timers(self) -> int:
        """Events that are to be judged later, by rules with `after`."""
        return self._memory.timers.waiting

    @property
    def next_due(self) -> int:
        """When the first of them is due, ms; far away where there is none."""
        return self._memory.timers.next_due

    @property
    def warming(self) -> dict[str, int]:
        """Features (by aggregate id) whose windows reach back behind what was seen, as of the clock, and until when.

        It is a change of plan that brings them: a hop that begins with its log has seen all that there was.
        """
        return {} if self.state is None or self.clock == MISSING else self.state.warming(self.clock)

    @property
    def reads_from(self) -> int:
        """Where in the log (`Block.since`) a restart must begin to let it `remember`; behind it for an empty ring."""
        return self._reads[0][1] if len(self._memory.ring) else self.position + 1

    @property
    def cycles(self) -> int:
        """How often `images` has gone through the whole state."""
        return self._walk.cycles

    @property
    def contradicted(self) -> int:
        """Events that taught another owner of a key than the first one did."""
        return self._memory.owners.contradicted

    # Blocks

    def apply(self, blocks: Sequence[Block]) -> Result:
        """Apply blocks in the order of the log, judge their events and those they change, say where each goes next.

        How blocks are cut into calls changes nothing of what is said. A block without events only judges the events
        that are due at its clock; where there is none, it changes nothing and can be left out.
        """
        tell = Tell(self.kind, self._rank, self._memory.lexicon.texts)
        self._memory.scoring.forget_recalled()
        for group, held in self._groups(blocks, tell):
            batch, placed, starts = self._place(group, held)
            for begin, end, alone in _runs(placed, starts, self._memory.timers.touched(batch)):
                rows = slice(starts[begin], starts[end])
                part = batch if end - begin == len(group) else batch.take(np.arange(rows.start, rows.stop))
                position = int(part.stamps[-1]) >> INDEX_BITS
                if alone:
                    kinds, entries = placed.kinds[rows], placed.entries[rows]
                    self._revise(part, kinds, entries, int(placed.firsts[begin]), held, position, tell)
                else:
                    in_disorder = bool((placed.kinds[rows] == ring_kernel.AMONG).any())
                    self._go_on(part, held, position, tell, in_disorder=in_disorder)
            self._after(group, tell)
        tell.result.models, tell.result.models_ns = (
            self._memory.scoring.take_counts(),
            self._memory.scoring.take_times(),
        )
        tell.result.contradictions += self._memory.owners.contradictions.take_news()
        return tell.done()

    def remember(self, blocks: Sequence[Block]) -> None:
        """Put blocks into the ring alone, which were applied before the position that was restored."""
        memory, at = self._memory, 0
        while at < len(blocks):
            first = blocks[at]
            held = None if _is_beside_events(first) else memory.plans.find(first.plan)
            at += 1
            if held is None:
                continue  # none of its events is in the ring any more
            group, rows = [first], len(first.batch)
            while at < len(blocks) and rows < REMEMBERED_TOGETHER:
                following = blocks[at]
                if not _is_beside_events(following):
                    rows += len(following.batch)
                    if following.plan.version != first.plan.version or not memory.ring.has_room(rows):
                        break
                    group.append(following)
                at += 1
            self._remember(group, held)

    def _remember(self, group: Sequence[Block], held: InForce) -> None:
        """Put blocks of one plan into the ring."""
        memory = self._memory
        batch, placed, _ = self._place(group, held)
        ref = memory.keep(memory.scoring.recall(memory.owners.fill(batch), memory.ring.next))
        known = np.flatnonzero(placed.kinds == ring_kernel.KNOWN)
        while len(known):  # each event's first row among these, then its next one
            entries, first = np.unique(placed.entries[known], return_index=True)
            self._replace_facts(entries, ref + known[first])
            known = np.delete(known, first)
        self.clock = max(self.clock, *(block.clock for block in group))
        memory.free()

    # Checkpoints

    def delta(self, upto: int) -> list[bytes]:
        """What changed since this was last asked, as parts; `upto` is the position of all that was applied.

        Raises `ValueError` for an earlier one: a checkpoint stands where the hop does.
        """
        if upto < self.position:
            raise ValueError(f"a checkpoint at {upto} of a hop that stands at {self.position}")
        return changes(self._memory, upto, {"position": self.position, "clock": self.clock, "newest": self.newest})

    def images(self, budget_bytes: int) -> list[bytes]:
        """The next chunks of the whole state as parts, about so many bytes; they are as of `position`."""
        return self._walk.images(self._memory, budget_bytes, self.position)

    def restore(self, parts: Iterable[bytes], plans: Mapping[str, Plan] | None = None) -> None:
        """Begin where a checkpoint stands: its parts in the order in which they were written, and plans by version.

        What the ring held is not among them: `remember` the log again from the `reads_from` of that moment on, up to
        the checkpoint's position. Raises `ValueError` for what cannot be read.
        """
        held = list(parts)
        said = head_of(held, self.kind)
        restore(self._memory, held, said, plans or {})
        self.position, self.clock, self.newest = said["position"], said["clock"], said["newest"]
        self._memory.timers.settle(self._floor(self.clock))

    def _replace_facts(self, entries: Longs, refs: Longs) -> None:
        """Facts read again, of one row for each entry, unless those that are there are fuller."""
        memory = self._memory
        had, has = memory.gather(memory.ring.refs(entries)), memory.gather(refs)
        taken = ~lost_owner(had, has)
        memory.ring.set_refs(entries[taken], refs[taken])

    def _groups(self, blocks: Sequence[Block], tell: Tell) -> Iterable[tuple[list[Block], InForce]]:
        """Blocks that can be put into the ring together, with the plan they came under; those of lists are applied."""
        at = 0
        while at < len(blocks):
            block = blocks[at]
            at += 1
            if len(block.batch) == 0:
                self._pass_time(block, tell)
            elif is_broadcast(block.batch):
                self._change_lists(block, tell)
            else:
                held = self._held(block, tell.result.plans_dropped)
                group, at = self._together(blocks, at, held)
                yield group, held

    def _together(self, blocks: Sequence[Block], at: int, held: InForce) -> tuple[list[Block], int]:
        """The block before `at` with those that follow and can be put into the ring with it, and the place after them.

        The clock reaches the time of no timer before the last of them.
        """
        memory, group = self._memory, [blocks[at - 1]]
        rows = len(group[0].batch)
        soonest = min(memory.timers.next_due, memory.timers.soonest(group[0].batch, held))
        # A plan that may go while others stay may do so before each block.
        stay = all(memory.timers.waits_for(other.plan.version) for other in memory.plans.held[:-1])
        while stay and at < len(blocks) and group[-1].clock < soonest:
            following = blocks[at]
            if len(following.batch) == 0:
                if following.clock >= soonest:
                    break
                at += 1
                continue
            rows += len(following.batch)
            if is_broadcast(following.batch) or following.plan.version != held.plan.version:
                break
            if not memory.ring.has_room(rows):
                break
            soonest = min(soonest, memory.timers.soonest(following.batch, held))
            group.append(following)
            at += 1
        return group, at

    def _pass_time(self, block: Block, tell: Tell) -> None:
        """A record that brings no event: those are judged that are due by now."""
        if self._memory.timers.next_due <= block.clock:
            self.position = block.position
            fire(self._memory, block.clock, self.position, tell)

    def _change_lists(self, block: Block, tell: Tell) -> None:
        """A block of changes of lists: what they change of events that can still be judged is said."""
        memory, position = self._memory, block.position
        before, floor = memory.lexicon.lists, self._floor(self.clock)
        changes = memory.lexicon.change_lists(changes_of(block.batch), floor, position)
        if changes and any(held.plan.lists for held in memory.plans.held):
            since = max(floor, min(change.raised for change in changes))
            again = asked_again(memory, memory.ring.since(since))
            if again is not None:
                self._judge_again(again, position, tell, before)
            fired = ask(memory, memory.timers.fired_since(since))
            if fired is not None:
                say_again(memory, fired, position, tell, before)
        self._after([block], tell)

    def _held(self, block: Block, dropped: list[str]) -> InForce:
        """The plan of a block, in force from here on; others that no event in the ring came under are forgotten."""
        plans, windows = self._memory.plans, self._memory.windows
        if len(plans.held) > 1 and plans.expire(self._floor(self.clock), self._memory.timers.plans):
            windows.use(plans.layout, plans.wheres())
            self._memory.use_models()
        held = plans.find(block.plan)
        if held is None:
            position = block.position
            since = None
            if max(self.newest, self.clock) != MISSING:
                since = max(self.newest, self.clock, int(block.batch.times.min()) - 1)
            dropped += plans.adopt(block.plan, position, self.clock)
            windows.use(plans.layout, plans.wheres(), since)
            self._memory.use_models()
            held = plans.find(block.plan)
            assert held is not None
        return held

    def _floor(self, clock: int) -> int:
        return clock if clock == MISSING else clock - self.lateness_ms

    def _place(self, group: Sequence[Block], held: InForce) -> tuple[EventBatch, Placed, Longs]:
        """Put the rows of blocks into the ring; -> all rows, what each is, and where blocks begin (and the end)."""
        batch = EventBatch.concat([block.batch for block in group])
        starts = np.zeros(len(group) + 1, np.int64)
        np.cumsum([len(block.batch) for block in group], out=starts[1:])
        clock, floors = self.clock, np.empty(len(group), np.int64)
        for b, block in enumerate(group):
            floors[b] = self._floor(clock)
            clock = max(clock, block.clock)
        newest = int(batch.times.max())
        held.latest, self.newest = max(held.latest, newest), max(self.newest, newest)
        placed = self._memory.ring.insert(
            batch.keys(self.kind)[0],
            batch.times,
            batch.hashes("id"),
            starts=starts,
            floors=floors,
            ref=self._memory.next_ref,
            plan=held.number,
            types=batch.types,
        )
        for block, first in zip(group, placed.firsts.tolist(), strict=True):
            self._read_from(first, block.since if block.since >= 0 else block.position)
        while len(self._reads) > 1 and self._reads[1][0] <= self._memory.ring.oldest:
            self._reads.popleft()
        return batch, placed, starts

    def _read_from(self, first: int, since: int) -> None:
        """The entry `first` of the ring begins a block read from `since`: kept are the lowest of each and all later."""
        while self._reads and self._reads[-1][1] >= since:
            first = self._reads.pop()[0]
        self._reads.append((first, since))

    def _go_on(self, batch: EventBatch, held: InForce, position: int, tell: Tell, *, in_disorder: bool) -> None:
        """Events in front of all others."""
        memory = self._memory
        memory.owners.learn(batch, position)
        batch = memory.owners.fill(batch)
        values, flags = memory.windows.insert(batch, memory.windows.masks(batch), position, sort=in_disorder)
        features = self._features(batch, values, flags, position)
        known = self._scored(batch, held, features, position, tell)
        memory.keep(known)
        if held.after:
            memory.timers.set(known.only(held.columns), held, position)
        tell.first(batch, held, features)

    def _scored(self, batch: EventBatch, held: InForce, features: Features, position: int, tell: Tell) -> EventBatch:
        """Have models score events, among whose features the scores are then; -> the events with their scores."""
        memory = self._memory
        columns = memory.scoring.score(held.plan, batch, features, memory.lexicon, position)
        if not columns:
            return batch
        tell.noticed(held, batch, memory.scoring.take_noticed(), position)
        memory.scoring.keep(batch.hashes("id"), columns, memory.ring.next)
        return batch.with_columns(columns)

    def _features(self, batch: EventBatch, values: Floats, flags: Longs, position: int) -> Features:
        features = carried_in(batch, self._memory.lexicon, position)
        self._memory.windows.add(features, values, flags, batch.times)
        features.lists = self._memory.lexicon.lists
        return features

    def _revise(
        self,
        batch: EventBatch,
        kinds: NDArray[np.int8],
        entries: Longs,
        first: int,
        held: InForce,
        position: int,
        tell: Tell,
    ) -> None:
        """One block that holds more than events in front."""
        memory = self._memory
        fired = ask(memory, memory.timers.fired_of(batch.hashes(self.kind)))
        arrived = arrive(memory, batch, kinds, entries, first, held, position)
        if len(arrived.new):
            features = self._features(arrived.new, arrived.values, arrived.flags, position)
            scored = self._scored(arrived.new, held, features, position, tell)
            if scored is not arrived.new:
                memory.ring.set_refs(arrived.entries, memory.complete(scored))
            tell.first(arrived.new, held, features)
            if held.after:
                memory.timers.set(scored.only(held.columns), held, position)
        if arrived.again is not None:
            self._judge_again(arrived.again, position, tell)
            self._amend_timers(arrived.again, position)
        if fired is not None:
            say_again(memory, fired, position, tell)
        result = tell.result
        result.behind += arrived.behind
        result.revised += arrived.revised
        result.copies += arrived.copies
        result.dropped += arrived.dropped
        result.plan_copies += arrived.plan_copies

    def _amend_timers(self, again: Again, position: int) -> None:
        """Events have other facts now: so have their timers."""
        for number in np.unique(again.plans).tolist():
            held = self._memory.plans.numbered(number)
            rows = np.flatnonzero((again.plans == number) & again.facts_differ)
            if held.after and len(rows):
                self._memory.timers.amend(again.new[0].take(rows).only(held.columns), held, position)

    def _judge_again(self, again: Again, position: int, tell: Tell, lists: Lists | None = None) -> None:
        """Say what differs; `lists` are those from before, where the block changed them."""
        stamp = first_revised(position)
        for number in np.unique(again.plans).tolist():
            rows = np.flatnonzero(again.plans == number)
            sides = []
            for batch, values, flags in (again.old, again.new):
                part = batch.take(rows)
                sides.append((part, self._features(part, values[rows], flags[rows], position)))
            if lists is not None:
                sides[0][1].lists = lists
            held = self._memory.plans.numbered(number)
            stamp += tell.again(held, sides[0], sides[1], again.facts_differ[rows], stamp)

    def _after(self, group: Sequence[Block], tell: Tell) -> None:
        memory, rows = self._memory, 0
        for block in group:
            self.clock = max(self.clock, block.clock)
            rows += len(block.batch)
        self.position = group[-1].position
        if memory.timers.next_due <= self.clock:  # before the windows let go what lies far back
            fire(memory, self.clock, self.position, tell)
        memory.timers.forget(self._floor(self.clock))
        memory.free()
        if memory.windows.state is not None and self.clock != MISSING:
            memory.windows.state.sweep(self.clock, SWEEP_PER_EVENT * rows)


def _runs(placed: Placed, starts: Longs, touched: Mask | None) -> Iterable[tuple[int, int, bool]]:
    """(first block, end, whether it is one to be judged by itself): blocks in front of all are judged together.

    `touched` are the rows that stand before an event that was due before them; None for none.
    """
    worst = np.maximum.reduceat(placed.kinds, starts[:-1])
    alone = worst > ring_kernel.AMONG
    if touched is not None:
        alone |= np.logical_or.reduceat(touched, starts[:-1])
    if not alone.any():
        yield 0, len(alone), False
        return
    begin = 0
    for b in np.flatnonzero(alone).tolist():
        if b > begin:
            yield begin, b, False
        yield b, b + 1, True
        begin = b + 1
    if begin < len(alone):
        yield begin, len(alone), False


def _is_beside_events(block: Block) -> bool:
    """Whether a block is of time or of lists alone."""
    return len(block.batch) == 0 or is_broadcast(block.batch)
