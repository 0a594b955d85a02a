"""Who did what and when: the log of lives, found by person, act, alert and time."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from aiokafka.errors import KafkaError

from risk_stream.alerts import ACTS, read_entry
from risk_stream.console.answers import BadQueryError, answer, bad, integer, page_of, scope_of, texts
from risk_stream.console.house import House
from risk_stream.console.routes import Param, Route
from risk_stream.console.subjects.audit import ALERT, TIME, Sought, told

__all__ = ["routes"]

_LAST = 253_402_300_799_999
_KINDS = (*ACTS, ALERT, TIME)


def _sought(request: web.Request) -> Sought:
    """What a request asks for. Raises `BadQueryError`."""
    acts = texts(request, "act")
    for act in acts:
        if act not in _KINDS:
            raise BadQueryError(f"act is any of {', '.join(_KINDS)}, not {act[:40]!r}")
    return Sought(
        people=frozenset(texts(request, "person")),
        acts=frozenset(acts),
        start=integer(request, "from", 0, _LAST),
        end=integer(request, "to", 0, _LAST),
        refused=True if request.query.get("refused") == "true" else None,
        by_people=request.query.get("all") != "true",
    )


def routes(house: House) -> list[Route]:
    """One."""

    async def audit(request: web.Request) -> web.Response:
        scope, page = scope_of(request), page_of(request)
        limit, offset = page
        alert = request.query.get("alert", "")
        if len(alert) > 100:
            raise BadQueryError("alert is the id of one alert")
        table = house.audit
        places, total = table.find(
            _sought(request), scope, limit, offset, house.view.trail(alert) if alert else None, f"alert/{alert}"
        )
        items: list[dict[str, Any]] = []
        if places:
            try:
                found = await house.records.read(house.settings.life_topic, 0, places)
            except KafkaError:
                return bad("Kafka does not answer: the log cannot be read now, ask again", 503)
            items = [told(read_entry(found[place]), scope, house.masking.key) for place in places if place in found]
        number, head = table.last
        return answer(
            {
                "items": items,
                "total": total,
                "offset": offset,
                "limit": limit,
                "people": table.people,
                "acts": _KINDS,
                "chain": {
                    "whole": table.broken is None,
                    "why": table.broken or "",
                    "entries": number,
                    "head": head,
                    "forgotten": table.forgotten,
                },
            }
        )

    return [
        Route(
            "GET",
            "/v1/audit",
            "audit",
            audit,
            "Who did what and when, the newest first, and whether the log is as it was written.",
            (
                Param("person", "any of these people"),
                Param("act", f"any of {', '.join(_KINDS)}"),
                Param("alert", "what became of one alert, and who saw its personal data"),
                Param("from", "from this time on, ms since 1970 UTC", "integer"),
                Param("to", "before this time, ms since 1970 UTC", "integer"),
                Param("refused", "true: only what was refused, in part or as a whole", "boolean"),
                Param("all", "true: also what the engine said and what time brought", "boolean"),
                Param("limit", "at most 200", "integer"),
                Param("offset", "how many to skip", "integer"),
            ),
            answer="{items, total, people, acts, chain: {whole, why, entries, head, forgotten}}.",
        )
    ]
