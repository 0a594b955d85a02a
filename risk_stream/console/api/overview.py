"""What stands now: how much is open, where, how bad, since when; what is being decided; whether the stream is well."""

from __future__ import annotations

from collections import Counter
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
    counts = index.counts(("stage", "entity", "severity", "standing"), standing, scope)
    by_severity, cells, entities = _sums(counts, 2, 3), _sums(counts, 0, 2), _sums(counts, 1, 2)
    newest = index.newest(Query(), scope)
    until = max(now, newest or 0)
    cases = house.view.seen_cases(scope, over=False)
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
        "newest": newest,
        "silences": len(house.view.active(now, scope)),
        "desk": {"entries": house.view.number, "last": house.view.now or None},
    }


def _sums(counts: dict[tuple[str, ...], int], *of: int) -> dict[tuple[str, ...], int]:
    """Counts by some of the things that they are counted by."""
    sums: Counter[tuple[str, ...]] = Counter()
    for names, count in counts.items():
        sums[tuple(names[one] for one in of)] += count
    return sums


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
