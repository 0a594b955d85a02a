"""What a route of the console is: where it is, who may ask, who answers, and what its document says of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from aiohttp import web

__all__ = ["Handler", "Param", "Route", "add_routes", "permissions_of"]

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Param:
    """A query parameter: its name, what it does, and what it is."""

    name: str
    says: str
    type: Literal["string", "integer", "number", "boolean"] = "string"


@dataclass(frozen=True, slots=True)
class Route:
    """`permission` is one of `access.PERMISSIONS`, PUBLIC or SIGNED_IN; `body` and `answer` are sentences."""

    method: str
    path: str
    permission: str
    handler: Handler
    says: str
    params: tuple[Param, ...] = ()
    body: str = ""
    answer: str = ""


def add_routes(app: web.Application, routes: Iterable[Route]) -> None:
    """Have an application answer them."""
    for route in routes:
        app.router.add_route(route.method, route.path, route.handler)


def permissions_of(routes: Iterable[Route]) -> dict[tuple[str, str], str]:
    """The table that the gate goes by."""
    return {(route.method, route.path): route.permission for route in routes}
