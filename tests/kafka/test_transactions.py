"""Transactions end: what is said in one is stored, or its writer is told that it is not."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError

from risk_stream.kafka import (
    FencedError,
    FencedLog,
    FencedProducer,
    LogFollower,
    Outgoing,
    Reader,
    Topic,
    create_topics,
    transactions,
)
from tests.live.servers import LISTENERS, Kafka

pytestmark = [pytest.mark.live]


async def started(kafka: Kafka, name: str, transaction_s: float = 60.0) -> FencedProducer:
    producer = FencedProducer(kafka.address, name=name, client_id=name, transaction_s=transaction_s)
    await producer.start()
    return producer


async def stored(kafka: Kafka, topic: str) -> list[bytes | None]:
    values = list[bytes | None]()
    log = LogFollower(
        kafka.address,
        [TopicPartition(topic, 0)],
        lambda records: values.extend(record.value for record in records),
        client_id="reads",
        name=topic,
        committed=True,
    )
    await log.start()
    await log.stop()
    return values


async def end_of(kafka: Kafka, topic: str) -> int:
    async with Reader(kafka.address) as reader:
        return (await reader.spans([topic]))[0].end


async def say(producer: FencedProducer, topic: str, value: bytes) -> None:
    async with producer.transaction():
        await (await producer.send(topic, value, partition=0))


async def lose(producer: FencedProducer, topic: str, when: str) -> None:
    task = producer._producer._sender.sender_task
    async with producer.transaction():
        if when == "while it sends":
            task.cancel()
        await (await producer.send(topic, b"lost", partition=0))
        if when == "while it ends":
            task.cancel()


@pytest.mark.parametrize("when", ["between", "while it sends", "while it ends"])
def test_a_client_that_stopped_sending_fails_at_once_and_the_next_writer_goes_on(kafka: Kafka, when: str) -> None:
    """aiokafka's sender ends without a word where a future that it waits for is cancelled as a connection breaks."""

    topic = f"transactions-{when.replace(' ', '-')}"
    create_topics(kafka.address, [Topic(topic, 1, 1)])

    async def run() -> list[bytes | None]:
        producer = await started(kafka, topic)
        await say(producer, topic, b"before")
        if when == "between":
            task = producer._producer._sender.sender_task
            task.cancel()
            await asyncio.wait([task])
        with pytest.raises(KafkaConnectionError, match="stopped sending"):
            await lose(producer, topic, when)
        await producer.close()
        producer = await started(kafka, topic)
        await say(producer, topic, b"after")
        await producer.close()
        return await stored(kafka, topic)

    assert asyncio.run(asyncio.wait_for(run(), 60)) == [b"before", b"after"]


def test_one_that_the_broker_does_not_answer_is_given_up_in_time(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker is lent to other tests and cannot be frozen: the client's sends to it are held back."""

    monkeypatch.setattr(transactions, "PATIENCE", 0.5)

    async def held_back(*_: object) -> None:
        await asyncio.Event().wait()

    topic = "transactions-silent"
    create_topics(kafka.address, [Topic(topic, 1, 1)])

    async def run() -> list[bytes | None]:
        producer = await started(kafka, topic, transaction_s=1.0)
        await say(producer, topic, b"before")
        monkeypatch.setattr(producer._producer._sender, "_send_produce_req", held_back)
        with pytest.raises(KafkaTimeoutError, match="no transaction within 1 s"):
            await say(producer, topic, b"lost")
        again = await started(kafka, topic)
        await say(again, topic, b"after")
        await again.close()
        await producer.close()
        return await stored(kafka, topic)

    assert asyncio.run(asyncio.wait_for(run(), 60)) == [b"before", b"after"]


def test_whoever_starts_under_a_name_fences_who_had_it_before(kafka: Kafka) -> None:
    topic = "transactions-fenced"
    create_topics(kafka.address, [Topic(topic, 1, 1)])

    async def run() -> list[bytes | None]:
        first = await started(kafka, topic)
        await say(first, topic, b"first")
        second = await started(kafka, topic)
        with pytest.raises(FencedError):
            await say(first, topic, b"lost")
        await say(second, topic, b"second")
        await first.close()
        await second.close()
        return await stored(kafka, topic)

    assert asyncio.run(asyncio.wait_for(run(), 60)) == [b"first", b"second"]


class Trusting(Kafka):
    """A broker that takes a client's word for it that a transaction was opened at a partition."""

    def properties(self, listeners: str = LISTENERS, *, internal: int = 4, **more: object) -> str:
        own = super().properties(listeners, internal=internal, **more)
        return own + "\ntransaction.partition.verification.enable=false\n"


def test_what_an_earlier_writer_left_open_does_not_count_though_the_broker_forgot_it() -> None:
    """A broker that was restarted as a transaction ended left its mark out: here it was never told of it."""

    async def run(kafka: Kafka) -> tuple[list[bytes | None], list[bytes | None]]:
        found = []
        for topic in ("uncleared", "cleared"):
            create_topics(kafka.address, [Topic(topic, 1, 1)])
            before = await started(kafka, topic)
            await say(before, topic, b"before")
            while await end_of(kafka, topic) < 2:  # its mark comes after the answer
                await asyncio.sleep(0.01)
            client = before._producer
            await client.begin_transaction()
            client._txn_manager._txn_partitions.add(TopicPartition(topic, 0))
            await (await before.send(topic, b"left open", partition=0))
            if topic == "cleared":
                log = FencedLog(kafka.address, topic, name=topic, client_id=topic)
                await log.open()
                await log.write([Outgoing(topic, b"after", partition=0)])
                await log.close()
            else:
                after = await started(kafka, topic)
                await say(after, topic, b"after")
                await after.close()
            found.append(await stored(kafka, topic))
            await before.close()
        return found[0], found[1]

    with Trusting() as kafka:
        without, cleared = asyncio.run(asyncio.wait_for(run(kafka), 60))
    assert cleared == [b"before", b"after"]
    assert without == [b"before", b"left open", b"after"]  # so it is this that was forgotten
