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

    async def send(self, topic, value, key):
        assert self.running
        self.records.append((topic, key, value))
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
    assert [value for _, _, value in made.records] == [value for part in market().slices() for value in part.values]
    assert {topic for topic, _, _ in made.records} == {"risk.trades", "house.loans", "risk.reference"}
    for topic, key, value in made.records:
        event = orjson.loads(value)
        if event["type"] in {"order", "trade", "transfer"}:
            assert (topic, key.decode()) == ("risk.trades", event["account"])
    assert said[-1] == (count, orjson.loads(made.records[-1][2])["time"])


def test_kafka_gets_a_paced_stream_too(producer):
    clock = Clock(market().start_ms, 1e9, declared=True)
    count = asyncio.run(to_kafka("127.0.0.1:9", paced(market().slices(), clock), limit=700))
    assert count == len(producer.made[0].records) == 700


def test_a_rate_is_kept_to(producer):
    began = time.monotonic()
    asyncio.run(to_kafka("127.0.0.1:9", market().slices(50), rate=2_000, limit=600))
    assert 0.25 < time.monotonic() - began < 3
