"""The first step of the stream: records of a house topic become checked events on their way to a hop, or rejects.

Each event is decoded and checked here, once, and here it is decided whether it comes too late: by the clock of its own
origin, which is one partition of one house topic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np

from risk_stream.catalogue import MISSING, Catalogue, Decoder, EventBatch
from risk_stream.engine import broadcast_rows, entry_hops
from risk_stream.stream.messages import Outgoing, pack, reject_message, split_by_partition
from risk_stream.stream.origins import Origin

__all__ = ["Admission", "Admitted", "Record", "route"]

Longs: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"
#: (record, reason, sentence).
Refuse: TypeAlias = "Callable[[Record, str, str], None]"


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

    def admit(self, origin: Origin, records: Sequence[Record]) -> Admitted:
        """Decode and check the next records of an origin, address what is accepted. Never raises for what is in it."""
        admitted = Admitted()
        topic, _, number = origin.channel.rpartition("/")

        def refuse(record: Record, reason: str, message: str) -> None:
            value = reject_message(
                topic=topic,
                partition=int(number),
                offset=record.offset,
                reason=reason,
                message=message,
                value=record.value,
                time_ms=record.timestamp,
            )
            admitted.outgoing.append(Outgoing(self.rejects_topic, value, key=origin.channel.encode()))
            admitted.rejects[reason] = admitted.rejects.get(reason, 0) + 1

        batch, rows, rejects = self.decoder.decode(
            [r.value for r in records], lambda i: f"{origin.channel}/{records[i].offset}"
        )
        for reject in rejects:
            refuse(records[reject.index], reject.reason, reject.message)
        if len(batch):
            offsets = np.fromiter((r.offset for r in records), np.int64, len(records))[rows]
            appended = np.fromiter((r.timestamp for r in records), np.int64, len(records))[rows]
            batch = batch.with_columns({"_stamp": offsets, "_at": appended})
            batch, rows = self._not_ahead(batch, rows, records, refuse)
        before = origin.clock
        told = broadcast_rows(batch) if len(batch) else np.zeros(0, np.bool_)
        changes, batch, rows = batch.take(np.flatnonzero(told)), batch.take(np.flatnonzero(~told)), rows[~told]
        too_late = origin.admit(batch.stamps, batch.times, records[-1].offset + 1)
        if len(changes):
            self._tell_all(changes, origin, before, admitted)
        if len(batch) == 0:
            return admitted
        admitted.lag_ms = float(batch.fixed("_at").max() - batch.times.max())
        if too_late.any():
            batch = self._in_time(batch, rows, too_late, origin, records, refuse)
        self._address(batch, origin, before, admitted)
        return admitted

    def _address(self, batch: EventBatch, origin: Origin, before: int, admitted: Admitted) -> None:
        """Say to which hop partitions the events go. `before` is the origin's clock before them."""
        assert origin.plan is not None, "no event is sent before a plan is named"
        meta: dict[str, str | int] = {"channel": origin.channel, "generation": origin.generation, "plan": origin.plan}
        for kind, target, events in route(batch, self.counts):
            hop = self.hop_topic(kind)
            messages = pack(events, {**meta, "front": origin.clock}, {**meta, "front": before})
            admitted.outgoing += [Outgoing(hop, value, partition=target) for value in messages]
        admitted.events = len(batch)
        types = np.bincount(batch.types, minlength=len(self.catalogue.types))
        admitted.types = types if admitted.types is None else admitted.types + types

    def _tell_all(self, changes: EventBatch, origin: Origin, before: int, admitted: Admitted) -> None:
        """Tell every hop partition of changes that belong to no key.

        They are never too late, but hold from what can still be judged on; they move no clock. They go by a channel of
        their own, since a channel's events are told apart by their order, and these overtake the others.
        """
        assert origin.plan is not None, "no event is sent before a plan is named"
        clocks = [origin.clock_at(offset) for offset in changes.stamps.tolist()]
        floors = [MISSING if clock == MISSING else clock - origin.lateness_ms for clock in clocks]
        changes = changes.with_columns({"_raised": np.maximum(changes.times, np.array(floors, np.int64))})
        meta: dict[str, str | int] = {
            "channel": f"{origin.channel}#all",
            "generation": origin.generation,
            "plan": origin.plan,
            "front": before,
        }
        for message in pack(changes, meta, meta):
            for kind in self.catalogue.kinds:
                hop = self.hop_topic(kind.name)
                admitted.outgoing += [Outgoing(hop, message, partition=p) for p in range(self.counts(kind.name))]
        admitted.types = np.bincount(changes.types, minlength=len(self.catalogue.types))

    def _not_ahead(
        self, batch: EventBatch, rows: Longs, records: Sequence[Record], refuse: Refuse
    ) -> tuple[EventBatch, Longs]:
        """Without events whose time is far ahead of the broker's: one of them would make all that follow late."""
        if self.future_ms is None:
            return batch, rows
        ahead = batch.times - batch.fixed("_at")
        too_far = ahead > self.future_ms
        if not too_far.any():
            return batch, rows
        for i in np.flatnonzero(too_far).tolist():
            refuse(
                records[int(rows[i])],
                "future",
                f"time is {ahead[i] // 1000:,} s ahead of the broker's, more than {self.future_ms // 1000:,} s: "
                "mend the sender's clock",
            )
        kept = np.flatnonzero(~too_far)
        return batch.take(kept), rows[kept]

    def _in_time(
        self,
        batch: EventBatch,
        rows: Longs,
        too_late: np.ndarray[tuple[int], np.dtype[np.bool_]],
        origin: Origin,
        records: Sequence[Record],
        refuse: Refuse,
    ) -> EventBatch:
        """Without events that come too late: what they would change is settled."""
        for i in np.flatnonzero(too_late).tolist():
            record = records[int(rows[i])]
            behind = (origin.clock_at(record.offset) - int(batch.times[i])) / 1000
            refuse(
                record,
                "late",
                f"time is {behind:,.1f} s behind the newest of {origin.channel}, and {origin.lateness_ms / 1000:,g} s "
                "are allowed (RISK_STREAM_LATENESS_SECONDS): to judge it all the same, "
                "risk-stream rejects replay --recover",
            )
        return batch.take(np.flatnonzero(~too_late))
