"""`GET /v1/stream`: what changes, as it does (server-sent events)."""

from __future__ import annotations

from aiohttp import web

from risk_stream.access import NOBODY, Person, Scope
from risk_stream.console.answers import person_of
from risk_stream.console.api.me import GATE
from risk_stream.console.api.overview import overview
from risk_stream.console.house import House
from risk_stream.console.hub import Hub, Update
from risk_stream.console.routes import Route

__all__ = ["make_hub", "routes"]

#: Alerts of one update; where more have changed it says so, and a page reads its list again.
MOST = 200


def make_hub(house: House) -> Hub:
    """The hub of a house's updates."""

    async def alerts(since: int, scope: Scope) -> object | None:
        found = house.index.changed_since(since, scope, most=MOST)
        if not (found.rows or found.gone or found.more):
            return None
        return {"changed": found.rows, "gone": found.gone, "more": found.more}

    async def counted(_: int, scope: Scope) -> object:
        return await overview(house, scope)

    def version() -> int:
        return house.index.version

    return Hub([Update("alerts", version, alerts), Update("overview", version, counted, every=1.0)])


def routes(hub: Hub) -> list[Route]:
    """One."""

    async def stream(request: web.Request) -> web.StreamResponse:
        gate = request.app[GATE]

        def known() -> Person:
            access = gate.access.current()
            found = gate.known(request, access)
            return found.person if "see" in found.person.may else NOBODY

        return await hub.serve(request, person_of(request), known)

    says = "What changes: events `alerts` {changed, gone, more} and `overview`, at most 4 a second, and `beat`."
    return [Route("GET", "/v1/stream", "see", stream, says, answer="text/event-stream")]
