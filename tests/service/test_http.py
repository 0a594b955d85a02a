"""The door for programs: one JSON answer or one sentence, and the status that says what to do next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp.test_utils import TestClient, TestServer

from risk_stream.catalogue import load_catalogue
from risk_stream.decisions.requests import Deadlines, Requests
from risk_stream.service.asking import Asking
from risk_stream.service.http import MAX_BODY, make_web
from risk_stream.sinks import SERVER_METRICS, Metrics
from tests.decisions.test_answers import decision
from tests.service.test_asking import Log

BODY = {"application": "A1", "loan": "L1", "customer": "C1", "amount": 5}


class Door:
    """A server on logs in memory, whose engine approves what it is asked at once, unless it is told to be slow."""

    def __init__(self) -> None:
        self.log, self.ready, self.slow = Log(), True, False
        self.asking = Asking(self.ask, self.decide, most=2, keep_ms=10**12, wall=lambda: self.log.now / 1000)
        self.log.servers.append(self.asking)
        self.metrics = Metrics(of=SERVER_METRICS)

    async def ask(self, request: Any) -> None:
        await self.log.ask(request)
        if not self.slow:
            self.log.decisions.append(decision(request.id, "approve", request=request.body))
            asyncio.get_running_loop().call_soon(self.log.tell, self.asking)

    async def decide(self, said: Any) -> None:
        await self.log.decide(said)
        asyncio.get_running_loop().call_soon(self.log.tell, self.asking)


def visit(story: Callable[[Door, TestClient[Any, Any]], Awaitable[None]]) -> None:
    async def run() -> None:
        door = Door()
        requests = Requests(load_catalogue(), Deadlines(50))
        app = make_web(door.asking, requests, door.metrics, lambda: door.ready)
        async with TestClient(TestServer(app)) as client:
            await story(door, client)

    asyncio.run(asyncio.wait_for(run(), 20))


def test_an_application_is_answered_with_the_record_and_again_with_the_same() -> None:
    """By POST and by GET, however often."""

    async def story(door: Door, client: TestClient[Any, Any]) -> None:
        first = await client.post("/v1/decisions", json=BODY)
        assert (first.status, first.content_type) == (200, "application/json")
        value = await first.read()
        assert value == door.log.decisions[0].to_json()
        assert await (await client.post("/v1/decisions", json=BODY)).read() == value
        assert await (await client.get("/v1/decisions/A1")).read() == value
        assert len(door.log.requests) == 1
        bare = {name: said for name, said in BODY.items() if name != "application"}
        by_header = await client.post("/v1/decisions", json=bare, headers={"Idempotency-Key": "A1"})
        assert await by_header.read() == value

    visit(story)


def test_an_answer_that_is_no_longer_kept_is_not_shown() -> None:
    """404 as for an application that nobody asked for, and a request for it counts as a new one."""

    async def story(door: Door, client: TestClient[Any, Any]) -> None:
        await client.post("/v1/decisions", json=BODY)
        door.log.now += 10**12 + 1
        assert (await client.get("/v1/decisions/A1")).status == 404
        assert (await client.post("/v1/decisions", json=BODY)).status == 200
        assert len(door.log.requests) == 2
        assert door.metrics.get("risk_stream_decision_requests_total", "http", "answered") == 2

    visit(story)


def test_a_late_answer_is_a_referral_within_the_deadline() -> None:
    """The header says how long it may take."""

    async def story(door: Door, client: TestClient[Any, Any]) -> None:
        door.slow = True
        answer = await client.post("/v1/decisions", json=BODY, headers={"Deadline-Ms": "20"})
        said = await answer.json()
        assert (answer.status, said["verdict"], said["by"]) == (200, "refer", "deadline")
        assert door.metrics.get("risk_stream_decision_requests_total", "http", "deadline") == 1

    visit(story)


def test_what_cannot_be_answered_is_one_sentence() -> None:
    """Bad bodies, another body under one id, too much, an unknown id: each has its status."""

    async def story(door: Door, client: TestClient[Any, Any]) -> None:
        async def refused(status: int, answer: Any) -> str:
            said = orjson.loads(await answer.read())
            assert (answer.status, list(said)) == (status, ["error"])
            return str(said["error"])

        assert '"amount"' in await refused(400, await client.post("/v1/decisions", json={**BODY, "amount": "x"}))
        assert "not JSON" in await refused(400, await client.post("/v1/decisions", data=b"{"))
        assert '"application"' in await refused(400, await client.post("/v1/decisions", json={"amount": 5}))
        await client.post("/v1/decisions", json=BODY)
        assert "another body" in await refused(409, await client.post("/v1/decisions", json={**BODY, "amount": 6}))
        assert "bytes" in await refused(413, await client.post("/v1/decisions", data=b" " * (MAX_BODY + 1)))
        assert "A9 has no answer" in await refused(404, await client.get("/v1/decisions/A9"))

    visit(story)


def test_overload_says_when_to_ask_again() -> None:
    """503 with Retry-After, and those who wait are answered."""

    async def story(door: Door, client: TestClient[Any, Any]) -> None:
        door.slow = True
        asked = [client.post("/v1/decisions", json={**BODY, "application": f"A{i}"}) for i in range(4)]
        answers = await asyncio.gather(*asked)
        assert sorted(a.status for a in answers) == [200, 200, 503, 503]
        assert {a.headers.get("Retry-After") for a in answers if a.status == 503} == {"1"}

    visit(story)


def test_nothing_is_answered_before_all_is_known_that_was() -> None:
    """A server that begins reads what was answered; until then it is not healthy."""

    async def story(door: Door, client: TestClient[Any, Any]) -> None:
        door.ready = False
        assert (await client.get("/healthz")).status == 503
        answer = await client.post("/v1/decisions", json=BODY)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert door.log.requests == []
        door.ready = True
        assert await (await client.get("/healthz")).json() == {"ready": True, "answers": 0, "waiting": 0}

    visit(story)


def test_prometheus_is_told() -> None:
    """Requests by what became of them, and how long answers took."""

    async def story(door: Door, client: TestClient[Any, Any]) -> None:
        await client.post("/v1/decisions", json=BODY)
        await client.post("/v1/decisions", json=BODY)
        text = await (await client.get("/metrics")).text()
        assert 'risk_stream_decision_requests_total{outcome="answered",way="http"} 1.0' in text
        assert 'risk_stream_decision_requests_total{outcome="known",way="http"} 1.0' in text
        assert 'risk_stream_decision_seconds_count{way="http"} 1.0' in text
        assert "risk_stream_decisions_kept 1.0" in text
        assert "risk_stream_redis_up" not in text

    visit(story)
