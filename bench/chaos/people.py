"""Officers at work while the house is hurt, and the verdict on what became of their acts: none lost, none twice.

An officer reads the log of lives and acknowledges some of the alerts that begin there, then closes them. Each act is
said again some of the time, as by somebody who had no answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from bench.chaos.compare import Difference
from bench.chaos.house import House, Read
from risk_stream.alerts import Act, Cause, Desk, Entry, Policy, broken, read_entry
from risk_stream.engine import Alert

__all__ = ["Officers", "judge_lives"]

#: One alert in so many is worked, where nothing else is said.
EVERY = 4

#: What alerts are closed as, in turn.
AS = ("confirmed", "false_alarm", "known", "other")


#: (topic, partition).
Origin: TypeAlias = tuple[str, int]


class Officers:
    """In a thread of their own; they work one alert in `every`.

    `sent` are the acts that the broker has, by id; `entry` is the last one they saw, decided at `decided_ms`.
    """

    def __init__(self, house: House, *, every: int = EVERY) -> None:
        self.house, self.rng, self.every = house, random.Random(house.shape.seed), every
        self.sent: dict[str, Act] = {}
        self.decided: set[str] = set()
        self.entry, self.decided_ms = 0, 0
        self.seen = time.monotonic()  # when the last entry came
        self.error: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="officers", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Go home."""
        self._stop.set()
        self._thread.join(30)

    def at_rest(self, seconds: float) -> bool:
        """Whether every act is decided, and nothing was written for so long."""
        # The time first: it is asked fifty times a second, and there may be hundreds of thousands of acts.
        return time.monotonic() - self.seen > seconds and set(self.sent) <= self.decided

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except BaseException as exc:  # noqa: BLE001  it is raised again by who reads it
            self.error = exc

    async def _work(self) -> None:
        settings = self.house.settings
        producer = AIOKafkaProducer(
            bootstrap_servers=settings.broker, acks="all", enable_idempotence=True, request_timeout_ms=180_000
        )
        await producer.start()
        try:
            while not self._stop.is_set():
                with contextlib.suppress(KafkaError, OSError, TimeoutError):
                    await self._follow(producer)
        finally:
            with contextlib.suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(producer.stop(), 10)

    async def _follow(self, producer: AIOKafkaProducer) -> None:
        """Read on behind what was seen; begun again where the broker was away."""
        place = TopicPartition(self.house.settings.life_topic, 0)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.house.settings.broker, isolation_level="read_committed", enable_auto_commit=False
        )
        await consumer.start()
        try:
            consumer.assign([place])
            consumer.seek(place, 0)
            while not self._stop.is_set():
                for record in (await consumer.getmany(place, timeout_ms=100)).get(place, []):
                    await self._see(read_entry(record.value or b""), producer)
        finally:
            with contextlib.suppress(KafkaError, OSError):
                await consumer.stop()

    async def _see(self, entry: Entry, producer: AIOKafkaProducer) -> None:
        if entry.number <= self.entry:
            return
        if entry.act is not None:
            self.decided.add(entry.act.id)
        for act in self._answers(entry):
            said = msgspec.json.encode(act)
            for _ in range(1 + (self.rng.random() < 0.2)):
                await producer.send_and_wait(self.house.settings.actions_topic, said, key=act.id.encode(), partition=0)
            self.sent[act.id] = act
        self.entry, self.decided_ms, self.seen = entry.number, entry.time, time.monotonic()

    def _answers(self, entry: Entry) -> Iterator[Act]:
        for life in entry.lives:
            if int(life.alert[:8], 16) % self.every:
                continue
            if entry.what == "alert" and life.version == 1 and life.standing == "open":
                yield self._act("acknowledge", life.id)
            elif entry.act is not None and entry.act.act == "acknowledge":
                yield self._act("close", life.id, disposition=AS[int(life.alert[:4], 16) % len(AS)])

    def _act(self, kind: str, life: str, **more: Any) -> Act:
        now = int(time.time() * 1000)
        return Act(id=f"{kind}-{life}", act=kind, by="wang", at=now, alerts=[life], **more)  # type: ignore[arg-type]


def judge_lives(house: House, officers: Officers) -> tuple[list[Difference], dict[str, float]]:
    """Where the log of lives is not what one desk, undisturbed, would have written, or Redis does not show it."""
    settings, found = house.settings, list[Difference]()
    records = [record.value for record in house.read(settings.life_topic)]
    if (why := broken(records)) is not None:
        found.append(Difference("changed", ("the chain of lives", why), None, None))
        return found, {}
    entries = [read_entry(record) for record in records]
    acts = Counter(entry.act.id for entry in entries if entry.act is not None)
    found += [Difference("lost", ("act", id), officers.sent[id].act, None) for id in officers.sent if not acts[id]]
    found += [Difference("doubled", ("act", id), 1, many) for id, many in acts.items() if many > 1]
    inputs: dict[Origin, deque[tuple[int, Read]]] = {
        (topic, partition): deque((record.offset, record) for record in records)
        for topic in (settings.alerts_topic, settings.actions_topic)
        for partition, records in groupby(house.read(topic), key=attrgetter("partition"))
    }
    desk = Desk(Policy(remember_ms=int(settings.desk_days * 86_400_000)))
    for entry, written in zip(entries, records, strict=True):
        passed, again = _decide(desk, settings.actions_topic, inputs, entry)
        found += passed
        if again != written:
            found.append(Difference("changed", ("entry", str(entry.number)), again, written))
            return found, {}
    for place, left in inputs.items():  # what no entry names changes nothing
        found += _pass_over(desk, settings.actions_topic, place, left, None)
    in_redis = _redis(house, desk)
    found += in_redis
    lives = desk.memory.lives.values()
    figures: dict[str, float] = {
        "entries": len(entries),
        "lives": len(desk.memory.lives),
        "acts": len(acts),
        "acts_refused": sum(not all(r.done for r in entry.rulings) for entry in entries),
        "closed_by_officers": sum(bool(life.closed_by) for life in lives),
        "standing_differences": len(in_redis),
    }
    return found, figures


def _decide(
    desk: Desk, actions: str, inputs: Mapping[Origin, deque[tuple[int, Read]]], entry: Entry
) -> tuple[list[Difference], bytes | None]:
    """What an undisturbed desk says where this entry stands, after inputs that it reads before and has no answer to."""
    if entry.cause is None:
        return [], desk.pass_time(entry.time)
    cause, left = entry.cause, inputs[entry.cause.topic, entry.cause.partition]
    passed = _pass_over(desk, actions, (cause.topic, cause.partition), left, cause.offset)
    if not left or left[0][0] != cause.offset:
        return passed, None  # it names an input that is not there, or that was answered before
    _, record = left.popleft()
    return passed, _take(desk, actions, cause, record, entry.time)


def _pass_over(
    desk: Desk, actions: str, place: Origin, left: deque[tuple[int, Read]], until: int | None
) -> list[Difference]:
    """Take what stands before an offset, None for all that is left; something lost where it changes anything."""
    found = []
    while left and (until is None or left[0][0] < until):
        offset, record = left.popleft()
        if _take(desk, actions, Cause(*place, offset), record, desk.memory.now) is not None:
            found.append(Difference("lost", ("input", str((*place, offset))), record.value, None))
    return found


def _take(desk: Desk, actions: str, cause: Cause, record: Read, now: int) -> bytes | None:
    if cause.topic == actions:
        return desk.act(msgspec.json.decode(record.value, type=Act), cause, now)
    return desk.hear(msgspec.json.decode(record.value, type=Alert), cause, now)


def _redis(house: House, desk: Desk) -> list[Difference]:
    """Alerts that do not stand in Redis where people are with them."""
    memory, shown = desk.memory, house.redis_standings()
    found = []
    for alert, id in memory.newest.items():
        life = memory.lives[id]
        wanted = {"status": life.standing, "assignee": life.assignee, "disposition": life.disposition or ""}
        got = shown.get(alert)
        if got != wanted:
            found.append(Difference("changed in redis", ("standing", alert), wanted, got))
    return found
