"""aiokafka's clients as we use them: where they fail to begin, or end while a broker is away, nothing stays at work."""

from __future__ import annotations

import asyncio
import logging

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, NodeNotReadyError

from risk_stream.embedded import EmbeddedBroker
from risk_stream.kafka import ConsumerClient, ProducerClient, Topic, create_topics

pytestmark = pytest.mark.timeout(60)


async def others() -> set[str]:
    """What the loop's tasks do beside the one that asks, once those that are about to end have ended."""
    for _ in range(10):
        await asyncio.sleep(0)
    return {task.get_coro().__qualname__ for task in asyncio.all_tasks() - {asyncio.current_task()}}  # type: ignore[union-attr]


def test_a_consumer_that_is_stopped_while_its_broker_is_away_leaves_nothing_behind(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka's would leave its connections, and seem to cancel whoever stops it."""

    async def away(*_: object, **__: object) -> None:
        raise NodeNotReadyError

    async def run(address: str) -> set[str]:
        consumer = ConsumerClient(bootstrap_servers=address, retry_backoff_ms=60_000)
        await consumer.start()
        consumer.assign([TopicPartition("t", 0)])
        consumer.seek(TopicPartition("t", 0), 0)
        monkeypatch.setattr(consumer._client, "send", away)
        while "Failed fetch" not in caplog.text:  # from then on it rests
            await asyncio.sleep(0.01)
        await consumer.stop()
        return await others()

    with caplog.at_level(logging.ERROR, "aiokafka"), EmbeddedBroker() as broker:
        create_topics(broker.address, [Topic("t", 1, 1)])
        assert asyncio.run(run(broker.address)) == set()


def test_a_producer_that_cannot_begin_leaves_nothing_behind() -> None:
    async def run(address: str) -> set[str]:
        producer = ProducerClient(bootstrap_servers=address, enable_idempotence=True)  # which this broker has not
        with pytest.raises(KafkaError):
            await producer.start()
        return await others()

    with EmbeddedBroker() as broker:
        assert asyncio.run(run(broker.address)) == set()


def test_who_stops_a_client_is_cancelled_where_somebody_cancels_him(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(address: str) -> set[str]:
        consumer = ConsumerClient(bootstrap_servers=address)
        await consumer.start()
        hangs = asyncio.Event()
        monkeypatch.setattr(consumer._coordinator, "close", hangs.wait)
        stopping = asyncio.create_task(consumer.stop())
        await asyncio.sleep(0)
        stopping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopping
        return await others()

    with EmbeddedBroker() as broker:
        assert "AIOKafkaClient._md_synchronizer" not in asyncio.run(run(broker.address))
