"""What the owner of a partition of decisions says of them: an officer hears of each other verdict."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import orjson
from faust.types.tuples import TP
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.decisions.record import Decision
from risk_stream.settings import Settings
from risk_stream.sinks import Metrics
from risk_stream.stream.decisions import DIFFERS, DecisionWatch
from risk_stream.stream.runs import Runs
from tests.decisions.test_answers import decision
from tests.stream.conftest import NOW, FakeRecord

TOPIC = "risk.decisions"
VERDICTS = st.sampled_from(("approve", "refer", "decline"))
LOGS = st.lists(st.tuples(st.sampled_from("ab"), VERDICTS), max_size=12)


class Kafka:
    """Producer and consumer of one partition: what is committed, where it is read from, and what was sent."""

    idempotent = True

    def __init__(self, committed: int | None = None) -> None:
        self.app = SimpleNamespace(consumer_generation_id=1)
        self.committed, self.start = committed, -1
        self.alerts: list[dict[str, Any]] = []
        self.rejects: list[dict[str, Any]] = []

    async def send(self, topic: str, value: bytes, **_: Any) -> asyncio.Future[None]:
        (self.alerts if topic == "risk.alerts" else self.rejects).append(orjson.loads(value))
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sent.set_result(None)
        return sent

    async def read_back(self, tps: list[TP]) -> dict[TP, tuple[int, str]]:
        return {} if self.committed is None else dict.fromkeys(tps, (self.committed, ""))

    async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, 0)

    def start_at(self, _: TP, offset: int) -> None:
        self.start = offset

    def done(self, message: Any, *, durable: bool = True) -> None:
        pass


def message(records: list[FakeRecord]) -> Any:
    return SimpleNamespace(
        topic=TOPIC, partition=0, tp=TP(TOPIC, 0), generation_id=1, offset=records[-1].offset, value=records
    )


def watched(log: list[FakeRecord], *, committed: int | None = None) -> tuple[Kafka, Metrics]:
    """What a worker does to which the partition is given when the group has committed so far."""
    kafka, metrics = Kafka(committed), Metrics()

    async def run() -> None:
        runs = Runs(kafka, metrics, lambda sentence: None)  # type: ignore[arg-type]
        runs.consumer = kafka
        watch = DecisionWatch(Settings(), runs, metrics, alerts=1)
        await watch.assigned({(TOPIC, 0), ("risk.trades", 0)})
        for record in log:
            await watch.apply([[message([record])]])
        await asyncio.sleep(0)

    asyncio.run(run())
    return kafka, metrics


def records(decisions: list[Decision]) -> list[FakeRecord]:
    return [FakeRecord(i, d.to_json(), NOW + i) for i, d in enumerate(decisions)]


def stands(alerts: list[dict[str, Any]]) -> dict[str, str]:
    """Application -> what stands of its alert: the highest revision of it."""
    best = {a["event"]: a for a in sorted(alerts, key=lambda a: int(a["revision"]))}
    return {event: alert["summary"] for event, alert in best.items() if alert["status"] != "withdrawn"}


def test_another_verdict_is_an_alert_to_an_officer_and_no_second_answer() -> None:
    """It says what was answered, by whom, and what is judged now; its name is the same whoever says it."""
    answered = decision("A1", "refer", by="deadline", loan="L1", customer="C1")
    later = decision("A1", "decline", loan="L1", customer="C1")
    kafka, metrics = watched(records([answered, later]))
    (alert,) = kafka.alerts
    assert (alert["rule"], alert["event"], alert["status"]) == (DIFFERS, "A1", "raised")
    assert alert["features"] == {"answered": "refer", "answered_by": "deadline", "judged": "decline"}
    assert alert["keys"] == {"loan": "L1", "customer": "C1"}
    assert metrics.get("risk_stream_decisions_total", "refer", "t", "deadline") == 1
    assert metrics.get("risk_stream_decisions_differing_total", "refer", "decline") == 1
    assert watched(records([answered, later]))[0].alerts == kafka.alerts


@given(LOGS, st.data())
def test_alerts_are_the_same_after_a_restart_anywhere(log: list[tuple[str, str]], data: Any) -> None:
    """The partition is read from its beginning, and only what the group has not said is said."""
    said = [decision(application, verdict, revision=i) for i, (application, verdict) in enumerate(log)]
    whole, counted = watched(records(said))
    died = data.draw(st.integers(0, len(said)))
    committed = data.draw(st.integers(0, died))
    before, _ = watched(records(said[:died]))
    after, again = watched(records(said), committed=committed)
    assert after.start == 0
    assert stands(before.alerts + after.alerts) == stands(whole.alerts)
    answers = dict(reversed(log))
    last = dict(log)
    assert set(stands(whole.alerts)) == {a for a in last if last[a] != answers[a]}
    if committed == 0:
        assert again.get("risk_stream_decisions_total") == counted.get("risk_stream_decisions_total")


def test_an_application_that_is_asked_anew_after_its_answer_was_kept_has_no_other_verdict() -> None:
    """Also where nothing was decided in between: as long as it is kept it differs, a millisecond later it is new."""
    kept = int(Settings().decisions_days * 86_400_000)
    log = [decision("A1", "approve"), decision("A1", "decline")]
    for passed, alerts in ((kept, 1), (kept + 1, 0)):
        first, second = (FakeRecord(i, d.to_json(), NOW + i * passed) for i, d in enumerate(log))
        kafka, metrics = watched([first, second])
        assert len(kafka.alerts) == alerts
        assert metrics.get("risk_stream_decisions_total", "decline", "t", "engine") == 1 - alerts


def test_what_is_no_decision_is_refused_and_stops_nothing() -> None:
    """Somebody else has written into the topic."""
    log = records([decision("A1", "approve"), decision("A1", "decline")])
    log.insert(1, FakeRecord(1, b"nonsense", NOW))
    log[2] = FakeRecord(2, log[2].value, NOW)
    kafka, metrics = watched(log)
    assert len(kafka.alerts) == 1
    assert [(r["topic"], r["offset"], r["reason"]) for r in kafka.rejects] == [(TOPIC, 1, "message")]
    assert metrics.get("risk_stream_rejects_total", TOPIC, "message") == 1
