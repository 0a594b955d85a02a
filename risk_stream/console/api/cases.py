"""Cases: alerts that are one thing to a person."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from risk_stream.access import Scope
from risk_stream.alerts import SEVERITIES, Case
from risk_stream.console.answers import BadQueryError, answer, listed, missing, page_of, scope_of, texts
from risk_stream.console.house import House
from risk_stream.console.index import Query
from risk_stream.console.routes import Param, Route

__all__ = ["case_row", "routes"]

#: How a list of cases may be ordered.
_SORTS = {
    "-severity": lambda case: (-SEVERITIES.index(case.severity), -case.last),
    "-last": lambda case: -case.last,
    "first": lambda case: case.first,
    "-open": lambda case: (-case.open, -case.last),
    "-alerts": lambda case: (-case.alerts, -case.last),
}


def case_row(house: House, case: Case, scope: Scope) -> dict[str, Any]:
    """A case as lists show it: its sentence is that of an alert, as it may be shown, and who has that."""
    told = house.index.one(house.view.told.get(case.id, ""), scope)
    row: dict[str, Any] = msgspec.to_builtins(case)
    return {
        **row,
        "rules": case.rules,
        "key": house.masking.key(case.kind, case.key),
        "summary": told["summary"] if told else "",
        "assignee": told["assignee"] if told else "",
    }


def routes(house: House) -> list[Route]:
    """The list, and one."""

    async def cases(request: web.Request) -> web.Response:
        scope, page = scope_of(request), page_of(request)
        sort = request.query.get("sort") or "-severity"
        if sort not in _SORTS:
            raise BadQueryError(f"sort is one of {', '.join(_SORTS)}")
        kinds, severities, entities = (set(texts(request, name)) for name in ("kind", "severity", "entity"))
        found = [
            case
            for case in house.view.seen_cases(scope, over=request.query.get("over") == "true")
            if (not kinds or case.kind in kinds)
            and (not severities or case.severity in severities)
            and (not entities or case.entity in entities)
        ]
        found.sort(key=_SORTS[sort])
        limit, offset = page
        return listed((case_row(house, case, scope) for case in found[offset : offset + limit]), len(found), page)

    async def case(request: web.Request) -> web.Response:
        scope, id = scope_of(request), request.match_info["id"]
        found = house.view.seen_case(id, scope)
        if found is None:
            return missing("such case: it never was, is forgotten, or is not yours to see")
        alerts = house.index.find(Query(one_of={"case": (id,)}), scope, "-since", 0, 200)
        return answer({**case_row(house, found, scope), "items": alerts.rows, "total": alerts.total})

    params = (
        Param("sort", f"one of {', '.join(_SORTS)}"),
        Param("kind", "of subject: customer, account, loan, …"),
        Param("severity", "any of these"),
        Param("entity", "any of these"),
        Param("over", "true: those too whose alerts are all closed", "boolean"),
        Param("limit", "at most 200", "integer"),
        Param("offset", "how many to skip", "integer"),
    )
    return [
        Route("GET", "/v1/cases", "see", cases, "Cases, those with open alerts, the most severe first.", params),
        Route("GET", "/v1/cases/{id}", "see", case, "One case with its alerts, the newest first."),
    ]
