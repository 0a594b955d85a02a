"""A small console for tests: a few routes behind the gate, served on a port of this machine; and a client for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import SecretStr

from risk_stream.access import (
    MAX_BODY,
    PERSON,
    SERVER_LIMITS,
    SESSION,
    Gate,
    Patience,
    install_gate,
    make_token,
    store_token,
)
from risk_stream.access.web import Handler
from risk_stream.settings import Settings

__all__ = ["Answer", "Browser", "Served", "served", "token_for"]

#: A route whose permission is taken away once it runs.
FORGOTTEN = ("GET", "/v1/forgotten")
GATE = web.AppKey("gate", Gate)
NOW = 1_790_000_000_000

ROWS = [{"id": "own", "entity": "SEC-SH"}, {"id": "foreign", "entity": "SEC-SZ"}, {"id": "none", "entity": ""}]


def token_for(folder: Path, person: str, *, expires: int | None = None) -> str:
    """A new token of a person, stored as the command does."""
    text, token = make_token(person, now=NOW, expires=expires)
    store_token(folder, token)
    return text


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.json["error"])


@dataclass
class Browser:
    """Asks with a token, with cookies, or with neither."""

    address: str
    token: str = ""
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Answers of errors are answers; redirections are not followed."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            given["Authorization"] = f"Bearer {self.token}"
        if self.cookies:
            given["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if self.csrf:
            given.setdefault("X-Risk-Csrf", self.csrf)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        asked = urllib.request.Request(f"{self.address}{path}", data=data, method=method, headers=given)
        try:
            with _OPENER.open(asked, timeout=20) as got:
                answer = Answer(got.status, got.headers, got.read())
        except urllib.error.HTTPError as error:
            answer = Answer(error.code, error.headers, error.read())
        for said in answer.headers.get_all("Set-Cookie") or []:  # type: ignore[attr-defined]
            for name, morsel in SimpleCookie(said).items():
                self.cookies.pop(name, None)
                if morsel.value:
                    self.cookies[name] = morsel.value
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.ask("POST", path, {} if body is None else body, **headers)


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}))


@dataclass
class Served:
    """A server that runs, and what is behind it."""

    address: str
    port: int
    gate: Gate
    folder: Path

    def browser(self, token: str = "") -> Browser:
        return Browser(self.address, token)

    def send(self, data: bytes, *, wait: float = 5.0) -> bytes:
        """Bytes to the port as they are; all that comes back until it closes or is silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as connection:
            connection.sendall(data)
            got = b""
            with contextlib.suppress(TimeoutError, ConnectionError):
                while part := connection.recv(65536):
                    got += part
            return got


def _routes() -> list[tuple[str, str, str, Handler]]:
    async def me(request: web.Request) -> web.Response:
        person = request[PERSON]
        csrf = request.app[GATE].sessions.csrf(request[SESSION])
        return web.json_response({"name": person.name, "may": sorted(person.may), "csrf": csrf})

    async def alerts(request: web.Request) -> web.Response:
        return web.json_response({"rows": request[PERSON].scope.of(ROWS)})

    async def alert(request: web.Request) -> web.Response:
        rows = request[PERSON].scope.of(row for row in ROWS if row["id"] == request.match_info["id"])
        if not rows:
            raise web.HTTPNotFound
        return web.json_response(rows[0])

    async def done(request: web.Request) -> web.Response:
        body = await request.json()
        return web.json_response({"by": request[PERSON].name, "said": body})

    async def broken(_: web.Request) -> web.Response:
        raise RuntimeError("a secret of the inside")

    return [
        ("GET", "/healthz", "public", me),
        ("GET", "/v1/me", "signed_in", me),
        ("GET", "/v1/alerts", "see", alerts),
        ("GET", "/v1/alerts/{id}", "see", alert),
        ("POST", "/v1/acts", "work", done),
        ("POST", "/v1/backtests", "backtest", done),
        ("GET", "/v1/audit", "audit", alerts),
        ("GET", "/metrics", "metrics", alerts),
        ("GET", "/v1/broken", "public", broken),
    ]


@contextlib.contextmanager
def served(folder: Path, *, url: str = "", first: float = 10.0, secret: str = "") -> Iterator[Served]:
    """The console of a folder `people`, on a free port, until the block ends."""
    began, ending = threading.Event(), threading.Event()
    found: list[Served] = []

    async def main() -> None:
        sock = socket.create_server(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        app = web.Application(client_max_size=MAX_BODY)
        settings = Settings(people=folder, console_url=url, console_openid_secret=SecretStr(secret))
        routes = _routes()
        permissions = {(method, path): need for method, path, need, _ in routes}
        gate = install_gate(app, settings, permissions, port=port)
        for method, path, _, handler in routes:
            app.router.add_route(method, path, handler)
        gate.permissions[FORGOTTEN] = "public"  # an application that forgets one does not start
        app.router.add_route(*FORGOTTEN, routes[0][3])
        app[GATE] = gate
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1, **SERVER_LIMITS)
        await runner.setup()
        del gate.permissions[FORGOTTEN]
        await web.SockSite(runner, sock).start()
        assert runner.server is not None
        patience = asyncio.create_task(Patience(runner.server, first=first).run())
        found.append(Served(f"http://127.0.0.1:{port}", port, gate, folder))
        began.set()
        await asyncio.to_thread(ending.wait)
        patience.cancel()
        await runner.cleanup()

    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    assert began.wait(10)
    try:
        yield found[0]
    finally:
        ending.set()
        thread.join(10)
