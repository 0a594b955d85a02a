"""A hop on Kafka: one kind of key on one partition, fed by the messages of its topic.

Its state is a pure function of the records of its partition, from the first to the last without a gap. So it may be put
together again from a checkpoint at n and the log: records before n only tell it what it had heard and which events may
still have to be judged again, those from n on are judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import orjson

from risk_stream.catalogue import MISSING, EventBatch
from risk_stream.engine import INDEX_BITS, REVISED, Alert, Block, Forward, Hop, Result
from risk_stream.rules import Plan
from risk_stream.stream.admission import Record
from risk_stream.stream.audit import copy_records
from risk_stream.stream.channels import Channels
from risk_stream.stream.checkpoint import Standing
from risk_stream.stream.marks import Marks
from risk_stream.stream.messages import Outgoing, pack, reject_message, split_by_partition

Longs: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"

__all__ = ["MAX_ROWS", "Address", "Applied", "HopPartition"]

#: Events that are applied at once; more of them wait for the next turn of the loop.
MAX_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Address:
    """Where a hop's messages go; `counts(kind)` is the partitions of a kind's hop topic, "" of alerts'."""

    hop_topic: Callable[[str], str]
    alerts_topic: str
    rejects_topic: str
    audit_topic: str
    counts: Callable[[str], int]


@dataclass(slots=True)
class Applied:
    """What some records at a hop brought forth."""

    outgoing: list[Outgoing] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    shadow: list[Alert] = field(default_factory=list)
    ended: list[Longs] = field(default_factory=list)  # when the broker got the events whose journey ended, ms
    rule_errors: Counter[str] = field(default_factory=Counter)
    batches: list[int] = field(default_factory=list)  # events of each
    poison: int = 0
    behind: int = 0
    revised: int = 0
    known: int = 0
    dropped: int = 0
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
        self.front = MISSING
        self.stored = start  # the outputs of all records before it are stored
        self.marks = Marks(start, channels)
        self.generation = 0

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

    def work(self, records: Sequence[Record], applied: Applied) -> Iterator[None]:
        """Take records; at every stop, what is in `applied.outgoing` is to be handed over."""
        waiting: list[Block] = []
        rows = 0
        for record in records:
            if waiting and (rows >= MAX_ROWS or self.next <= self.n <= record.offset):
                self._apply(waiting, applied)
                waiting, rows = [], 0
                yield
            block = self._read(record, applied)
            self.next = record.offset + 1
            if block is not None:
                waiting.append(block)
                rows += len(block.batch)
        if waiting:
            self._apply(waiting, applied)
        yield

    def said(self) -> None:
        """All that was brought forth so far is with the producer: the front may be told."""
        self.front = self.channels.clock

    def _read(self, record: Record, applied: Applied) -> Block | None:
        """A record's new events; None where it has none or cannot be read."""
        value = record.value or b""
        try:
            if value[:1] == b"{":
                fronts = [(str(c), int(g), int(f)) for c, g, f in orjson.loads(value)["fronts"]]
                for channel, generation, front in fronts:
                    self.channels.take(channel, generation, front)
                return None
            batch, meta = EventBatch.from_ipc(self.hop.plan.catalogue, value)
            channel, generation, front, version = _named(meta)
            stamps, n = batch.stamps, len(batch)
            if n >= REVISED:
                raise ValueError(f"{n:,} events in one message")
        except Exception as exc:  # noqa: BLE001  whatever is wrong with a message, the partition goes on
            if record.offset >= self.n:
                applied.poison += 1
                applied.outgoing.append(self._poison(record, exc))
            return None
        self.marks.cut(record.offset, self.channels, self.clock)
        new = self.channels.take(channel, generation, front, stamps)
        if new == n:
            return None
        if new:
            batch = batch.take(np.arange(new, n))
        batch = batch.with_columns({"_stamp": (record.offset << INDEX_BITS) + np.arange(new, n, dtype=np.int64)})
        self.clock = self.channels.clock
        self.marks.pass_over(len(batch))
        return Block(batch, self.plan_of(version), self.clock)

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

    def _apply(self, blocks: list[Block], applied: Applied) -> None:
        if self.next <= self.n:
            self.hop.remember(blocks)
            return
        result = self.hop.apply(blocks)
        applied.take(result)
        applied.batches.append(sum(len(block.batch) for block in blocks))
        alerts = self.address.counts("")
        for alert in result.alerts:
            partition = int(alert.id[:8], 16) % alerts
            applied.outgoing.append(
                Outgoing(self.address.alerts_topic, alert.to_json(), key=alert.id.encode(), partition=partition)
            )
        applied.outgoing += copy_records(self.address.audit_topic, self.channel, result.plan_copies)
        applied.outgoing += self._onward(result.forwards)

    def _onward(self, forwards: Sequence[Forward]) -> Iterator[Outgoing]:
        """Messages for the next hops. The new front is said with the last of each partition only: what comes behind it
        must not lie below what was said before it."""
        parts: list[tuple[str, int, str, EventBatch]] = []
        last: dict[tuple[str, int], int] = {}
        for forward in forwards:
            topic = self.address.hop_topic(forward.kind)
            for target, part in split_by_partition(forward.batch, forward.kind, self.address.counts(forward.kind)):
                last[topic, target] = len(parts)
                parts.append((topic, target, forward.plan_version, part))
        for i, (topic, target, version, part) in enumerate(parts):
            said: dict[str, str | int] = {"channel": self.channel, "generation": self.generation, "plan": version}
            before: dict[str, str | int] = {**said, "front": self.front}
            meta: dict[str, str | int] = {**said, "front": self.channels.clock} if last[topic, target] == i else before
            for value in pack(part, meta, before):
                yield Outgoing(topic, value, partition=target)


def _named(meta: Mapping[str, str]) -> tuple[str, int, int, str]:
    """(channel, generation, front, plan) of a message."""
    return meta["channel"], int(meta["generation"]), int(meta["front"]), meta["plan"]
