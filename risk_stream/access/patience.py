"""Ends connections that ask for nothing: a client that sends its request a byte at a time holds one for ever otherwise.

aiohttp bounds the sizes of lines, headers and bodies, and how long an idle connection is kept between requests; it
does not bound how long the first line and the headers may take to come.
"""

from __future__ import annotations

import asyncio
import logging
import time
from weakref import WeakKeyDictionary

from aiohttp.web_protocol import RequestHandler
from aiohttp.web_server import Server

__all__ = ["FIRST_SECONDS", "IDLE_SECONDS", "SERVER_LIMITS", "Patience"]

log = logging.getLogger("risk_stream.access")

#: How long a new connection has for its first request's headers, and how long one that has asked may be idle, s.
FIRST_SECONDS, IDLE_SECONDS = 10.0, 75.0
LOOK = 1.0

#: What `web.AppRunner` is given besides: bytes of the first line and of a header, and headers of a request.
SERVER_LIMITS = {"max_line_size": 8190, "max_field_size": 8190, "max_headers": 64, "keepalive_timeout": IDLE_SECONDS}


class Patience:
    """Looks over a server's connections; `await run()` beside it."""

    def __init__(self, server: Server, *, first: float = FIRST_SECONDS, idle: float = IDLE_SECONDS) -> None:
        self._server, self._first, self._idle = server, first, idle
        self._since: WeakKeyDictionary[RequestHandler, float] = WeakKeyDictionary()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(min(LOOK, self._first / 2))
            self.look(time.monotonic())

    def look(self, now: float) -> int:
        """Close what has asked for nothing for too long; -> how many there were."""
        closed = 0
        for connection in self._server.connections:
            if connection._current_request is not None:  # noqa: SLF001  there is no public word for it
                self._since.pop(connection, None)
                continue
            since = self._since.setdefault(connection, now)
            most = self._idle if connection._request_count else self._first  # noqa: SLF001  nor for this
            if now - since > most and connection.transport is not None:
                connection.transport.abort()
                closed += 1
        return closed
