"""A hop on Kafka: one kind of key on one partition, fed by the messages of its topic.

Its state is a pure function of the records of its partition, from the first to the last without a gap. So it may be put
together again from a checkpoint at n and the log: records before n only tell it what it had heard and which events may
still have to be judged again, those from n on are judged.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import orjson

from risk_stream.catalogue import MISSING, EventBatch
from risk_stream.engine import INDEX_BITS, REVISED, Alert, Block, Forward, Hop, Result, is_broadcast
from risk_stream.rules import Plan
from risk_stream.stream.admission import Record
from risk_stream.stream.alignment import Patience
from risk_stream.stream.audit import copy_records
from risk_stream.stream.channels import Channels
from risk_stream.stream.checkpoint import Standing
from risk_stream.stream.marks import Marks
from risk_stream.stream.messages import Outgoing, reject_message, split_by_partition
from risk_stream.stream.runs import finished
from risk_stream.stream.sections import Letter, Said, Section, merge, read_letter, running_clock, write_letters

Longs: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"

__all__ = ["Address", "Applied", "HopPartition", "onward"]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a hop's messages go; `counts(kind)` is the partitions of a kind's hop topic, "" of alerts'."""

    hop_topic: Callable[[str], str]
    alerts_topic: str
    rejects_topic: str
    audit_topic: str
    counts: Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A record of the log as it was read: events, fronts, or what is `wrong` with it. `time` is its newest event's."""

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
    ended: list[Longs] = field(default_factory=list)  # when the broker got the events whose journey ended, ms
    rule_errors: Counter[str] = field(default_factory=Counter)
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
        if len(result.ended):
            self.ended.append(result.ended)
        self.rule_errors.update(result.rule_errors)
        self.behind += result.behind
        self.revised += result.revised
        self.known += result.copies
        self.dropped += result.dropped
        self.timed += result.timed
        self.plan_copies += result.plan_copies


class HopPartition:
    """One hop partition of this worker: records in, alerts and messages for the next hops out.

    It begins at record `start`, with what `channels` had heard before it. `plan_of(version)` gives the plan that a
    message names. `next` is the record after the last one taken, `front` what may be told of its clock.
    """

    def __init__(
        self, hop: Hop, partition: int, address: Address, channels: Channels, plan_of: Callable[[str], Plan], start: int
    ) -> None:
        self.hop, self.kind, self.partition, self.address = hop, hop.kind, partition, address
        self.topic = address.hop_topic(hop.kind)
        self.channels, self.plan_of = channels, plan_of
        self.next = self.n = start  # records before n were applied before the checkpoint
        self.clock = MISSING  # after the last events, ms
        self.told = MISSING  # the clock that the hop was told last, ms
        self.front = MISSING
        self.stored = start  # the outputs of all records before it are stored
        self.marks = Marks(start, channels)
        self.generation = 0
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
        self.hop.clock = at.ring_clock
        self.stored = at.n
        self.marks = Marks(at.ring, self.channels, at.ring_clock)

    def standing(self) -> Standing:
        """Where a checkpoint of all that was applied stands; what it needs of the state topic is not said."""
        n = max(self.next, self.n)
        # While the ring is being read again, it must be read again from where that began.
        mark = self.marks.before(min(self.hop.reads_from, self.next) if self.next >= self.n else -1)
        return Standing(n, mark.offset, mark.clock, mark.channels.state())

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
        """Whether what is read now was judged before the checkpoint."""
        return self.next < self.n

    def take(self, count: int, applied: Applied) -> list[Forward]:
        """Apply the next records; what they cause is in `applied`, and what goes on to other hops is given back."""
        blocks: list[Block] = []
        forwards: list[Forward] = []
        for _ in range(count):
            incoming = self.waiting.popleft()
            if blocks and self.next <= self.n <= incoming.offset:
                forwards += self._apply(blocks, applied)
                blocks = []
            self.reached = max(self.reached, incoming.time)
            block = self._hear(incoming, applied)
            self.next = incoming.offset + 1
            if block is not None:
                blocks.append(block)
        if blocks:
            forwards += self._apply(blocks, applied)
        return forwards

    def section(self) -> Section:
        """What it says of itself with what goes on: its front, and the one told before."""
        return Section(self.channel, self.generation, self.channels.clock, self.front)

    def said(self) -> None:
        """All that was brought forth so far is with the producer: the front may be told."""
        self.front = self.channels.clock

    def finished(self) -> list[Any]:
        """Runs all of whose records are applied by now; they are open no more."""
        return finished(self.open, self.next)

    def _read(self, record: Record) -> Incoming:
        value = record.value or b""
        try:
            if value[:1] == b"{":
                fronts = [(str(c), int(g), int(f)) for c, g, f in orjson.loads(value)["fronts"]]
                return Incoming(record.offset, fronts=fronts)
            letter = read_letter(self.hop.plan.catalogue, value)
            if len(letter.batch) >= REVISED:
                raise ValueError(f"{len(letter.batch):,} events in one message")
        except Exception as exc:  # noqa: BLE001  whatever is wrong with a message, the partition goes on
            return Incoming(record.offset, wrong=(record, exc))
        moves = len(letter.batch) > 0 and not is_broadcast(letter.batch)
        return Incoming(record.offset, int(letter.batch.times.max()) if moves else MISSING, letter)

    def _hear(self, incoming: Incoming, applied: Applied) -> Block | None:
        """What a record brings: new events, or time alone; None where it brings neither or could not be read."""
        if incoming.wrong is not None:
            if incoming.offset >= self.n:
                applied.poison[self.topic] += 1
                applied.outgoing.append(self._poison(*incoming.wrong))
            return None
        letter = incoming.letter
        if letter is None:
            for said in incoming.fronts:
                self.channels.take(*said)
            return self._pass_time(incoming.offset)
        self.marks.cut(incoming.offset, self.channels, self.clock)
        batch = letter.batch
        new = self._new(letter)
        if len(new) == 0:
            return self._pass_time(incoming.offset)
        stamps = (incoming.offset << INDEX_BITS) + new
        batch = batch.take(new).with_columns({"_stamp": stamps})
        self.clock = self.told = self.channels.clock
        self.marks.pass_over(len(batch))
        return Block(batch, self.plan_of(letter.plan), self.clock)

    def _pass_time(self, offset: int) -> Block | None:
        """A record that brings no event, for those that are due by now; None where it brings no time either."""
        if self.channels.clock <= self.told:
            return None
        self.told = self.channels.clock
        return Block(EventBatch.empty(self.hop.plan.catalogue), self.hop.plan, self.told, offset)

    def _new(self, letter: Letter) -> Longs:
        """Which events are no copies, by their places."""
        stamps, copies = letter.batch.stamps, np.zeros(len(letter.batch), np.bool_)
        for i, (channel, generation, front) in enumerate(letter.channels):
            rows = letter.rows(i)
            first = self.channels.take(channel, generation, front, stamps[rows])
            copies[rows[:first]] = True
        return np.flatnonzero(~copies)

    def _poison(self, record: Record, error: Exception) -> Outgoing:
        value = reject_message(
            topic=self.topic,
            partition=self.partition,
            offset=record.offset,
            reason="message",
            message=f"not a batch of events this worker can read ({error}): only risk-stream may write to {self.topic}",
            value=record.value,
            time_ms=record.timestamp,
        )
        return Outgoing(self.address.rejects_topic, value, key=self.channel.encode())

    def _apply(self, blocks: list[Block], applied: Applied) -> list[Forward]:
        if self.next <= self.n:
            self.hop.remember(blocks)
            return []
        result = self.hop.apply(blocks)
        applied.take(result)
        if events := sum(len(block.batch) for block in blocks):
            applied.batches.append(events)
        alerts = self.address.counts("")
        for alert in result.alerts:
            partition = int(alert.id[:8], 16) % alerts
            applied.outgoing.append(
                Outgoing(self.address.alerts_topic, alert.to_json(), key=alert.id.encode(), partition=partition)
            )
        applied.outgoing += copy_records(self.address.audit_topic, self.channel, result.plan_copies)
        return result.forwards


def onward(forwards: Sequence[tuple[Section, Sequence[Forward]]], address: Address) -> Iterator[Outgoing]:
    """Messages for the next hops, from partitions of one kind that took records in one turn."""
    parts: list[tuple[str, EventBatch, list[Section], str]] = []  # kind, events, of whom, plan
    kinds = dict.fromkeys(forward.kind for _, said in forwards for forward in said)
    for kind in kinds:
        going = [(section, forward) for section, said in forwards for forward in said if forward.kind == kind]
        if len({forward.plan_version for _, forward in going}) == 1 and len({id(s) for s, _ in going}) == len(going):
            batches = [forward.batch for _, forward in going]
            merged = merge(batches, [running_clock(batch.times) for batch in batches])
            parts.append((kind, merged, [section for section, _ in going], going[0][1].plan_version))
        else:  # while a plan follows another: each by itself, in the order of its stamps
            parts += [(kind, forward.batch, [section], forward.plan_version) for section, forward in going]
    pieces = [
        (kind, target, batch, sections, plan)
        for kind, events, sections, plan in parts
        for target, batch in split_by_partition(events, kind, address.counts(kind))
    ]
    last = {(kind, target, section): i for i, (kind, target, _, of, _) in enumerate(pieces) for section in of}
    for i, (kind, target, batch, sections, plan) in enumerate(pieces):
        is_last = all(last[kind, target, section] == i for section in sections)
        for value in write_letters(batch, sections, plan, last=is_last):
            yield Outgoing(address.hop_topic(kind), value, partition=target)
