"""One worker's work on its partitions: what the Faust agents and signals call, passed on to who does it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from aiokafka.errors import KafkaError

from risk_stream.catalogue import Catalogue
from risk_stream.kafka import Outgoing, Producer, Record, reject_to
from risk_stream.rules import Plan
from risk_stream.settings import Settings
from risk_stream.sinks import Metrics
from risk_stream.stream.assignor import LaneAssignor
from risk_stream.stream.decisions import DecisionWatch
from risk_stream.stream.intake.changes import Changes
from risk_stream.stream.intake.intake import Intake
from risk_stream.stream.keeper import Keeper
from risk_stream.stream.lanes import Lanes
from risk_stream.stream.letters.fronts import Fronts
from risk_stream.stream.plans import PlanBook
from risk_stream.stream.runs import Runs, TopicPartition
from risk_stream.stream.state.log import StateLog
from risk_stream.stream.store import AlertStore

__all__ = ["Pipeline"]

log = logging.getLogger(__name__)


class Pipeline:
    """Admission (`intake`), the hops (`lanes`), what was decided, and the way of alerts into Redis (`store`).

    `fatal` is called with one sentence where the process cannot go on; it does not return. `state` is the topic that
    windows are kept in; without it they are not.
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
        state: StateLog | None = None,
        book: PlanBook | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        self.settings, self.catalogue, self.book = settings, catalogue, book or PlanBook(plan)
        self.producer, self.store, self.metrics, self.keeper = producer, store, metrics, keeper
        of = {k.name: counts[settings.hop_topic(k.name)] for k in catalogue.kinds} | {"": counts[settings.alerts_topic]}
        self.runs = Runs(producer, metrics, fatal)
        self.intake = Intake(settings, catalogue, plan, self.runs, metrics, of.__getitem__)
        fronts = Fronts([(k.name, settings.hop_topic(k.name), of[k.name]) for k in catalogue.kinds])
        self.changes = Changes(self.intake, fronts)
        self.lanes = Lanes(settings, catalogue, plan, self.runs, metrics, counts, self.book.must, state)
        self.decided = DecisionWatch(settings, self.runs, metrics, of[""])
        self.changes.hops = self.lanes
        self.intake.hops_are_behind = self.lanes.are_behind
        self.intake.promised = self.lanes.promised
        self.intake.heard_generation = self._heard_generation
        if keeper is not None:
            keeper.publish, self.intake.time_passed = self._publish, keeper.pass_time
        self.assignor = LaneAssignor(settings.hop_topic(""), self.lanes.holds)

    # What the app tells

    def connect(self, consumer: Any) -> None:
        """The Faust app has its consumer."""
        self.runs.consumer = consumer
        consumer.book, consumer.assignor = self.intake, self.assignor
        consumer.leaving = self.lanes.leave

    def use(self, plan: Plan) -> None:
        """Judge by another plan from the next batch on."""
        self.book.add(plan)
        self.intake.use(plan)
        self.lanes.use(plan)
        self.changes.poke()
        if self.keeper is not None:
            self.keeper.use(plan)

    async def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        """These and no other partitions are this worker's now: what it holds of others is dropped."""
        mine = {(topic, partition) for topic, partition in partitions}
        self.runs.keep_only(mine)
        await self.lanes.assigned(mine)
        await self.intake.assigned(mine)
        await self.decided.assigned(mine)
        self.changes.begin()
        if self.keeper is not None:
            self.keeper.assigned(partition for topic, partition in mine if topic == self.settings.alerts_topic)
        self.metrics.set("risk_stream_partitions", len(mine))
        self.metrics.add("risk_stream_rebalances_total")

    def _heard_generation(self) -> int:
        """The highest generation of an origin's owner that a hop partition here has heard of."""
        hops = [hop for lane in self.lanes.lanes.values() for hop in lane.hops.values()]
        return max((generation for hop in hops for generation in hop.channels.era.values()), default=0)

    # The work: runs that wait together, those of each partition in a list of their own

    async def admit(self, runs: Sequence[Sequence[Any]]) -> float | None:
        """Runs of house topics; -> seconds after which to call again though nothing comes, None for not at all."""
        return await self.intake.admit(runs)

    async def hop(self, runs: Sequence[Sequence[Any]], kind: str) -> float | None:
        """Runs of the hop topic of a kind of key; -> as `admit`."""
        return await self.lanes.apply(kind, runs)

    async def decisions(self, runs: Sequence[Sequence[Any]]) -> None:
        """Runs of decisions: alerts where a later one differs from the answer."""
        await self.decided.apply(runs)

    async def alerts(self, runs: Sequence[Sequence[Any]]) -> None:
        """Runs of alerts: into Redis."""
        for messages in runs:
            mine, records = await self.runs.take(messages)
            outgoing = []
            if records:
                wrong = await self.store.write(records)
                outgoing = [self._not_an_alert(messages[0], record, why) for record, why in wrong]
            tp = messages[0].topic, messages[0].partition
            self.runs.acknowledge(tp, mine, await self.runs.hand_over(outgoing))

    async def _publish(self, outgoing: Sequence[Outgoing]) -> None:
        """Returns when the broker has stored these messages; the process ends where it has not."""
        try:
            await asyncio.gather(*await self.runs.hand_over(outgoing))
        except KafkaError as exc:
            self.runs.lost(exc)

    def _not_an_alert(self, message: Any, record: Record, why: str) -> Outgoing:
        self.metrics.add("risk_stream_rejects_total", 1, message.topic, "message")
        said = f"not an alert ({why}): only risk-stream may write to {message.topic}"
        return reject_to(self.settings.rejects_topic, f"{message.topic}/{message.partition}", record, "message", said)

    def refresh(self) -> None:
        """Bring gauges of state and lag up to date."""
        self.lanes.refresh()
        metrics, consumer = self.metrics, self.runs.consumer
        metrics.forget("risk_stream_consumer_lag_records")
        for tp in consumer.assignment():
            highwater, committed = consumer.highwater(tp), consumer.committed(tp)
            if highwater is not None:
                lag = max(0, highwater - (committed or 0))
                metrics.set("risk_stream_consumer_lag_records", lag, tp.topic, str(tp.partition))
