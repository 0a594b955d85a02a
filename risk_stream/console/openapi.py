"""The API's document (OpenAPI 3.1), made of the routes themselves: what is served is what it says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from risk_stream import __version__
from risk_stream.access import PUBLIC, SIGNED_IN
from risk_stream.console.routes import Param, Route

__all__ = ["document"]

_VARIABLE = re.compile(r"{(\w+)(?::[^}]*)?}")

_ERROR = {
    "description": "Why not, in one sentence.",
    "content": {
        "application/json": {
            "schema": {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
        }
    },
}


def document(routes: Iterable[Route], url: str = "") -> dict[str, Any]:
    """The document of those below /v1."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if route.path.startswith("/v1/"):
            paths.setdefault(_VARIABLE.sub(r"{\1}", route.path), {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "risk-stream",
            "version": __version__,
            "description": "Alerts, cases and what people do with them. Times are ms since 1970 UTC. "
            "Personal data are masked.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        **({"servers": [{"url": url}]} if url else {}),
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "risk-stream access token NAME makes one."}
            },
            "responses": {"refused": _ERROR},
        },
        "paths": dict(sorted(paths.items())),
    }


def _operation(route: Route) -> dict[str, Any]:
    summary, _, _ = route.says.partition(". ")
    content = {"application/json": {"schema": {"description": route.answer or route.says}}}
    made: dict[str, Any] = {
        "operationId": _name(route),
        "summary": summary.rstrip("."),
        "description": f"{route.says}{_needed(route.permission)}",
        "parameters": [*_in_path(route.path), *(_in_query(param) for param in route.params)],
        "responses": {
            "200": {"description": route.answer or "As the summary says.", "content": content},
            "4XX": {"$ref": "#/components/responses/refused"},
        },
        "security": [] if route.permission == PUBLIC else [{"token": []}],
    }
    if route.body:
        made["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object", "description": route.body}}},
        }
        made["parameters"].append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The same key is the same write, however often it is sent: 8 to 64 of A-Z a-z 0-9 _ -.",
                "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,64}$"},
            }
        )
    return made


def _name(route: Route) -> str:
    words = re.findall(r"\w+", route.path.removeprefix("/v1/"))
    return "_".join([route.method.lower(), *words])


def _needed(permission: str) -> str:
    if permission == PUBLIC:
        return " Anybody may ask."
    return " Whoever is signed in may ask." if permission == SIGNED_IN else f" Takes the permission `{permission}`."


def _in_path(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in _VARIABLE.findall(path)
    ]


def _in_query(param: Param) -> dict[str, Any]:
    return {"name": param.name, "in": "query", "description": param.says, "schema": {"type": param.type}}
