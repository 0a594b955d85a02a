"""Alerts: the queue, one alert with why it was raised, its history, and those like it."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from aiokafka.errors import KafkaError

from risk_stream.alerts import Entry, Life, matches, read_entry
from risk_stream.console.answers import answer, listed, missing, page_of, scope_of
from risk_stream.console.api.cases import case_row
from risk_stream.console.api.query import QUERY_PARAMS, query_of, sort_of
from risk_stream.console.house import House
from risk_stream.console.index import Place
from risk_stream.console.routes import Param, Route
from risk_stream.console.why import compared, scores

__all__ = ["history_rows", "routes"]

#: Alerts like one that are shown.
SIMILAR = 20

_NOT_THERE = "such alert: it never was, is forgotten, or is not yours to see"


def routes(house: House) -> list[Route]:
    """Four."""

    async def alerts(request: web.Request) -> web.Response:
        scope, page = scope_of(request), page_of(request)
        limit, offset = page
        found = house.index.find(query_of(request), scope, sort_of(request), offset, limit)
        return listed(found.rows, found.total, page)

    async def alert(request: web.Request) -> web.Response:
        scope, id = scope_of(request), request.match_info["id"]
        row = house.index.one(id, scope)
        if row is None:
            return missing(_NOT_THERE)
        said, entries = await asyncio.gather(_said(house, house.index.place(id)), _entries(house, id))
        life = _life(entries, id)
        case = house.view.seen_case(row["case"], scope)
        now = house.now()
        return answer(
            {
                **row,
                **({} if said is None else await _explained(house, said)),
                "followed_by": life and life.followed_by,
                "follows": life and life.follows,
                "comment": "" if life is None else life.comment,
                "closed_by": "" if life is None else life.closed_by,
                "silenced_by": [
                    silence.id
                    for silence in house.view.active(now, scope)
                    if life is not None and matches(silence, life, now)
                ],
                "case_row": case and case_row(house, case, scope),
                "history": history_rows(entries, id),
            }
        )

    async def history(request: web.Request) -> web.Response:
        id = request.match_info["id"]
        if house.index.one(id, scope_of(request)) is None:
            return missing(_NOT_THERE)
        rows = history_rows(await _entries(house, id), id)
        return listed(rows, len(rows), (len(rows), 0))

    async def similar(request: web.Request) -> web.Response:
        scope, id = scope_of(request), request.match_info["id"]
        if house.index.one(id, scope) is None:
            return missing(_NOT_THERE)
        rows = house.index.similar(id, scope, SIMILAR)
        return listed(rows, len(rows), (SIMILAR, 0))

    limits = (Param("limit", "at most 200", "integer"), Param("offset", "how many to skip", "integer"))
    return [
        Route("GET", "/v1/alerts", "see", alerts, "Alerts by any filters, in any order.", (*QUERY_PARAMS, *limits)),
        Route(
            "GET",
            "/v1/alerts/{id}",
            "see",
            alert,
            "One alert: what it says, why (each comparison with its values), who did what, its case.",
        ),
        Route("GET", "/v1/alerts/{id}/history", "see", history, "What became of an alert, the oldest first."),
        Route("GET", "/v1/alerts/{id}/similar", "see", similar, "Closed alerts of the same rule or subject, and how."),
    ]


async def _said(house: House, place: Place | None) -> dict[str, Any] | None:
    """The alert as it stands in its log, masked; None where that has let it go, or cannot be read now."""
    if place is None:
        return None
    try:
        said = await house.alert_at(*place)
    except KafkaError:
        return None
    return None if said is None else house.masking.alert(said)


async def _explained(house: House, said: dict[str, Any]) -> dict[str, Any]:
    """What an alert's page says beside its row."""
    plan = await house.plans.plan(said["plan"])
    rule = None if plan is None else next((rule for rule in plan.rules if rule.id == said["rule"]), None)
    shown = {
        name: said.get(name)
        for name in ("revision", "status", "rule_version", "plan", "hop", "action", "owner", "channel", "type", "event",
                     "event_time", "features", "was", "inexact", "warming", "why", "keys")
    }  # fmt: skip
    shown["summary"] = said["summary"]
    shown["condition"] = None if rule is None else compared(rule, said["features"])
    shown["models"] = [] if rule is None else scores(rule, said["features"])
    if rule is not None and said.get("was"):
        shown["condition_before"] = compared(rule, said["was"])
    return shown


async def _entries(house: House, life: str) -> list[Entry]:
    """The entries that changed a life, the oldest first; none where Kafka does not answer."""
    offsets = house.view.trail(life)
    if not offsets:
        return []
    try:
        found = await house.records.read(house.settings.life_topic, 0, offsets)
    except KafkaError:
        return []
    return [read_entry(found[offset]) for offset in sorted(found)]


def _life(entries: list[Entry], id: str) -> Life | None:
    """The life as the last of its entries has it."""
    return next((life for entry in reversed(entries) for life in entry.lives if life.id == id), None)


def history_rows(entries: list[Entry], id: str) -> list[dict[str, Any]]:
    """What each entry did to a life, as a page tells it."""
    rows, before = list[dict[str, Any]](), None
    for entry in entries:
        life = next((life for life in entry.lives if life.id == id), None)
        if life is None:
            continue
        act = entry.act
        rows.append(
            {
                "number": entry.number,
                "time": entry.time,
                "what": entry.what if act is None else act.act,
                "by": "" if act is None else act.by,
                "comment": "" if act is None else act.comment,
                "to": None if act is None else act.to,
                "until": None if act is None else act.until,
                "standing": life.standing,
                "state": life.state,
                "severity": life.severity,
                "severity_before": before.severity if before is not None and before.severity != life.severity else None,
                "disposition": life.disposition,
                "level": life.level,
            }
        )
        before = life
    return rows
