"""A hop on Kafka: one kind of key on one partition, fed by the Arrow messages of its topic.

Its state is a pure function of the records of its partition it has applied, from the first to the last without a gap.
It stays in memory while the partition is this worker's, and is begun anew where another worker has had it meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from risk_stream.catalogue import EventBatch
from risk_stream.engine import Alert, Hop
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
        self.hop = Hop(plan, kind, reserve_mib=state_mib)

    def batches(self, records: Sequence[Record], applied: Applied) -> Iterator[EventBatch]:
        """The records' events that are new, stamped by their place in this log, in batches of about MAX_ROWS."""
        waiting: list[EventBatch] = []
        stamps: list[Longs] = []
        rows = 0
        for record in records:
            read = self._read(record, applied)
            if read is None:
                continue
            waiting.append(read[0])
            stamps.append(read[1])
            rows += len(read[0])
            if rows >= MAX_ROWS:
                yield EventBatch.concat(waiting).with_columns({"_stamp": np.concatenate(stamps)})
                waiting, stamps, rows = [], [], 0
        if waiting:
            yield EventBatch.concat(waiting).with_columns({"_stamp": np.concatenate(stamps)})

    def _read(self, record: Record, applied: Applied) -> tuple[EventBatch, Longs] | None:
        """A message's new events and their stamps; None where it has none or cannot be read."""
        if record.value is not None and record.value.startswith(b"{"):  # fronts alone
            return None
        try:
            message, meta = EventBatch.from_ipc(self.hop.plan.catalogue, record.value or b"")
            events = self.hop.fresh(message, meta["channel"])
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

    def apply(self, batch: EventBatch, meta: dict[str, str | int], applied: Applied) -> None:
        """Judge a batch, and address its alerts and the events that travel on."""
        result = self.hop.apply(batch)
        alerts = self.counts("")
        for alert in result.alerts:
            key = alert.id.encode()
            applied.outgoing.append(
                Outgoing(self.alerts_topic, alert.to_json(), key=key, partition=int(alert.id[:8], 16) % alerts)
            )
        said = {**meta, "channel": f"{self.topic}/{self.partition}", "front": self.hop.clock}
        for kind, events in result.forwards.items():
            topic = self.hop_topic(kind)
            for target, part in split_by_partition(events, kind, self.counts(kind)):
                applied.outgoing += [Outgoing(topic, value, partition=target) for value in pack(part, dict(said))]
        applied.alerts += result.alerts
        applied.shadow += result.shadow
        applied.events += len(batch)
        for rule, errors in result.rule_errors.items():
            applied.rule_errors[rule] = applied.rule_errors.get(rule, 0) + errors
        ended = _appended_of_judged(batch, list(result.forwards.values()))
        if ended is not None:
            before = applied.judged_ages_from
            applied.judged_ages_from = ended if before is None else np.concatenate((before, ended))


def _appended_of_judged(batch: EventBatch, forwards: list[EventBatch]) -> Longs | None:
    """When the broker got the events whose journey ends here, ms."""
    if not batch.has("_at"):
        return None
    appended = batch.fixed("_at")
    if not forwards:
        return appended
    onward = np.concatenate([f.stamps for f in forwards])
    if len(onward) == len(batch):
        return None
    return appended[~np.isin(batch.stamps, onward)]
