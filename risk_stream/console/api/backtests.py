"""Backtests from the page: what a change of rules would have said of the house's past."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from aiohttp import web

from risk_stream.access import EVERYWHERE, Scope
from risk_stream.console.acts import act_id
from risk_stream.console.answers import BadQueryError, answer, bad, body_of, listed, missing, person_of, scope_of
from risk_stream.console.api.rules import no_plan, plan_in_force
from risk_stream.console.backtests import BusyError, Order, Side
from risk_stream.console.house import House
from risk_stream.console.index import Query
from risk_stream.console.routes import Route
from risk_stream.rules import Plan

__all__ = ["routes"]

#: Days that can be asked for, and closed alerts that alerts of a backtest are held against.
MOST_DAYS, MOST_KNOWN = 3_650, 100_000
_KEY = "Idempotency-Key"
_ALL = "a backtest judges the events of all entities: it takes the right to see all of them"


class _Wish(msgspec.Struct, forbid_unknown_fields=True):
    """What is tried: the rules in force alone, or beside them the files, a plan, or one file with another text."""

    tries: Literal["in_force", "files", "plan", "edit"] = "in_force"
    plan: str = ""
    file: str = ""
    text: str = ""
    rule: str = ""
    days: int | None = None


def routes(house: House) -> list[Route]:
    """Start one, follow it, cancel it."""

    async def start(request: web.Request) -> web.Response:
        if scope_of(request) != EVERYWHERE:
            return bad(_ALL, 409)
        person, wish = person_of(request), await body_of(request, _Wish)
        if wish.days is not None and not 1 <= wish.days <= MOST_DAYS:
            raise BadQueryError(f"days is from 1 to {MOST_DAYS:,}; without it the whole past counts")
        now = await plan_in_force(house)
        if now is None:
            return no_plan(house)
        order = Order(
            settings=house.settings.model_dump_json(),
            sides=await _sides(house, wish, now),
            days=wish.days,
            known=_known(house),
            rules=[wish.rule] if wish.rule else [],
        )
        asked = {"tries": wish.tries, "plan": wish.plan, "file": wish.file, "rule": wish.rule, "days": wish.days}
        given = request.headers.get(_KEY)
        key = act_id(person.name, given)[:16] if given else ""
        try:
            return answer(await house.backtests.start(order, person.name, asked, key), 202)
        except BusyError as exc:
            return bad(str(exc), 409)

    async def all_of(request: web.Request) -> web.Response:
        if scope_of(request) != EVERYWHERE:
            return bad(_ALL, 409)
        jobs = house.backtests.all()
        return listed(jobs, len(jobs), (max(1, len(jobs)), 0))

    async def one(request: web.Request) -> web.Response:
        job = _seen(house, request.match_info["id"], scope_of(request))
        return (
            missing("such backtest: the last 20 are remembered, until the console ends") if job is None else answer(job)
        )

    async def cancel(request: web.Request) -> web.Response:
        id = request.match_info["id"]
        if _seen(house, id, scope_of(request)) is None:
            return missing("such backtest: the last 20 are remembered, until the console ends")
        return answer(await house.backtests.cancel(id))

    return [
        Route(
            "POST",
            "/v1/backtests",
            "backtest",
            start,
            "Start a backtest over the house's topics; one at a time.",
            body=(
                "tries: in_force, files, plan (with plan), or edit (with file, text); rule: of this one more is told; "
                "days: the last ones alone count"
            ),
            answer="The backtest, its id among it.",
        ),
        Route(
            "GET", "/v1/backtests", "backtest", all_of, "The last backtests, without what they found.", answer="A list."
        ),
        Route(
            "GET",
            "/v1/backtests/{id}",
            "backtest",
            one,
            "How far a backtest is, and what it found.",
            answer="`state`: starting, reading, judging, done, failed, cancelled; `done` of `all` are read or judged.",
        ),
        Route(
            "DELETE", "/v1/backtests/{id}", "backtest", cancel, "Cancel a backtest that runs.", answer="The backtest."
        ),
    ]


def _seen(house: House, id: str, scope: Scope) -> Any:
    return house.backtests.get(id) if scope == EVERYWHERE else None


async def _sides(house: House, wish: _Wish, now: Plan) -> dict[str, Side]:
    """The plans to be judged by: of two the one in force first. Raises `BadQueryError` where there is no such plan."""
    before = Side.of(now)
    if wish.tries == "in_force":
        return {"rules": before}
    if wish.tries == "edit":
        if wish.file not in now.texts:
            raise BadQueryError(f"there is no file {wish.file[:200]!r} in plan {now.version}")
        if wish.text == now.texts[wish.file]:
            raise BadQueryError("the text is as it was: change something, or try the rules in force alone")
        return {"before": before, "after": Side.of(now, {wish.file: wish.text})}
    after = await (house.plans.of_files() if wish.tries == "files" else house.plans.plan(wish.plan))
    if after is None:
        why = (
            house.plans.problem if wish.tries == "files" else f"there is no plan {wish.plan[:64]!r} in the log of plans"
        )
        raise BadQueryError(why[:2000] or "the files hold no plan")
    return {"rules": before} if after.version == now.version else {"before": before, "after": Side.of(after)}


def _known(house: House) -> dict[str, bool]:
    """What people said of alerts that they closed, the last ones: whether they confirmed them."""
    query = Query(one_of={"disposition": ("confirmed", "false_alarm")})
    rows = house.index.find(query, EVERYWHERE, "-closed", 0, MOST_KNOWN).rows
    return {row["alert"]: row["disposition"] == "confirmed" for row in reversed(rows)}
