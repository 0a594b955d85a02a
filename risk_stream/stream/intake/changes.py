"""Changes at work: tells the fronts, lifts quiet origins, and has every origin name the plan in force.

The order of a change is that of `origins`; what the broker must answer in between is asked here. Each origin changes in
a task of its own, so that one with a long way to its log's end holds up no other.

A new owner may not have heard yet of the plan that an origin's commit names. So in each generation plans are changed
only after all is heard that was published before it: then the plan in force here is no older than any that a commit
names, and none gives way to an older one. Where none is published, each worker's own files say what its origins name.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiokafka.errors import KafkaError
from faust.types.tuples import TP

from risk_stream.catalogue import MISSING
from risk_stream.kafka import Outgoing
from risk_stream.stream.commits import Answer
from risk_stream.stream.intake.intake import Desk, Intake
from risk_stream.stream.intake.lifts import Lifts
from risk_stream.stream.intake.origins import Origin
from risk_stream.stream.letters.fronts import Fronts, HopFronts, News, NoHops

__all__ = ["Changes"]

log = logging.getLogger(__name__)

#: How often fronts are told, and origins looked at that are quiet, s.
TELL_EVERY = 0.5

#: How long an origin is quiet before its clock may be lifted, s.
QUIET = 2.0

#: How often it is looked whether a change can go on, s.
STEP = 0.01

#: After so long without its last records a log is asked whether it has any below its end, s.
TRAILING = 0.5


async def _at_once() -> None:
    """No plans are published."""


class Changes:
    """What a worker does for its origins beside admitting.

    `newest()` returns when the plan of the intake is no older than any that was published before the call.
    """

    def __init__(self, intake: Intake, fronts: Fronts, *, wall: Callable[[], float] = time.time) -> None:
        settings = intake.settings
        self.intake, self.fronts, self.runs, self._wall = intake, fronts, intake.runs, wall
        self.hops: HopFronts = NoHops()
        self.newest: Callable[[], Awaitable[None]] = _at_once
        self.lifts = Lifts(
            quiet=QUIET,
            lateness_ms=int(settings.lateness_seconds * 1000),
            live=settings.clock == "live",
            aside={f"{settings.canary_topic}/0"},
        )
        intake.targets = fronts.targets
        intake.came = lambda channel: self.lifts.came(channel, time.monotonic())
        self._hop_topic = settings.hop_topic
        self._tasks: set[asyncio.Task[None]] = set()
        self._asking: asyncio.Task[None] | None = None
        self._asked = -1  # the generation in which the plan here is known to be the newest
        self._poked = asyncio.Event()
        self._said_inexact = False

    def begin(self) -> None:
        """A generation has begun and the intake has its desks: tell everything anew, at once."""
        self.fronts.forget()
        self.lifts.begin(time.monotonic(), tuple(desk.channel for desk in self.intake.desks.values()))
        if self._asking is not None:
            self._asking.cancel()
        self._asking = self._task(self._ask_newest(self.intake.generation))
        self._poked.set()

    async def _ask_newest(self, generation: int) -> None:
        await self.newest()
        self._asked = generation
        self._poked.set()

    def _plan(self) -> str | None:
        """The plan that all origins are to name; None while another may have been published that is not heard of."""
        return self.intake.plan.version if self._asked == self.intake.generation else None

    def poke(self) -> None:
        """Something is to be changed now: another plan is in force."""
        self._poked.set()

    def names(self, version: str) -> bool:
        """Whether every origin of this worker names a plan by now."""
        origins = [desk.origin for desk in self.intake.desks.values()]
        return all(origin is not None and origin.plan == version for origin in origins)

    async def run(self) -> None:
        """Go on until cancelled."""
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._poked.wait(), TELL_EVERY)
                self._poked.clear()
                await self.turn()
        finally:
            for task in self._tasks:
                task.cancel()

    async def turn(self) -> None:
        """Tell what is news, and begin the changes that are due."""
        await self.intake.open_new()
        await self.tell()
        now, desks = time.monotonic(), [d for d in self.intake.desks.values() if d.origin is not None]
        own = {desk.channel: desk.origin.front for desk in desks if desk.origin is not None}
        due = self.lifts.due(now, int(self._wall() * 1000), own, self.hops.heard())
        for desk in desks:
            lift, plan = due.get(desk.channel, MISSING), self._plan()
            if desk.changing or desk.origin is None or (lift == MISSING and plan in {None, desk.origin.plan}):
                continue
            if lift != MISSING:
                self.lifts.tried(desk.channel, now)
            if not self.intake.exact:
                await self._change_here(desk, desk.origin, lift, plan)
            elif not desk.origin.missing:
                self._start(desk, desk.origin, lift)

    # Fronts

    async def tell(self) -> None:
        """Tell every hop partition the fronts that are news to it."""
        desks = [desk for desk in self.intake.desks.values() if desk.origin is not None]
        fronts = {desk.channel: desk.origin.front for desk in desks if desk.origin is not None}
        fronts |= self.hops.fronts()
        generation = self.intake.generation
        for news in self.fronts.news(generation, fronts):
            waiting = [d for d in desks if d.origin is not None and d.origin.missing and d.channel in news.channels]
            for partition in range(news.partitions):
                await self._tell_one(news, partition, waiting)

    async def _tell_one(self, news: News, partition: int, waiting: list[Desk]) -> None:
        topic = self._hop_topic(news.kind)
        (sent,) = await self.runs.hand_over([Outgoing(topic, news.value, partition=partition)])

        def stored(done: asyncio.Future[Any]) -> None:
            error = ConnectionError("the send was given up") if done.cancelled() else done.exception()
            if error is not None:
                self.runs.lost(error)
                return
            for desk in waiting:
                assert desk.origin is not None
                desk.origin.greeted((news.kind, partition))
                if not desk.origin.missing:
                    self._poked.set()

        sent.add_done_callback(stored)

    # Changes

    def _start(self, desk: Desk, origin: Origin, lift: int) -> None:
        desk.changing = True
        self._task(self._change(desk, origin, lift))

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.runs.fatal(f"an origin could not be changed: {error!r}")

    def _mine(self, desk: Desk) -> bool:
        return self.intake.desks.get(desk.tp) is desk

    async def _change(self, desk: Desk, origin: Origin, lift: int) -> None:
        try:
            await self._change_by_commit(desk, origin, lift)
        finally:
            desk.changing = False
        if self._mine(desk):
            await self.intake.drain()

    async def _change_by_commit(self, desk: Desk, origin: Origin, lift: int) -> None:
        consumer, tp = self.runs.consumer, TP(*desk.tp)
        try:
            ends = await consumer.highwaters(tp)
        except KafkaError as exc:
            log.info("the end of %s is not known (%r): its clock stays for now", desk.channel, exc)
            return
        if not self._mine(desk):
            return
        origin.stop_at(int(ends[tp]))
        await self._read_to_stop(desk, origin, tp)
        while (desk.busy or desk.unstored) and self._mine(desk):  # busy: some are not even on their way yet
            await (asyncio.wait(tuple(desk.unstored)) if desk.unstored else asyncio.sleep(STEP))
        if not self._mine(desk):
            return
        quiet = desk.is_empty
        before = origin.at(origin.position)
        wanted = origin.propose(lift if quiet else MISSING, self._plan())
        if wanted is None:
            return
        answer = Answer.UNCERTAIN
        while answer is Answer.UNCERTAIN and self._mine(desk):  # saying it again does no harm
            answer = (await consumer.commit_exactly({tp: (wanted.offset, wanted.metadata())}))[tp]
            if answer is Answer.UNCERTAIN:
                await asyncio.sleep(TELL_EVERY)
        if not self._mine(desk):
            return
        origin.settle(accepted=answer is Answer.ACCEPTED)
        if answer is Answer.ACCEPTED:
            await self.intake.say(desk, wanted, before)
            self._poked.set()

    async def _read_to_stop(self, desk: Desk, origin: Origin, tp: Any) -> None:
        """Return when all below the offset of the change is admitted, or the origin is another's."""
        waited = 0.0
        while self._mine(desk) and not origin.at_stop:
            assert origin.stop is not None
            if waited >= TRAILING and await self.runs.consumer.has_delivered(tp, origin.stop):
                if self._mine(desk) and desk.is_empty:
                    self.intake.pass_over(origin, origin.stop)
            else:
                await asyncio.sleep(STEP)
                waited += STEP

    async def _change_here(self, desk: Desk, origin: Origin, lift: int, plan: str | None) -> None:
        """On a broker that cannot keep it: one worker, and a restart begins anew."""
        if not self._said_inexact:
            self._said_inexact = True
            log.warning(
                "the broker at %s keeps no decisions: run one worker; clocks and plans begin anew when it starts again",
                self.intake.settings.broker,
            )
        if lift != MISSING and not await self._is_at_end(desk, origin):
            lift = MISSING  # it has more to say: it is behind, not quiet
        if desk.busy or not self._mine(desk) or (lift == MISSING and plan in {None, origin.plan}):
            return
        origin.stop_at(origin.position)
        wanted = origin.propose(lift, plan)
        if wanted is not None:
            origin.settle(accepted=True)
        await self.intake.drain()

    async def _is_at_end(self, desk: Desk, origin: Origin) -> bool:
        """Whether all that is in the origin's log has been admitted."""
        tp = TP(*desk.tp)
        try:
            ends = await self.runs.consumer.highwaters(tp)
        except KafkaError as exc:
            log.info("the end of %s is not known (%r): its clock stays for now", desk.channel, exc)
            return False
        return origin.position >= int(ends[tp])
