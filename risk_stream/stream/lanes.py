"""The hop partitions this worker owns: lane i is partition i of every hop topic."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from risk_stream.catalogue import Catalogue
from risk_stream.engine import Alert
from risk_stream.features import StateFull
from risk_stream.rules import Plan
from risk_stream.settings import Settings
from risk_stream.sinks import Metrics
from risk_stream.stream.hops import Applied, HopPartition
from risk_stream.stream.runs import Runs, TopicPartition

__all__ = ["Lanes"]


class Lanes:
    """Judges runs of hop topics; `counts(kind)` is the number of partitions of a kind's hop topic, "" of alerts'."""

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        plan: Plan,
        runs: Runs,
        metrics: Metrics,
        counts: Callable[[str], int],
    ) -> None:
        self.settings, self.plan, self.runs, self.metrics, self.counts = settings, plan, runs, metrics, counts
        self.hops: dict[TopicPartition, HopPartition] = {}
        self._kind_of = {settings.hop_topic(k.name): k.name for k in catalogue.kinds}

    def use(self, plan: Plan) -> None:
        """Judge by another plan from the next batch on."""
        self.plan = plan
        for hop in self.hops.values():
            hop.plan = plan

    def assigned(self, mine: set[TopicPartition]) -> None:
        """These and no other partitions are this worker's now: what it holds of others is dropped."""
        for tp in set(self.hops) - mine:
            del self.hops[tp]

    async def apply(self, messages: Sequence[Any]) -> None:
        """Runs of one hop partition."""
        mine, records = await self.runs.take(messages, self._forget)
        first = messages[0]
        tp = (first.topic, first.partition)
        applied, sends = Applied(), list[asyncio.Future[Any]]()
        if records:
            hop = self.hops.get(tp)
            if hop is None:
                hop = self.hops[tp] = self._new_hop(*tp)
            meta: dict[str, str | int] = {"generation": mine[0].generation_id, "plan": self.plan.version}
            try:
                for blocks in hop.batches(records, applied):
                    hop.apply(blocks, meta, applied)
                    rows = sum(len(block.batch) for block in blocks)
                    self.metrics.observe("risk_stream_batch_events", rows, hop.kind)
                    sends += await self.runs.hand_over(applied.outgoing)
                    applied.outgoing = []
            except StateFull as exc:
                self.runs.fatal(str(exc))
            sends += await self.runs.hand_over(applied.outgoing)
            self._count(first.topic, applied)
        self.runs.acknowledge(mine, sends)

    def _forget(self, tp: TopicPartition) -> None:
        self.hops.pop(tp, None)

    def _new_hop(self, topic: str, partition: int) -> HopPartition:
        return HopPartition(
            self.plan,
            self._kind_of[topic],
            partition,
            hop_topic=self.settings.hop_topic,
            alerts_topic=self.settings.alerts_topic,
            rejects_topic=self.settings.rejects_topic,
            counts=self.counts,
            state_mib=self.settings.state_mib,
        )

    def _count(self, topic: str, applied: Applied) -> None:
        add = self.metrics.add
        for alert in applied.alerts:
            entity = self.metrics.entity(alert.entity)
            add("risk_stream_alerts_total", 1, alert.rule, alert.severity, alert.stage, entity)
        for alert in applied.shadow:
            add("risk_stream_shadow_alerts_total", 1, *_labels(alert))
        for rule, errors in applied.rule_errors.items():
            add("risk_stream_rule_errors_total", errors, rule)
        if applied.poison:
            add("risk_stream_rejects_total", applied.poison, topic, "message")
        if applied.judged_ages_from is not None and len(applied.judged_ages_from):
            ages = np.maximum(time.time() - applied.judged_ages_from / 1000.0, 0.0)
            self.metrics.observe("risk_stream_judged_latency_seconds", ages)

    def refresh(self) -> None:
        """Bring gauges of state up to date."""
        total: dict[str, list[int]] = {}
        for hop in self.hops.values():
            state, sums = hop.hop.state, total.setdefault(hop.kind, [0, 0, 0, 0, 0])
            sums[4] += hop.duplicates
            if state is not None:
                for i, n in enumerate((state.bytes, state.keys, state.rows, state.dropped)):
                    sums[i] += n
        names = ("bytes", "keys", "rows", "dropped_rows_total")
        for kind, sums in total.items():
            for name, n in zip(names, sums, strict=False):
                self.metrics.set(f"risk_stream_state_{name}", n, kind)
            self.metrics.set("risk_stream_duplicate_events_total", sums[4], kind)


def _labels(alert: Alert) -> tuple[str, str, str]:
    return alert.rule, alert.severity, alert.stage
