"""Refused records: read, chosen, and sent again once, on real Kafka."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord

from risk_stream.catalogue import Catalogue
from risk_stream.kafka import Reader, create_topics, reject_message, wanted_topics
from risk_stream.settings import Settings
from risk_stream.stream.past import Choice, Mend, Rejected, Replayed, read_rejects, replay
from tests.live.servers import Kafka

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

NOW = 1_700_000_000_000


def house(kafka: Kafka, catalogue: Catalogue, name: str) -> Settings:
    topics = {family: f"{name}.{family}" for family in ("trades", "loans", "reference")}
    settings = Settings(broker=kafka.address, prefix=f"{name}.", house_topics=topics, partitions=2)
    create_topics(kafka.address, wanted_topics(settings, catalogue))
    return settings


def send(settings: Settings, topic: str, *values: bytes, partition: int = 0) -> None:
    async def run() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=settings.broker)
        await producer.start()
        try:
            for sent in [await producer.send(topic, value, partition=partition) for value in values]:
                await sent
        finally:
            await producer.stop()

    asyncio.run(run())


def transfer(n: int, **more: Any) -> bytes:
    said = {"id": f"t{n}", "type": "transfer", "time": NOW + n, "account": "A1", "direction": "out", "amount": 5.0}
    return orjson.dumps({**said, **more})


def refused(settings: Settings, n: int, value: bytes, reason: str = "missing", **more: Any) -> bytes:
    given = {"topic": settings.house_topics["trades"], "partition": 0, "offset": n, "time_ms": NOW + n, **more}
    return reject_message(reason=reason, message=f"wrong in {n}", value=value, **given)


def read(settings: Settings, choice: Choice | None = None) -> list[Rejected]:
    async def run() -> list[Rejected]:
        async with Reader(settings.broker) as reader:
            return [r async for rejects in read_rejects(reader, settings, choice or Choice()) for r in rejects]

    return asyncio.run(run())


def sent(settings: Settings) -> list[ConsumerRecord]:
    async def run() -> list[ConsumerRecord]:
        async with Reader(settings.broker) as reader:
            return [r async for records in reader.read(await reader.spans([settings.mended_topic])) for r in records]

    return asyncio.run(run())


def test_refused_records_are_read_once_and_chosen(kafka: Kafka, catalogue: Catalogue) -> None:
    """By reason, topic, time and text; what is no refused record is passed over."""
    settings = house(kafka, catalogue, "rej-read")
    values = [
        refused(settings, 1, transfer(1)),
        refused(settings, 1, transfer(1)),  # said again after a restart
        refused(settings, 2, b"\xff\xfe", "encoding"),
        refused(settings, 3, transfer(3, entity="Beta"), "late", topic=settings.house_topics["loans"]),
        b"no reject",
        b"{}",
    ]
    send(settings, settings.rejects_topic, *values)
    found = {r.offset: r for r in read(settings)}
    assert sorted(found) == [1, 2, 3]
    assert (found[1].id, found[1].value, found[1].reason, found[1].whole) == (
        "rej-read.trades/0/1",
        transfer(1),
        "missing",
        True,
    )
    assert found[2].value == b"\xff\xfe"

    def offsets(**given: Any) -> list[int]:
        return sorted(r.offset for r in read(settings, Choice(**given)))

    assert offsets(reasons=frozenset({"late", "encoding"})) == [2, 3]
    assert offsets(topics=frozenset({"rej-read.loans"})) == [3]
    assert offsets(since=NOW + 2) == [2, 3]
    assert offsets(until=NOW + 2) == [1]
    assert offsets(text="BETA") == [3]
    assert offsets(text="wrong in 2") == [2]
    assert offsets(id="rej-read.trades/0/2") == [2]


def run(settings: Settings, catalogue: Catalogue, *mends: Mend, **given: Any) -> Replayed:
    return asyncio.run(replay(settings, catalogue, given.pop("choice", Choice()), mends, **given))


def test_a_mended_record_is_sent_once_however_often_one_asks(kafka: Kafka, catalogue: Catalogue) -> None:
    """Only what is an event now goes, in the order of event times, under the name it was refused by."""
    settings = house(kafka, catalogue, "rej-once")
    no_account = orjson.loads(transfer(4))
    del no_account["account"]
    no_account |= {"acct": "A9"}
    del no_account["id"]
    values = [
        refused(settings, 2, transfer(2)),  # the catalogue was mended: nothing is wrong with it now
        refused(settings, 1, transfer(1)),
        refused(settings, 3, b"{"),
        refused(settings, 4, orjson.dumps(no_account), "key"),
        refused(settings, 5, transfer(5), "late"),
        refused(settings, 6, b"arrow", "message", topic=settings.hop_topic("account")),
        refused(settings, 7, b"x" * 70_000, "size"),
        refused(settings, 8, transfer(8, time=4_000_000_000_000), "future"),
    ]
    send(settings, settings.rejects_topic, *values)
    tried = run(settings, catalogue, dry_run=True)
    assert (tried.sent, dict(tried.found.types)) == (0, {"transfer": 2})
    assert sent(settings) == []
    first = run(settings, catalogue)
    found = first.found
    assert (first.sent, found.chosen, found.late, found.foreign, found.cut) == (2, 8, 1, 1, 1)
    assert dict(found.refused) == {"json": 1, "key": 1, "future": 1}
    assert found.first_refused.startswith("rej-once.trades/0/")
    again = run(settings, catalogue)
    assert (again.sent, again.found.done) == (0, 2)
    mend = Mend(reason="key", rename={"acct": "account"})
    mended = run(settings, catalogue, mend)
    assert (mended.sent, mended.found.done) == (1, 2)
    assert run(settings, catalogue, mend).sent == 0
    records = {r.key: r.value for r in sent(settings)}
    assert len(sent(settings)) == 3
    assert records[b"rej-once.trades/0/1"] == transfer(1)
    last = orjson.loads(records[b"rej-once.trades/0/4"])
    assert (last["account"], last["id"]) == ("A9", "rej-once.trades/0/4")


def test_a_mended_record_that_was_refused_again_can_be_mended_again(kafka: Kafka, catalogue: Catalogue) -> None:
    """It has a name of its own then: its place in the topic of mended records."""
    settings = house(kafka, catalogue, "rej-again")
    send(settings, settings.rejects_topic, refused(settings, 0, transfer(1), topic=settings.mended_topic))
    assert run(settings, catalogue).sent == 1
    assert [r.key for r in sent(settings)] == [b"rej-again.mended/0/0"]


def test_a_limit_leaves_the_rest_for_the_next_run(kafka: Kafka, catalogue: Catalogue) -> None:
    """And each run sends others."""
    settings = house(kafka, catalogue, "rej-limit")
    send(settings, settings.rejects_topic, *(refused(settings, n, transfer(n)) for n in range(10)))
    runs = [run(settings, catalogue, limit=4) for _ in range(4)]
    assert [(r.sent, r.found.left) for r in runs] == [(4, 6), (4, 2), (2, 0), (0, 0)]
    assert len({r.key for r in sent(settings)}) == len(sent(settings)) == 10
