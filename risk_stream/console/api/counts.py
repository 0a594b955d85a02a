"""How many alerts any filters find: by severity and one thing more, and by the hour."""

from __future__ import annotations

from aiohttp import web

from risk_stream.alerts import SEVERITIES
from risk_stream.console.answers import BadQueryError, answer, integer, scope_of
from risk_stream.console.api.query import QUERY_PARAMS, query_of
from risk_stream.console.house import House
from risk_stream.console.routes import Param, Route

__all__ = ["routes"]

#: What alerts are counted by, and how many values of it are told; hours of a chart.
COUNTED = ("severity", "stage", "entity", "rule", "assignee", "standing", "disposition")
MOST_COUNTED, MOST_HOURS = 50, 24 * 31


def routes(house: House) -> list[Route]:
    """Two."""

    async def counts(request: web.Request) -> web.Response:
        by = request.query.get("by") or "severity"
        if by not in COUNTED:
            raise BadQueryError(f"by is one of {', '.join(COUNTED)}, not {by[:40]!r}")
        found = house.index.counts((by, "severity"), query_of(request), scope_of(request))
        rows: dict[str, dict[str, int]] = {}
        for (value, severity), many in found.items():
            rows.setdefault(value, {})[severity] = many
        worst = sorted(rows.items(), key=lambda row: (*(-row[1].get(s, 0) for s in reversed(SEVERITIES)), row[0]))
        items = [{"value": value, "severities": some} for value, some in worst[:MOST_COUNTED]]
        shown = {"items": items, "total": len(rows), "offset": 0, "limit": MOST_COUNTED}
        return answer({"by": by, "alerts": sum(found.values()), **shown})

    async def hours(request: web.Request) -> web.Response:
        many = integer(request, "hours", 1, MOST_HOURS, 48) or 48
        query, scope = query_of(request), scope_of(request)
        until = max(house.now(), house.index.newest(query, scope) or 0)
        found = house.index.per_hour(until, many, query, scope)
        items = [{"from": begin, "severities": some} for begin, some in found]
        return answer({"items": items, "total": len(items), "offset": 0, "limit": many})

    return [
        Route(
            "GET",
            "/v1/counts",
            "see",
            counts,
            "How many alerts any filters find, by severity and one thing more; the worst first.",
            (Param("by", f"one of {', '.join(COUNTED)}"), *QUERY_PARAMS),
            answer="{by, alerts: how many in all, items: [{value, severities: {severity: n}}], total}.",
        ),
        Route(
            "GET",
            "/v1/hours",
            "see",
            hours,
            "How many of the alerts that any filters find came in each hour, by severity; the last is the hour of now.",
            (Param("hours", f"how many, 1 to {MOST_HOURS}", "integer"), *QUERY_PARAMS),
            answer="{items: [{from, severities: {severity: n}}]}.",
        ),
    ]
