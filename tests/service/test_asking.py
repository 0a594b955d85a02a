"""Whoever asks, however often and through whichever server: an application has one answer, recorded first."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.decisions.record import Decision
from risk_stream.decisions.requests import Deadlines, Request, Requests
from risk_stream.service import asking
from risk_stream.service.asking import Asking, ConflictError, LostError, OverloadedError
from tests.decisions.test_answers import decision

NOW = 1_774_000_000_000
DEADLINE = 0.02

READ = Requests(load_catalogue(), Deadlines(int(DEADLINE * 1000)))


@dataclass
class Record:
    """What a follower hears."""

    value: bytes
    timestamp: int = NOW


@dataclass
class Log:
    """Both topics, and the servers that follow them; each hears every record in order, and later than it is stored."""

    servers: list[Asking] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    away: bool = False
    refuses: bool = False
    heard: dict[int, tuple[int, int]] = field(default_factory=dict)
    now: int = NOW

    def server(self, most: int = 100, keep_ms: int = 10**12) -> Asking:
        made = Asking(self.ask, self.decide, most=most, keep_ms=keep_ms, wall=lambda: self.now / 1000)
        self.servers.append(made)
        return made

    async def ask(self, request: Request) -> None:
        if self.refuses:
            raise LostError("the broker takes no message: ask again")
        if not self.away:
            self.requests.append(request.record())

    async def decide(self, said: Decision) -> None:
        if not self.away:
            self.decisions.append(said)

    def tell(self, server: Asking) -> None:
        """A server hears all that is new to it."""
        of = self.servers.index(server)
        asked, decided = self.heard.get(of, (0, 0))
        for value in self.requests[asked:]:
            server.hear_request(Record(value, self.now))  # type: ignore[arg-type]
        for said in self.decisions[decided:]:
            server.hear_decision(Record(said.to_json(), self.now))  # type: ignore[arg-type]
        self.heard[of] = len(self.requests), len(self.decisions)

    async def flow(self, chance: random.Random) -> None:
        """Servers hear of the log at some pace of their own, until cancelled."""
        while True:
            await asyncio.sleep(0.001)
            for server in self.servers:
                if chance.random() < 0.5:
                    self.tell(server)


def request(application: str = "A1", amount: int = 5, deadline_ms: int = 20) -> Request:
    body = {"application": application, "loan": "L1", "customer": "C1", "amount": amount}
    return READ.read(orjson.dumps(body), now_ms=NOW, deadline=str(deadline_ms))


def run(story: Any) -> Any:
    return asyncio.run(asyncio.wait_for(story, 20))


def answered(value: bytes) -> dict[str, Any]:
    said: dict[str, Any] = orjson.loads(value)
    return said


@pytest.mark.parametrize("seed", range(12))
def test_every_client_of_every_server_gets_the_first_record_of_the_log(seed: int) -> None:
    """Two servers, retries, an engine that answers some in time, some late, and some never or twice."""
    chance = random.Random(seed)

    async def story() -> None:
        log = Log()
        log.server(), log.server()
        flow = asyncio.create_task(log.flow(chance))
        got: list[tuple[str, bytes]] = []

        async def client(application: str) -> None:
            await asyncio.sleep(chance.random() * 0.02)
            for _ in range(3):
                server = chance.choice(log.servers)
                answer = await server.answer(request(application), waits=DEADLINE)
                assert answer.value in [d.to_json() for d in log.decisions], "it was recorded before it was said"
                got.append((application, answer.value))

        async def engine() -> None:
            seen = 0
            while True:
                await asyncio.sleep(0.002)
                for value in log.requests[seen:]:
                    event = orjson.loads(value)
                    verdict = chance.choice(["approve", "decline", None])
                    if verdict is not None and chance.random() < 0.7:
                        said = decision(event["id"], verdict, request=event["request"])
                        asyncio.get_running_loop().call_later(chance.random() * 0.04, log.decisions.append, said)
                seen = len(log.requests)

        judging = asyncio.create_task(engine())
        names = [f"A{i}" for i in range(8)]
        await asyncio.gather(*(client(name) for name in names for _ in range(3)))
        judging.cancel()
        flow.cancel()
        firsts = {d.id: d.to_json() for d in reversed(log.decisions)}
        assert len(got) == 8 * 3 * 3
        assert all(value == firsts[name] for name, value in got)

    run(story())


def test_a_request_is_written_once_however_many_ask() -> None:
    """To one server at once, or to another one that has read it."""

    async def story() -> None:
        log = Log()
        first, second = log.server(), log.server()
        several = [asyncio.create_task(first.answer(request(), waits=0.5)) for _ in range(5)]
        await asyncio.sleep(0)
        log.tell(second)
        several.append(asyncio.create_task(second.answer(request(), waits=0.5)))
        await asyncio.sleep(0.001)
        assert len(log.requests) == 1
        log.decisions.append(decision("A1", "approve"))
        log.tell(first), log.tell(second)
        values = {(await asked).value for asked in several}
        assert len(values) == 1
        assert (first.in_flight, second.in_flight) == (0, 0)

    run(story())


def test_when_the_time_is_up_an_officer_is_to_look_at_it() -> None:
    """That is recorded as any answer is, and is what a retry gets even when the engine decides afterwards."""

    async def story() -> None:
        log = Log()
        server = log.server()
        flow = asyncio.create_task(log.flow(random.Random(1)))
        said = answered((await server.answer(request(), waits=DEADLINE)).value)
        assert (said["verdict"], said["by"], said["reasons"]) == ("refer", "deadline", ["no answer in time"])
        log.decisions.append(decision("A1", "approve"))
        await asyncio.sleep(0.01)
        assert answered((await server.answer(request(), waits=DEADLINE)).value) == said
        flow.cancel()

    run(story())


def test_another_body_under_the_same_id_is_refused() -> None:
    """While the first is asked, and after it was answered; by the server that asked and by another one."""

    async def story() -> None:
        log = Log()
        first, second = log.server(), log.server()
        asked = asyncio.create_task(first.answer(request(), waits=0.5))
        await asyncio.sleep(0)
        log.tell(second)
        for server in (first, second):
            with pytest.raises(ConflictError, match="A1 was asked for with another body"):
                await server.answer(request(amount=6), waits=0.5)
        log.decisions.append(decision("A1", "approve"))  # the engine may not say which body it was
        log.tell(first), log.tell(second)
        await asked
        for server in (first, second):
            with pytest.raises(ConflictError):
                await server.answer(request(amount=6), waits=0.5)
            assert (await server.answer(request(), waits=0.5)).request == request().body

    run(story())


def test_an_answer_is_given_as_long_as_it_is_kept_and_then_its_id_may_be_asked_anew() -> None:
    """Also on a server that hears of no other decision meanwhile; with another body too."""

    async def story() -> None:
        log = Log()
        server = log.server(keep_ms=1_000)
        log.decisions.append(decision("A1", "approve", request=request().body))
        log.tell(server)
        log.now += 1_000
        assert answered((await server.answer(request(), waits=0.5)).value)["verdict"] == "approve"
        log.now += 1
        asked = asyncio.create_task(server.answer(request(amount=6), waits=0.5))
        await asyncio.sleep(0)
        assert len(log.requests) == 1
        log.decisions.append(decision("A1", "decline", request=request(amount=6).body))
        log.tell(server)
        assert answered((await asked).value)["verdict"] == "decline"

    run(story())


def test_more_than_may_wait_are_refused_and_the_answered_are_not() -> None:
    """Who asks again for what is known never waits."""

    async def story() -> None:
        log = Log()
        server = log.server(most=1)
        log.decisions.append(decision("A0", "approve", request=request("A0").body))
        log.tell(server)
        waits = asyncio.create_task(server.answer(request("A1"), waits=0.5))
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="1 requests wait"):
            await server.answer(request("A2"), waits=0.5)
        assert answered((await server.answer(request("A0"), waits=0.5)).value)["verdict"] == "approve"
        waits.cancel()

    run(story())


def test_nothing_is_said_that_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker is away: there is no answer, and asking again later gets one."""
    monkeypatch.setattr(asking, "PATIENCE", 0.02)

    async def story() -> None:
        log = Log(away=True)
        server = log.server()
        with pytest.raises(LostError, match="ask again"):
            await server.answer(request(), waits=DEADLINE)
        log.away = False
        flow = asyncio.create_task(log.flow(random.Random(1)))
        assert answered((await server.answer(request(), waits=DEADLINE)).value)["verdict"] == "refer"
        flow.cancel()

    run(story())


def test_a_request_that_could_not_be_written_is_written_when_it_is_asked_again() -> None:
    """Nobody waits for what stands in no log."""

    async def story() -> None:
        log = Log(refuses=True)
        server = log.server()
        with pytest.raises(LostError, match="ask again"):
            await server.answer(request(), waits=0.5)
        log.refuses = False
        asked = asyncio.create_task(server.answer(request(), waits=0.5))
        await asyncio.sleep(0)
        assert len(log.requests) == 1
        log.decisions.append(decision("A1", "approve"))
        log.tell(server)
        assert answered((await asked).value)["verdict"] == "approve"

    run(story())


def test_what_is_no_request_or_decision_is_passed_over() -> None:
    """Whoever wrote it: workers refuse it and say why."""
    server = Log().server()
    deep = b'{"id": "A", "type": "application", "x": %b}' % (b"[" * 300 + b"]" * 300)
    for value in (b"", b"{", b"[]", b"{}", b'{"id": 7, "type": "application"}', b'{"id": "A", "type": "trade"}', deep):
        server.hear_request(Record(value))  # type: ignore[arg-type]
        server.hear_decision(Record(value))  # type: ignore[arg-type]
    assert len(server.answers) == 0
