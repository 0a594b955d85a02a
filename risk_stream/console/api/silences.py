"""Silences: which stand, which have ended, how many alerts each matches, and what a new one would match."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from risk_stream.access import Scope
from risk_stream.alerts import Policy, Silence, why_not
from risk_stream.console.answers import answer, body_of, page_of, scope_of
from risk_stream.console.house import House
from risk_stream.console.index import Query
from risk_stream.console.routes import Param, Route

__all__ = ["matched", "routes"]

#: Alerts that a preview names.
NAMED = 5

_OPEN = ("open", "acknowledged")


def matched(silence: Silence) -> Query:
    """The alerts, not closed, that a silence matches while it stands."""
    given = {"rule": silence.rules, "stage": silence.stages, "severity": silence.severities, "entity": silence.entities}
    chosen = {name: values for name, values in given.items() if values}
    return Query(one_of={"standing": _OPEN, **chosen}, keys=silence.keys)


def routes(house: House) -> list[Route]:
    """The list, and what a new one would match; they are made and ended by acts."""

    async def silences(request: web.Request) -> web.Response:
        scope, (limit, offset) = scope_of(request), page_of(request)
        now = house.now()
        over = request.query.get("over") == "true"
        found = [one for one in house.view.seen_silences(scope) if over or one.ends > now]
        found.sort(key=lambda one: (one.ends <= now, -one.ends if one.ends <= now else one.ends))
        items = [shown(house, one, scope, now) for one in found[offset : offset + limit]]
        return answer({"items": items, "total": len(found), "offset": offset, "limit": limit, "now": now})

    async def preview(request: web.Request) -> web.Response:
        scope, silence = scope_of(request), await body_of(request, Silence)
        why = why_not(silence, house.now(), Policy())
        if not (silence.rules or silence.entities or silence.keys):
            return answer({"why": why, "open": 0, "items": []})
        page = house.index.find(matched(silence), scope, "-severity", 0, NAMED)
        return answer({"why": why, "open": page.total, "items": page.rows})

    return [
        Route(
            "GET",
            "/v1/silences",
            "see",
            silences,
            "Silences, those that stand first; each with how many open alerts it matches now.",
            (
                Param("over", "true: those too that have ended", "boolean"),
                Param("limit", "at most 200", "integer"),
                Param("offset", "how many to skip", "integer"),
            ),
            answer="{items: [silence and active, open], total, now}.",
        ),
        Route(
            "POST",
            "/v1/silences/preview",
            "silence",
            preview,
            "How many open alerts a silence would match, and why it cannot be, if so; nothing is changed.",
            body="a silence: rules, stages, severities, entities, keys, reason, begins, ends.",
            answer="{why: a sentence or null, open, items}.",
        ),
    ]


def shown(house: House, silence: Silence, scope: Scope, now: int) -> dict[str, Any]:
    """A silence with all its members; keys that are personal are masked, and so are entities of others."""
    said = {name: getattr(silence, name) for name in Silence.__struct_fields__}
    said["keys"] = {kind: house.masking.key(kind, key) for kind, key in silence.keys.items()}
    said["entities"] = [name for name in silence.entities if scope.sees(name)]
    active = silence.begins <= now < silence.ends
    count = house.index.find(matched(silence), scope, "-time", 0, 1).total if silence.ends > now else 0
    return {**msgspec.to_builtins(said), "active": active, "open": count}
