"""A hop on Kafka: one kind of key on one partition, fed by the Arrow messages of its topic.

Its state is a pure function of the records of its partition it has applied, from the first to the last without a gap.
It stays in memory while the partition is this worker's, and is begun anew where another worker has had it meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from risk_stream.catalogue import MISSING, EventBatch
from risk_stream.engine import Alert, Block, Hop
from risk_stream.rules import Plan
from risk_stream.stream.admission import Record
from risk_stream.stream.messages import Outgoing, pack, reject_message, split_by_partition

Longs: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"

__all__ = ["INDEX_BITS", "MAX_ROWS", "Applied", "HopPartition"]

#: A stamp is a message's offset and, in its low bits, the event's index in it.
INDEX_BITS = 20

#: Events that are applied at once; more of them wait for the next turn of the loop.
MAX_ROWS = 4096


@dataclass(slots=True)
class Applied:
    """What one batch at a hop brought forth."""

    outgoing: list[Outgoing] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    shadow: list[Alert] = field(default_factory=list)
    judged_ages_from: Longs | None = None  # append times of judged events, ms
    rule_errors: dict[str, int] = field(default_factory=dict)
    events: int = 0
    poison: int = 0


class HopPartition:
    """One hop partition of this worker: messages in, alerts and messages for the next hops out."""

    def __init__(
        self,
        plan: Plan,
        kind: str,
        partition: int,
        *,
        hop_topic: Callable[[str], str],
        alerts_topic: str,
        rejects_topic: str,
        counts: Callable[[str], int],
        state_mib: int,
    ) -> None:
        self.kind, self.partition, self.counts = kind, partition, counts
        self.topic, self.hop_topic = hop_topic(kind), hop_topic
        self.alerts_topic, self.rejects_topic = alerts_topic, rejects_topic
        self.plan = plan
        self.hop = Hop(plan, kind, reserve_mib=state_mib)
        self.seen: dict[str, int] = {}  # channel -> its highest stamp so far
        self.fronts: dict[str, int] = {}
        self.duplicates = 0

    def batches(self, records: Sequence[Record], applied: Applied) -> Iterator[list[Block]]:
        """The records' events that are new, stamped by their place in this log, in runs of about MAX_ROWS."""
        waiting: list[Block] = []
        rows = 0
        for record in records:
            read = self._read(record, applied)
            if read is None:
                continue
            batch = read[0].with_columns({"_stamp": read[1]})
            waiting.append(Block(batch, self.plan, min(self.fronts.values())))
            rows += len(batch)
            if rows >= MAX_ROWS:
                yield waiting
                waiting, rows = [], 0
        if waiting:
            yield waiting

    def _fresh(self, batch: EventBatch, channel: str) -> EventBatch:
        """The events of a message that were not applied before: those above its channel's highest stamp."""
        new = np.flatnonzero(batch.stamps > self.seen.get(channel, MISSING))
        self.duplicates += len(batch) - len(new)
        if len(new):
            self.seen[channel] = int(batch.stamps[-1])
        return batch.take(new)

    def _read(self, record: Record, applied: Applied) -> tuple[EventBatch, Longs] | None:
        """A message's new events and their stamps; None where it has none or cannot be read."""
        if record.value is not None and record.value.startswith(b"{"):  # fronts alone
            return None
        try:
            message, meta = EventBatch.from_ipc(self.plan.catalogue, record.value or b"")
            events = self._fresh(message, meta["channel"])
            self.fronts[meta["channel"]] = int(meta["front"])
        except Exception as exc:  # noqa: BLE001  whatever is wrong with a message, the partition goes on
            applied.poison += 1
            applied.outgoing.append(self._poison(record, exc))
            return None
        if len(events) == 0:
            return None
        place = np.arange(len(message), dtype=np.int64)
        if len(events) < len(message):
            place = np.searchsorted(message.stamps, events.stamps)
        return events, (record.offset << INDEX_BITS) + place

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
        return Outgoing(self.rejects_topic, value, key=f"{self.topic}/{self.partition}".encode())

    def apply(self, blocks: Sequence[Block], meta: dict[str, str | int], applied: Applied) -> None:
        """Judge blocks, and address their alerts and the events that travel on."""
        result = self.hop.apply(blocks)
        alerts = self.counts("")
        for alert in result.alerts:
            key = alert.id.encode()
            applied.outgoing.append(
                Outgoing(self.alerts_topic, alert.to_json(), key=key, partition=int(alert.id[:8], 16) % alerts)
            )
        said = {**meta, "channel": f"{self.topic}/{self.partition}", "front": self.hop.clock}
        for forward in result.forwards:
            topic, count = self.hop_topic(forward.kind), self.counts(forward.kind)
            for target, part in split_by_partition(forward.batch, forward.kind, count):
                applied.outgoing += [Outgoing(topic, value, partition=target) for value in pack(part, dict(said))]
        applied.alerts += result.alerts
        applied.shadow += result.shadow
        applied.events += sum(len(block.batch) for block in blocks)
        for rule, errors in result.rule_errors.items():
            applied.rule_errors[rule] = applied.rule_errors.get(rule, 0) + errors
        if len(result.ended):
            before = applied.judged_ages_from
            applied.judged_ages_from = result.ended if before is None else np.concatenate((before, result.ended))
