"""Views of one's own: kept in Redis by person, beside those that a role begins with."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web
from redis.exceptions import RedisError

from risk_stream.console.answers import BadQueryError, answer, bad, body_of, missing, person_of
from risk_stream.console.house import House
from risk_stream.console.routes import Route
from risk_stream.console.subjects.views import MOST_VIEWS, View, as_shown, beginning, read_view, why_not

__all__ = ["routes"]

#: Bytes of one view.
LARGEST = 16 << 10

#: Keeps a view unless there are too many: KEYS[1] the person's hash, then name, view, most. Answers 1, or 0.
_KEEP = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
"""

_AWAY = "Redis does not answer: views are kept there, and cannot be read or changed now"


def routes(house: House) -> list[Route]:
    """List, one, keep and remove."""
    kept = _Kept(house)
    shape = "{id, title, cards: [{kind, title, by, filters, rows, wide}], changed, own}"
    return [
        Route("GET", "/v1/views", "compose", kept.list, "Your views, and those your roles begin with.", answer=shape),
        Route("GET", "/v1/views/{id}", "compose", kept.one, "One of your views.", answer=shape),
        Route(
            "PUT",
            "/v1/views/{id}",
            "compose",
            kept.keep,
            f"Keep a view under a name: at most {MOST_VIEWS}, each of {LARGEST >> 10} KiB. The same again is the same.",
            body="title, cards: [{kind: counts, queue, hours, cases or stream, title, by, filters, rows, wide}].",
            answer=shape,
        ),
        Route("DELETE", "/v1/views/{id}", "compose", kept.remove, "Remove a view that you keep.", answer="{id}"),
    ]


class _Kept:
    """Handlers: each is of whoever asks, and of nobody else's views."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def list(self, request: web.Request) -> web.Response:
        try:
            own, why = await self._own(request), ""
        except (RedisError, OSError):
            own, why = {}, _AWAY
        begin = beginning(person_of(request).roles)
        items = [
            as_shown(id, view, own=True) for id, view in sorted(own.items(), key=lambda one: (one[1].title, one[0]))
        ]
        items += [as_shown(id, view, own=False) for id, view in begin.items() if id not in own]
        return answer({"items": items, "total": len(items), "offset": 0, "limit": len(items), "why": why})

    async def one(self, request: web.Request) -> web.Response:
        id = request.match_info["id"]
        begin = beginning(person_of(request).roles).get(id)
        try:
            own = (await self._own(request)).get(id)
        except (RedisError, OSError):
            if begin is None:
                return bad(_AWAY, 503)
            own = None
        found = own or begin
        return _none(id) if found is None else answer(as_shown(id, found, own=own is not None))

    async def keep(self, request: web.Request) -> web.Response:
        id, given = request.match_info["id"], await body_of(request, View)
        if (wrong := why_not(id, given)) is not None:
            raise BadQueryError(wrong)
        made = msgspec.structs.replace(given, changed=self._house.now())
        json = msgspec.json.encode(made)
        if len(json) > LARGEST:
            raise BadQueryError(f"a view has {LARGEST:,} bytes at most")
        redis: Any = self._house.redis
        try:
            stored = await redis.eval(_KEEP, 1, self._place(request), id, json, MOST_VIEWS)
        except (RedisError, OSError):
            return bad(_AWAY, 503)
        if not int(stored):
            return bad(f"you keep {MOST_VIEWS} views already: remove one first", 409)
        return answer(as_shown(id, made, own=True))

    async def remove(self, request: web.Request) -> web.Response:
        id = request.match_info["id"]
        redis: Any = self._house.redis
        try:
            gone = int(await redis.hdel(self._place(request), id))
        except (RedisError, OSError):
            return bad(_AWAY, 503)
        return answer({"id": id}) if gone else _none(id)

    def _place(self, request: web.Request) -> str:
        return f"{self._house.settings.redis_prefix}console:views:{person_of(request).name}"

    async def _own(self, request: web.Request) -> dict[str, View]:
        """A person's own; what cannot be read any more is left out."""
        found: dict[str, View] = {}
        redis: Any = self._house.redis
        for id, json in (await redis.hgetall(self._place(request))).items():
            try:
                found[id.decode()] = read_view(json)
            except (msgspec.ValidationError, msgspec.DecodeError):
                continue
        return found


def _none(id: str) -> web.Response:
    return missing(f"view {id[:40]!r} of yours")
