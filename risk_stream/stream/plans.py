"""The plan in force: a good change of the rule files is taken over, a bad one is said and refused."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from risk_stream.catalogue import ProblemsError
from risk_stream.rules import Plan, PlanSource
from risk_stream.sinks.prometheus import Metrics

__all__ = ["PlanWatcher"]

log = logging.getLogger(__name__)

#: Problems of a bad edit that are written to the log; the rest are counted.
MAX_SAID = 20


class PlanWatcher:
    """Hands each new plan to `use`; between batches, since it runs on the loop the batches run on."""

    def __init__(self, source: PlanSource, metrics: Metrics, use: Callable[[Plan], None]) -> None:
        self.source, self.metrics, self._use = source, metrics, use
        self._say(source.plan)

    async def look(self) -> None:
        """Look once. Reading and checking rules takes a while, so it is done in a thread."""
        try:
            plan = await asyncio.to_thread(self.source.poll)
        except ProblemsError as exc:
            self._refuse(exc)
            return
        except OSError as exc:
            log.warning("the rules could not be read, plan %s stays in force: %s", self.source.plan.version, exc)
            return
        if plan is not None:
            self._use(plan)
            self._say(plan)
            self.metrics.add("risk_stream_plan_reloads_total", 1, "loaded")
            log.info("plan %s with %d rules is in force", plan.version, len(plan.rules))

    async def watch(self, seconds: float) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(seconds)
            await self.look()

    def _refuse(self, error: ProblemsError) -> None:
        self.metrics.add("risk_stream_plan_reloads_total", 1, "refused")
        problems = error.problems
        log.error(
            "the rules were changed and are wrong in %d place%s; all of the change is refused, plan %s stays in force",
            len(problems),
            "" if len(problems) == 1 else "s",
            self.source.plan.version,
        )
        for problem in problems[:MAX_SAID]:
            log.error("%s", problem)
        if len(problems) > MAX_SAID:
            log.error("and %d more: risk-stream rules check", len(problems) - MAX_SAID)

    def _say(self, plan: Plan) -> None:
        self.metrics.forget("risk_stream_plan_info")
        self.metrics.set("risk_stream_plan_info", 1, plan.version, str(len(plan.rules)))
