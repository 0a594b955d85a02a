"""The clerk of margin accounts: follows statements, holdings and prices on the house's topics, and says what changes.

Its state is a function of the topics, what it said before among them: it keeps nothing, commits nothing, and begins
anew wherever it is started. Of several clerks of a house one is active, that to which Kafka's group gives the one
partition of the audit topic; the others stand by. One that was paused and does not know that another took over says the
same statuses under the same ids.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
import orjson
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from risk_stream.catalogue import MISSING, Decoder, EventBatch
from risk_stream.kafka import WAIT_MS, ConsumerClient, Producer, Reader, Span, Turn, lag
from risk_stream.lending import MarginDesk, MarginStatus
from risk_stream.settings import Settings, kafka_options
from risk_stream.sinks import CLERK_METRICS, Metrics
from risk_stream.stream.margin.gauges import MarginGauges
from risk_stream.stream.past import in_order

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

__all__ = ["MarginClerk"]

#: Records of a partition that are read back first, where the newest price of every title is sought; then twice as many
#: before them, and so on.
FIRST_LOOK = 10_000


class MarginClerk:
    """Runs until cancelled. `make_desk` makes an empty desk; `told` hears a sentence of what it does now.

    `metrics`, of `CLERK_METRICS`, are kept up to date; whoever made them serves them.
    """

    def __init__(
        self,
        settings: Settings,
        make_desk: Callable[[], MarginDesk],
        told: Callable[[str], None],
        metrics: Metrics | None = None,
    ) -> None:
        self.settings, self._make_desk, self._told = settings, make_desk, told
        self._desk = make_desk()
        self._gauges = MarginGauges(metrics or Metrics(of=CLERK_METRICS))
        self._decoder = Decoder(self._desk.catalogue)
        self._newest = MISSING  # the newest time on the topic that statuses go to
        self._turn: Turn | None = None

    async def run(self) -> None:
        """Stand by, then follow the topics; where the broker is away, begin again once it answers.

        Raises:
            BrokerError: the broker was never there, or a topic is not.
        """
        settings = self.settings
        turn = self._turn = Turn(settings.broker, settings.audit_topic, f"{settings.group}-margin")
        await turn.work(
            self._work,
            topics=[*settings.house_topics.values(), settings.audit_topic],
            name="the clerk of margin accounts",
            told=self._told,
            waits="another clerk is active, or is about to be: standing by",
            rests=self._gauges.stand_by,
        )

    async def _work(self) -> None:
        """One turn."""
        producer = Producer(self.settings.broker, client_id="risk-stream-margin")
        await producer.start()
        try:
            await self._follow(producer, await self._begin(producer))
        finally:
            with contextlib.suppress(KafkaError):
                await producer.stop()

    async def _mine(self) -> bool:
        assert self._turn is not None
        return await self._turn.mine()

    # What there is already.

    async def _begin(self, producer: Producer) -> dict[TopicPartition, int]:
        """Read what holds now and say what has changed meanwhile; -> where each partition goes on."""
        topics, desk = self.settings.house_topics, self._make_desk()
        self._desk, self._newest = desk, MISSING
        async with Reader(self.settings.broker) as reader:
            stated = await reader.spans([topics["reference"]])
            said = await reader.spans([topics["loans"]])
            priced = await reader.spans([topics["trades"]])
            async for batch in self._read(reader, stated):
                desk.learn(batch)
            async for batch in self._read(reader, said):
                desk.recall(batch)
                self._newest = max(self._newest, int(batch.times.max()))
            for spans in _looking_back(priced):
                async for batch in self._read(reader, spans):
                    desk.learn(batch)
                if not desk.unpriced:
                    break
        await self._say(producer, desk.outstanding(self._newest))
        self._gauges.show(desk)
        self._told(f"active: {desk.book.accounts:,} margin accounts with {desk.book.positions:,} positions")
        return {TopicPartition(span.topic, span.partition): span.end for span in (*stated, *priced)}

    async def _read(self, reader: Reader, spans: list[Span]) -> AsyncIterator[EventBatch]:
        async for records in reader.read(spans):
            batch = self._decoded(records)
            if len(batch):
                yield batch
            await self._mine()

    def _decoded(self, records: list[ConsumerRecord]) -> EventBatch:
        """The events of records of one partition, without those from too far ahead, which admission refuses too."""
        batch, index, _ = self._decoder.decode(
            [record.value for record in records],
            lambda i: f"{records[i].topic}/{records[i].partition}/{records[i].offset}",
        )
        if self.settings.clock == "simulated" or not len(batch):
            return batch
        latest = np.array([records[i].timestamp for i in index.tolist()]) + self.settings.future_seconds * 1000
        return batch.take(np.flatnonzero(batch.times <= latest))

    # What comes.

    async def _follow(self, producer: Producer, ends: dict[TopicPartition, int]) -> None:
        """Say what changes as it comes, as long as it is this clerk's turn."""
        consumer = ConsumerClient(
            **kafka_options(self.settings.broker), enable_auto_commit=False, fetch_max_wait_ms=WAIT_MS
        )
        await consumer.start()
        try:
            consumer.assign(list(ends))
            for tp, end in ends.items():
                consumer.seek(tp, end)
            while await self._mine():
                got = await consumer.getmany(timeout_ms=WAIT_MS)
                batches = [batch for records in got.values() if len(batch := self._decoded(records))]
                for together in in_order(batches):
                    statuses = self._desk.apply(together)
                    self._gauges.count(together, statuses)
                    await self._say(producer, statuses)
                if self._gauges.due:
                    self._gauges.show(self._desk, await lag(consumer))
            self._told("another clerk took over")
        finally:
            with contextlib.suppress(KafkaError, OSError):
                await consumer.stop()

    async def _say(self, producer: Producer, statuses: Iterable[MarginStatus]) -> None:
        """Write statuses to the house's loans topic, and wait until the broker has them.

        Not where time is simulated: a simulated market says them itself, and its days pass faster than a clerk follows,
        so that all of them would come too late.
        """
        if self.settings.clock == "simulated":
            return
        topic = self.settings.house_topics["loans"]
        sent = [
            await producer.send(topic, orjson.dumps(status.event()), key=status.account.encode()) for status in statuses
        ]
        for one in sent:
            await one


def _looking_back(spans: list[Span]) -> Iterable[list[Span]]:
    """The ends of spans first, then what lies before, twice as much each time, until all is read."""
    stops, size = {span: span.end for span in spans}, FIRST_LOOK
    while any(stop > span.start for span, stop in stops.items()):
        starts = {span: max(span.start, stop - size) for span, stop in stops.items()}
        yield [Span(span.topic, span.partition, starts[span], stop) for span, stop in stops.items()]
        stops, size = starts, 2 * size
