"""Decisions on their way: into `risk.decisions`, and what the owner of one of its partitions makes of what is there.

The first record of an application in its partition is the answer; a later one with another verdict (a late event had
it revised, or the engine decided after a deadline had) becomes an alert to an officer, and never a second answer. An
owner must know what was answered, so it reads its partitions from their beginning and says what is new to the group.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from faust.types.tuples import TP

from risk_stream.decisions import Decision, Difference, Verdicts, partition_of, read_decision
from risk_stream.engine import Alert, alert_id
from risk_stream.kafka import Outgoing, Record, reject_to
from risk_stream.settings import Settings
from risk_stream.sinks import Metrics
from risk_stream.stream.letters.messages import alert_to
from risk_stream.stream.runs import Runs, TopicPartition

__all__ = ["DIFFERS", "DecisionWatch", "decision_records", "difference_alert"]

#: The rule that alerts on differing verdicts are named by; it is in no file.
DIFFERS = "decision-differs"

_DAY_MS = 86_400_000


def decision_records(topic: str, decisions: Iterable[Decision], partitions: int) -> Iterator[Outgoing]:
    """What is to be sent of decisions: all records of an application to one partition."""
    for decision in decisions:
        to = partition_of(decision.id, partitions)
        yield Outgoing(topic, decision.to_json(), key=decision.id.encode(), partition=to)


def difference_alert(difference: Difference, offset: int) -> Alert:
    """What an officer is to see of a verdict that is not the answer's; `offset` is the later record's in the log."""
    later = difference.later
    said = {"answered": difference.answered, "answered_by": difference.by, "judged": later.verdict}
    return Alert(
        id=alert_id(DIFFERS, later.id),
        revision=offset,
        status="withdrawn" if difference.agrees else "raised",
        rule=DIFFERS,
        rule_version=later.version,
        plan=later.plan,
        hop="",
        stage="pre_loan",
        severity="high",
        score=50,
        action="review",
        owner="credit",
        mode="live",
        entity="",
        channel="",
        time=later.time,
        type="application",
        event=later.id,
        keys={kind: key for kind, key in (("loan", later.loan), ("customer", later.customer)) if key},
        features=dict(said),
        inexact=[],
        summary=f"{later.id} was answered {difference.answered} and is now judged {later.verdict}",
        why="What was answered holds; the judgement came or changed afterwards: an event was late, or the answer was.",
    )


class DecisionWatch:
    """A worker's partitions of `risk.decisions`; `alerts` are the partitions of the topic of alerts."""

    def __init__(self, settings: Settings, runs: Runs, metrics: Metrics, alerts: int) -> None:
        self.settings, self.runs, self.metrics, self._alerts = settings, runs, metrics, alerts
        self._verdicts: dict[int, Verdicts] = {}
        self._said: dict[int, int] = {}  # partition -> the offset up to which the group has said what differs

    async def assigned(self, mine: set[TopicPartition]) -> None:
        """These and no other partitions are this worker's now. Returns when it is known where each begins."""
        topic = self.settings.decisions_topic
        tps = sorted(TP(*tp) for tp in mine if tp[0] == topic)
        self._verdicts = {tp.partition: Verdicts() for tp in tps}
        if not tps:
            return
        consumer = self.runs.consumer
        committed = await consumer.read_back(tps)
        earliest = await consumer.earliest_offsets(*tps)
        for tp in tps:
            start = int(earliest[tp] or 0)
            self._said[tp.partition] = committed[tp][0] if tp in committed else start
            self.runs.begin((tp.topic, tp.partition), start)
            consumer.start_at(tp, start)

    async def apply(self, runs: Sequence[Sequence[Any]]) -> None:
        """Runs of the topic of decisions: say where a later verdict differs."""
        for messages in runs:
            tp = messages[0].topic, messages[0].partition
            mine, records = await self.runs.take(messages, self._anew)
            outgoing = [out for record in records for out in self._hear(tp[1], record)]
            self.runs.acknowledge(tp, mine, await self.runs.hand_over(outgoing))

    def _anew(self, tp: TopicPartition) -> None:
        self._verdicts[tp[1]] = Verdicts()

    def _hear(self, partition: int, record: Record) -> Iterator[Outgoing]:
        verdicts, is_new = self._verdicts[partition], record.offset >= self._said[partition]
        try:
            decision = read_decision(record.value)
        except ValueError as exc:
            if is_new:
                yield self._no_decision(partition, record, str(exc))
            return
        verdicts.forget(int(record.timestamp - self.settings.decisions_days * _DAY_MS))
        if is_new and verdicts.is_answer(decision):
            self.metrics.add("risk_stream_decisions_total", 1, decision.verdict, decision.table, decision.by)
        difference = verdicts.take(decision, record.timestamp)
        if difference is None or not is_new:
            return
        if not difference.agrees:
            self.metrics.add("risk_stream_decisions_differing_total", 1, difference.answered, decision.verdict)
        yield alert_to(self.settings.alerts_topic, difference_alert(difference, record.offset), self._alerts)

    def _no_decision(self, partition: int, record: Record, why: str) -> Outgoing:
        topic = self.settings.decisions_topic
        self.metrics.add("risk_stream_rejects_total", 1, topic, "message")
        said = f"not a decision ({why}): only risk-stream may write to {topic}"
        return reject_to(self.settings.rejects_topic, f"{topic}/{partition}", record, "message", said)
