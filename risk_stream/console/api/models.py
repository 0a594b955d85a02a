"""Models: what each scores and who asks it, how its scores lie, what drifts, and its card."""

from __future__ import annotations

from aiohttp import web

from risk_stream.console.answers import answer, missing
from risk_stream.console.api.rules import no_plan, plan_in_force
from risk_stream.console.house import House
from risk_stream.console.models import page_of_model, rows_of
from risk_stream.console.routes import Route

__all__ = ["routes"]


def routes(house: House) -> list[Route]:
    """The list, and one."""

    async def models(_: web.Request) -> web.Response:
        plan = await plan_in_force(house)
        if plan is None:
            return no_plan(house)
        numbers = await house.workers.numbers()
        rows = rows_of(plan, numbers)
        known = numbers is not None
        answered = {"items": rows, "total": len(rows), "offset": 0, "limit": len(rows), "known": known}
        return answer({**answered, "plan": plan.version})

    async def model(request: web.Request) -> web.Response:
        plan, name = await plan_in_force(house), request.match_info["name"]
        if plan is None:
            return no_plan(house)
        found = next((one for one in plan.models if one.id == name), None)
        if found is None:
            return missing(f"model {name[:64]!r} in plan {plan.version}")
        return answer(page_of_model(plan, found, await house.workers.numbers(), await house.workers.models()))

    return [
        Route(
            "GET",
            "/v1/models",
            "see",
            models,
            "The models in force, and what the workers say that each did.",
            answer="All models; what no worker says is null, and `known` is false where none answers.",
        ),
        Route(
            "GET",
            "/v1/models/{name}",
            "see",
            model,
            "One model: inputs and their drift, how its scores are spread, outcomes, segments, rivals, its card.",
            answer="The model; `row` is as in the list, `spreads` has a member for each partition.",
        ),
    ]
