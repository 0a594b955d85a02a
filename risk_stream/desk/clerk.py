"""Takes in what the engine says of alerts and what people ask for, and writes an entry for each that changes something.

Its state is a function of the log of lives: it keeps nothing and commits nothing, and goes on behind the last input
that an entry names, wherever it is started. An input that changed nothing is looked at again then, and changes nothing
again. Of several desks of a house one is active; the others stand by.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from risk_stream.alerts import MOST_ACT_BYTES, Act, Cause, Desk, Entry, Policy, outcomes_of
from risk_stream.catalogue import load_catalogue
from risk_stream.desk.gauges import DESK_METRICS, DeskGauges
from risk_stream.desk.heads import HeadsError
from risk_stream.desk.log import LifeLog
from risk_stream.desk.policy import PolicySource
from risk_stream.desk.signing import HeadSigner
from risk_stream.desk.standings import StandingWriter
from risk_stream.engine import Alert
from risk_stream.garbage import settle, unsettle
from risk_stream.kafka import WAIT_MS, ConsumerClient, Outgoing, Reader, Turn, lag, read_lives, reject_to
from risk_stream.kafka.releases import check_release
from risk_stream.settings import Settings, kafka_options
from risk_stream.sinks import AlertSink, Metrics

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

__all__ = ["DeskClerk"]

#: Inputs that are decided in one go, and stored together.
BATCH = 500

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class _Decided:
    """A message to be stored, the entry that it is, and when the broker had the record that it answers, ms."""

    message: Outgoing
    entry: Entry | None = None  # None: the record could not be read, and is refused
    asked: int = 0


class DeskClerk:
    """Runs until cancelled. `told` hears a sentence of what it does now.

    `metrics`, of `DESK_METRICS`, are kept up to date; whoever made them serves them.
    """

    def __init__(self, settings: Settings, told: Callable[[str], None], metrics: Metrics | None = None) -> None:
        self.settings, self._told = settings, told
        plain = Policy(remember_ms=int(settings.desk_days * _DAY_MS))
        self._policies = PolicySource(settings.people_folder, load_catalogue(*settings.events), plain)
        self._signer = HeadSigner(settings)
        self._gauges = DeskGauges(metrics or Metrics(of=DESK_METRICS), settings.metrics_rules)
        self._turn = Turn(settings.broker, settings.life_topic, f"{settings.group}-desk")

    async def run(self) -> None:
        """Stand by, then decide; where the broker is away, begin again once it answers.

        Raises:
            BrokerError: the broker was never there, or a topic is not.
            LaterFormatError: a later release works in this house.
        """
        await check_release(self.settings)
        await self._turn.work(
            self._work,
            topics=[self.settings.alerts_topic, self.settings.actions_topic, self.settings.life_topic],
            name="the desk",
            told=self._told,
            waits="another desk is active, or is about to be: standing by",
            fenced="another desk took over",
            rests=self._gauges.stand_by,
            passes=(HeadsError,),
        )

    async def _work(self) -> None:
        """One turn: fence whoever had the last one, know what they decided, and go on."""
        settings = self.settings
        lives = LifeLog(settings)
        sink = AlertSink(settings.redis, prefix=settings.redis_prefix)
        standings = StandingWriter(sink, self._told)
        work: list[asyncio.Task[None]] = []
        try:
            await lives.open()
            desk = Desk(self._policies.policy)
            await self._read(desk, standings)
            settle()
            self._told(f"active: {len(desk.memory.lives):,} alerts known, {desk.memory.number:,} entries")
            work = [asyncio.create_task(w) for w in (standings.run(), self._decide(desk, lives, standings))]
            ended, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for one in ended:
                one.result()  # where either fails the other goes on for nothing
        finally:
            for one in work:
                one.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await sink.close()
            await lives.close()
            unsettle()

    async def _read(self, desk: Desk, standings: StandingWriter) -> None:
        """Know what was decided; of what Redis has not got yet the writer learns."""
        reached = await standings.reached()

        self._signer.begin()

        def take(record: bytes) -> None:
            entry = desk.memory.take(record)
            self._signer.take(entry, desk.memory.before)
            if entry.number > reached:
                standings.note(entry)

        await read_lives(self.settings, take)
        standings.keep(desk.memory.newest)
        if not self._signer.holds:
            self._told("the log is not as it was signed last: risk-stream audit verify says what is wrong")

    async def _decide(self, desk: Desk, lives: LifeLog, standings: StandingWriter) -> None:
        consumer = ConsumerClient(
            **kafka_options(self.settings.broker),
            enable_auto_commit=False,
            isolation_level="read_committed",
            fetch_max_wait_ms=WAIT_MS,
        )
        await consumer.start()
        try:
            await self._begin(consumer, desk)
            while await self._turn.mine():
                got = await consumer.getmany(timeout_ms=WAIT_MS, max_records=BATCH)
                records = [record for of_one in got.values() for record in of_one]
                if (policy := self._policies.changed()) is not None:
                    desk.use(policy)
                decided = list(self._decided(desk, records))
                if decided:
                    await lives.write([message for one in decided for message in self._messages(one, desk)])
                    self._stored(decided, standings)
                await self._signer.sign(desk.memory, self._now(desk))
                if self._gauges.due:
                    self._gauges.sign(self._signer.last, holds=self._signer.holds)
                    tasks = len(asyncio.all_tasks())
                    self._gauges.show(desk, self._now(desk), await lag(consumer), len(standings), tasks)
            self._told("another desk took over")
        finally:
            with contextlib.suppress(KafkaError, OSError):
                await consumer.stop()

    async def _begin(self, consumer: ConsumerClient, desk: Desk) -> None:
        """Read each partition from behind the last input that an entry names."""
        async with Reader(self.settings.broker) as reader:
            spans = await reader.spans([self.settings.alerts_topic, self.settings.actions_topic])
        starts = {
            TopicPartition(span.topic, span.partition): max(
                span.start, desk.memory.places.get((span.topic, span.partition), 0)
            )
            for span in spans
        }
        consumer.assign(list(starts))
        for tp, start in starts.items():
            consumer.seek(tp, start)

    def _now(self, desk: Desk) -> int:
        """A clock that is set back does not set the log back, ms."""
        return max(int(time.time() * 1000), desk.memory.now)

    def _decided(self, desk: Desk, records: list[ConsumerRecord]) -> Iterator[_Decided]:
        """The entries of records, and of the time that has passed; what is no act is refused, and kept."""
        now = self._now(desk)
        for record in records:
            cause = Cause(record.topic, record.partition, record.offset)
            try:
                if record.topic == self.settings.actions_topic:
                    entry = desk.act(_act_of(record.value or b""), cause, now)
                else:
                    entry = desk.hear(_ALERTS.decode(record.value or b""), cause, now)
            except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as exc:
                channel = f"{record.topic}/{record.partition}"
                said = f"neither an act nor an alert ({exc}): acts are sent by the console and risk-stream alerts"
                yield _Decided(reject_to(self.settings.rejects_topic, channel, record, "message", said))
                continue
            if entry is not None:
                yield self._entry(entry, desk, record.timestamp)
        while (entry := desk.pass_time(now)) is not None:
            yield self._entry(entry, desk, now)

    def _entry(self, record: bytes, desk: Desk, asked: int) -> _Decided:
        return _Decided(Outgoing(self.settings.life_topic, record, partition=0), desk.last, asked)

    def _messages(self, one: _Decided, desk: Desk) -> Iterator[Outgoing]:
        """What is stored of one thing decided, all in one transaction: the entry, and what models learn from it.

        Models learn nothing where time is simulated: what people do now would be far ahead of the events.
        """
        yield one.message
        reference = self.settings.house_topics.get("reference")
        if one.entry is not None and reference is not None and self.settings.clock == "live":
            for outcome in outcomes_of(one.entry, desk.policy):
                yield Outgoing(reference, msgspec.json.encode(outcome), key=outcome["id"].encode())

    def _stored(self, stored: Iterable[_Decided], standings: StandingWriter) -> None:
        """Count what is stored, and have it shown."""
        now = time.time() * 1000
        for one in stored:
            if one.entry is None:
                self._gauges.refuse()
            else:
                standings.note(one.entry)
                self._gauges.count(one.entry, max(0.0, now - one.asked) / 1000)


def _act_of(value: bytes) -> Act:
    """Raises `msgspec.DecodeError`, `msgspec.ValidationError` and `RecursionError`."""
    if len(value) > MOST_ACT_BYTES:
        raise msgspec.ValidationError(f"it has {len(value):,} bytes, and an act {MOST_ACT_BYTES:,} at most")
    return _ACTS.decode(value)


_ACTS, _ALERTS = msgspec.json.Decoder(Act), msgspec.json.Decoder(Alert)
