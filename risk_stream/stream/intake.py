"""Admission at work: the origins this worker owns, from runs of house records to messages for the hops.

An origin has a `Desk` for the time of one assignment. It begins where the last commit says, with the clock and the plan
of that commit; what an earlier owner sent beyond it is sent again and dropped by its stamps. While a change is under
way (see `origins`) the records from its offset on wait at the desk.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from aiokafka.errors import KafkaError
from faust.types.tuples import TP

from risk_stream.catalogue import Catalogue
from risk_stream.rules import Plan
from risk_stream.settings import Settings
from risk_stream.sinks import Metrics
from risk_stream.stream.admission import Admission, Admitted, Record
from risk_stream.stream.audit import audit_records
from risk_stream.stream.commits import Answer
from risk_stream.stream.fronts import Target
from risk_stream.stream.origins import Committed, Origin
from risk_stream.stream.runs import Runs, TopicPartition, groups

__all__ = ["Desk", "Intake"]

log = logging.getLogger(__name__)

_NO_NUMBERS = np.zeros(0, np.int64)


@dataclass(slots=True)
class _Part:
    """Runs that are being admitted: their records that are left, and what those admitted so far caused."""

    messages: list[Any]
    records: list[Record]
    sends: list[asyncio.Future[Any]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Desk:
    """One origin of this worker during one assignment; without an `origin` until its first commit is accepted."""

    tp: TopicPartition
    start: Committed
    origin: Origin | None = None
    waiting: deque[Any] = field(default_factory=deque)
    part: _Part | None = None
    unstored: set[asyncio.Future[Any]] = field(default_factory=set)
    busy: bool = False
    changing: bool = False

    @property
    def channel(self) -> str:
        """The origin's name."""
        return f"{self.tp[0]}/{self.tp[1]}"

    @property
    def held(self) -> bool:
        """Whether nothing may be admitted now."""
        return self.origin is None or self.origin.proposed is not None or self.origin.at_stop

    def sent(self, sends: Sequence[asyncio.Future[Any]]) -> None:
        """Messages are on their way."""
        for send in sends:
            if not send.done():
                self.unstored.add(send)
                send.add_done_callback(self.unstored.discard)


class Intake:
    """Admits runs of house topics; `counts(kind)` is the number of partitions of a kind's hop topic.

    It is the `book` of the transport's commits. `targets` are all hop partitions; `came(channel)` is called when an
    origin has brought records.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        plan: Plan,
        runs: Runs,
        metrics: Metrics,
        counts: Callable[[str], int],
    ) -> None:
        self.settings, self.catalogue, self.runs, self.metrics = settings, catalogue, runs, metrics
        self.use(plan)
        self.desks: dict[TopicPartition, Desk] = {}
        self.generation = 0
        self.came: Callable[[str], None] = lambda _: None
        self.targets: list[Target] = []
        self.heard_generation: Callable[[], int] = lambda: 0  # the highest that a hop here has heard of
        self._lateness_ms = int(settings.lateness_seconds * 1000)
        self._said_unknown = False
        simulated = settings.clock == "simulated"
        self.admission = Admission(
            catalogue,
            hop_topic=settings.hop_topic,
            rejects_topic=settings.rejects_topic,
            counts=counts,
            future_ms=None if simulated else int(settings.future_seconds * 1000),
        )

    def use(self, plan: Plan) -> None:
        """This plan is in force: each origin changes to it as soon as it may."""
        self.plan, self._stages = plan, _stages_of_types(plan)

    @property
    def exact(self) -> bool:
        """Whether the broker has what delivery exactly once needs; the embedded one has not."""
        return self.runs.producer.idempotent

    # Assignment

    async def assigned(self, mine: set[TopicPartition]) -> None:
        """These and no other partitions are this worker's now. Returns when each origin stands at its last commit."""
        self.desks, self.generation = {}, self.runs.generation
        generation = self.generation
        house = set(self.settings.origin_topics)
        tps = sorted(tp for tp in mine if tp[0] in house)
        if not tps:
            return
        starts = await self._starts(tps)
        if generation != self.runs.generation:
            return  # the next assignment is on its way
        for tp, (start, known) in starts.items():
            self.desks[tp] = desk = Desk(tp, start)
            self.runs.begin(tp, start.offset)
            if known or not self.exact:
                await self._open(desk, start)
        await self.open_new()

    async def _starts(self, tps: list[TopicPartition]) -> dict[TopicPartition, tuple[Committed, bool]]:
        """Where each origin begins, and whether a commit said so."""
        consumer = self.runs.consumer
        try:
            found = await consumer.read_back([TP(*tp) for tp in tps])
        except KafkaError as exc:
            if self.exact:
                raise
            log.warning("the broker does not say what was committed (%r): clocks begin anew", exc)
            found = {}
        if not found and self.exact and self.heard_generation() > self.generation:
            self.runs.fatal(
                f"the group {self.settings.group} has no offsets any more (deleted, or expired after a week without "
                "workers), but the hops' topics hold what it did before and would drop what comes now: begin anew with "
                "another RISK_STREAM_PREFIX"
            )
        new = [TP(*tp) for tp in tps if tp not in found]
        earliest = await consumer.earliest_offsets(*new) if new else {}
        starts: dict[TopicPartition, tuple[Committed, bool]] = {}
        for tp in tps:
            offset, text = found.get(tp) or (earliest.get(tp) or 0, "")
            try:
                said = Committed.read(offset, text)
            except ValueError as exc:
                self.runs.fatal(f"{tp[0]}/{tp[1]}: {exc}")
            if said is None and tp in found and offset > 0 and self.exact and not self._said_unknown:
                self._said_unknown = True
                log.warning(
                    "%s was committed without a clock, by an earlier release or another program: what comes too late "
                    "is decided from its next events on",
                    tp[0],
                )
            starts[tp] = (said or Committed(offset), said is not None)
        return starts

    async def open_new(self) -> None:
        """Commit where origins begin that have no commit of ours, with the plan they begin with; then they are read."""
        new = {desk.tp: desk for desk in self.desks.values() if desk.origin is None}
        if not new:
            return
        wanted = {}
        for desk in new.values():
            desk.start = Committed(desk.start.offset, desk.start.clock, self.plan.version)
            wanted[TP(*desk.tp)] = (desk.start.offset, desk.start.metadata())
        for tp, answer in (await self.runs.consumer.commit_exactly(wanted)).items():
            desk = new[tp]
            if answer is Answer.ACCEPTED and self.desks.get(desk.tp) is desk and desk.origin is None:
                await self._open(desk, desk.start)

    async def _open(self, desk: Desk, start: Committed) -> None:
        if start.plan is None:
            start = Committed(start.offset, start.clock, self.plan.version)
        targets = self.targets if self.exact else ()
        desk.origin = Origin(desk.channel, self.generation, start, lateness_ms=self._lateness_ms, targets=targets)
        await self.say(desk, start)
        await self.drain(desk)

    async def say(self, desk: Desk, now: Committed, before: Committed | None = None) -> None:
        """Say in the audit log what an accepted commit changed."""
        await self.runs.hand_over(audit_records(self.settings.audit_topic, desk.channel, self.generation, now, before))

    # Records

    async def admit(self, messages: Sequence[Any]) -> None:
        """Runs of one origin have come."""
        first = messages[0]
        desk = self.desks.get((first.topic, first.partition))
        if desk is None:
            return  # of an older assignment
        desk.waiting.extend(messages)
        self.came(desk.channel)
        await self.drain(desk)

    async def drain(self, desk: Desk) -> None:
        """Admit what waits at a desk, up to the offset of a change that is under way."""
        if desk.busy:
            return
        desk.busy = True
        try:
            while (desk.part or desk.waiting) and not desk.held and self.desks.get(desk.tp) is desk:
                if desk.part is None:
                    group = next(groups(desk.waiting, self.settings.batch_records))
                    for _ in group:
                        desk.waiting.popleft()
                    desk.part = _Part(*await self.runs.take(group))
                    continue
                part = desk.part
                assert desk.origin is not None
                now, part.records = _split(part.records, desk.origin.stop)
                if now:
                    part.sends += await self._admit(desk, desk.origin, now)
                if part.records:  # all before the offset of the change have come
                    assert desk.origin.stop is not None
                    self.pass_over(desk.origin, desk.origin.stop)
                else:
                    desk.part = None
                    self.runs.acknowledge(part.messages, part.sends)
        finally:
            desk.busy = False

    async def _admit(self, desk: Desk, origin: Origin, records: Sequence[Record]) -> list[asyncio.Future[Any]]:
        admitted = self.admission.admit(origin, records)
        self._count(desk.tp[0], admitted)
        sends = await self.runs.hand_over(admitted.outgoing)
        origin.handed_over()
        desk.sent(sends)
        return sends

    @staticmethod
    def pass_over(origin: Origin, offset: int) -> None:
        """There are no records up to an offset."""
        origin.admit(_NO_NUMBERS, _NO_NUMBERS, offset)

    # What the transport asks of each commit

    def committing(self, tp: Any, offset: int) -> str | None:
        """What is said beside an offset."""
        desk = self.desks.get((tp.topic, tp.partition))
        return None if desk is None or desk.origin is None else desk.origin.at(offset).metadata()

    def committed(self, tp: Any, offset: int) -> None:
        """A commit was accepted: what lies below it may be forgotten."""
        desk = self.desks.get((tp.topic, tp.partition))
        if desk is not None and desk.origin is not None:
            desk.origin.accepted(desk.origin.at(offset))

    def unanswered(self) -> None:
        """End: what was committed is not known, and would become known too late."""
        self.runs.fatal("the broker did not answer a commit, which may still be applied: only a new start is certain")

    def _count(self, topic: str, admitted: Admitted) -> None:
        add = self.metrics.add
        for reason, n in admitted.rejects.items():
            add("risk_stream_rejects_total", n, topic, reason)
        if admitted.types is None:
            return
        for code in np.flatnonzero(admitted.types).tolist():
            n = int(admitted.types[code])
            add("risk_stream_events_total", n, topic, self.catalogue.types[code].name)
            for stage in self._stages[code]:
                add("risk_stream_stage_events_total", n, topic, stage)
        self.metrics.observe("risk_stream_batch_events", admitted.events, "admission")
        if admitted.lag_ms is not None:
            self.metrics.set("risk_stream_event_time_lag_seconds", admitted.lag_ms / 1000, topic)


def _split(records: list[Record], stop: int | None) -> tuple[list[Record], list[Record]]:
    """Records below an offset and the rest."""
    if stop is None or not records or records[-1].offset < stop:
        return records, []
    below = sum(1 for record in records if record.offset < stop)
    return records[:below], records[below:]


def _stages_of_types(plan: Plan) -> list[tuple[str, ...]]:
    """For each event type by code, the business stages of the rules that look at it."""
    return [
        tuple(sorted({rule.stage for rule in plan.rules if t.name in rule.on and rule.mode != "off"}))
        for t in plan.catalogue.types
    ]
