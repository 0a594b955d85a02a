"""Follows `risk.life`, plans what is to be told, writes it down, and has it sent.

Its state is a function of two logs: what became of alerts, and what was told. It commits nothing: one that takes over
fences the one before by the name of its transactions, reads both, and sends what was planned and has no outcome. Of
several of a house one is active; the others stand by.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from risk_stream.access import Masking, reveal_act
from risk_stream.alerts import read_entry
from risk_stream.catalogue import MASK, Catalogue
from risk_stream.kafka import SESSION_MS, FencedLog, LogFollower, Outgoing, Turn
from risk_stream.kafka.releases import check_release
from risk_stream.notices import Again, Notice, Outcome, Planned, Planner, Record, compose
from risk_stream.post.metrics import NOTICE_METRICS
from risk_stream.post.queue import ReceiverQueue
from risk_stream.post.seal import seal_text
from risk_stream.post.sentences import Sentences
from risk_stream.post.source import HouseSource
from risk_stream.post.telling import CLIENT, follower_of
from risk_stream.settings import Settings
from risk_stream.sinks import Metrics

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

__all__ = ["PostOffice"]

log = logging.getLogger(__name__)

#: For how long a process that heard that it is its turn believes it, s: half of what the broker waits for it.
SURE = SESSION_MS / 2000

#: How often it is planned, s: what comes within it is told together.
GATHER = 0.2

#: How long the sentences of one notice may take to read, s.
PATIENCE = 2.0

#: Lines of a digest whose sentences are read.
MOST_SENTENCES = 20


class PostOffice:
    """Runs until cancelled. `told` hears a sentence of what it does now; whoever made `metrics` serves them."""

    def __init__(
        self,
        settings: Settings,
        source: HouseSource,
        catalogue: Catalogue,
        told: Callable[[str], None],
        metrics: Metrics | None = None,
    ) -> None:
        self.settings, self.source, self.told = settings, source, told
        self.metrics = metrics or Metrics(of=NOTICE_METRICS)
        self.masking = Masking(catalogue)
        self.turn = Turn(settings.broker, settings.notices_topic, f"{settings.group}-notices")
        self.active = False

    async def run(self) -> None:
        """Stand by, then tell; where the broker is away, begin again once it answers.

        Raises:
            BrokerError: the broker was never there, or a topic is not.
            LaterFormatError: a later release works in this house.
        """
        settings = self.settings
        await check_release(settings)
        await self.turn.work(
            lambda: _Shift(self).work(),
            topics=[settings.alerts_topic, settings.life_topic, settings.notices_topic],
            name="sending notices",
            told=self.told,
            waits="another sends notices, or is about to: standing by",
            rests=self._rest,
        )

    def _rest(self) -> None:
        self.active = False
        self.metrics.set("risk_stream_notices_active", 0)


class _Shift:
    """One turn of being active: all that it knows it has from the logs."""

    def __init__(self, office: PostOffice) -> None:
        self._office, self.settings = office, office.settings
        self._house = office.source.current()
        self._planner = Planner(self._house)
        self._queues: dict[str, ReceiverQueue] = {}
        self._ended: deque[Outcome] = deque()  # bounded by what waits in the queues
        self._log = FencedLog(
            self.settings.broker, self.settings.notices_topic, name=f"{self.settings.group}-notices", client_id=CLIENT
        )
        self._sentences = Sentences(self.settings.broker, self.settings.alerts_topic, office.masking)
        self._wake = asyncio.Event()
        self._planned_at: dict[str, float] = {}
        self._looked = 0.0
        self._sure_until = 0.0  # nothing is sent after it: this process may have been paused, and another is at work

    async def work(self) -> None:
        """Know what was told, and go on, as long as it is this process's turn."""
        following: list[asyncio.Task[None]] = []
        notices, lives = follower_of(self.settings, self._hear), self._lives()
        try:
            await self._log.open()
            await self._sentences.start()
            await notices.start()
            await lives.start()
            following = [asyncio.create_task(one.follow()) for one in (notices, lives)]
            self._begin()
            await self._go_on(following)
        finally:
            self._office.active = False
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)
            for queue in self._queues.values():
                await queue.stop()
            for follower in (notices, lives):
                with contextlib.suppress(KafkaError, OSError):
                    await follower.stop()
            await self._sentences.stop()
            await self._log.close()

    def _begin(self) -> None:
        office, told = self._office, self._planner.told
        office.active = True
        office.metrics.set("risk_stream_notices_active", 1)
        waiting = list(told.waiting.values())
        cases = sum(bool(case.open) for case in self._planner.cases.cases.values())
        receivers = len(self._house.receivers)
        office.told(f"active: {receivers:,} receivers, {cases:,} cases open, {len(waiting):,} notices left to send")
        for notice in waiting:
            self._send(notice)

    async def _go_on(self, following: list[asyncio.Task[None]]) -> None:
        while await self._office.turn.mine():
            self._sure_until = time.monotonic() + SURE
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), GATHER)
            self._wake.clear()
            for task in following:
                if task.done():
                    task.result()
            house = self._office.source.current()
            if house is not self._house:
                self._house = house
                self._planner.change(house)
            planned: list[Planned] = []
            if time.monotonic() - self._looked >= GATHER:
                self._looked, planned = time.monotonic(), self._planner.plan(_now())
            await self._write([await self._worded(one) for one in planned])
        self._office.told("another took over")

    # In

    def _lives(self) -> LogFollower:
        def take(records: list[ConsumerRecord]) -> None:
            for record in records:
                self._planner.take(read_entry(record.value or b""))

        place = TopicPartition(self.settings.life_topic, 0)
        return LogFollower(
            self.settings.broker, [place], take, client_id=CLIENT, name="the log of lives", committed=True
        )

    def _hear(self, record: Record) -> None:
        """What the log of notices says: all of it at first, then what others ask for."""
        if not self._office.active:
            self._planner.heard(record)
        elif isinstance(record, Again):
            notice = self._planner.heard(record)
            if notice is not None:
                self._send(notice)

    # Out

    async def _write(self, notices: list[Notice]) -> None:
        """Store what was planned and what became of things; then have the planned sent."""
        topic, ended = self.settings.notices_topic, list(self._ended)
        records: list[Notice | Outcome] = [*notices, *ended]
        if not records:
            return
        messages = [Outgoing(topic, msgspec.json.encode(record), partition=0) for record in records]
        for notice in notices:
            if notice.revealed:
                act = reveal_act(notice.id, notice.receiver, f"notice/{notice.thread}", notice.at)
                messages.append(Outgoing(self.settings.actions_topic, msgspec.json.encode(act), partition=0))
        await self._log.write(messages)
        for outcome in ended:
            self._ended.popleft()
            self._planner.heard(outcome)
        for notice in notices:
            self._planner.worded(notice)
            self._office.metrics.add("risk_stream_notices_planned_total", 1, notice.step)
            self._send(notice)

    def _send(self, notice: Notice) -> None:
        queue = self._queues.get(notice.receiver)
        if queue is None:
            queue = self._queues[notice.receiver] = self._queue(notice.receiver)
        self._planned_at[notice.id] = time.monotonic()
        queue.put(notice)
        self._waiting(notice.receiver)

    def _queue(self, name: str) -> ReceiverQueue:
        metrics = self._office.metrics
        return ReceiverQueue(
            lambda: self._house.receivers.get(name),
            self._became,
            lambda: metrics.add("risk_stream_notices_failed_total", 1, name),
            give_up=lambda: self._house.give_up_hours * 3600,
            mine=lambda: time.monotonic() < self._sure_until,
        )

    def _became(self, notice: Notice, outcome: Outcome) -> None:
        metrics, name = self._office.metrics, notice.receiver
        began = self._planned_at.pop(notice.id, None)
        if outcome.became == "sent":
            metrics.add("risk_stream_notices_sent_total", 1, name)
            if began is not None:
                metrics.observe("risk_stream_notices_seconds", time.monotonic() - began)
        else:
            metrics.add("risk_stream_notices_dead_total", 1, name)
            log.warning("notice %s to %s is given up: %s", notice.id, name, outcome.why)
        self._ended.append(outcome)
        self._waiting(name)
        self._wake.set()

    def _waiting(self, name: str) -> None:
        queue = self._queues.get(name)
        if queue is not None:
            self._office.metrics.set("risk_stream_notices_waiting", len(queue), name)

    # Words

    async def _worded(self, planned: Planned) -> Notice:
        """The notice with its text; sealed where its receiver has a key."""
        notice, receiver, house = planned.notice, planned.receiver, self._house
        if planned.template >= 0 and planned.life is not None:
            template = house.templates[planned.template]
            title, text = template.said(receiver.language, planned.life, notice.id, receiver.timezone)
        else:
            sentences = await self._read(planned, revealed=receiver.personal_data)
            title, text = compose(planned, sentences.get, self.settings.console_url, self._shown)
        if not receiver.key:
            return msgspec.structs.replace(notice, title=title, text=text)
        sealed = seal_text(title, text, receiver.key)
        return msgspec.structs.replace(
            notice, title=f"risk-stream {notice.id}", text=sealed, sealed=True, revealed=receiver.personal_data
        )

    async def _read(self, planned: Planned, *, revealed: bool) -> dict[str, str | None]:
        lives = [seen.head for _, seen in planned.parts[:MOST_SENTENCES]] or [planned.life or planned.sight.head]
        found: dict[str, str | None] = {}
        with contextlib.suppress(TimeoutError):  # a notice is sent without sentences rather than late
            async with asyncio.timeout(PATIENCE):
                for life in lives:
                    cause = None if life is None else self._planner.cases.causes.get(life.alert)
                    if life is not None and cause is not None:
                        found[life.alert] = await self._sentences.of(cause, revealed=revealed)
        return found

    def _shown(self, kind: str, key: str) -> str:
        return f"{kind} {MASK if kind in self._office.masking.kinds else key}"


def _now() -> int:
    return int(time.time() * 1000)
