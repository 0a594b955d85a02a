"""What workers say is asked once for all who look, and one that is silent or speaks nonsense is told apart."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
import pytest
from aiohttp import web

from risk_stream.console import workers as module
from risk_stream.console.workers import Workers, addresses_of
from risk_stream.settings import Settings
from risk_stream.sinks import Fired, RuleHealth, WorkerHealth
from risk_stream.stream.model_gauges import ModelStanding

NUMBERS = """\
# TYPE risk_stream_events_total counter
risk_stream_events_total{topic="t",type="trade"} 7.0
risk_stream_model_psi{model="m",input="a b"} 0.25
python_info{version="3"} 1.0
"""


class Worker:
    """One at a port of this machine; `asked` counts."""

    def __init__(self, *, judged: int = 5, nonsense: bool = False) -> None:
        rule = RuleHealth("burst", judged=judged, live=Fired(1, 1, 2), seconds=1.0, samples=1)
        self.pages = {
            "rules": msgspec.json.encode(WorkerHealth("p1", 1_000, [rule])),
            "metrics": NUMBERS.encode(),
            "models": msgspec.json.encode([ModelStanding("m", {}, [], 1, {})]),
        }
        if nonsense:
            self.pages = dict.fromkeys(self.pages, b"<html>")
        self.asked = 0
        self.address = ""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Worker]:
        async def answer(request: web.Request) -> web.Response:
            self.asked += 1
            return web.Response(body=self.pages[request.match_info["page"]])

        app = web.Application()
        app.router.add_get("/{page}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        self.address = f"{host}:{port}"
        try:
            yield self
        finally:
            await runner.cleanup()


def test_workers_are_one_to_who_looks() -> None:
    """However many look at once, each worker is asked once."""

    async def work() -> None:
        one, other, strange = Worker(), Worker(judged=6), Worker(nonsense=True)
        async with one.serving(), other.serving(), strange.serving():
            asked = Workers([one.address, other.address, strange.address, "127.0.0.1:1"])
            health, *others = await asyncio.gather(*(asked.health() for _ in range(20)))
            assert all(one is health for one in others)
            assert health is not None
            assert (health.workers, health.rules["burst"].judged, health.share("burst")) == (2, 11, 1.0)
            assert health.silent == (strange.address, "127.0.0.1:1")
            assert one.asked == 1
            numbers = await asked.numbers()
            assert numbers is not None
            assert [(n.name, n.value) for n in numbers][:2] == [
                ("risk_stream_events_total", 7.0),
                ("risk_stream_model_psi", 0.25),
            ]
            standing = await asked.models()
            assert standing is not None
            assert [one.model for one in standing] == ["m", "m"]

    asyncio.run(work())


def test_where_none_answers_nothing_is_made_up() -> None:
    async def work() -> None:
        asked = Workers(["127.0.0.1:1"])
        assert (await asked.health(), await asked.numbers(), await asked.models()) == (None, None, None)
        assert await Workers([]).health() is None

    asyncio.run(work())


def test_an_answer_without_an_end_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 10)

    async def work() -> None:
        worker = Worker()
        async with worker.serving():
            assert await Workers([worker.address]).health() is None

    asyncio.run(work())


def test_the_worker_of_the_settings_is_asked_where_none_is_named() -> None:
    assert addresses_of(Settings(metrics_host="0.0.0.0", metrics_port=9000)) == ("127.0.0.1:9000",)
    assert addresses_of(Settings(metrics_port=0)) == ()
    assert addresses_of(Settings(console_workers=["a:1", "b:2"])) == ("a:1", "b:2")
