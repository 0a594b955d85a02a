"""Sends on a broker with idempotent producers and on one without."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Iterator

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError

from risk_stream.catalogue import Catalogue
from risk_stream.embedded import EmbeddedBroker, EmbeddedError, free_port
from risk_stream.kafka import Producer, Topic, create_topics, wanted_topics
from risk_stream.kafka import producer as module
from risk_stream.settings import Settings
from tests.live.servers import Kafka


def send(broker: str, topic: str) -> tuple[bool, int]:
    """Send two records; whether the producer is idempotent, and the last one's offset."""

    async def run() -> tuple[bool, int]:
        producer = Producer(broker)
        await producer.start()
        try:
            sends = [await producer.send(topic, b"x", partition=1) for _ in range(2)]
            return producer.idempotent, [(await s).offset for s in sends][-1]
        finally:
            await producer.stop()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def embedded() -> Iterator[EmbeddedBroker]:
    try:
        broker = EmbeddedBroker()
    except EmbeddedError as exc:
        pytest.skip(str(exc))
    with broker:
        yield broker


@pytest.mark.live
def test_kafka_has_idempotent_producers(kafka: Kafka, catalogue: Catalogue) -> None:
    """So a send is retried while the broker is away, and stored once."""
    create_topics(kafka.address, wanted_topics(Settings(prefix="producer.", house_topics={}), catalogue))
    assert send(kafka.address, "producer.alerts") == (True, 1)


def test_the_embedded_broker_has_none_and_that_is_said(
    embedded: EmbeddedBroker, catalogue: Catalogue, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, as a warning; sends work."""
    create_topics(embedded.address, wanted_topics(Settings(), catalogue))
    assert send(embedded.address, "risk.alerts") == (False, 1)
    warnings = [r.getMessage() for r in caplog.records if r.name == module.__name__ and r.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "has no idempotent producers" in warnings[0]


def test_a_broker_that_is_away_is_an_error() -> None:
    """The caller decides whether to wait."""
    with pytest.raises(KafkaError):
        send(f"127.0.0.1:{free_port()}", "t")


@pytest.mark.live
@pytest.mark.parametrize("reconnects", [False, True], ids=["for good", "until it connects anew"])
def test_a_client_that_stopped_sending_fails_what_is_on_its_way_and_what_follows(
    kafka: Kafka, caplog: pytest.LogCaptureFixture, reconnects: bool
) -> None:
    """As aiokafka's does where a connection breaks as it waits; a send that nobody answers would be waited for."""

    topic = f"stopped-{reconnects}"
    create_topics(kafka.address, [Topic(topic, 1, 1)])

    async def run() -> None:
        producer = Producer(kafka.address, reconnects=reconnects)
        await producer.start()
        assert await (await producer.send(topic, b"before", partition=0)) is not None
        assert producer._producer is not None
        producer._producer._sender.sender_task.cancel()
        lost = await producer.send(topic, b"lost", partition=0)
        with pytest.raises(KafkaConnectionError, match="stopped sending"):
            await lost
        if reconnects:
            both = [await sent for sent in await asyncio.gather(*(producer.send(topic, b"x") for _ in range(2)))]
            assert sorted(sent.offset for sent in both) == [1, 2]
        else:
            with pytest.raises(KafkaConnectionError, match="stopped sending"):
                await producer.send(topic, b"after", partition=0)
        await producer.stop()

    asyncio.run(asyncio.wait_for(run(), 60))
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"]
