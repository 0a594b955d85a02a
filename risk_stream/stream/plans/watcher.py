"""The plan in force: of the rule files by default, of `risk-stream rules publish` once somebody has published one.

A good change is taken over, a bad one is said and refused. A plan is stored in the log of plans before it is used.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from aiokafka.errors import KafkaError

from risk_stream.catalogue import ProblemsError
from risk_stream.engine import make_ready
from risk_stream.rules import Plan, PlanSource, calendars_ending, expired
from risk_stream.sinks import Metrics
from risk_stream.stream.beside import beside
from risk_stream.stream.plans.approved import ApprovedPlans, UnapprovedError
from risk_stream.stream.plans.book import PlanBook, UnknownPlanError
from risk_stream.stream.plans.log import PlanLog

__all__ = ["APPROVE", "PUBLISH", "PlanWatcher"]

log = logging.getLogger(__name__)

#: Problems of a bad edit that are written to the log; the rest are counted.
MAX_SAID = 20

#: How often it is looked whether a plan is named by now, s.
STEP = 0.02


#: What to do where the files were changed and do not say which plan is in force.
PUBLISH = (
    "it was published; risk-stream rules publish the new ones, or risk-stream rules publish --withdraw to go by the"
    " files again"
)
APPROVE = "risk-stream rules propose the new ones, and somebody else approves them"


class PlanWatcher:
    """Hands each new plan to `use`; between batches, since it runs on the loop the batches run on.

    Without a `published` log only the rule files say which plan is in force; `advice` is what to do where they were
    changed and do not. That a plan is in force is said when
    `named(version)`: when all that is admitted from then on names it.
    """

    def __init__(
        self,
        source: PlanSource,
        metrics: Metrics,
        use: Callable[[Plan], None],
        *,
        book: PlanBook | None = None,
        published: PlanLog | ApprovedPlans | None = None,
        advice: str = PUBLISH,
        named: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self.source, self.metrics, self._use, self._named = source, metrics, use, named
        self.book, self.published = book or PlanBook(source.plan), published
        self._advice = advice
        self.plan = source.plan  # the one in force
        self._ready = make_ready(self.plan)
        self._waiting: Plan | None = None  # good, and not yet in force
        self._tried: str | None = None  # the published plan that was dealt with last
        self._moved = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._warned: set[str] = set()
        if published is not None:
            published.moved, published.added = self._moved.set, self._read_ahead
        self._say(self.plan)

    async def start(self) -> None:
        """Before anything is read: store the plan that is in force.

        Raises `KafkaError`, `UnknownPlanError`, and `UnapprovedError` where four eyes are wanted and none has approved.
        """
        if self.published is not None:
            await self.published.start()
        await self.book.keep(self.plan)
        await self._look_at_published()
        if self._waiting is not None:
            await self._take_over(self._waiting)
        if isinstance(self.published, ApprovedPlans) and not self.is_newest:
            raise UnapprovedError(
                f"plan {self.published.current} was approved and is not in the log of plans: propose it"
            )

    async def stop(self) -> None:
        """Disconnect."""
        if self.published is not None:
            await self.published.stop()

    async def follow(self) -> None:
        """Hear what is published, until cancelled."""
        if self.published is not None:
            await self.published.follow()

    @property
    def is_newest(self) -> bool:
        """Whether the plan in force is the one that was published last, as far as is heard, or none is published."""
        if self.published is None:
            return True
        current = self.published.current
        return self._tried == current and self._waiting is None and current in {None, self.plan.version}

    async def newest(self) -> None:
        """Return when the plan in force is the one that was published last, or a later one; now or after this call.

        Where none is published each worker goes by its own files, and what they say is not waited for.
        """
        if self.published is None:
            return
        await self.published.reach_end()
        self._moved.set()
        while not self.is_newest:
            await asyncio.sleep(STEP)

    def _read_ahead(self, version: str) -> None:
        """Another worker is about to name a plan: have it before its messages come."""

        async def read() -> None:
            try:
                await self.book.fetch(version)
            except (KafkaError, UnknownPlanError) as exc:
                log.info("plan %s, which another worker has stored, cannot be read ahead: %s", version, exc)

        self._start(read())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def look(self) -> None:
        """Look once. Reading and checking rules takes a while, so it is done in a thread."""
        await self._look_at_files()
        await self._look_at_published()
        if self._waiting is not None:
            try:
                await self._take_over(self._waiting)
            except KafkaError as exc:
                log.warning("plan %s cannot be stored now, %s stays in force: %r", *self._versions(), exc)
            except UnknownPlanError as exc:
                log.error("plan %s cannot be stored, %s stays in force: %s", *self._versions(), exc)
                self._waiting = None

    def _versions(self) -> tuple[str, str]:
        """Of the plan that waits and of the one in force."""
        return ("" if self._waiting is None else self._waiting.version), self.plan.version

    async def _look_at_files(self) -> None:
        try:
            plan = await beside(self.source.poll)
        except ProblemsError as exc:
            self._refuse(exc)
            return
        except OSError as exc:
            log.warning("the rules could not be read, plan %s stays in force: %s", self.plan.version, exc)
            return
        if plan is None:
            return
        if self.published is not None and self.published.current is not None:
            log.warning(
                "the rules were changed (plan %s), but plan %s stays in force: %s",
                plan.version,
                self.plan.version,
                self._advice,
            )
            return
        self._waiting = plan

    async def _look_at_published(self) -> None:
        if self.published is None or self.published.current == self._tried:
            return
        version = self.published.current
        if version is None:
            self._tried, self._waiting = None, self.source.plan
            return
        try:
            self._waiting = await self.book.fetch(version)
        except KafkaError as exc:
            log.warning("the published plan %s cannot be read now: %r", version, exc)
            return
        except UnknownPlanError as exc:
            self.metrics.add("risk_stream_plan_reloads_total", 1, "refused")
            log.error("the published plan is refused, plan %s stays in force: %s", self.plan.version, exc)
        self._tried = version

    async def _take_over(self, plan: Plan) -> None:
        """Store a plan and make it ready to judge, then use it: batches go on meanwhile."""
        await self.book.keep(plan)
        self._ready = await beside(make_ready, plan)
        self._waiting = None
        if plan.version == self.plan.version:
            return
        self.plan = plan
        self._use(plan)
        if self._named(plan.version):
            self._in_force(plan)
        else:
            self._start(self._wait_for(plan))

    async def _wait_for(self, plan: Plan) -> None:
        """Say that a plan is in force when it is, unless another has taken its place."""
        while self.plan is plan and not self._named(plan.version):
            await asyncio.sleep(STEP)
        if self.plan is plan:
            self._in_force(plan)

    def _in_force(self, plan: Plan) -> None:
        self._say(plan)
        self.metrics.add("risk_stream_plan_reloads_total", 1, "loaded")
        log.info("plan %s with %d rules is in force", plan.version, len(plan.rules))

    async def watch(self, seconds: float) -> None:
        """Look again and again, and at once when a plan was published."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), seconds)
            self._moved.clear()
            await self.look()

    def _refuse(self, error: ProblemsError) -> None:
        self.metrics.add("risk_stream_plan_reloads_total", 1, "refused")
        problems = error.problems
        log.error(
            "the rules were changed and are wrong in %d place%s; all of the change is refused, plan %s stays in force",
            len(problems),
            "" if len(problems) == 1 else "s",
            self.plan.version,
        )
        for problem in problems[:MAX_SAID]:
            log.error("%s", problem)
        if len(problems) > MAX_SAID:
            log.error("and %d more: risk-stream rules check", len(problems) - MAX_SAID)

    def _say(self, plan: Plan) -> None:
        today = datetime.now(UTC).date()
        for sentence in (*calendars_ending(plan, today), *expired(plan.rules, today)):
            if sentence not in self._warned:
                self._warned.add(sentence)
                log.warning("%s", sentence)
        self.metrics.forget("risk_stream_plan_info")
        self.metrics.set("risk_stream_plan_info", 1, plan.version, str(len(plan.rules)))
