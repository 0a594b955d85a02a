"""Profiles as a worker keeps them: said once they differ, the same from any order, and again after a death."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk_stream.engine import Alert, final
from risk_stream.kafka import Outgoing
from risk_stream.profiles import Record, at, profile_of
from risk_stream.sinks import Metrics, ProfileSink
from risk_stream.sinks.profiles import contribution_of
from risk_stream.stream.keeper import Keeper, forgettable
from tests.live.servers import RedisServer
from tests.profiles.house import DAY, POLICY, policy, said
from tests.sinks.test_profiles import of

PREFIX = "keeper:"
SPREAD = 3
SMALL = policy()

live = pytest.mark.live


class Topic:
    """`risk.profiles`: what was published, and a broker that may fail."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.dies = False

    async def publish(self, outgoing: Sequence[Outgoing]) -> None:
        if self.dies and outgoing:
            raise ConnectionResetError
        for out in outgoing:
            record = msgspec.json.decode(out.value, type=Record)
            assert out.key == f"{record.kind}:{record.key}".encode()
            self.records.append(record)

    def last(self) -> dict[str, Record]:
        return {f"{one.kind}:{one.key}": one for one in self.records}


class Worker:
    """A keeper of some parts."""

    def __init__(self, sink: ProfileSink, topic: Topic, parts: Sequence[int] = range(SPREAD), by: Any = SMALL) -> None:
        self.sink, self.metrics = sink, Metrics()
        plan: Any = SimpleNamespace(profiles=by)
        self.keeper = Keeper("risk.profiles", sink, self.metrics, plan)
        self.keeper.publish = topic.publish
        self.keeper.assigned(parts)

    async def take(self, *alerts: Alert) -> None:
        await self.sink.take(alerts)
        await self.keeper.settle()

    async def pass_time(self, time: int) -> None:
        self.keeper.pass_time(time)
        await self.keeper.settle()


Use = Callable[[Callable[[ProfileSink], Coroutine[Any, Any, Any]]], Any]


@pytest.fixture
def use(redis_server: RedisServer) -> Iterator[Use]:
    """Runs work with a sink over an empty Redis."""
    client = redis.Redis.from_url(redis_server.url)

    def run(work: Callable[[ProfileSink], Coroutine[Any, Any, Any]]) -> Any:
        for key in client.scan_iter(f"{PREFIX}*"):
            client.delete(key)

        async def inside() -> Any:
            sink = ProfileSink(redis_server.url, prefix=PREFIX, spread=SPREAD)
            try:
                return await work(sink)
            finally:
                await sink.close()

        return asyncio.run(inside())

    yield run
    client.close()


@live
def test_a_change_is_said_with_what_changed_and_nothing_twice(use: Use) -> None:
    async def work(sink: ProfileSink) -> None:
        topic = Topic()
        worker = Worker(sink, topic)
        await worker.take(of(1))
        await worker.take(of(1))
        await worker.take(of(2, severity="critical", rule="fraud"))
        await worker.take(of(3, severity="info"))
        said_of = [(one.revision, one.grade, one.changed) for one in topic.records]
        assert said_of == [
            (1, "B", ["grade B, 20 points"]),
            (2, "D", ["grade B to D", "20 to 65 points", "suspect stands"]),
        ]
        assert topic.records[1].reasons[0].summary == "说明"
        assert worker.metrics.get("risk_stream_profile_changes_total", "customer") == 2

    use(work)


@live
def test_a_withdrawn_alert_takes_its_part_back(use: Use) -> None:
    async def work(sink: ProfileSink) -> None:
        topic = Topic()
        worker = Worker(sink, topic)
        await worker.take(of(2, rule="fraud"))
        await worker.take(of(2, rule="fraud", revision=5, status="withdrawn"))
        said_of = [(one.grade, one.score, one.names) for one in topic.records]
        assert said_of == [("D", 20.0, ["suspect"]), ("A", 0.0, [])]
        assert topic.records[1].changed == ["grade D to A", "20 to 0 points", "suspect has ended"]

    use(work)


@live
def test_time_alone_makes_a_grade_better_when_the_business_date_has_passed(use: Use) -> None:
    """As of the moment at which it became another, however late that is noticed; each such change is one record."""

    async def work(sink: ProfileSink) -> None:
        topic = Topic()
        worker = Worker(sink, topic)
        await worker.take(of(0, rule="fraud"))
        await worker.pass_time(89 * DAY)
        assert len(topic.records) == 1
        await worker.pass_time(5_000 * DAY)
        assert [(one.as_of // DAY, one.grade, one.changed) for one in topic.records[1:]] == [
            (90, "D", ["suspect has ended"]),
            (360, "A", ["grade D to A"]),
        ]
        await worker.pass_time(9_000 * DAY)
        assert len(topic.records) == 3

    use(work)


def test_a_business_date_that_comes_while_another_is_stored_is_stored_next() -> None:
    """Redis takes its time, and days may follow each other at once."""

    class Slow:
        """A sink that is told of another day while it stores one."""

        def __init__(self) -> None:
            self.stored: list[int] = []

        async def pass_time(self, time: int) -> None:
            self.stored.append(time)
            if time == DAY:
                worker.keeper.pass_time(2 * DAY)

    sink: Any = Slow()
    worker = Worker(sink, Topic(), parts=())
    asyncio.run(worker.pass_time(DAY))
    asyncio.run(worker.keeper.settle())
    asyncio.run(worker.keeper.settle())
    assert sink.stored == [DAY, 2 * DAY]


@live
def test_a_worker_that_dies_before_the_broker_has_it_is_followed_by_one_that_says_it(use: Use) -> None:
    async def work(sink: ProfileSink) -> None:
        topic = Topic()
        dying = Worker(sink, topic)
        topic.dies = True
        with pytest.raises(ConnectionResetError):
            await dying.take(of(1))
        topic.dies = False
        await Worker(sink, topic).keeper.settle()
        assert [(one.key, one.revision) for one in topic.records] == [("C1", 1)]

    use(work)


@live
def test_another_policy_says_anew_of_all_what_differs(use: Use) -> None:
    async def work(sink: ProfileSink) -> None:
        topic = Topic()
        worker = Worker(sink, topic)
        await worker.take(*(of(n, f"C{n}", severity="high" if n < 3 else "low") for n in range(6)))
        before = len(topic.records)
        stricter = policy(POLICY.replace("B: 8", "B: 1"))
        worker.keeper.use(SimpleNamespace(profiles=stricter))  # type: ignore[arg-type]
        await worker.keeper.settle()
        changed = {one.key: one.changed for one in topic.records[before:]}
        assert changed == {f"C{n}": ["grade A to B"] for n in range(3, 6)}

    use(work)


@live
def test_customers_are_counted_by_grade_by_the_worker_of_the_first_part(use: Use) -> None:
    async def work(sink: ProfileSink) -> None:
        topic = Topic()
        first, other = Worker(sink, topic, [0]), Worker(sink, topic, [1, 2])
        await sink.take([of(n, f"C{n}", "G1") for n in range(5)])
        await other.keeper.settle()
        await first.keeper.settle()
        assert first.metrics.get("risk_stream_profiles", "customer", "B") == 5
        assert first.metrics.get("risk_stream_profiles", "group", "D") == 1
        assert other.metrics.get("risk_stream_profiles", "customer", "B") == 0

    use(work)


ALERTS = st.lists(
    st.builds(
        lambda n, revision, status, rule, stage, severity, day: of(
            n,
            f"C{n % 3}",
            "G1" if n % 3 < 2 else "",
            revision=revision,
            status=status,
            rule=rule,
            stage=stage,
            severity=severity,
            time=day * DAY,
        ),
        n=st.integers(0, 9),
        revision=st.integers(0, 4),
        status=st.sampled_from(["raised", "changed", "withdrawn"]),
        rule=st.sampled_from(["fraud", "storm", "other"]),
        stage=st.sampled_from(["pre_loan", "mid_loan", "trading"]),
        severity=st.sampled_from(["low", "medium", "high", "critical"]),
        day=st.integers(0, 400),
    ),
    max_size=20,
    unique_by=lambda one: (one.id, one.revision),
)


@live
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(alerts=ALERTS, chance=st.randoms(use_true_random=False))
def test_what_was_said_last_is_the_profile_whoever_said_it_and_in_whatever_order(
    use: Use, alerts: list[Alert], chance: random.Random
) -> None:
    """Two workers, alerts in any order and some twice, deaths before the broker has it, time that passes between."""

    async def work(sink: ProfileSink) -> None:
        topic = Topic()
        order = alerts + chance.choices(alerts, k=4) if alerts else []
        chance.shuffle(order)
        for one in order:
            await sink.take([one])
            worker = Worker(sink, topic, chance.sample(range(SPREAD), chance.randint(0, SPREAD)))
            topic.dies = chance.random() < 0.2
            try:
                if chance.random() < 0.3:
                    worker.keeper.pass_time(one.time + chance.randrange(100) * DAY)
                await worker.keeper.settle()
            except ConnectionResetError:
                pass
        topic.dies = False
        now = 800 * DAY
        await Worker(sink, topic).pass_time(now)
        held = [contribution_of(one) for one in final(alerts)]
        subjects = {"customer:C0": ["C0"], "customer:C1": ["C1"], "customer:C2": ["C2"], "group:G1": ["C0", "C1"]}
        for subject, members in subjects.items():
            kind, _, key = subject.partition(":")
            mine = [one for one in held if one.customer in members]
            truth = profile_of(SMALL, kind, key, mine, now)  # type: ignore[arg-type]
            last = topic.last().get(subject)
            if last is None:
                assert (truth.grade, truth.names) == ("A", [])
                continue
            found = at(last, now)
            assert found.names == truth.names
            assert found.score == pytest.approx(truth.score, abs=1.0)  # parts of a point are not said
            if all(abs(truth.score - line) > 1.0 for line in truth.lines.values()):
                assert found.grade == truth.grade
            assert (await sink.read([subject]))[0].record == last
        revisions: dict[str, list[int]] = {}
        for record in topic.records:
            revisions.setdefault(f"{record.kind}:{record.key}", []).append(record.revision)
        assert all(sorted(set(seen)) == list(range(1, max(seen) + 1)) for seen in revisions.values())
        assert all(seen == sorted(seen) for seen in revisions.values())

    use(work)


def test_what_has_faded_and_marks_nothing_is_forgotten() -> None:
    old, marking, new = said(0, id="old"), said(0, id="marking", rule="fraud", severity="low"), said(2_000, id="new")
    assert forgettable(SMALL, [old, marking, new], 100 * DAY) == []
    assert forgettable(SMALL, [old, marking, new], 2_000 * DAY) == ["old", "marking"]
    assert forgettable(SMALL, [said(0, id="nothing", severity="info")], 0) == ["nothing"]


def test_of_too_many_the_smallest_of_a_storm_are_forgotten_first() -> None:
    """Not the few alerts of other rules, however small."""
    storm = [said(n, id=f"s{n:03}", rule="storm") for n in range(50)]
    few = [said(0, id=f"f{n}", severity="low", rule=f"rule{n}") for n in range(5)]
    assert forgettable(SMALL, [*storm, *few], 60 * DAY, most=35) == [f"s{n:03}" for n in range(19, -1, -1)]
