"""`rebuild` as it is typed: what it says when done, and one sentence when it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaProducer

from risk_stream.embedded import EmbeddedBroker, EmbeddedRedis, free_port
from tests.cli.conftest import Ask
from tests.sinks.test_redis import alert


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """An embedded broker's address."""
    with EmbeddedBroker() as server:
        yield server.address


def send(broker: str, topic: str, *values: bytes) -> None:
    async def run() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=broker)
        await producer.start()
        try:
            for value in values:
                await producer.send_and_wait(topic, value)
        finally:
            await producer.stop()

    asyncio.run(run())


def test_it_says_what_it_did(ask: Ask, broker: str) -> None:
    """How many alerts, revisions and seconds; again, and nothing was missing."""
    with EmbeddedRedis() as redis:
        ask("topics", "create", "--broker", broker)
        now = 4_000_000_000_000
        values = [alert(1, time=now), alert(1, time=now), alert(2, time=now)]
        send(broker, "risk.alerts", *(value.to_json() for value in values))
        answer = ask("rebuild", "--broker", broker, "--redis", redis.url)
        assert answer.code == 0, answer.err
        assert f"2 alerts in {redis.url} from 3 revisions in risk.alerts, in " in answer.out
        assert "2 were missing or old there" in answer.out
        assert "0 were missing or old there" in ask("rebuild", "--broker", broker, "--redis", redis.url).out


def test_what_is_away_is_one_sentence(ask: Ask, broker: str) -> None:
    """Broker or Redis, with its address and without its password."""
    away = f"127.0.0.1:{free_port()}"
    answer = ask("rebuild", "--broker", away)
    assert answer.code == 1
    assert away in answer.err
    answer = ask("rebuild", "--broker", broker, "--redis", f"redis://:secret@{away}/0")
    assert answer.code == 1
    assert f"Redis at redis://{away}/0 does not answer" in answer.err
    assert "secret" not in answer.err
    assert len(answer.err.strip().splitlines()) == 1
