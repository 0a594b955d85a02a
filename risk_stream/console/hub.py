"""Live updates: each is made and encoded once for all who may see the same, and never waits for a client.

Changes are gathered for a quarter of a second. A client that does not take what it is sent has a few messages in
hand; when these are full it is dropped, and asks again by itself: what it then reads is the whole state, so nothing
is missed. So the memory of the console does not depend on how slow its clients are.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

from risk_stream.access import Person, Scope

__all__ = ["BEAT", "STEP", "Hub", "Update"]

log = logging.getLogger("risk_stream.console")

#: How often clients are told of changes, and that the line is alive where nothing changes, s.
STEP, BEAT = 0.25, 15.0
#: Messages that wait for a client, and how long it may take nothing, s, before it is dropped.
IN_HAND, PATIENCE = 16, 10.0
#: Bytes on their way to a client, in the process and again in the system, before a write waits.
IN_LINE = 32 << 10
#: How long nothing is told after an update that could not be made, s: it is made again then.
AFTER_FAILURE = 5.0
#: Clients at once; one more is asked to come back later.
MOST_CLIENTS = 2_000


@dataclass(frozen=True, slots=True)
class Update:
    """What changes: the event's name, its version now, and what to say of what came since a version to a scope."""

    name: str
    version: Callable[[], int]
    since: Callable[[int, Scope], Awaitable[object | None]]
    every: float = STEP  # at least so long between two, s


@dataclass(slots=True, eq=False)
class _Client:
    scope: Scope
    key: tuple[str, ...] | None
    waiting: deque[bytes] = field(default_factory=deque)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    dropped: bool = False

    def put(self, message: bytes) -> None:
        if len(self.waiting) >= IN_HAND:
            self.dropped = True
        else:
            self.waiting.append(message)
        self.woken.set()


class Hub:
    """`run()` until cancelled; `serve` answers a request with the stream."""

    def __init__(self, updates: list[Update]) -> None:
        self.updates = updates
        self.clients: set[_Client] = set()
        self.dropped = 0  # clients that took too little
        self.failed = 0  # updates that could not be made
        self.sent = 0  # messages, to all clients
        self._told = {update.name: update.version() for update in updates}
        self._last = dict.fromkeys(self._told, 0.0)

    async def run(self) -> None:
        """Tell what changes, until cancelled."""
        while True:
            await asyncio.sleep(STEP)
            try:
                await self.tell()
            except Exception as exc:  # noqa: BLE001 one update that cannot be made must not end all of them
                self.failed += 1
                log.error("what changed could not be told: %r", exc)
                await asyncio.sleep(AFTER_FAILURE)

    async def tell(self) -> None:
        """Say once what has changed since the last time."""
        now = asyncio.get_running_loop().time()
        for update in self.updates:
            version, before = update.version(), self._told[update.name]
            if version == before or now - self._last[update.name] < update.every:
                continue
            groups: dict[tuple[str, ...] | None, list[_Client]] = {}
            for client in self.clients:
                groups.setdefault(client.key, []).append(client)
            for clients in groups.values():
                said = await update.since(before, clients[0].scope)
                if said is not None:
                    message = event(update.name, said)
                    for client in clients:
                        client.put(message)
            self._told[update.name], self._last[update.name] = version, now

    async def serve(self, request: web.Request, person: Person, known: Callable[[], Person]) -> web.StreamResponse:
        """The stream of somebody; it ends when `known()` is somebody else, or may see other data than at first."""
        if len(self.clients) >= MOST_CLIENTS:
            return web.Response(status=503, headers={"Retry-After": "10"}, text="too many are looking on: try again")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        await response.prepare(request)
        self._hold_little(request)
        client = _Client(person.scope, person.scope.key)
        client.put(b"retry: 1000\n\n" + event("beat", {}))
        self.clients.add(client)
        try:
            while await self._anything(client) and (known().name, known().role_key) == (person.name, person.role_key):
                await self._pour(client, response)
        except (ConnectionError, TimeoutError):
            pass  # they have gone, or take nothing: there is nobody to be told so
        finally:
            self.clients.discard(client)
        if client.dropped:
            self.dropped += 1
            self._cut(request)
        return response

    async def _anything(self, client: _Client) -> bool:
        """Wait until there is something to say, or for a while; False: the client was dropped."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(client.woken.wait(), BEAT)
        client.woken.clear()
        return not client.dropped

    async def _pour(self, client: _Client, response: web.StreamResponse) -> None:
        """Send what waits; where nothing came for a while, that the line is alive."""
        messages = b"".join(client.waiting) or event("beat", {})
        self.sent += max(1, len(client.waiting))
        client.waiting.clear()
        try:
            await asyncio.wait_for(response.write(messages), PATIENCE)
        except TimeoutError:
            client.dropped = True
            raise

    @staticmethod
    def _hold_little(request: web.Request) -> None:
        """Have the system hold no more for a line than IN_LINE: by itself it takes megabytes before a write waits."""
        if request.transport is not None:
            request.transport.set_write_buffer_limits(IN_LINE)
            request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, IN_LINE)

    @staticmethod
    def _cut(request: web.Request) -> None:
        """Let go of a line whose buffer is full: closing it in order would wait for who does not read."""
        if request.transport is not None:
            request.transport.abort()


def event(name: str, said: object) -> bytes:
    """One event of a stream (HTML Standard, 9.2): its name and its data on a line."""
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(said) + b"\n\n"
