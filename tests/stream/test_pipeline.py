"""A worker's work on runs of records: what is acknowledged when, what is read again, and what is counted."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any
from weakref import ref

import orjson
import pytest
from aiokafka.errors import KafkaTimeoutError
from faust.types.tuples import TP

from risk_stream.catalogue import MISSING, Catalogue, load_catalogue
from risk_stream.kafka import wanted_topics
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.settings import Settings
from risk_stream.sinks import Metrics
from risk_stream.stream.alignment import HOLD
from risk_stream.stream.commits import Answer
from risk_stream.stream.intake import intake
from risk_stream.stream.letters.sections import read_fronts, read_letter
from risk_stream.stream.pipeline import Pipeline
from risk_stream.stream.plans.book import KEPT
from tests.stream.conftest import NOW, RULES, FakeRecord

Make = Callable[..., FakeRecord]


class Kafka:
    """Consumer and producer in one: remembers what was sent, acknowledged and asked for again."""

    def __init__(self) -> None:
        self.app = SimpleNamespace(consumer_generation_id=1)
        self.sent: list[tuple[str, bytes]] = []
        self.futures: list[asyncio.Future[None]] = []
        self.done_with: list[tuple[int, bool]] = []
        self.sought: list[int] = []
        self.stores = True
        self.broken = False
        self.idempotent = True
        self.at_broker = 0  # records of trades that were not read yet
        self.offsets: dict[TP, tuple[int, str]] = {}  # what is committed
        self.answer = Answer.ACCEPTED

    async def send(self, topic: str, value: bytes, **_: Any) -> asyncio.Future[None]:
        if self.broken:
            raise KafkaTimeoutError
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sent.append((topic, value))
        self.futures.append(future)
        if self.stores:
            future.set_result(None)
        return future

    def done(self, message: Any, *, durable: bool = True) -> None:
        self.done_with.append((message.offset, durable))

    def unread(self, tp: TP) -> int:
        return self.at_broker if tp.topic == "risk.trades" else 0

    async def seek(self, _: Any, offset: int) -> None:
        self.sought.append(offset)

    async def read_back(self, partitions: list[TP]) -> dict[TP, tuple[int, str]]:
        return {tp: self.offsets[tp] for tp in partitions if tp in self.offsets}

    async def earliest_offsets(self, *partitions: TP) -> dict[TP, int]:
        return dict.fromkeys(partitions, 0)

    async def commit_exactly(self, wanted: dict[TP, tuple[int, str]]) -> dict[TP, Answer]:
        if self.answer is Answer.ACCEPTED:
            self.offsets |= wanted
        return dict.fromkeys(wanted, self.answer)

    def topics(self) -> list[str]:
        """Where messages went; what was said of the decisions beside them is left out."""
        return [topic for topic, _ in self.sent if topic != "risk.audit"]


#: All partitions of a house with one of each topic.
MINE = [
    (t.name, 0)
    for t in wanted_topics(Settings(partitions=1), load_catalogue())
    if "hop" in t.name or "trades" in t.name or "requests" in t.name
]


class EndedError(Exception):
    """What `fatal` raises here in place of ending the process."""


@pytest.fixture
def kafka() -> Kafka:
    return Kafka()


@pytest.fixture
def pipeline(catalogue: Catalogue, plan: Plan, kafka: Kafka) -> Pipeline:
    settings = Settings(partitions=1)

    def fatal(sentence: str) -> None:
        raise EndedError(sentence)

    made = Pipeline(
        settings,
        catalogue,
        plan,
        counts={t.name: 1 for t in wanted_topics(settings, catalogue)},
        producer=kafka,  # type: ignore[arg-type]
        store=SimpleNamespace(write=lambda records: _nothing()),  # type: ignore[arg-type]
        metrics=Metrics(),
        fatal=fatal,
    )
    made.connect(kafka)
    asyncio.run(made.assigned(MINE))
    kafka.sent.clear()
    kafka.futures.clear()
    return made


async def _nothing() -> list[Any]:
    return []


def run_of(topic: str, records: list[FakeRecord], generation: int = 1) -> Any:
    return SimpleNamespace(
        topic=topic,
        partition=0,
        tp=(topic, 0),
        offset=records[-1].offset,
        value=records,
        generation_id=generation,
    )


def play(*work: Coroutine[Any, Any, Any]) -> None:
    async def main() -> None:
        for each in work:
            await each
            await asyncio.sleep(0)

    asyncio.run(main())


def test_a_run_is_acknowledged_when_what_it_caused_is_stored(pipeline: Pipeline, kafka: Kafka, transfer: Make) -> None:
    """Not when it is sent."""
    kafka.stores = False

    async def main() -> None:
        await pipeline.admit([[run_of("risk.trades", [transfer(0)]), run_of("risk.trades", [transfer(1)])]])
        assert kafka.topics() == ["risk.hop.account"]
        await asyncio.sleep(0)
        assert kafka.done_with == []
        kafka.futures[0].set_result(None)
        await asyncio.sleep(0)
        assert kafka.done_with == [(0, True), (1, True)]

    asyncio.run(main())


def test_an_application_that_was_requested_twice_is_admitted_once(pipeline: Pipeline, kafka: Kafka) -> None:
    """Two servers wrote it, each with its own time; an event of a house topic is told apart by its time, too."""

    def asked(offset: int, application: str) -> FakeRecord:
        event = {"id": application, "type": "application", "time": NOW + offset, "loan": "L1", "customer": "C1"}
        return FakeRecord(offset, orjson.dumps({**event, "amount": 5}))

    def admitted() -> list[str]:
        letters = [value for topic, value in kafka.sent if topic == "risk.hop.loan"]
        kafka.sent.clear()
        batches = [read_letter(pipeline.intake.catalogue, v).batch for v in letters if v[:1] != b"{"]
        return [name for batch in batches for name in batch.table.column("id").to_pylist()]

    play(pipeline.admit([[run_of("risk.requests", [asked(0, "A1"), asked(1, "A2"), asked(2, "A1")])]]))
    assert admitted() == ["A1", "A2"]
    play(pipeline.admit([[run_of("risk.requests", [asked(3, "A2")]), run_of("risk.requests", [asked(4, "A3")])]]))
    assert admitted() == ["A3"]
    assert pipeline.metrics.get("risk_stream_known_events_total", "admission") == 2
    assert kafka.done_with == [(2, True), (3, True), (4, True)]


def test_a_backlog_is_promised_to_whom_events_went_and_the_promise_is_taken_back(
    pipeline: Pipeline, kafka: Kafka, transfer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it is read, or when nothing comes of what the broker is said to have."""

    def told() -> list[int | None]:
        letters = [value for topic, value in kafka.sent if topic == "risk.hop.account"]
        kafka.sent.clear()
        said = [
            read_fronts(v) if v[:1] == b"{" else read_letter(pipeline.intake.catalogue, v).channels for v in letters
        ]
        return [more for entries in said for channel, *_, more in entries if channel == "risk.trades/0"]

    async def main() -> None:
        kafka.at_broker = 5000
        assert await pipeline.admit([[run_of("risk.trades", [transfer(0)])]]) == intake.LOOK
        assert told() == [NOW]
        kafka.at_broker = 0
        assert await pipeline.admit([]) is None
        assert told() == [MISSING]
        kafka.at_broker = 5000
        await pipeline.admit([[run_of("risk.trades", [transfer(1)])]])
        assert told() == [NOW]
        monkeypatch.setattr(intake, "SILENT", 0.0)
        await pipeline.admit([])
        assert told() == [MISSING]

    asyncio.run(main())


def test_rejects_are_stored_before_their_run_is_acknowledged(pipeline: Pipeline, kafka: Kafka) -> None:
    """What was refused is kept, or the record is read again."""
    kafka.stores = False

    async def main() -> None:
        await pipeline.admit([[run_of("risk.trades", [FakeRecord(0, b"{")])]])
        await asyncio.sleep(0)
        assert (kafka.topics(), kafka.done_with) == (["risk.rejects"], [])

    asyncio.run(main())
    assert pipeline.metrics.get("risk_stream_rejects_total", "risk.trades", "json") == 1


def test_a_run_of_an_older_assignment_is_left_alone(pipeline: Pipeline, kafka: Kafka, transfer: Make) -> None:
    """Whoever has the partition now reads it again."""
    play(pipeline.admit([[run_of("risk.trades", [transfer(0)], generation=0)]]))
    assert (kafka.sent, kafka.done_with) == ([], [])


def test_missing_records_are_asked_for_and_nothing_is_acknowledged(
    pipeline: Pipeline, kafka: Kafka, transfer: Make
) -> None:
    """A run that begins behind a gap gives its credit back."""
    play(
        pipeline.admit([[run_of("risk.trades", [transfer(0)])]]),
        pipeline.admit([[run_of("risk.trades", [transfer(5)])]]),
    )
    assert kafka.sought == [1]
    assert kafka.done_with == [(0, True), (5, False)]


def test_a_partition_that_comes_back_is_not_judged_twice(pipeline: Pipeline, kafka: Kafka, transfer: Make) -> None:
    """After a rebalance it is read again from the committed offset: windows were kept, events are not counted twice."""
    play(pipeline.admit([[run_of("risk.trades", [transfer(i) for i in range(2)])]]))
    message = kafka.sent[-1][1]
    play(pipeline.hop([[run_of("risk.hop.account", [FakeRecord(0, message)])]], "account"))
    before = kafka.topics()
    kafka.app.consumer_generation_id = 2
    play(pipeline.assigned(MINE))
    play(pipeline.hop([[run_of("risk.hop.account", [FakeRecord(0, message)], generation=2)]], "account"))
    assert kafka.topics() == before
    assert kafka.done_with[-1] == (0, True)
    state = pipeline.lanes.lanes[0].hops["account"].hop.state
    assert state is not None
    assert state.rows == 2


def test_a_partition_another_worker_had_is_begun_anew(pipeline: Pipeline, kafka: Kafka, transfer: Make) -> None:
    """Its windows miss what the other applied."""
    play(pipeline.admit([[run_of("risk.trades", [transfer(0)])]]))
    message = kafka.sent[-1][1]
    play(pipeline.hop([[run_of("risk.hop.account", [FakeRecord(0, message)])]], "account"))
    old = pipeline.lanes.lanes[0].hops["account"]
    kafka.app.consumer_generation_id = 3
    play(pipeline.assigned(MINE))
    play(pipeline.hop([[run_of("risk.hop.account", [FakeRecord(9, message)], generation=3)]], "account"))
    assert pipeline.lanes.lanes[0].hops["account"] is not old


def test_a_lost_partition_is_forgotten(pipeline: Pipeline, kafka: Kafka, transfer: Make) -> None:
    """Its memory is another worker's now."""
    play(pipeline.admit([[run_of("risk.trades", [transfer(0)])]]))
    play(pipeline.hop([[run_of("risk.hop.account", [FakeRecord(0, kafka.sent[-1][1])])]], "account"))
    play(pipeline.assigned([("risk.trades", 0)]))
    assert pipeline.lanes.lanes == {}
    assert pipeline.metrics.get("risk_stream_partitions") == 1


def test_a_message_that_is_not_stored_ends_the_process(pipeline: Pipeline, kafka: Kafka, transfer: Make) -> None:
    """In one sentence; what follows it may not be said either."""
    kafka.broken = True
    with pytest.raises(EndedError, match="did not store a message"):
        play(pipeline.admit([[run_of("risk.trades", [transfer(0)])]]))


def test_an_event_is_judged_by_the_plan_it_was_admitted_under(
    pipeline: Pipeline, kafka: Kafka, transfer: Make, catalogue: Catalogue
) -> None:
    """And the windows stay."""
    play(pipeline.admit([[run_of("risk.trades", [transfer(0, time=NOW), transfer(1, time=NOW + 1)])]]))
    play(pipeline.hop([[run_of("risk.hop.account", [FakeRecord(0, kafka.sent[-1][1])])]], "account"))
    changed = plan_of_texts({"rules.yaml": RULES.replace("count_10m == 3", "count_10m >= 3")}, catalogue)
    pipeline.use(changed)
    for desk in pipeline.intake.desks.values():
        assert desk.origin is not None
        desk.origin.plan = changed.version
    for offset in (2, 3):
        play(pipeline.admit([[run_of("risk.trades", [transfer(offset, time=NOW + offset)])]]))
        play(pipeline.hop([[run_of("risk.hop.account", [FakeRecord(offset - 1, kafka.sent[-1][1])])]], "account"))
    assert kafka.topics().count("risk.alerts") == 2


def test_of_the_plans_that_were_in_force_those_used_last_stay_in_memory(
    pipeline: Pipeline, kafka: Kafka, transfer: Make, catalogue: Catalogue
) -> None:
    """Whoever changes rules all day gives a worker no more to hold: what an older message names is read again."""
    plans: list[ref[Plan]] = []
    for i in range(KEPT + 8):
        plan = plan_of_texts({"rules.yaml": RULES.replace("count_10m == 3", f"count_10m == {i + 4}")}, catalogue)
        plans.append(ref(plan))
        pipeline.use(plan)
        for desk in pipeline.intake.desks.values():
            assert desk.origin is not None
            desk.origin.plan = plan.version
        del plan
        play(pipeline.admit([[run_of("risk.trades", [transfer(i, time=NOW + i)])]]))
    assert kafka.topics() == ["risk.hop.account"] * (KEPT + 8)
    gc.collect()
    assert [i for i, plan in enumerate(plans) if plan() is not None] == list(range(8, KEPT + 8))


def test_a_large_wave_is_cut_into_batches(pipeline: Pipeline, kafka: Kafka, transfer: Make) -> None:
    """Of as many records as the setting allows."""
    runs = [run_of("risk.trades", [transfer(i * 1500 + j) for j in range(1500)]) for i in range(4)]
    play(pipeline.admit([runs]), pipeline.admit([]))
    assert kafka.topics() == ["risk.hop.account"] * 2
    assert [offset for offset, _ in kafka.done_with] == [1499, 2999, 4499, 5999]


def test_no_more_is_admitted_while_the_hops_here_are_behind(pipeline: Pipeline, kafka: Kafka, transfer: Make) -> None:
    """What enters at a later hop would get ahead of what comes there by earlier ones; it waits, and is not lost."""

    async def main() -> None:
        sent = asyncio.get_running_loop().create_future()
        pipeline.runs.underway.sent(("risk.hop.account", 0), sent)
        sent.set_result(SimpleNamespace(offset=9))
        await asyncio.sleep(0)
        assert await pipeline.admit([[run_of("risk.trades", [transfer(0)])]]) == HOLD
        assert kafka.topics() == []
        kafka.stores = False
        junk = [FakeRecord(offset, b"{") for offset in range(10)]
        await pipeline.hop([[run_of("risk.hop.account", junk)]], "account")
        kafka.sent.clear()
        assert await pipeline.admit([]) is None
        assert kafka.topics() == ["risk.hop.account"]

    asyncio.run(main())
