"""Customers and groups: how they stand and why, their alerts, loans, accounts and cases."""

from __future__ import annotations

from collections import Counter
from typing import Any

from aiohttp import web
from redis.exceptions import RedisError

from risk_stream.access import Scope
from risk_stream.console.answers import BadQueryError, answer, bad, listed, missing, page_of, scope_of
from risk_stream.console.house import House
from risk_stream.console.index import Query
from risk_stream.console.routes import Param, Route
from risk_stream.console.subjects.standing import seen_contributions, shown_history, shown_profile, standing_of
from risk_stream.profiles import KINDS, Profile, Resolved
from risk_stream.sinks.profiles import State

__all__ = ["routes"]

#: Profiles that are looked through for somebody who may see some legal entities only.
LOOKED_AT = 5_000

#: Alerts that name accounts and loans, and how many of either, and members of a group, are named.
ALERTS, NAMED = 200, 50

_AWAY = "Redis does not answer: profiles are kept there"
_NOT_THERE = "such customer: no alert and no profile of it is yours to see"


def routes(house: House) -> list[Route]:
    """The list, and one."""

    async def customers(request: web.Request) -> web.Response:
        scope, page = scope_of(request), page_of(request)
        kind = kind_of(request)
        try:
            keys, total = await _listed(house, kind, scope, page)
            items = [row for key in keys if (row := await _row(house, kind, key, scope)) is not None]
            items.sort(key=lambda row: (-row["place"], -row["score"], row["key"]))  # points have faded since
        except (RedisError, OSError):
            return bad(_AWAY, 503)
        return listed(items, total, page)

    async def customer(request: web.Request) -> web.Response:
        scope, kind, key = scope_of(request), kind_of(request), request.match_info["key"]
        rows = house.index.find(Query(keys={kind: key}), scope, "-since", 0, ALERTS)
        why, stands = "", None
        try:
            stands = await _stands(house, kind, key, scope)
        except (RedisError, OSError):
            why = _AWAY
        if stands is None and not rows.total:
            return missing(_NOT_THERE) if not why else bad(why, 503)
        counts = house.index.counts(("standing", "severity"), Query(keys={kind: key}), scope)
        return answer(
            {
                "kind": kind,
                "key": house.masking.key(kind, key),
                "profile": None,
                "profile_why": why or "no alert of it counts in a profile",
                "history": [],
                "group": None,
                "members": [],
                **(stands or {}),
                "alerts": rows.total,
                "open": _not_closed(counts),
                "accounts": _named(rows.rows, "account"),
                "loans": _named(rows.rows, "loan"),
                "cases": [
                    case.id
                    for case in house.view.seen_cases(scope, over=False)
                    if case.kind == kind and case.key == key
                ][:NAMED],
            }
        )

    kind = Param("kind", "customer or group; customer where it is not said")
    return [
        Route(
            "GET",
            "/v1/customers",
            "see",
            customers,
            "Customers, or groups of them, who have a profile: the worst grade first, of it the most points.",
            (kind, Param("limit", "at most 200", "integer"), Param("offset", "how many to skip", "integer")),
            answer="{items: [{kind, key, grade, place, score, labels, why, alerts, open: {severity: n}}], total}.",
        ),
        Route(
            "GET",
            "/v1/customers/{key}",
            "see",
            customer,
            "How a customer stands, why, and how that came about; its loans, accounts and cases.",
            (kind,),
            answer="{profile: {grade, score, lines, labels, floors, reasons, by_entity, whole}, history, group,"
            " members, alerts, open, accounts, loans, cases}.",
        ),
    ]


def kind_of(request: web.Request) -> str:
    """Whose profile is asked for. Raises `BadQueryError`."""
    kind = request.query.get("kind") or "customer"
    if kind not in KINDS:
        raise BadQueryError(f"kind is {' or '.join(KINDS)}, not {kind[:40]!r}")
    return kind


async def _policy(house: House) -> Resolved | None:
    plan = await house.plans.in_force()
    return None if plan is None else plan.profiles


async def _listed(house: House, kind: str, scope: Scope, page: tuple[int, int]) -> tuple[list[str], int]:
    """(the keys of a page, how many there are), the worst first."""
    limit, offset = page
    policy = await _policy(house)
    if policy is None:
        return [], 0
    grades = [name for name, _ in reversed(policy.lines(kind))]
    counts = await house.profiles.count(grades)
    first = offset
    keys: list[str] = []
    for grade in grades:
        many = counts[kind, grade]
        if scope.entities is not None:
            keys += await house.profiles.worst(kind, grade, 0, LOOKED_AT - len(keys)) if len(keys) < LOOKED_AT else []
        elif first < many and len(keys) < limit:
            keys += await house.profiles.worst(kind, grade, first, first + limit - len(keys) - 1)
        first = max(0, first - many)
    if scope.entities is None:
        return keys, sum(many for (of, _), many in counts.items() if of == kind)
    mine = []
    for at in range(0, len(keys), 200):
        part = keys[at : at + 200]
        states = await house.profiles.read([f"{kind}:{key}" for key in part])
        mine += [key for key, state in zip(part, states, strict=True) if seen_contributions(state, scope)]
    return mine[offset : offset + limit], len(mine)


async def _profile(house: House, kind: str, key: str, scope: Scope) -> tuple[State, Profile] | None:
    (state,) = await house.profiles.read([f"{kind}:{key}"])
    made = standing_of(state, await _policy(house), scope, await house.profiles.clock())
    return None if made is None else (state, made)


async def _row(house: House, kind: str, key: str, scope: Scope) -> dict[str, Any] | None:
    """A line of the list."""
    found = await _profile(house, kind, key, scope)
    if found is None:
        return None
    _, profile = found
    counts = house.index.counts(("standing", "severity"), Query(keys={kind: key}), scope)
    return {
        "kind": kind,
        "key": key,
        "grade": profile.grade,
        "place": list(profile.lines).index(profile.grade),
        "score": profile.score,
        "labels": profile.names,
        "why": [reason.rule for reason in profile.reasons[:3]],
        "alerts": sum(counts.values()),
        "open": _not_closed(counts),
    }


async def _stands(house: House, kind: str, key: str, scope: Scope) -> dict[str, Any] | None:
    """What Redis has of a customer or group, as far as somebody may see it."""
    found = await _profile(house, kind, key, scope)
    if found is None:
        return None
    state, profile = found
    whole = scope.entities is None

    def sentence(alert: str) -> str:
        row = house.index.one(alert, scope)
        return "" if row is None else str(row["summary"])

    seen = {one.customer for one in seen_contributions(state, scope)}
    members = [] if kind == "customer" else await house.profiles.members(key) if whole else sorted(seen)
    return {
        "profile": shown_profile(profile, sentence, whole=whole),
        "profile_why": "",
        "history": shown_history(await house.profiles.history(f"{kind}:{key}")) if whole else [],
        "group": state.group or None,
        "members": members[:NAMED],
    }


def _not_closed(counts: dict[tuple[str, ...], int]) -> dict[str, int]:
    """How many alerts are not closed, by severity."""
    found: Counter[str] = Counter()
    for (standing, severity), many in counts.items():
        if standing != "closed":
            found[severity] += many
    return dict(found)


def _named(rows: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The keys of a kind that alerts name, and how many of these do: the most named first."""
    found = Counter(row["keys"][kind] for row in rows if row["keys"].get(kind))
    return [{"key": key, "alerts": many} for key, many in found.most_common(NAMED)]
