"""Who asks: what pages greet somebody with, and what they show them."""

from __future__ import annotations

from aiohttp import web

from risk_stream.access import SESSION, SIGNED_IN, Gate
from risk_stream.console.answers import answer, person_of
from risk_stream.console.house import House
from risk_stream.console.routes import Route

__all__ = ["GATE", "routes"]

#: Where the application keeps its gate.
GATE = web.AppKey("gate", Gate)


def routes(house: House) -> list[Route]:
    """One."""

    async def me(request: web.Request) -> web.Response:
        person, session = person_of(request), request[SESSION]
        scope = person.scope.entities
        said = {
            "name": person.name,
            "shown": person.shown or person.name,
            "roles": sorted(person.roles),
            "may": sorted(person.may),
            "entities": None if scope is None else sorted(scope),
            "language": person.language,
            "csrf": "" if session is None else request.app[GATE].sessions.csrf(session),
            "people": sorted(house.access.current().names),
            "clock": house.settings.clock,
            "zone": house.settings.console_zone,
        }
        return answer(said)

    says = "Who asks: name, roles, what they may do, and whose data they see (null: all)."
    return [Route("GET", "/v1/me", SIGNED_IN, me, says)]
