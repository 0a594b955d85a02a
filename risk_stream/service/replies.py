"""Replies on Kafka: a record of `risk.requests` whose headers name a topic gets its answer there.

Headers: `reply_to`, one of the topics that the house allows; `correlation_id`, given back with the answer; and
`deadline_ms`, if it is not to be the usual one. The servers of a house share the partitions of the topic, so each
request is replied to by one of them; one whose server dies before it has is replied to by the next, so a reply may
come twice, and is the same both times.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import orjson
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from risk_stream.decisions import BadRequestError, Request, Requests
from risk_stream.kafka import ConsumerClient, Producer
from risk_stream.service.asking import Asking, ConflictError, LostError, OverloadedError
from risk_stream.settings import Settings, kafka_options
from risk_stream.sinks import Metrics

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

__all__ = ["CORRELATION", "DEADLINE", "REPLY_TO", "Replies"]

#: Headers of a request.
CORRELATION, REPLY_TO, DEADLINE = "correlation_id", "reply_to", "deadline_ms"

#: How often it is looked whether replies are stored, so that they need not be made again, s.
COMMIT_EVERY = 0.5

#: How long a request that could not be replied to waits before that is tried again, s.
AGAIN = 1.0

log = logging.getLogger(__name__)


class Replies:
    """Replies to requests that ask for it. `ready` is set when all that was answered before is known."""

    def __init__(
        self, settings: Settings, asking: Asking, requests: Requests, producer: Producer, metrics: Metrics
    ) -> None:
        self.settings, self.asking, self.requests, self.metrics = settings, asking, requests, metrics
        self._producer = producer
        self._allowed = frozenset(settings.decisions_reply_topics)
        self._open: dict[TopicPartition, dict[int, asyncio.Task[None]]] = {}  # requests by offset, ascending
        self._next: dict[TopicPartition, int] = {}

    async def run(self, ready: asyncio.Event) -> None:
        """Reply until cancelled. Raises `KafkaError` where the broker is away at the start."""
        await ready.wait()
        consumer = self._new_consumer()
        await consumer.start()
        try:
            committed = time.monotonic()
            while True:
                for tp, records in (await consumer.getmany(timeout_ms=100, max_records=500)).items():
                    for record in records:
                        self._take(tp, record)
                if time.monotonic() - committed > COMMIT_EVERY:
                    await self._commit(consumer)
                    committed = time.monotonic()
                while sum(map(len, self._open.values())) >= self.settings.decisions_in_flight:
                    await asyncio.sleep(0.01)
                    self._forget_done()
        finally:
            await consumer.stop()

    def _new_consumer(self) -> ConsumerClient:
        return ConsumerClient(
            self.settings.requests_topic,
            **kafka_options(self.settings.broker),
            group_id=f"{self.settings.group}-replies",
            enable_auto_commit=False,
            auto_offset_reset="latest",
            fetch_max_wait_ms=100,
        )

    def _take(self, tp: TopicPartition, record: ConsumerRecord) -> None:
        self._next[tp] = record.offset + 1
        headers = {name: value.decode(errors="replace") for name, value in record.headers if value is not None}
        if REPLY_TO not in headers:
            return
        if headers[REPLY_TO] not in self._allowed:
            self._count("bad")
            log.warning(
                "a request on %s/%d names %.80r for its reply, which RISK_STREAM_DECISIONS_REPLY_TOPICS does not allow",
                tp.topic,
                tp.partition,
                headers[REPLY_TO],
            )
            return
        self._open.setdefault(tp, {})[record.offset] = asyncio.create_task(self._reply(record, headers))

    async def _reply(self, record: ConsumerRecord, headers: Mapping[str, str]) -> None:
        began, value = time.monotonic(), b""
        while not value:
            try:
                request = self._read(record, headers)
                known = self.asking.known(request.id) is not None
                left = request.deadline_ms / 1000 - (time.time() - record.timestamp / 1000)
                value = (await self.asking.answer(request, waits=max(0.0, left), is_asked=True)).value
                self._count("known" if known else "answered" if time.monotonic() - began < left else "deadline")
                if not known:
                    self.metrics.observe("risk_stream_decision_seconds", time.monotonic() - began, "kafka")
            except (BadRequestError, ConflictError) as exc:
                self._count("conflict" if isinstance(exc, ConflictError) else "bad")
                value = orjson.dumps({"error": str(exc)})
            except (OverloadedError, LostError):
                await asyncio.sleep(AGAIN)
        correlation = headers.get(CORRELATION, "").encode()
        sent = await self._producer.send(headers[REPLY_TO], value, key=record.key, headers=[(CORRELATION, correlation)])
        await sent

    def _read(self, record: ConsumerRecord, headers: Mapping[str, str]) -> Request:
        return self.requests.read(record.value or b"", now_ms=record.timestamp, deadline=headers.get(DEADLINE))

    def _count(self, outcome: str) -> None:
        self.metrics.add("risk_stream_decision_requests_total", 1, "kafka", outcome)

    def _forget_done(self) -> None:
        for tasks in self._open.values():
            for offset in [offset for offset, task in tasks.items() if task.done()]:
                task = tasks.pop(offset)
                if not task.cancelled() and (error := task.exception()) is not None:
                    log.error("a reply could not be sent: %r", error)

    async def _commit(self, consumer: ConsumerClient) -> None:
        """Commit up to the oldest request of each partition that is not replied to."""
        self._forget_done()
        mine = consumer.assignment()
        for tp in [tp for tp in self._next if tp not in mine]:
            self._next.pop(tp)
            for task in self._open.pop(tp, {}).values():
                task.cancel()  # whoever has the partition now reads it again
        wanted = {tp: min(self._open.get(tp) or [end]) for tp, end in self._next.items()}
        if wanted:
            try:
                await consumer.commit(wanted)
            except KafkaError as exc:
                log.info("not committed (%r), will be with the next commit", exc)
