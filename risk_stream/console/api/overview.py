"""What stands now: how much is open, where, how bad, since when; what is being decided; whether the stream is well."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from risk_stream.access import Scope
from risk_stream.alerts import SEVERITIES
from risk_stream.console.answers import answer, scope_of
from risk_stream.console.api.cases import case_row
from risk_stream.console.house import House
from risk_stream.console.index import Query
from risk_stream.console.routes import Route

__all__ = ["overview", "routes"]

#: Hours of the chart, and cases that are named.
HOURS, CASES = 24, 8
_OPEN = ("open", "acknowledged")


async def overview(house: House, scope: Scope) -> dict[str, Any]:
    """The overview of a scope. Each count is of alerts that are not closed, and leads to the queue by its filter."""
    now, index = house.now(), house.index
    standing = Query(one_of={"standing": _OPEN})
    by_severity = index.counts(("severity", "standing"), standing, scope)
    cells = index.counts(("stage", "severity"), standing, scope)
    entities = index.counts(("entity", "severity"), standing, scope)
    newest = index.find(Query(), scope, "-since", 0, 1).rows
    until = max(now, newest[0]["since"] if newest else 0)
    cases = [case for case in house.view.seen_cases(scope) if case.open]
    cases.sort(key=lambda case: (-SEVERITIES.index(case.severity), -case.last))
    return {
        "now": now,
        "severities": [
            {
                "severity": severity,
                "open": by_severity.get((severity, "open"), 0),
                "acknowledged": by_severity.get((severity, "acknowledged"), 0),
            }
            for severity in reversed(SEVERITIES)
        ],
        "stages": _rows("stage", cells),
        "entities": _rows("entity", entities),
        "hours": [
            {"from": begin, "severities": counts} for begin, counts in index.per_hour(until, HOURS, Query(), scope)
        ],
        "cases": [case_row(house, case, scope) for case in cases[:CASES]],
        "cases_open": len(cases),
        "newest": newest[0]["since"] if newest else None,
        "silences": len(house.view.active(now)),
        "desk": {"entries": house.view.number, "last": house.view.now or None},
    }


def _rows(name: str, cells: dict[tuple[str, ...], int]) -> list[dict[str, Any]]:
    """(value, severity) -> n, as one row for each value, the one with the most severe first."""
    rows: dict[str, dict[str, int]] = {}
    for (value, severity), count in cells.items():
        rows.setdefault(value, {})[severity] = count
    worst = [*reversed(SEVERITIES)]
    ordered = sorted(rows.items(), key=lambda row: (*(-row[1].get(severity, 0) for severity in worst), row[0]))
    return [{name: value, "severities": counts} for value, counts in ordered]


def routes(house: House) -> list[Route]:
    """One."""

    async def get(request: web.Request) -> web.Response:
        return answer(await overview(house, scope_of(request)))

    says = "What stands now: alerts not closed by severity, stage and entity, the worst cases, the day by hour."
    return [Route("GET", "/v1/overview", "see", get, says)]
