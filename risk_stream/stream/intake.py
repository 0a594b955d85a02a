"""Admission at work: the origins this worker owns, from runs of house records to messages for the hops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from risk_stream.catalogue import Catalogue
from risk_stream.rules import Plan
from risk_stream.settings import Settings
from risk_stream.sinks import Metrics
from risk_stream.stream.admission import Admission, Admitted
from risk_stream.stream.origins import Committed, Origin
from risk_stream.stream.runs import Runs, TopicPartition, groups

__all__ = ["Intake"]


class Intake:
    """Admits runs of house topics; `counts(kind)` is the number of partitions of a kind's hop topic."""

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        plan: Plan,
        runs: Runs,
        metrics: Metrics,
        counts: Callable[[str], int],
    ) -> None:
        self.settings, self.catalogue, self.runs, self.metrics = settings, catalogue, runs, metrics
        self.use(plan)
        self.origins: dict[TopicPartition, Origin] = {}
        simulated = settings.clock == "simulated"
        self.admission = Admission(
            catalogue,
            hop_topic=settings.hop_topic,
            rejects_topic=settings.rejects_topic,
            counts=counts,
            future_ms=None if simulated else int(settings.future_seconds * 1000),
        )

    def use(self, plan: Plan) -> None:
        """Name another plan from the next run on."""
        self.plan, self._stages = plan, _stages_of_types(plan)

    def assigned(self, mine: set[TopicPartition]) -> None:  # noqa: ARG002  all of them are begun anew
        """These and no other partitions are this worker's now."""
        self.origins = {}

    async def admit(self, messages: Sequence[Any]) -> None:
        """Runs of one origin."""
        for group in groups(messages, self.settings.batch_records):
            mine, records = await self.runs.take(group)
            sends: list[asyncio.Future[Any]] = []
            if records:
                origin = self._origin(mine[0], records[0].offset)
                admitted = self.admission.admit(origin, records)
                self._count(mine[0].topic, admitted)
                sends = await self.runs.hand_over(admitted.outgoing)
                origin.handed_over()
            self.runs.acknowledge(mine, sends)

    def _origin(self, message: Any, offset: int) -> Origin:
        tp = (message.topic, message.partition)
        origin = self.origins.get(tp)
        if origin is None:
            lateness = int(self.settings.lateness_seconds * 1000)
            channel = f"{tp[0]}/{tp[1]}"
            origin = Origin(channel, message.generation_id, Committed(offset), lateness_ms=lateness)
            self.origins[tp] = origin
        origin.plan = self.plan.version
        return origin

    def _count(self, topic: str, admitted: Admitted) -> None:
        add = self.metrics.add
        for reason, n in admitted.rejects.items():
            add("risk_stream_rejects_total", n, topic, reason)
        if admitted.types is None:
            return
        for code in np.flatnonzero(admitted.types).tolist():
            n = int(admitted.types[code])
            add("risk_stream_events_total", n, topic, self.catalogue.types[code].name)
            for stage in self._stages[code]:
                add("risk_stream_stage_events_total", n, topic, stage)
        self.metrics.observe("risk_stream_batch_events", admitted.events, "admission")
        if admitted.lag_ms is not None:
            self.metrics.set("risk_stream_event_time_lag_seconds", admitted.lag_ms / 1000, topic)


def _stages_of_types(plan: Plan) -> list[tuple[str, ...]]:
    """For each event type by code, the business stages of the rules that look at it."""
    return [
        tuple(sorted({rule.stage for rule in plan.rules if t.name in rule.on and rule.mode != "off"}))
        for t in plan.catalogue.types
    ]
