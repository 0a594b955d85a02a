"""A mail server and a web hook on this machine that take, refuse, break off and hang as they are told."""

from __future__ import annotations

import asyncio
import email
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

__all__ = ["Arrival", "Inbox", "mail_server", "web_hook"]

#: What a server may do with a notice: take it; refuse it; break off before it, in its midst, or when it has taken it;
#: take it and never answer.
FAULTS = ("take", "refuse", "before", "during", "after", "hang")


@dataclass(frozen=True)
class Arrival:
    """A notice that was taken, and whether its sender was told so."""

    id: str
    at: float
    title: str
    text: str
    answered: bool
    extra: dict[str, Any] = field(default_factory=dict)


class Inbox:
    """What came. `fault(id)` says what is done with the next attempt at a notice; by itself each is taken."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.attempts = 0
        self.fault: Callable[[int], str] = lambda _: "take"
        self.url = ""

    def next_fault(self) -> str:
        """For one attempt."""
        self.attempts += 1
        return self.fault(self.attempts)

    @property
    def counts(self) -> Counter[str]:
        """How often each notice was taken."""
        return Counter(one.id for one in self.arrivals)

    def wait(self, count: int, seconds: float = 30) -> list[Arrival]:
        """Until so many different notices were taken."""
        end = time.monotonic() + seconds
        while len(self.counts) < count:
            assert time.monotonic() < end, f"{len(self.counts)} of {count} came"
            time.sleep(0.02)
        return self.arrivals


@contextmanager
def _served(start: Callable[[], Coroutine[Any, Any, Callable[[], Coroutine[Any, Any, None]]]]) -> Iterator[None]:
    """A server in a loop and thread of its own."""
    loop, ready = asyncio.new_event_loop(), threading.Event()
    stop: list[Callable[[], Coroutine[Any, Any, None]]] = []

    def run() -> None:
        asyncio.set_event_loop(loop)
        stop.append(loop.run_until_complete(start()))
        ready.set()
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(stop[0](), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def _free() -> socket.socket:
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    return made


@contextmanager
def mail_server() -> Iterator[Inbox]:
    """An SMTP server; its inbox's `url` is an address there."""
    inbox, listening = Inbox(), _free()
    faults: dict[int, str] = {}

    class Handler:
        async def handle_MAIL(  # noqa: N802
            self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
        ) -> str:
            fault = faults[id(envelope)] = inbox.next_fault()
            if fault == "before":
                assert server.transport is not None
                server.transport.abort()
            envelope.mail_from = address
            envelope.mail_options.extend(options)
            return "550 go away" if fault == "refuse" else "250 OK"

        async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
            fault = faults.get(id(envelope), "take")
            if fault == "during":
                assert server.transport is not None
                server.transport.abort()
                return "451 broken off"
            content = envelope.original_content or b""
            if b"\n" in content.replace(b"\r\n", b"") or not content.isascii():
                return "550 5.5.2 a line ends with CR and LF, and 8BITMIME was not asked for"
            message = email.message_from_bytes(content)
            text = message.get_payload(decode=True).decode().replace("\r\n", "\n")  # type: ignore[union-attr]
            named = str(message["Message-ID"])[1:].partition("@")[0]
            headers = {key: str(value) for key, value in message.items()}
            answered = fault == "take"
            title = str(email.header.make_header(email.header.decode_header(message["Subject"])))
            inbox.arrivals.append(Arrival(named, time.time(), title, text, answered, headers))
            if fault == "hang":
                await asyncio.sleep(60)
            if fault == "after":
                assert server.transport is not None
                server.transport.abort()
            return "250 taken"

    async def start() -> Callable[[], Coroutine[Any, Any, None]]:
        loop = asyncio.get_running_loop()
        listening.listen(100)
        server = await loop.create_server(lambda: SMTP(Handler(), hostname="localhost"), sock=listening)

        async def stop() -> None:
            server.close()

        return stop

    port = listening.getsockname()[1]
    inbox.url = f"mailto://127.0.0.1:{port}/?from=risk@example.com&to=wang@example.com"
    with _served(start):
        yield inbox


@contextmanager
def web_hook() -> Iterator[Inbox]:
    """An HTTP server that takes JSON; its inbox's `url` is an address there."""
    inbox, listening = Inbox(), _free()

    async def take(request: web.Request) -> web.StreamResponse:
        fault = inbox.next_fault()
        if fault == "refuse":
            return web.Response(status=503)
        if fault in {"before", "during"}:
            if fault == "during":
                await request.content.read(10)
            assert request.transport is not None
            request.transport.abort()
            return web.Response(status=500)
        body = json.loads(await request.read())
        named = request.headers["Idempotency-Key"]
        inbox.arrivals.append(Arrival(named, time.time(), body["title"], body["message"], fault == "take", body))
        if fault == "hang":
            await asyncio.sleep(60)
        if fault == "after":
            assert request.transport is not None
            request.transport.abort()
        return web.Response(text="taken")

    async def start() -> Callable[[], Coroutine[Any, Any, None]]:
        app = web.Application()
        app.router.add_post("/hook", take)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        return runner.cleanup

    inbox.url = f"json://127.0.0.1:{listening.getsockname()[1]}/hook"
    with _served(start):
        yield inbox
