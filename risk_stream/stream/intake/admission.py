"""The first step of the stream: records of house topics become checked events on their way to a hop, or rejects.

Each event is decoded and checked here, once, and here it is decided whether it comes too late: by the clock of its own
origin, which is one partition of one house topic. What is admitted of several origins in one turn leaves in common.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from risk_stream.catalogue import MISSING, Catalogue, Decoder, EventBatch
from risk_stream.engine import broadcast_rows, entry_hops
from risk_stream.kafka import Outgoing, Record, reject_to
from risk_stream.stream.intake.origins import Origin
from risk_stream.stream.letters.messages import split_by_partition
from risk_stream.stream.letters.promises import Promises
from risk_stream.stream.letters.sections import Section, beside, running_clock, write_letters

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Admission", "Admitted", "Decoded"]

Longs: TypeAlias = "NDArray[np.int64]"
Mask: TypeAlias = "NDArray[np.bool_]"


@dataclass(slots=True)
class Decoded:
    """Events of one origin that are checked and not yet admitted, each with its record; `_stamp` is its offset."""

    batch: EventBatch
    records: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.batch)

    def take(self, rows: NDArray[np.intp]) -> Decoded:
        """Some of them."""
        return Decoded(self.batch.take(rows), self.records[rows])

    def cut(self, n: int) -> tuple[Decoded, Decoded]:
        """The first n of them and the rest."""
        at, end = np.arange(n), np.arange(n, len(self))
        return (
            Decoded(self.batch.take(at), self.records[:n]),
            Decoded(self.batch.take(end), self.records[n:]),
        )

    def followed_by(self, other: Decoded) -> Decoded:
        """These and then those."""
        if len(self) == 0:
            return other
        return Decoded(EventBatch.concat([self.batch, other.batch]), np.concatenate([self.records, other.records]))


@dataclass(slots=True)
class Admitted:
    """What became of records."""

    outgoing: list[Outgoing] = field(default_factory=list)
    rejects: Counter[tuple[str, str]] = field(default_factory=Counter)  # (topic, reason) -> how many
    types: dict[str, Longs] = field(default_factory=dict)  # topic -> accepted events by type code
    lag_ms: dict[str, float] = field(default_factory=dict)  # topic -> of the newest broker time behind the newest event
    events: int = 0

    def count(self, topic: str, batch: EventBatch, types: int) -> None:
        """So many events of a topic were accepted."""
        counted = np.bincount(batch.types, minlength=types)
        self.types[topic] = self.types[topic] + counted if topic in self.types else counted


class Admission:
    """Admits records of origins. `counts` gives the partitions of a kind's hop topic."""

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        hop_topic: Callable[[str], str],
        rejects_topic: str,
        counts: Callable[[str], int],
        future_ms: int | None,
    ) -> None:
        self.catalogue, self.decoder, self.promises = catalogue, Decoder(catalogue), Promises(hop_topic)
        self.hop_topic, self.rejects_topic, self.counts, self.future_ms = hop_topic, rejects_topic, counts, future_ms

    # Decoding

    def decode(self, runs: Sequence[tuple[str, Sequence[Record]]], admitted: Admitted) -> list[Decoded]:
        """Decode and check the next records of several origins, given by name. Never raises for what is in them."""
        records = [record for _, run in runs for record in run]
        bounds = np.cumsum([0, *(len(run) for _, run in runs)])

        def channel_of(index: int) -> str:
            return runs[int(np.searchsorted(bounds, index, side="right")) - 1][0]

        batch, rows, rejects = self.decoder.decode(
            [r.value for r in records], lambda i: f"{channel_of(i)}/{records[i].offset}"
        )
        for reject in rejects:
            self._refuse(admitted, channel_of(reject.index), records[reject.index], reject.reason, reject.message)
        kept = np.empty(len(records), object)
        kept[:] = records
        kept = kept[rows]
        if len(batch):
            offsets = np.fromiter((r.offset for r in records), np.int64, len(records))[rows]
            appended = np.fromiter((r.timestamp for r in records), np.int64, len(records))[rows]
            batch = batch.with_columns({"_stamp": offsets, "_at": appended})
            ahead = self._ahead(batch, kept, lambda row: channel_of(int(rows[row])), admitted)
            if ahead.any():
                there = np.flatnonzero(~ahead)
                batch, kept, rows = batch.take(there), kept[there], rows[there]
        ends = np.searchsorted(rows, bounds)
        return [
            Decoded(batch.take(np.arange(begin, end)), kept[begin:end])
            for begin, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)
        ]

    def _ahead(
        self, batch: EventBatch, records: NDArray[np.object_], channel_of: Callable[[int], str], admitted: Admitted
    ) -> Mask:
        """Which events' time is far ahead of the broker's: one of them would make all that follow late."""
        ahead = batch.times - batch.fixed("_at")
        if self.future_ms is None:
            return np.zeros(len(batch), np.bool_)
        too_far: Mask = ahead > self.future_ms
        for i in np.flatnonzero(too_far).tolist():
            self._refuse(
                admitted,
                channel_of(i),
                records[i],
                "future",
                f"time is {ahead[i] // 1000:,} s ahead of the broker's, more than {self.future_ms // 1000:,} s: "
                "mend the sender's clock",
            )
        return too_far

    def _refuse(self, admitted: Admitted, channel: str, record: Record, reason: str, message: str) -> None:
        admitted.outgoing.append(reject_to(self.rejects_topic, channel, record, reason, message))
        admitted.rejects[channel.rpartition("/")[0], reason] += 1

    # Admitting

    def admit(self, parts: Sequence[tuple[Origin, Decoded, int, bool]], admitted: Admitted) -> None:
        """Admit the next events of several origins, each up to a position in its log, and address what is in time.

        Each says whether it has more that will be admitted at once.
        """
        by_plan: dict[str, list[tuple[Section, EventBatch, Longs]]] = {}
        for origin, part, position, more in parts:
            before = origin.clock
            batch, records = part.batch, part.records
            told = broadcast_rows(batch)
            changes = batch.take(np.flatnonzero(told)) if told.any() else None
            if changes is not None:
                batch, records = batch.take(np.flatnonzero(~told)), records[~told]
            too_late = origin.admit(batch.stamps, batch.times, position)
            topic = origin.channel.rpartition("/")[0]
            if changes is not None:
                self._tell_all(changes, origin, before, admitted)
                admitted.count(topic, changes, len(self.catalogue.types))
            if len(batch) == 0:
                continue
            admitted.lag_ms[topic] = float(batch.fixed("_at").max() - batch.times.max())
            if too_late.any():
                self._refuse_late(batch, records, too_late, origin, admitted)
                batch = batch.take(np.flatnonzero(~too_late))
                if len(batch) == 0:
                    continue
            admitted.count(topic, batch, len(self.catalogue.types))
            admitted.events += len(batch)
            assert origin.plan is not None, "no event is sent before a plan is named"
            section = _section(origin, before, more=more)
            by_plan.setdefault(origin.plan, []).append((section, batch, running_clock(batch.times, before)))
        for plan, together in by_plan.items():
            sections, batches, clocks = zip(*together, strict=True)
            self._address(*beside(batches, clocks), sections, plan, admitted)

    def _address(
        self,
        batch: EventBatch,
        order: NDArray[np.intp] | None,
        sections: Sequence[Section],
        plan: str,
        admitted: Admitted,
    ) -> None:
        """Say to which hop partitions the events go, in an order, or in that of the batch where it is None.

        The first hop of an event is the first key it has in the fixed order of kinds, whatever the plan: so a plan may
        change while copies of an event are under way, and they still meet.
        """
        upto = int(batch.times.max())
        for kind, rows in entry_hops(batch).items():
            part, turned = batch, order
            if len(rows) < len(batch):  # other types may go elsewhere, and their fields with them
                chosen = rows if order is None else order[np.isin(order, rows)]
                part, turned = batch.of_types(np.unique(batch.types[rows]).tolist()).take(chosen), None
            for target, events in split_by_partition(part, kind, self.counts(kind), turned):
                admitted.outgoing += self.promises.letters((kind, target), events, sections, plan, upto=upto)

    def tell_owed(self, origins: Iterable[tuple[Origin, bool]], admitted: Admitted) -> None:
        """Keep what was promised to hop partitions to which none of these origins' events went in this turn."""
        admitted.outgoing += self.promises.kept([_section(o, o.clock, more=more) for o, more in origins])

    def _tell_all(self, changes: EventBatch, origin: Origin, before: int, admitted: Admitted) -> None:
        """Tell every hop partition of changes that belong to no key.

        They are never too late, but hold from what can still be judged on; they move no clock. They go by a channel of
        their own, since a channel's events are told apart by their order, and these overtake the others.
        """
        assert origin.plan is not None, "no event is sent before a plan is named"
        clocks = [origin.clock_at(offset) for offset in changes.stamps.tolist()]
        floors = [MISSING if clock == MISSING else clock - origin.lateness_ms for clock in clocks]
        changes = changes.with_columns({"_raised": np.maximum(changes.times, np.array(floors, np.int64))})
        section = Section(f"{origin.channel}#all", origin.generation, before, before)
        for value in write_letters(changes, [section], origin.plan):
            for kind in self.catalogue.kinds:
                hop = self.hop_topic(kind.name)
                admitted.outgoing += [Outgoing(hop, value, partition=p) for p in range(self.counts(kind.name))]

    def _refuse_late(
        self, batch: EventBatch, records: NDArray[np.object_], too_late: Mask, origin: Origin, admitted: Admitted
    ) -> None:
        """Refuse events that come too late: what they would change is settled."""
        for i in np.flatnonzero(too_late).tolist():
            behind = (origin.clock_at(records[i].offset) - int(batch.times[i])) / 1000
            self._refuse(
                admitted,
                origin.channel,
                records[i],
                "late",
                f"time is {behind:,.1f} s behind the newest of {origin.channel}, and {origin.lateness_ms / 1000:,g} s "
                "are allowed (RISK_STREAM_LATENESS_SECONDS): to judge it all the same, "
                "risk-stream rejects replay --recover",
            )


def _section(origin: Origin, before: int, *, more: bool) -> Section:
    """What an origin says with events that take its clock on from `before`, or without any."""
    reach = origin.clock if more else MISSING
    return Section(origin.channel, origin.generation, origin.clock, before, reach)
