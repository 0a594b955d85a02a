"""Plans: which one is in force, which are proposed by four eyes, and what each would change."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from aiohttp import web
from aiokafka.errors import KafkaError

from risk_stream.alerts import Act
from risk_stream.catalogue import ProblemsError
from risk_stream.console.acts import UndecidedError, act_id
from risk_stream.console.answers import answer, bad, body_of, missing, person_of
from risk_stream.console.api.rules import plan_in_force
from risk_stream.console.house import House
from risk_stream.console.routes import Route
from risk_stream.rules import Plan
from risk_stream.stream.plans import UnknownPlanError, event_texts, store_plan
from risk_stream.workbench.backtest import edits

__all__ = ["routes"]

#: Rules whose changes are told of one plan.
MOST_EDITS = 200
_KEY = "Idempotency-Key"


class _Proposal(msgspec.Struct, forbid_unknown_fields=True):
    comment: str = ""


def routes(house: House) -> list[Route]:
    """The list, one plan beside the one in force, and a proposal of the files."""

    async def plans(_: web.Request) -> web.Response:
        approvals = house.view.approvals
        four_eyes, plan = house.access.current().four_eyes, await plan_in_force(house)
        files = await house.plans.of_files()
        waiting = [
            {"plan": version, "proposers": approvals.proposers(version), **_told(approvals.proposal(version))}
            for version in reversed(approvals.waiting)
        ]
        return answer(
            {
                "four_eyes": four_eyes,
                "in_force": None if plan is None else {"plan": plan.version, "rules": len(plan.rules)},
                "approved_by": approvals.approved_by if four_eyes else "",
                "files": None if files is None else {"plan": files.version, "rules": len(files.rules)},
                "problem": house.plans.problem,
                "items": waiting,
                "total": len(waiting),
                "offset": 0,
                "limit": len(waiting),
            }
        )

    async def plan(request: web.Request) -> web.Response:
        version = request.match_info["version"]
        wanted, now = await _found(house, version), await plan_in_force(house)
        if wanted is None:
            return missing(f"plan {version[:64]!r} in the log of plans or in the files")
        approvals = house.view.approvals
        return answer(
            {
                "plan": wanted.version,
                "rules": len(wanted.rules),
                "models": len(wanted.models),
                "in_force": now is not None and now.version == wanted.version,
                "against": None if now is None else now.version,
                "proposers": approvals.proposers(wanted.version),
                **_told(approvals.proposal(wanted.version)),
                **(await asyncio.to_thread(_difference, now, wanted)),
            }
        )

    async def propose(request: web.Request) -> web.Response:
        return await _propose(house, request)

    return [
        Route(
            "GET",
            "/v1/plans",
            "see",
            plans,
            "The plan in force, that of the files, and those that wait for somebody to approve them.",
            answer="`four_eyes` says whether rules need an approval; items are plans that wait, the newest first.",
        ),
        Route(
            "GET",
            "/v1/plans/{version}",
            "see",
            plan,
            "What a plan would change of the one in force, rule by rule.",
            answer="Rules that were added, removed or edited, each with what it says before and after.",
        ),
        Route(
            "POST",
            "/v1/plans",
            "propose",
            propose,
            "Propose the rules as the files have them, where rules are changed by four eyes.",
            body="comment: why",
            answer="The plan and what the desk decided; an act `approve` with the plan as subject approves it.",
        ),
    ]


async def _propose(house: House, request: web.Request) -> web.Response:
    """Store the plan of the files, and have the desk take it as proposed."""
    person, wish = person_of(request), await body_of(request, _Proposal)
    if not house.access.current().four_eyes:
        return bad("rules are not changed by four eyes here (access.yaml): an edit of the files counts at once", 409)
    wanted = await house.plans.of_files()
    if wanted is None or house.plans.problem:
        return bad(f"the files hold no plan that can be proposed: {house.plans.problem}"[:2000], 409)
    key = request.headers.get(_KEY) or f"propose-{wanted.version}"
    act = Act(
        id=act_id(person.name, key),
        act="propose",
        by=person.name,
        at=house.now(),
        subject=wanted.version,
        comment=wish.comment[:2000],
    )
    try:
        texts = await asyncio.to_thread(event_texts, house.settings.events)
        await store_plan(house.settings.broker, house.settings.plans_topic, wanted, texts)
        rulings = await house.acts.decide(act)
    except (UnknownPlanError, UndecidedError) as exc:
        return bad(str(exc), 503)
    except KafkaError as exc:
        return bad(f"{house.settings.broker} did not store the plan ({exc!r}): try again", 503)
    done = all(ruling.done for ruling in rulings)
    return answer({"plan": wanted.version, "id": act.id, "rulings": rulings}, 200 if done else 409)


async def _found(house: House, version: str) -> Plan | None:
    """A plan by its version: that of the files, else of the log."""
    files = await house.plans.of_files()
    if files is not None and files.version == version:
        return files
    try:
        return await house.plans.plan(version)
    except (KafkaError, ProblemsError):
        return None


def _told(proposal: Any) -> dict[str, Any]:
    if proposal is None:
        return {"at": None, "comment": ""}
    return {"at": proposal.at, "comment": proposal.comment}


def _difference(now: Plan | None, wanted: Plan) -> dict[str, Any]:
    """What is another in a plan than in the one in force."""
    if now is None or now.version == wanted.version:
        return {"edited": [], "more": 0, "models": _models(wanted, wanted)}
    changed = edits(now, wanted)
    return {"edited": changed[:MOST_EDITS], "more": max(0, len(changed) - MOST_EDITS), "models": _models(now, wanted)}


def _models(now: Plan, wanted: Plan) -> list[dict[str, str]]:
    before = {model.id: (model.version, model.mode, model.role) for model in now.models}
    after = {model.id: (model.version, model.mode, model.role) for model in wanted.models}
    return [
        {"model": name, "status": "added" if name not in before else "removed" if name not in after else "edited"}
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
