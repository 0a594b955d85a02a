"""Ends connections that ask for nothing: a client that sends its request a byte at a time holds one for ever otherwise.

aiohttp bounds the sizes of lines, headers and bodies, and how long an idle connection is kept between requests; it
does not bound how long the first line and the headers may take to come.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiohttp.web_protocol import RequestHandler
from aiohttp.web_server import Server

__all__ = ["FIRST_SECONDS", "IDLE_SECONDS", "SERVER_LIMITS", "Patience"]

#: How long a new connection has for its first request's headers, and how long one that has asked may be idle, s.
FIRST_SECONDS, IDLE_SECONDS = 10.0, 75.0
LOOK = 1.0

#: What `web.AppRunner` is given besides: bytes of the first line and of a header, headers of a request, and how long a
#: body that nobody wants is still taken, s.
SERVER_LIMITS: dict[str, Any] = {
    "max_line_size": 8190,
    "max_field_size": 8190,
    "max_headers": 64,
    "keepalive_timeout": IDLE_SECONDS,
    "lingering_time": 1.0,
}


class Patience:
    """Looks over a server's connections; `await run()` beside it."""

    def __init__(self, server: Server, *, first: float = FIRST_SECONDS, idle: float = IDLE_SECONDS) -> None:
        self._server, self._first, self._idle = server, first, idle
        self._since: dict[RequestHandler, float] = {}  # of those that ask for nothing now

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(min(LOOK, self._first / 2))
            self.look(time.monotonic())

    def look(self, now: float) -> int:
        """Close what has asked for nothing for too long; -> how many there were."""
        waiting = [
            one
            for one in self._server.connections
            if one._current_request is None  # noqa: SLF001  there is no public word for it
        ]
        self._since = {one: self._since.get(one, now) for one in waiting}
        closed = 0
        for one, since in self._since.items():
            most = self._idle if one._request_count else self._first  # noqa: SLF001  nor for this
            if now - since > most and one.transport is not None:
                one.transport.abort()
                closed += 1
        return closed
