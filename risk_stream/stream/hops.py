"""A hop on Kafka: one kind of key on one partition, fed by the messages of its topic.

Its state is a pure function of the records of its partition, from the first to the last without a gap. So it may be put
together again from a checkpoint at n and the log: records before n only tell it what it had heard, which events it held
back and which may still have to be judged again; those from n on are judged.

A record may bring two blocks: what was held back before it, and what goes on with it. So the engine's positions are
twice the offsets.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from risk_stream.catalogue import MISSING, EventBatch
from risk_stream.catalogue.formats import LaterFormatError
from risk_stream.decisions import decision_of
from risk_stream.engine import INDEX_BITS, REVISED, Alert, Block, Decided, Forward, Hop, Result, is_broadcast
from risk_stream.kafka import CANARY, Outgoing, Record, reject_to
from risk_stream.rules import Failures, Plan, RulesAt, add_failures
from risk_stream.stream.alignment import Patience
from risk_stream.stream.decisions import decision_records
from risk_stream.stream.intake.audit import copy_records, owner_records
from risk_stream.stream.letters.channels import Channels
from risk_stream.stream.letters.hold import PLANS as HELD_PLANS
from risk_stream.stream.letters.hold import Cut, Hold, Released
from risk_stream.stream.letters.marks import Marks
from risk_stream.stream.letters.messages import alert_to, split_by_partition
from risk_stream.stream.letters.promises import Promises
from risk_stream.stream.letters.sections import (
    Letter,
    Said,
    Section,
    beside,
    read_fronts,
    read_letter,
    running_clock,
)
from risk_stream.stream.runs import finished
from risk_stream.stream.state.checkpoint import Standing

Longs: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"
Rows: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.intp]]"

__all__ = ["Address", "Applied", "HopPartition", "onward", "position_of"]


def position_of(offset: int) -> int:
    """The engine's position of what goes on with a record; what goes on before it has the position before."""
    return 2 * offset + 1


@dataclass(frozen=True, slots=True)
class Address:
    """Where a hop's messages go; `counts(kind)` is the partitions of a kind's hop topic, "" of alerts'.

    `decisions` are the partitions of the topic of decisions. Canaries that came through are said on a topic of theirs,
    nowhere where it has no name.
    """

    hop_topic: Callable[[str], str]
    alerts_topic: str
    rejects_topic: str
    audit_topic: str
    decisions_topic: str
    counts: Callable[[str], int]
    decisions: int
    canary_back_topic: str = ""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A record of the log as it was read: events, fronts, or what is `wrong` with it.

    `time` is the highest of all events that left their sender with its own: messages of one turn have the same.
    """

    offset: int
    time: int = MISSING
    letter: Letter | None = None
    fronts: Sequence[Said] = ()
    wrong: tuple[Record, Exception] | None = None

    def __len__(self) -> int:
        return 0 if self.letter is None else len(self.letter.batch)


@dataclass(slots=True)
class Applied:
    """What some records at a hop brought forth."""

    outgoing: list[Outgoing] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    shadow: list[Alert] = field(default_factory=list)
    decisions: list[Decided] = field(default_factory=list)  # of tables; they are among `outgoing`
    ended: list[Longs] = field(default_factory=list)  # when the broker got the events whose journey ended, ms
    rule_errors: dict[str, Failures] = field(default_factory=dict)
    judged_by: Counter[RulesAt] = field(default_factory=Counter)
    models: Counter[tuple[str, str]] = field(default_factory=Counter)
    models_ns: Counter[str] = field(default_factory=Counter)
    batches: list[int] = field(default_factory=list)  # events of each
    poison: Counter[str] = field(default_factory=Counter)  # by topic
    behind: int = 0
    revised: int = 0
    known: int = 0
    dropped: int = 0
    timed: int = 0
    plan_copies: list[tuple[str, str]] = field(default_factory=list)

    def take(self, result: Result) -> None:
        """Add what the engine says, but where it goes."""
        self.alerts += result.alerts
        self.shadow += result.shadow
        self.decisions += result.decisions
        if len(result.ended):
            self.ended.append(result.ended)
        add_failures(self.rule_errors, result.rule_errors)
        self.judged_by.update(result.judged_by)
        self.models.update(result.models)
        self.models_ns.update(result.models_ns)
        self.behind += result.behind
        self.revised += result.revised
        self.known += result.copies
        self.dropped += result.dropped
        self.timed += result.timed
        self.plan_copies += result.plan_copies


class HopPartition:
    """One hop partition of this worker: records in, alerts and messages for the next hops out.

    It begins at record `start`, with what `channels` had heard before it. `plan_of(version)` gives the plan that a
    message names. With `holds` events wait for channels that promised more: only where a checkpoint says what waits,
    since otherwise a record is done with when it is judged. `next` is the record after the last one taken, `front`
    what may be told of its clock.
    """

    def __init__(
        self,
        hop: Hop,
        partition: int,
        address: Address,
        channels: Channels,
        plan_of: Callable[[str], Plan],
        start: int,
        *,
        holds: bool = True,
    ) -> None:
        self.hop, self.kind, self.partition, self.address = hop, hop.kind, partition, address
        self.topic = address.hop_topic(hop.kind)
        self.channels, self.plan_of = channels, plan_of
        self.next = self.n = start  # records before n were applied before the checkpoint
        self.holds, self.hold = holds, Hold()
        self.clock = MISSING  # that the hop was told last, ms: nothing is held up to it
        self.judged = MISSING + 1  # the highest event time among those that were, ms
        self.front = MISSING
        self.stored = start  # the outputs of all records before it are stored
        self.marks = Marks(start, channels)
        self.generation = 0
        self._begun: Standing | None = None  # the checkpoint, while records before it are read again
        self._engine_clock = MISSING  # the engine's at that checkpoint, ms
        self.waiting: deque[Incoming] = deque()  # records that are not applied yet
        self.open: deque[Any] = deque()  # runs of which some are not
        self.reached = MISSING  # highest event time among those that are, ms
        self.patience = Patience()

    @property
    def channel(self) -> str:
        """Its name as a sender."""
        return f"{self.topic}/{self.partition}"

    # Checkpoint

    def go_on(self, at: Standing) -> None:
        """Stand where a checkpoint stood, whose parts the hop has taken in."""
        self.channels.restore(at.channels)
        self.next, self.n, self.clock = at.ring, at.n, at.ring_clock
        self._engine_clock, self.hop.clock = self.hop.clock, at.ring_clock
        self.stored = at.n
        self.marks = Marks(at.ring, self.channels, at.ring_clock)
        self.hold = Hold(Cut(*at.cut))
        self._begun = at
        if self.next >= self.n:
            self._judge_on(at)

    def _judge_on(self, at: Standing) -> None:
        """What is read from here on was not in the checkpoint."""
        self.clock, self.hop.clock = at.clock, self._engine_clock
        self._begun = None

    def standing(self) -> Standing:
        """Where a checkpoint of all that was applied stands; what it needs of the state topic is not said."""
        if self._begun is not None:
            return self._begun
        needed = self.hold.oldest(self.next)
        mark = self.marks.before(min(needed, self.hop.reads_from) if self.hop.ring_events else needed)
        return Standing(self.next, mark.offset, mark.clock, mark.channels.state(), self.clock, tuple(self.hold.cut))

    @property
    def judged_to(self) -> int:
        """The record with which the last events were judged; -1 for none."""
        return self.hop.position >> 1

    # Records

    def put(self, messages: Iterable[Any], records: Iterable[Record]) -> None:
        """Runs have come; these records of them are new."""
        self.open.extend(messages)
        for record in records:
            self.waiting.append(self._read(record))

    def forget(self) -> None:
        """The partition is read again from `next`."""
        self.open.clear()
        self.waiting.clear()
        self.reached = MISSING

    def clocks(self) -> tuple[Longs, Longs]:
        """(int64[n], int64[n]) of the records that wait: the highest event time up to each, ms, and its events."""
        n = len(self.waiting)
        times = np.fromiter((letter.time for letter in self.waiting), np.int64, n)
        return np.maximum(running_clock(times), self.reached), np.fromiter(map(len, self.waiting), np.int64, n)

    @property
    def read_to(self) -> int:
        """The offset after the last record that is here."""
        return self.waiting[-1].offset + 1 if self.waiting else self.next

    @property
    def remembering(self) -> bool:
        """Whether what is read now was read before the checkpoint."""
        return self._begun is not None

    def take(self, count: int, applied: Applied) -> list[Forward]:
        """Apply the next records; what they cause is in `applied`, and what goes on to other hops is given back."""
        blocks: list[Block] = []
        for _ in range(count):
            incoming = self.waiting.popleft()
            if self._begun is not None and self.n <= incoming.offset:
                self.hop.remember(blocks)
                self._judge_on(self._begun)
                blocks = []
            self.reached = max(self.reached, incoming.time)
            blocks += self._hear(incoming, applied)
            self.next = incoming.offset + 1
        if self._begun is not None:
            self.hop.remember(blocks)
            if self.next >= self.n:
                self._judge_on(self._begun)
            return []
        return self._apply(blocks, applied) if blocks else []

    def section(self) -> Section:
        """What it says of itself with what goes on: its front, the one told before, and whether it will say more."""
        more = self.judged if self.channels.promised else MISSING
        return Section(self.channel, self.generation, self.clock, self.front, more)

    def said(self) -> None:
        """All that was brought forth so far is with the producer: the front may be told."""
        self.front = self.clock

    def finished(self) -> list[Any]:
        """Runs all of whose records are taken by now; they are open no more."""
        return finished(self.open, self.next)

    def _read(self, record: Record) -> Incoming:
        value = record.value or b""
        try:
            if value[:1] == b"{":
                return Incoming(record.offset, fronts=read_fronts(value))
            letter = read_letter(self.hop.plan.catalogue, value)
            if len(letter.batch) >= REVISED:
                raise ValueError(f"{len(letter.batch):,} events in one message")
        except LaterFormatError:
            raise
        except Exception as exc:  # noqa: BLE001  whatever is wrong with a message, the partition goes on
            return Incoming(record.offset, wrong=(record, exc))
        moves = len(letter.batch) > 0 and not is_broadcast(letter.batch)
        return Incoming(record.offset, letter.upto if moves else MISSING, letter)

    def _hear(self, incoming: Incoming, applied: Applied) -> Iterator[Block]:
        """What a record brings: events to judge, or time alone, or neither."""
        offset, letter, at = incoming.offset, incoming.letter, self._begun
        if incoming.wrong is not None:
            if offset >= self.n:
                applied.poison[self.topic] += 1
                applied.outgoing.append(self._poison(*incoming.wrong))
            return
        if at is None:
            yield from self._blocks(self.hold.take_told(offset - 1), position_of(offset) - 1, self.clock)
        for said in incoming.fronts:
            self._hear_of(said)
        if letter is not None:
            self.marks.cut(offset, self.channels, self.clock)
            new = self._new(letter)
            if len(new):
                batch = letter.batch if len(new) == len(letter.batch) else letter.batch.take(new)
                self.marks.pass_over(len(batch))
                plan = self.plan_of(letter.plan)
                if at is not None:
                    yield from self._recall(at, offset, batch, plan)
                elif (yield from self._put(offset, batch, plan)):
                    return
        if at is not None:
            return
        released = self.hold.due(offset, self.channels)
        told = self.clock
        if not self.hold.holds_until(self.channels.clock):
            self.clock = self.channels.clock
        if released:
            yield from self._blocks(released, position_of(offset), told)
        elif self.clock > told:
            nothing = EventBatch.empty(self.hop.plan.catalogue)
            yield Block(nothing, self.hop.plan, self.clock, position_of(offset), offset)

    def _put(self, offset: int, batch: EventBatch, plan: Plan) -> Generator[Block, None, bool]:
        """Hold the events of a record; what cannot be held with them goes on before. -> whether nothing else may go on.

        What is said to all comes behind all that is held: at once, or with the next record where both positions of this
        one are taken.
        """
        alone = is_broadcast(batch)
        before = self.hold.all(offset - 1) if alone or not self.hold.takes(plan) else []
        is_full = len(before) == HELD_PLANS
        yield from self._blocks(before, position_of(offset) - (not is_full), self.clock)
        self._keep(offset, batch, plan)
        if alone and not is_full:
            self.clock = self.channels.clock
            yield from self._blocks(self.hold.take_told(offset), position_of(offset), self.clock)
        return alone or is_full

    def _keep(self, offset: int, batch: EventBatch, plan: Plan) -> None:
        put = self.hold.put_told if is_broadcast(batch) else self.hold.put
        put(offset, batch, plan)

    def _recall(self, at: Standing, offset: int, batch: EventBatch, plan: Plan) -> Iterator[Block]:
        """Of the events of a record before the checkpoint hold those that were held; the others were judged."""
        held = self.hold.was_held(offset, batch.times)
        if held.any():
            self._keep(offset, batch.take(np.flatnonzero(held)), plan)
        if not held.all():
            known = Released(batch.take(np.flatnonzero(~held)), plan, offset)
            yield self._block(known, position_of(offset), min(self.channels.clock, at.clock))

    def _blocks(self, released: Sequence[Released], position: int, told: int) -> Iterator[Block]:
        """Blocks that go on together, the last at a position; the others are of the time `told` before."""
        for i, one in enumerate(released, 1 - len(released)):
            yield self._block(one, position + i, told if i < 0 else None)

    def _block(self, released: Released, position: int, clock: int | None = None) -> Block:
        batch = released.batch
        self.judged = max(self.judged, int(batch.times.max()))
        stamps = (position << INDEX_BITS) + np.arange(len(batch), dtype=np.int64)
        batch = batch.with_columns({"_stamp": stamps})
        return Block(batch, released.plan, self.clock if clock is None else clock, position, released.since)

    def _new(self, letter: Letter) -> Longs:
        """Which events are no copies, by their places."""
        stamps, copies = letter.batch.stamps, np.zeros(len(letter.batch), np.bool_)
        for i, said in enumerate(letter.channels):
            rows = letter.rows(i)
            copies[rows[: self._hear_of(said, stamps[rows])]] = True
        return np.flatnonzero(~copies)

    def _hear_of(self, said: Said, stamps: Sequence[int] | Longs = ()) -> int:
        """What a channel says, with events of these stamps; -> how many of them are copies."""
        channel, generation, front, more = said
        return self.channels.take(channel, generation, front, stamps, more if self.holds else None)

    def _poison(self, record: Record, error: Exception) -> Outgoing:
        why = f"not a batch of events this worker can read ({error}): only risk-stream may write to {self.topic}"
        return reject_to(self.address.rejects_topic, self.channel, record, "message", why)

    def _apply(self, blocks: list[Block], applied: Applied) -> list[Forward]:
        result = self.hop.apply(blocks)
        applied.take(result)
        if events := sum(len(block.batch) for block in blocks):
            applied.batches.append(events)
        alerts = self.address.counts("")
        applied.outgoing += [alert_to(self.address.alerts_topic, alert, alerts) for alert in result.alerts]
        if self.address.canary_back_topic:
            back = [alert for alert in result.shadow if alert.type == CANARY]
            applied.outgoing += [
                Outgoing(self.address.canary_back_topic, alert.to_json(), partition=0) for alert in back
            ]
        said = [decision_of(judged) for judged in result.decisions if judged.status != "withdrawn"]
        applied.outgoing += decision_records(self.address.decisions_topic, said, self.address.decisions)
        applied.outgoing += copy_records(self.address.audit_topic, self.channel, result.plan_copies)
        applied.outgoing += owner_records(self.address.audit_topic, self.channel, result.contradictions)
        return result.forwards


def onward(
    forwards: Sequence[tuple[Section, Sequence[Forward]]], address: Address, promises: Promises
) -> Iterator[Outgoing]:
    """Messages for the next hops, from partitions of one kind that took records in one turn."""
    # kind, events, the order in which they go (None: theirs), of whom, plan
    parts: list[tuple[str, EventBatch, Rows | None, list[Section], str]] = []
    kinds = dict.fromkeys(forward.kind for _, said in forwards for forward in said)
    for kind in kinds:
        going = [(section, forward) for section, said in forwards for forward in said if forward.kind == kind]
        if len({forward.plan_version for _, forward in going}) == 1 and len({id(s) for s, _ in going}) == len(going):
            batches = [forward.batch for _, forward in going]
            together, order = beside(batches, [running_clock(batch.times) for batch in batches])
            parts.append((kind, together, order, [section for section, _ in going], going[0][1].plan_version))
        else:  # while a plan follows another: each by itself, in the order of its stamps
            parts += [(kind, forward.batch, None, [section], forward.plan_version) for section, forward in going]
    pieces = [
        (kind, target, batch, sections, plan, int(events.times.max()))
        for kind, events, order, sections, plan in parts
        for target, batch in split_by_partition(events, kind, address.counts(kind), order)
    ]
    last = {(kind, target, section): i for i, (kind, target, _, of, *_) in enumerate(pieces) for section in of}
    for i, (kind, target, batch, sections, plan, upto) in enumerate(pieces):
        is_last = all(last[kind, target, section] == i for section in sections)
        yield from promises.letters((kind, target), batch, sections, plan, last=is_last, upto=upto)
    yield from promises.kept([section for section, _ in forwards])
