"""Some lanes of all hops of a plan in one process, which hand events to the other processes between hops.

Keys are spread over a fixed number of lanes, whatever the number of processes: lane i holds partition i of each hop, as
a worker's does. Events come in rounds, of as many chunks as there are lanes. What a lane is given in a round, and in
which order, follows from the chunks alone; so what is said is the same however many processes share the lanes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np

from risk_stream.catalogue import MISSING, EventBatch
from risk_stream.engine import (
    INDEX_BITS,
    Alert,
    Block,
    Decided,
    Hop,
    Result,
    broadcast_rows,
    columns_of,
    entry_hops,
    late,
)
from risk_stream.rules import Plan

__all__ = ["LANES", "Alone", "Exchange", "Lanes", "Part", "Said"]

#: Lanes, and chunks of a round: at most so many processes share the work.
LANES = 4

Part: TypeAlias = tuple[int, str, tuple[int, int], EventBatch]
"""Events on their way: the lane, the kind of key ("" for what every hop is told), their place among others, they."""


class Exchange(Protocol):
    """How the processes of a run hand things to each other; each calls the same methods in the same order."""

    def clocks(self, own: Mapping[int, int]) -> Mapping[int, int]:
        """Every process' highest times by chunk, for one's own."""

    def parts(self, parts: list[Part]) -> list[Part]:
        """What all processes send to one's own lanes, for what one sends to all lanes."""


class Alone:
    """One process that has all lanes."""

    def clocks(self, own: Mapping[int, int]) -> Mapping[int, int]:
        """One's own."""
        return own

    def parts(self, parts: list[Part]) -> list[Part]:
        """One's own."""
        return parts


@dataclass(slots=True)
class Said:
    """What a process says of one round."""

    alerts: list[Alert] = field(default_factory=list)
    decisions: list[Decided] = field(default_factory=list)
    clock: int = MISSING  # the highest time so far, ms
    late: dict[int, list[int]] = field(default_factory=dict)  # chunk -> its rows that came too late to be judged
    events: int = 0  # of its chunks, that were judged
    revised: int = 0  # judgements that later events made anew
    errors: dict[str, int] = field(default_factory=dict)  # rule -> evaluations that failed


class Lanes:
    """The hops of some lanes. `lateness_ms` is as for `Engine`, `reserve_mib` that of all lanes of a kind of key."""

    def __init__(
        self, plan: Plan, lanes: Sequence[int], exchange: Exchange, *, lateness_ms: int, reserve_mib: int = 4096
    ) -> None:
        self.plan, self.lateness_ms, self._exchange = plan, lateness_ms, exchange
        self._kinds = [kind.name for kind in plan.catalogue.kinds]
        self._hops = {
            kind: {
                lane: Hop(plan, kind, lateness_ms=lateness_ms, reserve_mib=max(64, reserve_mib // LANES))
                for lane in lanes
            }
            for kind in self._kinds
        }
        # Only these are ever handed events by an earlier hop: before each of them all processes meet.
        routes = [plan.itinerary(event_type.name) for event_type in plan.catalogue.types]
        self._receive = {kind for route in routes for kind in route[1:]}
        self._columns = columns_of(plan)
        self._clock, self._offset = MISSING, 0

    def round(self, chunks: Mapping[int, EventBatch]) -> Said:
        """Judge one round to the end of every event's journey; `chunks` are this process' own, by their number."""
        said, before = Said(), self._clock
        ordinary = {chunk: ~broadcast_rows(batch) for chunk, batch in chunks.items()}
        tops = {chunk: int(batch.times[ordinary[chunk]].max(initial=MISSING)) for chunk, batch in chunks.items()}
        clocks = self._exchange.clocks(tops)
        out = list[Part]()
        for chunk, batch in chunks.items():
            reached = max([before, *(clock for other, clock in clocks.items() if other < chunk)])
            out += self._enter(chunk, batch, ordinary[chunk], reached, said)
        self._clock = said.clock = max([before, *clocks.values()])
        self._offset += 1
        waiting = list[Part]()
        for rank, kind in enumerate(self._kinds):
            if rank == 0 or kind in self._receive:  # all processes meet at the same ones
                waiting += self._exchange.parts(out)
                out = []
            told = [part for part in waiting if part[1] == ""]
            here = [part for part in waiting if part[1] == kind]
            waiting = [part for part in waiting if part[1] != kind]
            for lane, hop in self._hops[kind].items():
                result = self._apply(hop, _of_lane(told, lane), _of_lane(here, lane), before)
                if result is not None:
                    out += _onward(result, rank, lane)
                    said.alerts += result.alerts
                    said.decisions += result.decisions
                    said.revised += result.revised
                    for rule, errors in result.rule_errors.items():
                        said.errors[rule] = said.errors.get(rule, 0) + errors.times
        return said

    def _enter(
        self, chunk: int, batch: EventBatch, ordinary: np.typing.NDArray[np.bool_], reached: int, said: Said
    ) -> Iterable[Part]:
        """Events of a chunk at their first hop, without those that are too late; what all are told goes to all."""
        told, rows = np.flatnonzero(~ordinary), np.flatnonzero(ordinary)
        too_late, _ = late(batch.times[rows], reached, self.lateness_ms)
        if too_late.any():
            said.late[chunk] = rows[too_late].tolist()
            rows = rows[~too_late]
        said.events += len(told) + len(rows)
        if len(told):
            lists = batch.take(told)
            yield from ((lane, "", (0, chunk), lists) for lane in range(LANES))
        needed = batch.only(self._columns)
        accepted = needed if len(rows) == len(batch) else needed.take(rows)
        for kind, at in entry_hops(accepted).items():
            part = accepted if len(at) == len(accepted) else accepted.take(at)
            yield from _split(part, kind, (0, chunk))

    def _apply(self, hop: Hop, told: list[EventBatch], events: list[EventBatch], before: int) -> Result | None:
        """What one hop says in this round; None where nothing comes to it and nothing is due."""
        blocks = list[Block]()
        if told:
            lists = EventBatch.concat(told)
            raised = lists.times if before == MISSING else np.maximum(lists.times, before - self.lateness_ms)
            blocks.append(Block(self._stamped(lists.with_columns({"_raised": raised}), 0), self.plan, before))
        if events:
            blocks.append(Block(self._stamped(EventBatch.concat(events), 1), self.plan, self._clock))
        elif hop.next_due <= self._clock:
            blocks.append(Block(EventBatch.empty(self.plan.catalogue), self.plan, self._clock, 2 * self._offset + 1))
        return hop.apply(blocks) if blocks else None

    def _stamped(self, batch: EventBatch, place: int) -> EventBatch:
        """A batch with the stamps of a block of this round: its first or its second."""
        first = (2 * self._offset + place) << INDEX_BITS
        return batch.with_columns({"_stamp": first + np.arange(len(batch), dtype=np.int64)})


def _of_lane(parts: Iterable[Part], lane: int) -> list[EventBatch]:
    """The events of one lane, in their order."""
    return [batch for _, _, _, batch in sorted((p for p in parts if p[0] == lane), key=lambda p: p[2])]


def _onward(result: Result, rank: int, lane: int) -> Iterable[Part]:
    """The events that go on from a hop, by lane of their next key."""
    for forward in result.forwards:
        yield from _split(forward.batch, forward.kind, (1 + rank, lane))


def _split(batch: EventBatch, kind: str, place: tuple[int, int]) -> Iterable[Part]:
    """Events by the lane of their key of a kind, which all of them have, each part in the order of the batch."""
    lanes = batch.partition(kind, LANES)
    order = np.argsort(lanes, kind="stable")
    ends = np.searchsorted(lanes[order], np.arange(LANES), side="right").tolist()
    together = batch.take(order)
    for lane, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        if end > start:
            yield lane, kind, place, together.take(np.arange(start, end))
