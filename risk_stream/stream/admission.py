"""The first step of the stream: records of a house topic become checked events on their way to a hop, or rejects.

Each event is decoded and checked here, once. An *origin* is one partition of one house topic; its clock is the highest
event time it has brought.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from risk_stream.catalogue import MISSING, Catalogue, Decoder, EventBatch
from risk_stream.engine import entry_hops
from risk_stream.stream.messages import Outgoing, pack, reject_message, split_by_partition

__all__ = ["Admission", "Admitted", "Record", "route"]


class Record(Protocol):
    """What is needed of a Kafka record; time in ms."""

    offset: int
    timestamp: int
    value: bytes | None


@dataclass(slots=True)
class Admitted:
    """What became of one run of records."""

    outgoing: list[Outgoing] = field(default_factory=list)
    rejects: dict[str, int] = field(default_factory=dict)  # reason -> how many
    types: np.ndarray[tuple[int], np.dtype[np.int64]] | None = None  # accepted events by type code
    lag_ms: float | None = None  # of the newest broker time behind the newest event time
    events: int = 0


def route(batch: EventBatch, counts: Callable[[str], int]) -> list[tuple[str, int, EventBatch]]:
    """(kind, partition, events) for each hop partition the batch's events enter; `counts` gives a kind's partitions.

    The first hop of an event is the first key it has in the fixed order of kinds, whatever the plan: so a plan may
    change while copies of an event are under way, and they still meet.
    """
    routed = []
    for kind, rows in entry_hops(batch).items():
        part = batch if len(rows) == len(batch) else batch.take(rows)
        routed += [(kind, partition, events) for partition, events in split_by_partition(part, kind, counts(kind))]
    return routed


class Admission:
    """Admits the records of all origins this worker owns."""

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        hop_topic: Callable[[str], str],
        rejects_topic: str,
        counts: Callable[[str], int],
        future_ms: int | None,
    ) -> None:
        self.catalogue, self.decoder = catalogue, Decoder(catalogue)
        self.hop_topic, self.rejects_topic, self.counts, self.future_ms = hop_topic, rejects_topic, counts, future_ms
        self.clocks: dict[tuple[str, int], int] = {}

    def admit(self, topic: str, partition: int, records: Sequence[Record], meta: Mapping[str, str | int]) -> Admitted:
        """Decode and check a run of records of one origin, address what is accepted. Never raises for what is in it."""
        admitted = Admitted()

        def refuse(record: Record, reason: str, message: str) -> None:
            value = reject_message(
                topic=topic,
                partition=partition,
                offset=record.offset,
                reason=reason,
                message=message,
                value=record.value,
                time_ms=record.timestamp,
            )
            admitted.outgoing.append(Outgoing(self.rejects_topic, value, key=f"{topic}/{partition}".encode()))
            admitted.rejects[reason] = admitted.rejects.get(reason, 0) + 1

        batch, rows, rejects = self.decoder.decode(
            [r.value for r in records], lambda i: f"{topic}/{partition}/{records[i].offset}"
        )
        for reject in rejects:
            refuse(records[reject.index], reject.reason, reject.message)
        if len(batch) == 0:
            return admitted
        offsets = np.fromiter((r.offset for r in records), np.int64, len(records))[rows]
        appended = np.fromiter((r.timestamp for r in records), np.int64, len(records))[rows]
        batch = batch.with_columns({"_stamp": offsets, "_at": appended})
        batch = self._not_ahead(batch, appended, records, rows, refuse)
        if len(batch) == 0:
            return admitted
        newest = int(batch.times.max())
        origin = (topic, partition)
        clock = self.clocks[origin] = max(self.clocks.get(origin, MISSING), newest)
        meta = {**meta, "channel": f"{topic}/{partition}", "front": clock}
        for kind, target, events in route(batch, self.counts):
            hop = self.hop_topic(kind)
            admitted.outgoing += [Outgoing(hop, value, partition=target) for value in pack(events, dict(meta))]
        admitted.events = len(batch)
        admitted.types = np.bincount(batch.types, minlength=len(self.catalogue.types))
        admitted.lag_ms = float(appended.max() - newest)
        return admitted

    def _not_ahead(
        self,
        batch: EventBatch,
        appended: np.ndarray[tuple[int], np.dtype[np.int64]],
        records: Sequence[Record],
        rows: np.ndarray[tuple[int], np.dtype[np.int64]],
        refuse: Callable[[Record, str, str], None],
    ) -> EventBatch:
        """Without events whose time is far ahead of the broker's: one of them would make all that follow late."""
        if self.future_ms is None:
            return batch
        ahead = batch.times - appended > self.future_ms
        if not ahead.any():
            return batch
        for i in np.flatnonzero(ahead).tolist():
            seconds = int(batch.times[i] - appended[i]) // 1000
            most = self.future_ms // 1000
            refuse(
                records[int(rows[i])],
                "future",
                f"time is {seconds:,} s ahead of the broker's, more than {most:,} s: mend the sender's clock",
            )
        return batch.take(np.flatnonzero(~ahead))

    def keep_only(self, origins: set[tuple[str, int]]) -> None:
        """Forget origins that are not this worker's."""
        self.clocks = {o: c for o, c in self.clocks.items() if o in origins}
