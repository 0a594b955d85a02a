"""A topic read once, from where it begins to where it ended when that was asked; for commands, not for workers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from risk_stream.kafka.clients import ConsumerClient
from risk_stream.kafka.topics import BrokerError, partition_counts
from risk_stream.settings import kafka_options

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

__all__ = ["Reader", "Span", "lag"]

#: Most records handed over at once.
BATCH = 5_000

#: A broker from which nothing comes for so long, with records still to read, is away, s.
PATIENCE = 30.0

#: How long a fetch may take that says where a partition ends, s; where none does, the broker's word is taken.
END_PATIENCE = 2.0


@dataclass(frozen=True, slots=True)
class Span:
    """The records of one partition from offset `start`, the first, to before `end`."""

    topic: str
    partition: int
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


class Reader:
    """Reads topics of one broker; `async with` it. A broker that does not answer is a `BrokerError` of one sentence.

    `fetch_bytes` is what a partition sends at once: little where single records are looked at here and there.
    """

    def __init__(self, broker: str, *, fetch_bytes: int = 4 << 20) -> None:
        self.broker, self._fetch_bytes = broker, fetch_bytes
        self._consumer: ConsumerClient | None = None

    async def __aenter__(self) -> Reader:
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it would say is said here, once
        consumer = ConsumerClient(
            **kafka_options(self.broker),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=self._fetch_bytes,
        )
        try:
            await asyncio.wait_for(consumer.start(), PATIENCE)
        except (KafkaError, OSError, TimeoutError) as exc:
            raise BrokerError(
                f"Kafka does not answer at {self.broker} ({_why(exc)}): start it, or set RISK_STREAM_BROKER"
            ) from exc
        self._consumer = consumer
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._consumer is not None:
            await self._consumer.stop()

    async def has(self, topic: str) -> bool:
        """Whether a topic is there. Raises `BrokerError`."""
        return topic in await asyncio.to_thread(partition_counts, self.broker)

    async def spans(self, topics: Iterable[str], *, since_ms: int | None = None) -> list[Span]:
        """What there is to read of topics now, by partition; with `since_ms` only what the broker got from then on.

        Raises:
            BrokerError: a topic is not there, or the broker does not answer.
        """
        consumer = self._started()
        counts = await asyncio.to_thread(partition_counts, self.broker)
        asked = list(dict.fromkeys(topics))
        for topic in asked:
            if topic not in counts:
                raise BrokerError(f"there is no topic {topic} at {self.broker}: risk-stream topics create")
        tps = [TopicPartition(topic, p) for topic in asked for p in range(counts[topic])]
        with self._named():
            consumer.assign(tps)  # of what is assigned all is asked at once; of others, topic by topic, with waits
            consumer.pause(*tps)
            starts = await consumer.beginning_offsets(tps)
            ends = await self._ends(starts)
            if since_ms is not None:
                later = await consumer.offsets_for_times(dict.fromkeys(tps, since_ms))
                starts = {tp: at.offset if (at := later[tp]) is not None else ends[tp] for tp in tps}
        return [Span(tp.topic, tp.partition, starts[tp], ends[tp]) for tp in tps]

    async def _ends(self, starts: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Where partitions end.

        The embedded broker names the place behind the first record of the last batch, which may hold more: a fetch of
        that batch says where it ends.
        """
        consumer = self._started()
        ends: dict[TopicPartition, int] = await consumer.end_offsets(list(starts))
        unsure = [tp for tp, end in ends.items() if end > starts[tp]]
        for tp in unsure:
            consumer.seek(tp, ends[tp] - 1)
        given_up = time.monotonic() + END_PATIENCE
        while unsure and time.monotonic() < given_up:
            consumer.resume(*unsure)
            await consumer.getmany(*unsure, timeout_ms=50, max_records=1)
            consumer.pause(*unsure)
            unsure = [tp for tp in unsure if consumer.highwater(tp) is None]
        return {tp: max(end, consumer.highwater(tp) or 0) for tp, end in ends.items()}

    async def read(self, spans: Sequence[Span]) -> AsyncIterator[list[ConsumerRecord]]:
        """All records of the spans, in batches of one partition, each partition in its order."""
        consumer = self._started()
        ends = {TopicPartition(s.topic, s.partition): s.end for s in spans if len(s) > 0}
        if not ends:
            return
        consumer.assign(list(ends))
        for span in spans:
            if len(span) > 0:
                consumer.seek(TopicPartition(span.topic, span.partition), span.start)
        heard = time.monotonic()
        while ends:
            with self._named():
                got = await consumer.getmany(*ends, timeout_ms=500, max_records=BATCH)
            for tp, records in got.items():
                heard = time.monotonic()
                yield [record for record in records if record.offset < ends[tp]]
            if not got and time.monotonic() - heard > PATIENCE:
                raise BrokerError(f"the broker at {self.broker} stopped answering before all was read: run it again")
            with self._named():
                done = [tp for tp, end in ends.items() if await consumer.position(tp) >= end]
            for tp in done:
                del ends[tp]
                consumer.pause(tp)

    def _started(self) -> ConsumerClient:
        assert self._consumer is not None, "async with it"
        return self._consumer

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except (KafkaError, OSError, TimeoutError) as exc:
            raise BrokerError(
                f"Kafka does not answer at {self.broker} ({_why(exc)}): run it again when it does"
            ) from exc


def _why(error: Exception) -> str:
    return type(error).__name__ if not str(error) else f"{type(error).__name__}: {str(error).splitlines()[0]}"


async def lag(consumer: ConsumerClient) -> Counter[str]:
    """Records of each topic that are yet to be read by a consumer that follows, as of its last fetches."""
    behind: Counter[str] = Counter()
    for tp in consumer.assignment():
        end = consumer.highwater(tp)
        behind[tp.topic] += 0 if end is None else max(end - await consumer.position(tp), 0)
    return behind
