"""The console as a web application: routes behind the gate, the pages' files, and what is wrong in a sentence."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from risk_stream.access import MAX_BODY, PUBLIC, install_gate
from risk_stream.console.answers import BadQueryError, answer, bad
from risk_stream.console.api import (
    acts,
    alerts,
    audit,
    backtests,
    cases,
    counts,
    customers,
    loans,
    me,
    models,
    overview,
    plans,
    quality,
    reveal,
    rules,
    silences,
    stream,
    timeline,
    views,
)
from risk_stream.console.house import House
from risk_stream.console.hub import Hub
from risk_stream.console.index import QueryError
from risk_stream.console.openapi import document
from risk_stream.console.routes import Route, add_routes, permissions_of
from risk_stream.settings import Settings
from risk_stream.sinks import Metrics

__all__ = ["PAGES", "STATIC", "api_routes", "make_app"]

#: The pages' own files.
STATIC = Path(__file__).parent / "static"


def _pages() -> tuple[str, ...]:
    """Paths of pages as `pages.js` has them, in the router's words: each is answered with the same document."""
    paths = re.findall(
        r'^  \["(/[^"]*)", \(\) => import\(', (STATIC / "pages.js").read_text(encoding="utf-8"), re.MULTILINE
    )
    return tuple(re.sub(r":(\w+)", r"{\1}", path) for path in paths)


#: The pages; they ask the API for what they show.
PAGES = _pages()


def api_routes(house: House, hub: Hub) -> list[Route]:
    """Every route below /v1; a new part of the API is added here."""
    return [
        *me.routes(house),
        *overview.routes(house),
        *alerts.routes(house),
        *cases.routes(house),
        *acts.routes(house),
        *timeline.routes(house),
        *customers.routes(house),
        *loans.routes(house),
        *reveal.routes(house),
        *silences.routes(house),
        *audit.routes(house),
        *counts.routes(house),
        *views.routes(house),
        *rules.routes(house),
        *plans.routes(house),
        *backtests.routes(house),
        *models.routes(house),
        *quality.routes(house),
        *stream.routes(hub),
    ]


def make_app(
    settings: Settings, house: House, hub: Hub, metrics: Metrics, ready: Callable[[], bool], *, port: int | None = None
) -> web.Application:
    """The application; until `ready()` the API answers that the logs are being read.

    Raises:
        AccessError: access.yaml or tokens.yaml are wrong.
        LocalError: everybody would be let in, and others reach the console.
    """
    app = web.Application(client_max_size=MAX_BODY, middlewares=[_told(metrics, ready)])
    api = api_routes(house, hub)
    routes = [*api, *_own(api, settings, metrics, ready), *(_page(path) for path in PAGES)]
    add_routes(app, routes)
    app.router.add_static("/static/", STATIC)
    app[me.GATE] = install_gate(app, settings, permissions_of(routes), port=port, source=house.access)
    return app


def _own(api: list[Route], settings: Settings, metrics: Metrics, ready: Callable[[], bool]) -> list[Route]:
    """What the console says of itself."""

    async def described(_: web.Request) -> web.Response:
        return answer(document(api, settings.console_url))

    async def health(_: web.Request) -> web.Response:
        return answer({"ready": ready()}, 200 if ready() else 503)

    async def numbers(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics.registry()), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [
        Route("GET", "/v1/openapi.json", PUBLIC, described, "This document."),
        Route("GET", "/healthz", PUBLIC, health, "Whether the logs are read."),
        Route("GET", "/metrics", "metrics", numbers, "For Prometheus."),
    ]


def _page(path: str) -> Route:
    async def page(_: web.Request) -> web.StreamResponse:
        return web.FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    return Route("GET", path, PUBLIC, page, "A page.")


def _told(metrics: Metrics, ready: Callable[[], bool]) -> Middleware:
    """Says what a request cannot mean, that the console is not ready, and counts answers and their seconds."""

    @web.middleware
    async def told(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not ready() and request.path.startswith("/v1/") and not _known_early(request.path):
            response: web.StreamResponse = bad("the logs are being read: ask again in a second", 503)
            response.headers["Retry-After"] = "1"
            return response
        began = time.perf_counter()
        try:
            response = await handler(request)
        except (BadQueryError, QueryError) as exc:
            response = bad(str(exc))
        resource = request.match_info.route.resource
        route = "other" if resource is None else resource.canonical
        if route != "/v1/stream":
            metrics.observe("risk_stream_console_seconds", time.perf_counter() - began, route)
        metrics.add("risk_stream_console_requests_total", 1, route, str(response.status))
        return response

    return told


def _known_early(path: str) -> bool:
    return path.startswith("/v1/session") or path in {"/v1/me", "/v1/openapi.json"}
