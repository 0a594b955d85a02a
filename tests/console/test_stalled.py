"""Who asks for what changes and does not read it is cut off, however large the buffers of the system are."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp import web

from risk_stream.access import EVERYWHERE, Person, Scope
from risk_stream.console import hub as hub_module
from risk_stream.console.hub import Hub, Update

PERSON = Person("li", may=frozenset({"see"}), scope=EVERYWHERE)


def test_a_line_that_is_not_read_is_cut_after_little_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that is read beside it is told everything."""
    monkeypatch.setattr(hub_module, "PATIENCE", 0.3)
    version = 0

    async def since(_: int, __: Scope) -> object:
        return {"now": version, "much": "x" * 8_192}

    hub = Hub([Update("alerts", lambda: version, since, 0.0)])

    async def stream(request: web.Request) -> web.StreamResponse:
        return await hub.serve(request, PERSON, lambda: PERSON)

    async def course() -> int:
        nonlocal version
        app = web.Application()
        app.router.add_get("/v1/stream", stream)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        lines = [socket.socket(), socket.socket()]
        lines[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for line in lines:
            line.connect(("127.0.0.1", port))
            line.setblocking(False)
            line.sendall(b"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        reader, _ = await asyncio.open_connection(sock=lines[1])
        end = asyncio.get_running_loop().time() + 20
        while len(hub.clients) < 2:
            await asyncio.sleep(0.01)
        while hub.dropped == 0 and asyncio.get_running_loop().time() < end:
            version += 1
            await hub.tell()
            await reader.readuntil(b'"now":%d' % version)
            await asyncio.sleep(0.01)
        left = len(hub.clients)
        lines[0].close()
        await runner.cleanup()
        return left

    assert asyncio.run(course()) == 1
    assert hub.dropped == 1
    assert version * 8_192 < 2 << 20, "it was found out before megabytes had been taken for it"
