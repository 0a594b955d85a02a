"""The quality of data: what was refused, how fresh each origin is, what waits, what events leave out."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from risk_stream.access import EVERYWHERE
from risk_stream.console.answers import answer, bad, integer, listed, page_of, scope_of, texts
from risk_stream.console.house import House
from risk_stream.console.quality import Flow, RejectBook, RejectQuery
from risk_stream.console.routes import Param, Route
from risk_stream.console.workers import Number
from risk_stream.kafka import BrokerError

__all__ = ["routes"]

#: What workers count of events that came late, by what a page calls it.
_LATE = {
    "risk_stream_behind_events_total": "behind",
    "risk_stream_revised_events_total": "revised",
    "risk_stream_known_events_total": "copies",
}
_FAR = 1 << 52  # ms: later than any time that is said


def routes(house: House) -> list[Route]:
    """What was found, and the records behind it."""
    book, flow = RejectBook(house.settings, house.masking), Flow(house.settings, house.catalogue)

    async def quality(request: web.Request) -> web.Response:
        scope, now = scope_of(request), house.now()
        try:
            await book.read()
            look = await flow.look()
        except BrokerError as exc:
            return bad(str(exc), 503)
        numbers = await house.workers.numbers()
        counts = scope == EVERYWHERE
        return answer(
            {
                "at": look.at,
                "clock": house.settings.clock,
                "lateness": round(house.settings.lateness_seconds * 1000),
                "rejects": book.by_reason(scope, now),
                "hours": book.by_hour(scope, now),
                "since": book.since,
                "skipped": book.skipped,
                "origins": look.origins,
                "hops": look.hops,
                "late": _late(numbers) if counts and numbers is not None else None,
                "admitted": _admitted(numbers) if counts and numbers is not None else None,
                "clocks": _clocks(numbers) if numbers is not None else None,
                "filled": look.filled.by_type(scope),
            }
        )

    async def rejects(request: web.Request) -> web.Response:
        scope, page = scope_of(request), page_of(request)
        query = RejectQuery(
            frozenset(texts(request, "reason")),
            frozenset(texts(request, "topic")),
            integer(request, "from", -_FAR, _FAR),
            integer(request, "to", -_FAR, _FAR),
            request.query.get("q", "")[:200],
        )
        try:
            await book.read()
        except BrokerError as exc:
            return bad(str(exc), 503)
        rows, total = book.rows(query, scope, *page)
        return listed(rows, total, page)

    params = (
        Param("reason", "any of these"),
        Param("topic", "any of these"),
        Param("from", "the broker's time, ms", "integer"),
        Param("to", "before this, ms", "integer"),
        Param("q", "a text in the sentence, the record or its place, as they are shown"),
        Param("limit", "at most 200", "integer"),
        Param("offset", "how many to skip", "integer"),
    )
    return [
        Route(
            "GET",
            "/v1/quality",
            "see",
            quality,
            "What was refused and why, how old the newest record of each origin is, what waits, what events leave out.",
            answer="Rejects by reason and hour, origins, hops, late events, and how complete the newest events are.",
        ),
        Route(
            "GET",
            "/v1/quality/rejects",
            "see",
            rejects,
            "Refused records, the newest first, with what is known to be no personal data of each.",
            params,
            answer="A page of records: place, time, reason, sentence, and the record masked.",
        ),
    ]


def _late(numbers: list[Number]) -> dict[str, int]:
    found = dict.fromkeys(_LATE.values(), 0)
    for one in numbers:
        if one.name in _LATE:
            found[_LATE[one.name]] += int(one.value)
    found["refused"] = sum(
        int(one.value)
        for one in numbers
        if one.name == "risk_stream_rejects_total" and one.labels.get("reason") == "late"
    )
    return found


def _admitted(numbers: list[Number]) -> int:
    return sum(int(one.value) for one in numbers if one.name == "risk_stream_events_total")


def _clocks(numbers: list[Number]) -> dict[str, Any]:
    """How far the event time of each kind of key's hop is behind the workers' clocks, s; the slowest of it."""
    found: dict[str, float] = {}
    for one in numbers:
        if one.name == "risk_stream_clock_lag_seconds":
            kind = one.labels.get("kind", "")
            found[kind] = max(found.get(kind, one.value), one.value)
    return found
