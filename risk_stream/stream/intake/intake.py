"""Admission at work: the origins this worker owns, from runs of house records to messages for the hops.

An origin has a `Desk` for the time of one assignment. It begins where the last commit says, with the clock and the plan
of that commit; what an earlier owner sent beyond it is sent again and dropped by its stamps. In each *turn* all origins
are taken evenly by event time (see `alignment`), and leave in common messages. While a change is under way (see
`origins`) the events from its offset on wait at the desk.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from aiokafka.errors import KafkaError
from faust.types.tuples import TP

from risk_stream.catalogue import Catalogue, EventBatch
from risk_stream.catalogue.formats import LaterFormatError
from risk_stream.rules import Plan
from risk_stream.settings import Settings
from risk_stream.sinks import Metrics
from risk_stream.stream.alignment import EVERYTHING, HOLD, Patience, Progress, evenly
from risk_stream.stream.commits import Answer
from risk_stream.stream.intake.admission import Admission, Admitted, Decoded
from risk_stream.stream.intake.audit import audit_records
from risk_stream.stream.intake.once import Once
from risk_stream.stream.intake.origins import Committed, Origin
from risk_stream.stream.letters.fronts import Target
from risk_stream.stream.letters.sections import running_clock
from risk_stream.stream.runs import Runs, TopicPartition, finished

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Desk", "Intake"]

log = logging.getLogger(__name__)

#: Events that wait here and at the broker, from which on they are a backlog: the hops are told that more will come.
BACKLOG = 1000

#: How far ahead of another worker's backlog one is read here, ms of event time: what was heard of it is old.
SLACK_MS = 200

#: How often it is looked whether a promise still holds, s; and how long nothing may come of what the broker has, s.
LOOK, SILENT = 0.1, 5.0

_NO_NUMBERS = np.zeros(0, np.int64)


@dataclass(slots=True, eq=False)
class Desk:
    """One origin of this worker during one assignment; without an `origin` until its first commit is accepted.

    Runs are `waiting` until they are decoded, their events `held` until they are admitted, and the runs `open` until
    all their events are. `read_to` is the offset after the last record that was decoded.
    """

    tp: TopicPartition
    start: Committed
    origin: Origin | None = None
    waiting: list[Any] = field(default_factory=list)
    held: Decoded | None = None
    open: deque[Any] = field(default_factory=deque)
    read_to: int = -1
    owed: list[asyncio.Future[Any]] = field(default_factory=list)  # sends of refused records of runs that are open
    unstored: set[asyncio.Future[Any]] = field(default_factory=set)
    busy: bool = False  # events of it were admitted and are not yet on their way
    changing: bool = False
    once: Once | None = None  # of requests: an application that comes again is a copy
    patience: Patience = field(default_factory=Patience)
    came: float = 0.0  # when records came last

    @property
    def channel(self) -> str:
        """The origin's name."""
        return f"{self.tp[0]}/{self.tp[1]}"

    @property
    def shut(self) -> bool:
        """Whether nothing may be admitted now."""
        return self.origin is None or self.origin.proposed is not None or self.origin.at_stop

    @property
    def is_empty(self) -> bool:
        """Whether nothing is here that is not admitted."""
        return not self.waiting and self.held is None

    def take_in(self, decoded: Decoded, end: int) -> None:
        """Events from the log, up to an offset."""
        if len(decoded):
            self.held = decoded if self.held is None else self.held.followed_by(decoded)
        self.read_to, self.came = max(self.read_to, end), time.monotonic()

    @property
    def admissible(self) -> int:
        """How many of the events that are held may be admitted: those before the place where the origin stops."""
        if self.held is None or self.origin is None:
            return 0
        stop = self.origin.stop
        return len(self.held) if stop is None else int(np.searchsorted(self.held.batch.stamps, stop))

    def clocks(self) -> NDArray[np.int64]:
        """int64[n]: the clock after each event that is held and may be admitted, ms."""
        assert self.origin is not None
        if self.held is None:
            return _NO_NUMBERS
        may = self.admissible
        return running_clock(self.held.batch.times[:may], self.origin.clock) if may else _NO_NUMBERS

    def take_out(self, n: int) -> tuple[Decoded | None, int]:
        """The first n events, and the position in the log that is reached with them."""
        assert self.origin is not None
        taken, held = None, self.held
        if held is not None and n:
            taken, rest = held.cut(n)
            held = self.held = rest if len(rest) else None
        position = self.read_to if held is None else int(held.batch.stamps[0])
        stop = self.origin.stop
        return taken, max(self.origin.position, position if stop is None else min(position, stop))

    def finished(self) -> list[Any]:
        """Runs all of whose events are admitted by now; they are open no more."""
        assert self.origin is not None
        return finished(self.open, self.origin.position)

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
        self.hops_are_behind: Callable[[], bool] = lambda: False  # then no more is admitted for now
        # Channel of each origin, of any worker, that works off a backlog -> how far it has come, ms.
        self.promised: Callable[[], Mapping[str, int]] = dict
        self.targets: list[Target] = []
        self.heard_generation: Callable[[], int] = lambda: 0  # the highest that a hop here has heard of
        self.time_passed: Callable[[int], None] = lambda _: None  # told of business dates, ms
        self._passes_time = np.array([t.passes_time for t in catalogue.types])  # by type code
        self._lateness_ms = int(settings.lateness_seconds * 1000)
        self._said_unknown = False
        self._one_at_a_time = asyncio.Lock()
        simulated = settings.clock == "simulated"
        self.admission = Admission(
            catalogue,
            hop_topic=settings.hop_topic,
            rejects_topic=settings.rejects_topic,
            counts=counts,
            future_ms=None if simulated else int(settings.future_seconds * 1000),
        )

    def use(self, plan: Plan) -> None:
        """Have another plan in force: each origin changes to it as soon as it may."""
        self.plan, self._stages = plan, _stages_of_types(plan)

    @property
    def exact(self) -> bool:
        """Whether the broker has what delivery exactly once needs; the embedded one has not."""
        return self.runs.producer.idempotent

    # Assignment

    async def assigned(self, mine: set[TopicPartition]) -> None:
        """These and no other partitions are this worker's now. Returns when each origin stands at its last commit."""
        self.desks, self.generation = {}, self.runs.generation
        self.admission.promises.forget()
        generation = self.generation
        house = set(self.settings.origin_topics)
        tps = sorted(tp for tp in mine if tp[0] in house)
        if not tps:
            return
        starts = await self._starts(tps)
        if generation != self.runs.generation:
            return  # the next assignment is on its way
        for tp, (start, known) in starts.items():
            once = Once() if tp[0] == self.settings.requests_topic else None
            self.desks[tp] = desk = Desk(tp, start, once=once)
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
            except LaterFormatError as exc:
                self.runs.refuse(f"{tp[0]}/{tp[1]}: {exc}")
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
        await self.drain()

    async def say(self, desk: Desk, now: Committed, before: Committed | None = None) -> None:
        """Say in the audit log what an accepted commit changed."""
        await self.runs.hand_over(audit_records(self.settings.audit_topic, desk.channel, self.generation, now, before))

    # Records

    async def admit(self, runs: Iterable[Sequence[Any]]) -> float | None:
        """Runs of origins have come, those of each together: take one turn.

        -> seconds after which the next is due though nothing comes; None where nothing waits for one.
        """
        for messages in runs:
            first = messages[0]
            desk = self.desks.get((first.topic, first.partition))
            if desk is None:
                continue  # of an older assignment
            desk.waiting += messages
            self.came(desk.channel)
        return HOLD if self.hops_are_behind() else await self._turn()

    async def drain(self) -> None:
        """Admit all that may be admitted now."""
        while await self._turn() == 0.0:
            await asyncio.sleep(0)

    async def _turn(self) -> float | None:
        """Admit what is due of all origins, evenly; -> when the next turn is due, as `admit` says."""
        async with self._one_at_a_time:
            desks = self.desks
            admitted = Admitted()
            read = await self._read(admitted)
            if admitted.outgoing:  # what cannot be read
                refused, admitted.outgoing = await self.runs.hand_over(admitted.outgoing), []
                for desk in read:
                    desk.owed += refused
                    desk.sent(refused)
            if self.desks is not desks:
                return None
            taken, again = self._choose()
            promising = [desk for desk in self.desks.values() if self.admission.promises.is_open(desk.channel)]
            more = self._will_say_more([*promising, *(desk for desk, *_ in taken)])
            if taken or not all(more.values()):
                self.admission.admit([(o, part, at, more[desk]) for desk, o, part, at in taken if part], admitted)
                for _, origin, part, position in taken:
                    if part is None:
                        self.pass_over(origin, position)
                    else:
                        self._pass_time(part.batch)
                self.admission.tell_owed([(d.origin, has_more) for d, has_more in more.items() if d.origin], admitted)
                for desk, *_ in taken:
                    desk.busy = True
                sends = await self.runs.hand_over(admitted.outgoing)
                for desk, origin, *_ in taken:
                    origin.handed_over()
                    desk.sent(sends)
                    desk.busy = False
                    self.runs.acknowledge(desk.tp, desk.finished(), sends + desk.owed)
                    desk.owed = []
            self._count(admitted)
            if any(self.admission.promises.is_open(desk.channel) for desk in self.desks.values()):
                again = LOOK if again is None else min(again, LOOK)  # a promise is taken back though nothing comes
            return again

    def _will_say_more(self, desks: Iterable[Desk]) -> dict[Desk, bool]:
        """Which of these origins have more events that will be admitted in the next turns, and say so.

        None without a backlog; but one that said it once says it until there is nothing more.
        """
        unread = {desk: self.runs.consumer.unread(TP(*desk.tp)) for desk in self.desks.values()}
        waiting = sum(n + (0 if desk.held is None else len(desk.held)) for desk, n in unread.items())
        now = time.monotonic()

        def has_more(desk: Desk) -> bool:
            if desk.origin is None or desk.shut:
                return False
            will_come = unread[desk] > 0 and now - desk.came < SILENT
            return desk.admissible > 0 or (desk.held is None and desk.origin.stop is None and will_come)

        said = self.admission.promises.is_open
        return {desk: (waiting >= BACKLOG or said(desk.channel)) and has_more(desk) for desk in desks}

    def _reach_of_others(self) -> int:
        """The clock up to which a backlog may be read, as far as backlogs of others have come, ms."""
        own = {desk.channel for desk in self.desks.values()}
        theirs = [reach for channel, reach in self.promised().items() if channel not in own]
        return min(theirs) + SLACK_MS if theirs else EVERYTHING

    async def _read(self, admitted: Admitted) -> list[Desk]:
        """Decode the runs that wait at the desks; -> those desks."""
        runs = []
        for desk in [desk for desk in self.desks.values() if desk.waiting]:
            messages, desk.waiting = desk.waiting, []
            mine, records = await self.runs.take(messages)
            desk.open += mine
            if records:
                runs.append((desk, records))
        if runs:
            decoded = self.admission.decode([(desk.channel, records) for desk, records in runs], admitted)
            for (desk, records), part in zip(runs, decoded, strict=True):
                desk.take_in(self._only_new(desk, part), records[-1].offset + 1)
        return [desk for desk, _ in runs]

    def _only_new(self, desk: Desk, part: Decoded) -> Decoded:
        """Events without those that came before, where that is looked at."""
        if desk.once is None or len(part) == 0:
            return part
        fresh = desk.once.new(part.batch.table.column("id").to_pylist())
        if fresh.all():
            return part
        self.metrics.add("risk_stream_known_events_total", int((~fresh).sum()), "admission")
        return part.take(np.flatnonzero(fresh))

    def _choose(self) -> tuple[list[tuple[Desk, Origin, Decoded | None, int]], float | None]:
        """What to admit now: of each origin its next events and the position reached; and when to look again."""
        desks = [(desk, desk.origin) for desk in self.desks.values() if desk.origin is not None and not desk.shut]
        clocks = [desk.clocks() for desk, _ in desks]
        progress = [
            Progress(
                int(clock[-1]) if len(clock) else origin.clock,
                len(clock) > 0,
                origin.stop is None and self.runs.consumer.unread(TP(*desk.tp)) > 0,
                desk.patience,
            )
            for (desk, origin), clock in zip(desks, clocks, strict=True)
        ]
        limit = self.settings.batch_records
        counts, again = evenly(
            progress,
            clocks,
            [np.ones(len(clock), np.int64) for clock in clocks],
            limit=limit,
            theirs=self._reach_of_others,
        )
        taken: list[tuple[Desk, Origin, Decoded | None, int]] = []
        for (desk, origin), n in zip(desks, counts, strict=True):
            part, position = desk.take_out(n)
            if n or position > origin.position or (desk.open and desk.open[0].offset < origin.position):
                taken.append((desk, origin, part, position))
        return taken, again

    def _pass_time(self, batch: EventBatch) -> None:
        passes = self._passes_time[batch.types]
        if passes.any():
            self.time_passed(int(batch.times[passes].max()))

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

    def _count(self, admitted: Admitted) -> None:
        add = self.metrics.add
        for (topic, reason), n in admitted.rejects.items():
            add("risk_stream_rejects_total", n, topic, reason)
        for topic, types in admitted.types.items():
            if topic == self.settings.canary_topic:
                continue  # they are no events of the house's
            for code in np.flatnonzero(types).tolist():
                n = int(types[code])
                add("risk_stream_events_total", n, topic, self.catalogue.types[code].name)
                for stage in self._stages[code]:
                    add("risk_stream_stage_events_total", n, topic, stage)
        if admitted.types:
            self.metrics.observe("risk_stream_batch_events", admitted.events, "admission")
        for topic, lag in admitted.lag_ms.items():
            if topic == self.settings.canary_topic:
                continue
            self.metrics.set("risk_stream_event_time_lag_seconds", lag / 1000, topic)


def _stages_of_types(plan: Plan) -> list[tuple[str, ...]]:
    """For each event type by code, the business stages of the rules that look at it."""
    stages: dict[str, set[str]] = {t.name: set() for t in plan.catalogue.types}
    for rule in plan.judged:
        for event_type in rule.on:
            stages[event_type].add(rule.stage)
    return [tuple(sorted(found)) for found in stages.values()]
