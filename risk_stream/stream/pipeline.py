"""One worker's work on its partitions; a run of records is acknowledged when all it caused is stored.

The order of durability, for every run of records: outputs acknowledged by the broker, each by its own future; then the
run itself. What is not acknowledged is read again, and what it causes again has the same names.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from aiokafka.errors import KafkaError

from risk_stream.catalogue import Catalogue
from risk_stream.engine import Alert
from risk_stream.features import StateFull
from risk_stream.rules import Plan
from risk_stream.settings import Settings
from risk_stream.sinks import Metrics
from risk_stream.stream.acks import AckChain
from risk_stream.stream.admission import Admission, Admitted, Record
from risk_stream.stream.cursor import Cursor, Step
from risk_stream.stream.hops import Applied, HopPartition
from risk_stream.stream.messages import Outgoing, reject_message
from risk_stream.stream.producer import Producer
from risk_stream.stream.store import AlertStore

__all__ = ["Pipeline"]

log = logging.getLogger(__name__)

_TP = tuple[str, int]


class Pipeline:
    """What the Faust agents call, one method each. `consumer` and `generation` come from the Faust app when it runs.

    `fatal` is called with one sentence where the process cannot go on; it does not return.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        plan: Plan,
        *,
        counts: Mapping[str, int],
        producer: Producer,
        store: AlertStore,
        metrics: Metrics,
        fatal: Callable[[str], None],
    ) -> None:
        self.settings, self.catalogue, self.plan = settings, catalogue, plan
        self.producer, self.store, self.metrics, self.fatal = producer, store, metrics, fatal
        self.consumer: Any = None
        self.hops: dict[_TP, HopPartition] = {}
        self._kind_of = {settings.hop_topic(k.name): k.name for k in catalogue.kinds}
        self._counts = {name: counts[topic] for topic, name in self._kind_of.items()} | {
            "": counts[settings.alerts_topic]
        }
        self._cursors: dict[_TP, Cursor] = {}
        self._chains: dict[_TP, AckChain] = {}
        self._stages = _stages_of_types(plan)
        simulated = settings.clock == "simulated"
        self.admission = Admission(
            catalogue,
            hop_topic=settings.hop_topic,
            rejects_topic=settings.rejects_topic,
            counts=self._counts.__getitem__,
            future_ms=None if simulated else int(settings.future_seconds * 1000),
        )

    # What the app tells

    def use(self, plan: Plan) -> None:
        """Judge by another plan from the next batch on."""
        self.plan, self._stages = plan, _stages_of_types(plan)
        for hop in self.hops.values():
            hop.hop.use(plan)

    def assigned(self, partitions: Iterable[_TP]) -> None:
        """These and no other partitions are this worker's now: what it holds of others is dropped."""
        mine = {(topic, partition) for topic, partition in partitions}
        for held in (self.hops, self._cursors, self._chains):
            for tp in set(held) - mine:
                del held[tp]
        self.admission.keep_only(mine)
        self.metrics.set("risk_stream_partitions", len(mine))
        self.metrics.add("risk_stream_rebalances_total")

    # The work: runs of one partition that wait together

    async def admit(self, messages: Sequence[Any]) -> None:
        """Runs of a house topic."""
        for group in _groups(messages, self.settings.batch_records):
            mine, records = await self._take(group)
            sends: list[asyncio.Future[Any]] = []
            if records:
                first = mine[0]
                admitted = self.admission.admit(first.topic, first.partition, records, self._meta(first))
                self._count_admitted(first.topic, admitted)
                sends = await self._hand_over(admitted.outgoing)
            self._acknowledge(mine, sends)

    async def hop(self, messages: Sequence[Any]) -> None:
        """Runs of a hop topic."""
        mine, records = await self._take(messages)
        first = messages[0]
        tp = (first.topic, first.partition)
        applied, sends = Applied(), list[asyncio.Future[Any]]()
        if records:
            hop = self.hops.get(tp)
            if hop is None:
                hop = self.hops[tp] = self._new_hop(*tp)
            meta = self._meta(mine[0])
            try:
                for batch in hop.batches(records, applied):
                    hop.apply(batch, meta, applied)
                    self.metrics.observe("risk_stream_batch_events", len(batch), hop.kind)
                    sends += await self._hand_over(applied.outgoing)
                    applied.outgoing = []
            except StateFull as exc:
                self.fatal(str(exc))
            sends += await self._hand_over(applied.outgoing)
            self._count_applied(first.topic, applied)
        self._acknowledge(mine, sends)

    async def alerts(self, messages: Sequence[Any]) -> None:
        """Runs of alerts: into Redis."""
        mine, records = await self._take(messages)
        outgoing = []
        if records:
            wrong = await self.store.write(records)
            outgoing = [self._not_an_alert(messages[0], record, why) for record, why in wrong]
        self._acknowledge(mine, await self._hand_over(outgoing))

    # Inside

    async def _take(self, messages: Sequence[Any]) -> tuple[list[Any], list[Record]]:
        """Of runs of one partition those that may be worked on now, and their records that are new."""
        mine: list[Any] = []
        records: list[Record] = []
        for message in messages:
            if message.generation_id != self.consumer.app.consumer_generation_id:
                continue  # of an older assignment: whoever has the partition now reads it again
            tp = (message.topic, message.partition)
            cursor = self._cursors.setdefault(tp, Cursor())
            step = cursor.place(message.value[0].offset, message.generation_id)
            if step is Step.SEEK:
                self.consumer.done(message, durable=False)
                assert cursor.next is not None
                await self.consumer.seek(message.tp, cursor.next)
                continue
            if step is Step.ANEW:
                self.hops.pop(tp, None)
            mine.append(message)
            records += cursor.take(message.value)
        return mine, records

    def _acknowledge(self, messages: Sequence[Any], sends: Sequence[asyncio.Future[Any]]) -> None:
        """Runs are worked on; `sends` are what all of them caused: the first waits for them, the others behind it."""
        for message in messages:
            self._chain(message).add(message, sends)
            sends = ()

    def _chain(self, message: Any) -> AckChain:
        tp = (message.topic, message.partition)
        chain = self._chains.get(tp)
        if chain is None:
            chain = self._chains[tp] = AckChain(self.consumer.done, self._lost)
        return chain

    def _lost(self, error: BaseException) -> None:
        self.fatal(f"the broker did not store a message ({error!r}), so what follows it may not be said either")

    async def _hand_over(self, outgoing: Sequence[Outgoing]) -> list[asyncio.Future[Any]]:
        sends = []
        for out in outgoing:
            try:
                sends.append(await self.producer.send(out.topic, out.value, key=out.key, partition=out.partition))
            except KafkaError as exc:
                self._lost(exc)
            self.metrics.add("risk_stream_messages_sent_total", 1, out.topic)
            self.metrics.add("risk_stream_sent_bytes_total", len(out.value), out.topic)
        return sends

    def _meta(self, message: Any) -> dict[str, str | int]:
        return {"generation": message.generation_id, "plan": self.plan.version}

    def _new_hop(self, topic: str, partition: int) -> HopPartition:
        return HopPartition(
            self.plan,
            self._kind_of[topic],
            partition,
            hop_topic=self.settings.hop_topic,
            alerts_topic=self.settings.alerts_topic,
            rejects_topic=self.settings.rejects_topic,
            counts=self._counts.__getitem__,
            state_mib=self.settings.state_mib,
        )

    def _not_an_alert(self, message: Any, record: Record, why: str) -> Outgoing:
        self.metrics.add("risk_stream_rejects_total", 1, message.topic, "message")
        value = reject_message(
            topic=message.topic,
            partition=message.partition,
            offset=record.offset,
            reason="message",
            message=f"not an alert ({why}): only risk-stream may write to {message.topic}",
            value=record.value,
            time_ms=record.timestamp,
        )
        return Outgoing(self.settings.rejects_topic, value, key=f"{message.topic}/{message.partition}".encode())

    # Numbers

    def _count_admitted(self, topic: str, admitted: Admitted) -> None:
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

    def _count_applied(self, topic: str, applied: Applied) -> None:
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
        """Bring gauges of state and lag up to date."""
        metrics = self.metrics
        total: dict[str, list[int]] = {}
        for hop in self.hops.values():
            state, sums = hop.hop.state, total.setdefault(hop.kind, [0, 0, 0, 0, 0])
            sums[4] += hop.hop.duplicates
            if state is not None:
                for i, n in enumerate((state.bytes, state.keys, state.rows, state.dropped)):
                    sums[i] += n
        names = ("bytes", "keys", "rows", "dropped_rows_total")
        for kind, sums in total.items():
            for name, n in zip(names, sums, strict=False):
                metrics.set(f"risk_stream_state_{name}", n, kind)
            metrics.set("risk_stream_duplicate_events_total", sums[4], kind)
        metrics.forget("risk_stream_consumer_lag_records")
        for tp in self.consumer.assignment():
            highwater, committed = self.consumer.highwater(tp), self.consumer.committed(tp)
            if highwater is not None:
                lag = max(0, highwater - (committed or 0))
                metrics.set("risk_stream_consumer_lag_records", lag, tp.topic, str(tp.partition))


def _groups(messages: Sequence[Any], records: int) -> Iterator[list[Any]]:
    """Messages in order, as many together as have about so many records."""
    group: list[Any] = []
    held = 0
    for message in messages:
        if group and held + len(message.value) > records:
            yield group
            group, held = [], 0
        group.append(message)
        held += len(message.value)
    if group:
        yield group


def _labels(alert: Alert) -> tuple[str, str, str]:
    return alert.rule, alert.severity, alert.stage


def _stages_of_types(plan: Plan) -> list[tuple[str, ...]]:
    """For each event type by code, the business stages of the rules that look at it."""
    return [
        tuple(sorted({rule.stage for rule in plan.rules if t.name in rule.on and rule.mode != "off"}))
        for t in plan.catalogue.types
    ]
