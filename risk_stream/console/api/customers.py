"""Customers and groups: how they stand and why, their alerts, loans, accounts and cases."""

from __future__ import annotations

from collections import Counter
from typing import Any

from aiohttp import web
from redis.exceptions import RedisError

from risk_stream.access import Scope
from risk_stream.console.answers import BadQueryError, answer, bad, missing, page_of, scope_of
from risk_stream.console.house import House
from risk_stream.console.index import Query
from risk_stream.console.routes import Param, Route
from risk_stream.console.subjects.standing import seen_contributions, shown_history, shown_profile, standing_of
from risk_stream.profiles import KINDS, Profile, Resolved
from risk_stream.sinks import ProfileState

__all__ = ["routes"]

#: Profiles that are looked through for somebody who may see some legal entities only, and those read at once.
LOOKED_AT, STEP = 2_000, 200

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
            keys, total, looked_at = await _listed(house, kind, scope, page)
            items = await _rows(house, kind, keys, scope)
        except (RedisError, OSError):
            return bad(_AWAY, 503)
        limit, offset = page
        rest = {"items": items, "total": total, "offset": offset, "limit": limit}
        return answer({**rest, "looked_at": looked_at})

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
            answer="{items: [{kind, key, grade, place, score, labels, why, alerts, open: {severity: n}}], total,"
            " looked_at: of how many of the worst, where not all are known}.",
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


async def _listed(house: House, kind: str, scope: Scope, page: tuple[int, int]) -> tuple[list[str], int, int | None]:
    """(the keys of a page, how many there are, of how many of the worst that is known), the worst first.

    Profiles know of no scope: for who sees some entities only the worst are looked through. None: all are known.
    """
    limit, offset = page
    policy = await _policy(house)
    if policy is None:
        return [], 0, None
    grades = [name for name, _ in reversed(policy.lines(kind))]
    counts = await house.profiles.count(grades)
    total = sum(many for (of, _), many in counts.items() if of == kind)
    first, most = (offset, limit) if scope.entities is None else (0, LOOKED_AT)
    keys: list[str] = []
    for grade in grades:
        many = counts[kind, grade]
        if first < many and len(keys) < most:
            keys += await house.profiles.worst(kind, grade, first, first + most - len(keys) - 1)
        first = max(0, first - many)
    if scope.entities is None:
        return keys, total, None
    mine = []
    for at in range(0, len(keys), STEP):
        part = keys[at : at + STEP]
        states = await house.profiles.read([f"{kind}:{key}" for key in part])
        mine += [key for key, state in zip(part, states, strict=True) if seen_contributions(state, scope)]
    return mine[offset : offset + limit], len(mine), LOOKED_AT if total > LOOKED_AT else None


async def _profiles(house: House, kind: str, keys: list[str], scope: Scope) -> list[tuple[ProfileState, Profile]]:
    """What Redis has of some customers or groups, and how they stand as far as somebody may see it."""
    if not keys:
        return []
    policy, now = await _policy(house), await house.profiles.clock()
    states = await house.profiles.read([f"{kind}:{key}" for key in keys])
    made = ((state, standing_of(state, policy, scope, now)) for state in states)
    return [(state, profile) for state, profile in made if profile is not None]


async def _rows(house: House, kind: str, keys: list[str], scope: Scope) -> list[dict[str, Any]]:
    """Lines of the list, in the order of what is left of their points."""
    rows = []
    for _, profile in await _profiles(house, kind, keys, scope):
        counts = house.index.counts(("standing", "severity"), Query(keys={kind: profile.key}), scope)
        rows.append(
            {
                "kind": kind,
                "key": profile.key,
                "grade": profile.grade,
                "place": list(profile.lines).index(profile.grade),
                "score": profile.score,
                "labels": profile.names,
                "why": [reason.rule for reason in profile.reasons[:3]],
                "alerts": sum(counts.values()),
                "open": _not_closed(counts),
            }
        )
    return sorted(rows, key=lambda row: (-row["place"], -row["score"], row["key"]))


async def _stands(house: House, kind: str, key: str, scope: Scope) -> dict[str, Any] | None:
    """What Redis has of a customer or group, as far as somebody may see it."""
    found = await _profiles(house, kind, [key], scope)
    if not found:
        return None
    ((state, profile),) = found
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
