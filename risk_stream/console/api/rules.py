"""Rules: what each finds, how right it was and what it costs; and one of them in full."""

from __future__ import annotations

import time
from collections import OrderedDict

from aiohttp import web

from risk_stream.access import EVERYWHERE, Scope
from risk_stream.console.answers import (
    BadQueryError,
    answer,
    bad,
    integer,
    missing,
    page_of,
    scope_of,
    texts,
)
from risk_stream.console.house import House
from risk_stream.console.index import Query
from risk_stream.console.routes import Param, Route
from risk_stream.console.rules import SORTS, Fate, RuleRow, Versions, fates, page_of_rule, rows_of, sorted_rows
from risk_stream.rules import Plan

__all__ = ["event_now", "no_plan", "plan_in_force", "routes"]

#: Hours that the chart of a rule shows, at most; the last alerts on its page.
MOST_HOURS, LAST = 31 * 24, 10
#: How long counts are good for, s: while alerts change and while none does; and for how many scopes they are kept.
FRESH, QUIET, MOST_SCOPES = 1.0, 10.0, 64
_DAY_MS = 86_400_000
_NO_PLAN = "no plan can be read now: is there a rule file, and is it right? risk-stream rules check says it"
_NONE_APPROVED = "no plan was approved yet: propose one, and have somebody else approve it"


async def plan_in_force(house: House) -> Plan | None:
    """The plan that workers judge by: by four eyes the one approved last, else published, else of the files."""
    if house.access.current().four_eyes:
        current = house.view.approvals.current
        return None if current is None else await house.plans.plan(current)
    return await house.plans.in_force()


def no_plan(house: House) -> web.Response:
    """The answer where no plan is in force: that of the files, or one that was approved."""
    return bad(_NONE_APPROVED, 409) if house.access.current().four_eyes else bad(_NO_PLAN, 503)


def event_now(house: House) -> int:
    """Until when a day counts back, ms: now, or where events run by a clock of their own the newest alert's time."""
    if house.settings.clock == "live":
        return house.now()
    newest = house.index.find(sort="-time", limit=1).rows
    return int(newest[0]["time"]) + 1 if newest else house.now()


class _Counted:
    """The fates of all rules' alerts by scope: counted over a million alerts once for all who look at about a time."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._found: OrderedDict[tuple[str, ...] | None, tuple[float, int, dict[str, Fate]]] = OrderedDict()

    def fates(self, scope: Scope) -> dict[str, Fate]:
        """As somebody may see them; a second old at most, ten where nothing has changed."""
        version, now = self._house.index.version, time.monotonic()
        known = self._found.get(scope.key)
        if known is not None and now - known[0] < (QUIET if known[1] == version else FRESH):
            return known[2]
        found = _fates(self._house, scope)
        self._found[scope.key] = now, version, found
        self._found.move_to_end(scope.key)
        while len(self._found) > MOST_SCOPES:
            self._found.popitem(last=False)
        return found


def _fates(house: House, scope: Scope) -> dict[str, Fate]:
    now = event_now(house)
    day, week = (
        {rule: n for (rule,), n in house.index.counts(("rule",), Query(begins=now - days * _DAY_MS), scope).items()}
        for days in (1, 7)
    )
    ends = house.index.counts(("rule", "standing", "disposition"), scope=scope)
    return fates(day, week, {(rule, standing, ended): n for (rule, standing, ended), n in ends.items()})


class _Handlers:
    def __init__(self, house: House) -> None:
        self.house, self.versions, self.counted = house, Versions(house.settings.rules), _Counted(house)

    async def rules(self, request: web.Request) -> web.Response:
        """The list."""
        house = self.house
        page, scope = page_of(request), scope_of(request)
        wanted = {name: frozenset(texts(request, name)) for name in ("stage", "severity", "owner", "mode", "state")}
        words = request.query.get("q", "")[:200].casefold().split()
        sort = request.query.get("sort") or "id"
        if sort.removeprefix("-") not in SORTS:
            raise BadQueryError(f"sort is one of {', '.join(SORTS)}, with - before it the other way round")
        plan = await plan_in_force(house)
        if plan is None:
            return no_plan(house)
        health = await house.workers.health()
        everything = rows_of(plan, self.counted.fates(scope), health, everywhere=scope == EVERYWHERE)
        found = [row for row in everything if _fits(row, wanted, words)]
        limit, offset = page
        answered = {
            "items": sorted_rows(found, sort)[offset : offset + limit],
            "total": len(found),
            "offset": offset,
            "limit": limit,
            "plan": plan.version,
            "rules": len(everything),
            "owners": sorted({row.owner for row in everything}),
            "problem": house.plans.problem,
            "since": None if health is None else health.since_ms,
            "workers": 0 if health is None else health.workers,
            "silent": list(house.workers.addresses if health is None else health.silent),
            "plans": [] if health is None else health.plans,
        }
        return answer(answered)

    async def rule(self, request: web.Request) -> web.Response:
        """One of them in full."""
        house = self.house
        plan, scope, id = await plan_in_force(house), scope_of(request), request.match_info["id"]
        if plan is None:
            return no_plan(house)
        found = next((one for one in plan.rules if one.id == id), None)
        if found is None:
            return missing(f"rule {id[:64]!r} in plan {plan.version}")
        health = await house.workers.health()
        rows = rows_of(plan, self.counted.fates(scope), health, everywhere=scope == EVERYWHERE)
        row = next(one for one in rows if one.id == id)
        last = house.index.find(Query(one_of={"rule": (id,)}), scope, "-since", 0, LAST)
        said = page_of_rule(plan, found, row, health)
        return answer({**said, "alerts": {"items": last.rows, "total": last.total}})

    async def fired(self, request: web.Request) -> web.Response:
        """How often one fired."""
        house = self.house
        hours = integer(request, "hours", 1, MOST_HOURS, 7 * 24) or 7 * 24
        query = Query(one_of={"rule": (request.match_info["id"],)})
        counted = house.index.per_hour(event_now(house), hours, query, scope_of(request), column="time")
        return answer({"items": [{"hour": hour, **by} for hour, by in counted], "total": len(counted)})

    async def past(self, request: web.Request) -> web.Response:
        """Its versions."""
        house = self.house
        plan, id = await plan_in_force(house), request.match_info["id"]
        if plan is None:
            return no_plan(house)
        found = await self.versions.of(id, plan.version)
        items = found or []
        page = {"offset": 0, "limit": len(items), "reading": found is None}
        return answer({"items": items, "total": len(items), **page})

    async def file(self, request: web.Request) -> web.Response:
        """The file it stands in."""
        house = self.house
        plan, id = await plan_in_force(house), request.match_info["id"]
        found = None if plan is None else next((one for one in plan.rules if one.id == id), None)
        if plan is None or found is None:
            return missing(f"rule {id[:64]!r} in the plan in force")
        return answer({"file": found.file, "line": found.line, "text": plan.texts.get(found.file, "")})


def routes(house: House) -> list[Route]:
    """The list, one rule, its file and versions, and how often it fired."""
    handlers = _Handlers(house)
    params = (
        Param("stage", "any of these"),
        Param("severity", "the highest that its alerts can have: any of these"),
        Param("owner", "any of these"),
        Param("mode", "live, shadow, off"),
        Param("state", "failing, idle, silent, well, unknown"),
        Param("q", "words in the rule's name, owner, group or tags"),
        Param("sort", f"one of {', '.join(SORTS)}; with - before it the other way round"),
        Param("limit", "at most 200", "integer"),
        Param("offset", "how many to skip", "integer"),
    )
    hours = (Param("hours", f"how many, up to now; at most {MOST_HOURS}", "integer"),)
    return [
        Route(
            "GET",
            "/v1/rules",
            "see",
            handlers.rules,
            "The rules in force: what each found, how right it was (confirmed of confirmed and false), what it costs.",
            params,
            answer="A page of rules, with the plan's version and since when workers count.",
        ),
        Route(
            "GET",
            "/v1/rules/{id}",
            "see",
            handlers.rule,
            "One rule: in words and as written, features, tests, costs, its last alerts.",
            answer="The rule; `row` is as in the list, `alerts` are its last ones.",
        ),
        Route(
            "GET",
            "/v1/rules/{id}/fired",
            "see",
            handlers.fired,
            "How often a rule fired in each hour, by severity and the events' own time.",
            hours,
            answer="Hours in their order: when each began, ms, and a number for each severity.",
        ),
        Route(
            "GET",
            "/v1/rules/{id}/file",
            "see",
            handlers.file,
            "The file that a rule stands in, as the plan in force has it.",
            answer="file, line and text.",
        ),
        Route(
            "GET",
            "/v1/rules/{id}/versions",
            "see",
            handlers.past,
            "Which versions of a rule there were, when, by whom, and what changed, as git knows it.",
            answer="Versions, the newest first; none where the rules are in no repository, or `reading` still goes on.",
        ),
    ]


def _fits(row: RuleRow, wanted: dict[str, frozenset[str]], words: list[str]) -> bool:
    text = " ".join((row.id, row.owner, row.group, *row.tags)).casefold()
    chosen = all(not any_of or getattr(row, name) in any_of for name, any_of in wanted.items())
    return chosen and all(word in text for word in words)
