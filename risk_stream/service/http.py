"""Decisions over HTTP: `POST /v1/decisions`, `GET /v1/decisions/ID`, `/healthz` and `/metrics`.

Every answer is JSON: a decision as it stands in the log, or `{"error": "…"}` with one sentence.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import orjson
from aiohttp import web
from prometheus_client import generate_latest

from risk_stream.decisions import BadRequestError, Request, Requests
from risk_stream.service.asking import Asking, ConflictError, LostError, OverloadedError
from risk_stream.sinks import Metrics

__all__ = ["DEADLINE", "IDEMPOTENCY", "MAX_BODY", "make_web"]

#: Headers that may say the application's id, and how long the answer may take, ms.
IDEMPOTENCY, DEADLINE = "Idempotency-Key", "Deadline-Ms"

#: A body is no larger, bytes.
MAX_BODY = 256 << 10

#: When to ask again where too many wait, s.
RETRY_AFTER = "1"

_NOT_READY = "what was answered before is being read: ask again in a second"


def make_web(asking: Asking, requests: Requests, metrics: Metrics, ready: Callable[[], bool]) -> web.Application:
    """The application; until `ready()` nothing is answered."""
    handlers = _Handlers(asking, requests, metrics, ready)
    app = web.Application(client_max_size=MAX_BODY)
    app.router.add_post("/v1/decisions", handlers.ask)
    app.router.add_get("/v1/decisions/{application}", handlers.get)
    app.router.add_get("/healthz", handlers.health)
    app.router.add_get("/metrics", handlers.metrics_page)
    return app


class _Handlers:
    def __init__(self, asking: Asking, requests: Requests, metrics: Metrics, ready: Callable[[], bool]) -> None:
        self.asking, self.requests, self.metrics, self.ready = asking, requests, metrics, ready

    async def ask(self, asked: web.Request) -> web.Response:
        """An answer to the body's application, within its deadline."""
        began = time.monotonic()
        if not self.ready():
            return _error(503, _NOT_READY)
        try:
            request = self._read(asked, await asked.read())
            known = self.asking.known(request.id) is not None
            left = request.deadline_ms / 1000 - (time.monotonic() - began)
            answer = await self.asking.answer(request, waits=left)
        except web.HTTPRequestEntityTooLarge:
            return self._refused("bad", 413, f"the body has more than {MAX_BODY:,} bytes: send the application alone")
        except BadRequestError as exc:
            return self._refused("bad", 400, str(exc))
        except ConflictError as exc:
            return self._refused("conflict", 409, str(exc))
        except OverloadedError as exc:
            return self._refused("overloaded", 503, str(exc))
        except LostError as exc:
            return self._refused("lost", 503, str(exc))
        self._count(known=known, seconds=time.monotonic() - began, deadline=request.deadline_ms / 1000)
        return web.Response(body=answer.value, content_type="application/json")

    async def get(self, asked: web.Request) -> web.Response:
        """The answer to an application; 404 where there is none."""
        application = asked.match_info["application"]
        answer = self.asking.known(application)
        if answer is not None:
            return web.Response(body=answer.value, content_type="application/json")
        if not self.ready():
            return _error(503, _NOT_READY)
        return _error(404, f"application {application} has no answer")

    async def health(self, _: web.Request) -> web.Response:
        """Whether requests are answered."""
        ready = self.ready()
        said = orjson.dumps({"ready": ready, "answers": len(self.asking.answers), "waiting": self.asking.in_flight})
        return web.Response(body=said, status=200 if ready else 503, content_type="application/json")

    async def metrics_page(self, _: web.Request) -> web.Response:
        """For Prometheus."""
        self.metrics.set("risk_stream_decisions_in_flight", self.asking.in_flight)
        self.metrics.set("risk_stream_decisions_kept", len(self.asking.answers))
        self.metrics.set("risk_stream_decisions_ready", int(self.ready()))
        return web.Response(body=generate_latest(self.metrics.registry()), content_type="text/plain", charset="utf-8")

    def _read(self, asked: web.Request, body: bytes) -> Request:
        headers = asked.headers
        now = int(time.time() * 1000)
        return self.requests.read(body, now_ms=now, key=headers.get(IDEMPOTENCY), deadline=headers.get(DEADLINE))

    def _count(self, *, known: bool, seconds: float, deadline: float) -> None:
        outcome = "known" if known else "answered" if seconds < deadline else "deadline"
        self.metrics.add("risk_stream_decision_requests_total", 1, "http", outcome)
        if not known:
            self.metrics.observe("risk_stream_decision_seconds", seconds, "http")

    def _refused(self, outcome: str, status: int, sentence: str) -> web.Response:
        self.metrics.add("risk_stream_decision_requests_total", 1, "http", outcome)
        return _error(status, sentence)


def _error(status: int, sentence: str) -> web.Response:
    headers = {"Retry-After": RETRY_AFTER} if status == 503 else None
    body = orjson.dumps({"error": sentence})
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")
