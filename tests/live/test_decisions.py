"""Decisions asked of real servers while workers die: each application has one answer, by HTTP and on Kafka alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import aiohttp
import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from risk_stream.decisions.answers import NO_ANSWER
from risk_stream.embedded import free_port
from risk_stream.kafka import Topic, create_topics
from tests.live.house import House, Worker, eventually

pytestmark = [pytest.mark.live, pytest.mark.timeout(200)]

TABLE = """
table: consumer-loans
owner: credit
on: application
features:
  applied_1h: {count: application, by: customer, window: 1h}
  people_1h: {distinct: customer, of: application, by: device, window: 1h}
  lenders_1h: {distinct: lender, of: application, by: id_number, window: 1h}
rows:
  - when: applied_1h > 3 or people_1h > 3 or lenders_1h > 3
    verdict: decline
    reason: "{customer} asks too often"
  - when: amount > 5000
    verdict: refer
    reason: "{amount} is much"
  - when: amount <= 5000
    verdict: approve
    limit: amount
    reason: "{amount} is little"
  - when: otherwise
    verdict: refer
    reason: it cannot be told
"""
REPLIES = "deciding-replies"


@pytest.fixture(scope="module")
def deciding(new_house: Callable[[str], House]) -> House:
    """A house with a table that decides, and a topic for replies."""
    house = new_house("deciding")
    house.write_rules(TABLE)
    house.environment["DECISIONS_REPLY_TOPICS"] = orjson.dumps([REPLIES]).decode()
    create_topics(house.broker, [Topic(REPLIES, 1, 1)])
    return house


class Deciding:
    """A worker with a server beside it."""

    def __init__(self, house: House) -> None:
        self.port = free_port()
        self.worker = Worker(house, DECISIONS_PORT=self.port, SPARE="false").start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ready(self) -> Deciding:
        self.worker.ready()
        assert eventually(lambda: asyncio.run(healthy(self.url)), within=60), self.worker.log
        return self


async def healthy(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/healthz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


@pytest.fixture(scope="module")
def pair(deciding: House) -> Iterator[tuple[Deciding, Deciding]]:
    """Two workers, each with its server."""
    first, second = Deciding(deciding), Deciding(deciding)
    try:
        yield first.ready(), second.ready()
    finally:
        first.worker.stop()
        second.worker.stop()


def body(application: str, amount: float = 1000, **more: Any) -> dict[str, Any]:
    said = {"loan": f"L{application}", "customer": f"C{application}", "id_number": f"I{application}"}
    return {"application": application, **said, "device": f"D{application}", "amount": amount, **more}


async def post(session: aiohttp.ClientSession, url: str, asked: dict[str, Any]) -> tuple[int, bytes]:
    async with session.post(f"{url}/v1/decisions", json=asked) as answer:
        return answer.status, await answer.read()


def log_of(house: House) -> dict[str, list[dict[str, Any]]]:
    """Application -> its records in the log, the first first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for record in house.read("decisions"):
        found.setdefault(record["id"], []).append(record)
    return found


def all_answered(house: House, applications: list[str]) -> bool:
    return set(applications) <= log_of(house).keys()


def test_the_table_answers_and_both_servers_say_the_same(deciding: House, pair: tuple[Deciding, Deciding]) -> None:
    """With verdict, limit and reason; another body under the same id is refused by the other server, too."""

    async def ask() -> list[tuple[int, bytes]]:
        async with aiohttp.ClientSession() as session:
            first = await post(session, pair[0].url, body("same", deadline_ms=20_000))
            return [
                first,
                await post(session, pair[1].url, body("same")),
                await post(session, pair[1].url, body("same", amount=1001)),
                await post(session, pair[0].url, body("much", 7000, deadline_ms=20_000)),
            ]

    (status, value), again, other, much = asyncio.run(ask())
    said = orjson.loads(value)
    assert (status, said["verdict"], said["limit"], said["by"]) == (200, "approve", 1000, "engine")
    assert (said["reasons"], said["table"]) == (["1,000.00 is little"], "consumer-loans")
    assert again == (200, value)
    assert other[0] == 409
    assert orjson.loads(much[1])["verdict"] == "refer"


def test_a_request_on_kafka_gets_the_answer_of_the_same_log(deciding: House, pair: tuple[Deciding, Deciding]) -> None:
    """On the topic that it names, with its correlation id; HTTP then says the same."""
    fields = {name: value for name, value in body("kafka").items() if name != "application"}
    event = {"id": "kafka", "type": "application", "time": int(time.time() * 1000), **fields}

    async def ask() -> tuple[list[tuple[str, bytes]], bytes, bytes]:
        consumer = AIOKafkaConsumer(REPLIES, bootstrap_servers=deciding.broker, auto_offset_reset="earliest")
        producer = AIOKafkaProducer(bootstrap_servers=deciding.broker)
        await consumer.start()
        await producer.start()
        try:
            headers = [("reply_to", REPLIES.encode()), ("correlation_id", b"c-1"), ("deadline_ms", b"20000")]
            topic = f"{deciding.name}.requests"
            await producer.send_and_wait(topic, orjson.dumps(event), key=b"kafka", headers=headers)
            record = await asyncio.wait_for(consumer.getone(), 30)
        finally:
            await producer.stop()
            await consumer.stop()
        async with aiohttp.ClientSession() as session:
            _, by_http = await post(session, pair[0].url, body("kafka"))
        return list(record.headers), record.value, by_http

    headers, value, by_http = asyncio.run(ask())
    assert headers == [("correlation_id", b"c-1")]
    assert orjson.loads(value)["verdict"] == "approve"
    assert by_http == value


def test_a_later_verdict_is_an_alert_and_no_second_answer(deciding: House, pair: tuple[Deciding, Deciding]) -> None:
    """Applications that come late change what is judged of one that was answered: an officer hears of it."""

    async def ask(application: str) -> dict[str, Any]:
        async with aiohttp.ClientSession() as session:
            said: dict[str, Any] = orjson.loads((await post(session, pair[0].url, body(application)))[1])
            return said

    answered = asyncio.run(ask("late"))
    assert (answered["verdict"], answered["by"]) == ("approve", "engine")
    fields = {name: value for name, value in body("late").items() if name not in {"application", "loan"}}
    early = [
        {"id": f"early-{i}", "type": "application", "time": answered["time"] - 10 * i, "loan": f"L{i}", **fields}
        for i in range(1, 5)
    ]
    deciding.send(early, "loans", partition=0)
    assert eventually(lambda: "late" in deciding.said("decision-differs")), pair[0].worker.log
    (alert,) = [a for a in deciding.alerts().values() if a["rule"] == "decision-differs" and a["event"] == "late"]
    assert alert["features"] == {"answered": "approve", "answered_by": "engine", "judged": "decline"}
    assert asyncio.run(ask("late")) == answered


def test_with_a_worker_killed_each_application_has_one_answer(deciding: House, pair: tuple[Deciding, Deciding]) -> None:
    """Clients ask both servers again and again while one worker's process dies: none is lost and none differs."""
    names = [f"chaos-{i}" for i in range(200)]
    got: dict[str, set[bytes]] = {name: set() for name in names}

    async def client(session: aiohttp.ClientSession, i: int, name: str) -> None:
        await asyncio.sleep(i / 100)
        for turn in range(4):
            status, value = await post(session, pair[(i + turn) % 2].url, body(name, 1000 + i, deadline_ms=1500))
            if status == 200:
                got[name].add(value)
            else:
                assert status == 503, value

    async def ask() -> None:
        async with aiohttp.ClientSession() as session:
            asking = asyncio.gather(*(client(session, i, name) for i, name in enumerate(names)))
            while sum(map(bool, got.values())) < 50 and not asking.done():
                await asyncio.sleep(0.01)
            pair[0].worker.kill()  # in the midst of it
            await asyncio.gather(asking)

    asyncio.run(ask())
    assert {name for name, answers in got.items() if len(answers) != 1} == set()
    log = log_of(deciding)
    for name in names:
        (value,) = got[name]
        assert orjson.loads(value) == log[name][0]
    late = [name for name in names if log[name][0]["by"] == "deadline"]
    assert all(log[name][0]["reasons"] == [NO_ANSWER] for name in late)
    # What was answered at the deadline is judged when the heir goes on, and an officer hears of each.
    assert eventually(lambda: set(late) <= deciding.said("decision-differs"), within=60), pair[1].worker.log


def test_requests_of_one_partition_are_answered_whichever_worker_dies(
    deciding: House, pair: tuple[Deciding, Deciding]
) -> None:
    """Before the death and after it; nothing else comes that would have a reader notice what it stepped over."""
    for turn, dying in enumerate(pair):
        dying.worker.ready()
        names = [f"one-{turn}-{i}" for i in range(20)]
        requests = [
            {**body(name), "id": name, "type": "application", "time": int(time.time() * 1000) + i}
            for i, name in enumerate(names)
        ]
        deciding.send(requests[:10], "requests", partition=0)
        dying.worker.kill()
        deciding.send(requests[10:], "requests", partition=0)
        assert eventually(partial(all_answered, deciding, names), within=60, every=0.2), dying.worker.log
        assert {record["by"] for name in names for record in log_of(deciding)[name]} == {"engine"}
