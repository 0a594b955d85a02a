"""Contributions and profiles in a real Redis: each revision once, in any order, whoever writes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import msgspec
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk_stream.engine import Alert
from risk_stream.profiles import changes, next_change, profile_of, record_of
from risk_stream.sinks import ProfileSink
from risk_stream.sinks.profiles import contribution_of
from tests.live.servers import RedisServer
from tests.profiles.house import DAY, policy
from tests.sinks.test_redis import alert

pytestmark = pytest.mark.live
PREFIX = "profiles-sink:"
SMALL = policy()

Use = Callable[[Callable[[ProfileSink], Coroutine[Any, Any, Any]]], Any]


def of(n: int, customer: str = "C1", group: str = "", **more: Any) -> Alert:
    """An alert of a customer on day n; a `rule` or `time` may be given."""
    keys = {"account": "A1", "customer": customer} | ({"group": group} if group else {})
    made = alert(n, time=more.pop("time", n * DAY), **{k: v for k, v in more.items() if k in {"revision", "status"}})
    given = {"keys": keys, "rule": "other", "stage": "pre_loan"} | more
    return msgspec.structs.replace(made, **given)


@pytest.fixture
def use(redis_server: RedisServer) -> Iterator[Use]:
    """Runs a piece of work with a sink of its own over an empty Redis."""

    def run(work: Callable[[ProfileSink], Coroutine[Any, Any, Any]]) -> Any:
        async def inside() -> Any:
            sink = ProfileSink(redis_server.url, prefix=PREFIX, spread=2)
            try:
                return await work(sink)
            finally:
                await sink.close()

        return asyncio.run(inside())

    client = redis.Redis.from_url(redis_server.url)
    for key in client.scan_iter(f"{PREFIX}*"):
        client.delete(key)
    yield run
    client.close()


def test_a_contribution_is_replaced_by_a_higher_revision_alone(use: Use) -> None:
    async def work(sink: ProfileSink) -> None:
        first, newer = of(1, revision=3), of(1, revision=9, status="withdrawn")
        assert [await sink.take([one]) for one in (first, first, newer, first, newer)] == [1, 0, 1, 0, 0]
        (state,) = await sink.read(["customer:C1"])
        assert state.contributions == [contribution_of(newer)]
        assert (state.stamp, state.record, state.made) == (2, None, -1)

    use(work)


def test_an_alert_on_a_profile_adds_nothing_to_it(use: Use) -> None:
    """Else a rule that watches grades would make them worse, and fire again."""

    async def work(sink: ProfileSink) -> None:
        assert await sink.take([msgspec.structs.replace(of(1), type="profile")]) == 0
        assert (await sink.read(["customer:C1"]))[0].contributions == []

    use(work)


def test_what_is_damaged_in_redis_is_passed_over(use: Use) -> None:
    """Nothing that somebody wrote there stops a worker."""

    async def work(sink: ProfileSink) -> None:
        await sink.take([of(1)])
        damaged = sink._redis
        await damaged.hset(f"{PREFIX}profile:alerts:C1", "other", "9 {no json\xff")
        await damaged.hset(f"{PREFIX}profile:alerts:C1", "older", "what is this")
        await damaged.hset(f"{PREFIX}profile:customer:C1", "json", "{")
        (state,) = await sink.read(["customer:C1"])
        assert ([one.id for one in state.contributions], state.record) == (["id1"], None)

    use(work)


def test_who_has_other_contributions_than_it_was_made_of_is_not_written(use: Use) -> None:
    async def work(sink: ProfileSink) -> None:
        await sink.take([of(1)])
        (old,) = await sink.read(["customer:C1"])
        await sink.take([of(2)])
        profile = profile_of(SMALL, "customer", "C1", old.contributions, DAY)
        record = record_of(profile, None, changes(None, profile))
        assert await sink.write([(old, next_change(profile), "p", record, [])]) == [False]
        (new,) = await sink.read(["customer:C1"])
        assert new.record is None
        assert await sink.write([(new, next_change(profile), "p", record, ["id1"])]) == [True]
        (after,) = await sink.read(["customer:C1"])
        assert (after.record, after.unsaid, after.made) == (record, True, after.stamp)
        assert [one.id for one in after.contributions] == ["id2"]
        assert [past.revision for past in await sink.history("customer:C1")] == [1]
        assert await sink.count(["A", "B"]) == {
            ("customer", "A"): 0,
            ("customer", "B"): 1,
            ("group", "A"): 0,
            ("group", "B"): 0,
        }

    use(work)


def test_what_is_unsaid_stays_due_until_it_is_said(use: Use) -> None:
    async def work(sink: ProfileSink) -> None:
        await sink.take([of(1)])
        (state,) = await sink.read(["customer:C1"])
        profile = profile_of(SMALL, "customer", "C1", state.contributions, DAY)
        record = record_of(profile, None, ["new"])
        later = next_change(profile)
        assert later is not None
        await sink.write([(state, later, "p", record, [])])
        assert await due(sink) == ["customer:C1"]
        await sink.said([("customer:C1", b"another", state.stamp)])
        assert await due(sink) == ["customer:C1"]
        await sink.said([("customer:C1", msgspec.json.encode(record), state.stamp)])
        assert await due(sink) == []
        await sink.pass_time(later)
        assert await due(sink) == ["customer:C1"]

    use(work)


async def due(sink: ProfileSink) -> list[str]:
    return sorted([subject for part in range(2) for subject in (await sink.due(part, 100))[1]])


def test_an_alert_that_turns_out_to_be_of_another_customer_moves(use: Use) -> None:
    """A late event may teach whose an account is: the alert is said again with another customer."""

    async def work(sink: ProfileSink) -> None:
        sink_of_alerts = sink._redis
        await sink_of_alerts.hset(f"{PREFIX}alert:id1", "json", "{}")
        await sink.take([of(1, "C1")])
        await sink.take([of(1, "C2", revision=5, status="changed")])
        await sink.take([of(1, "C1")])
        states = await sink.read(["customer:C1", "customer:C2"])
        assert [len(state.contributions) for state in states] == [0, 1]

    use(work)


def test_a_group_has_what_its_members_contribute(use: Use) -> None:
    """Of a member all, also what came before it was known to be one."""

    async def work(sink: ProfileSink) -> None:
        await sink.take([of(1, "C1"), of(2, "C1", "G1"), of(3, "C2", "G1"), of(4, "C3")])
        (group,) = await sink.read(["group:G1"])
        assert sorted(one.id for one in group.contributions) == ["id1", "id2", "id3"]
        assert await sink.members("G1") == ["C1", "C2"]
        await sink.take([of(5, "C1")])
        assert (await sink.read(["group:G1"]))[0].stamp > group.stamp

    use(work)


def test_another_policy_has_all_of_a_part_looked_at_again(use: Use) -> None:
    async def work(sink: ProfileSink) -> None:
        await sink.take([of(n, f"C{n}") for n in range(20)])
        states = await sink.read(await due(sink))
        await sink.write([(state, None, "p", None, []) for state in states])
        assert await due(sink) == []
        for policy_version, looked_at in (("p", 20), ("p", 0), ("q", 20)):
            assert sum([await sink.renew(part, policy_version) for part in range(2)]) == looked_at
        assert len(await due(sink)) == 20

    use(work)


def test_records_that_were_published_are_taken_in_once_and_in_order(use: Use) -> None:
    async def work(sink: ProfileSink) -> None:
        one = profile_of(SMALL, "customer", "C1", [contribution_of(of(1))], DAY)
        first = record_of(one, None, ["first"], group="G1")
        second = record_of(one, first, ["second"], group="G1")
        assert await sink.heard([first, second, first, second]) == 2
        (state,) = await sink.read(["customer:C1"])
        assert (state.record, state.group) == (second, "G1")
        assert [past.changed for past in await sink.history("customer:C1")] == [["second"], ["first"]]
        assert await sink.members("G1") == ["C1"]

    use(work)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000))
def test_in_any_order_and_however_often_the_contributions_are_the_same(use: Use, redis_server: Any, seed: int) -> None:
    chance = random.Random(seed)
    said = [
        of(n, f"C{n % 3}", "G1" if n % 2 else "", revision=revision, status=chance.choice(["raised", "withdrawn"]))
        for n in range(8)
        for revision in chance.sample(range(20), 3)
    ]

    def stored(order: list[Alert]) -> list[set[tuple[Any, ...]]]:
        async def work(sink: ProfileSink) -> list[set[tuple[Any, ...]]]:
            async for key in sink._redis.scan_iter(f"{PREFIX}*"):
                await sink._redis.delete(key)
            for at in range(0, len(order), 5):
                await sink.take(order[at : at + 5])
            states = await sink.read(["customer:C0", "customer:C1", "customer:C2", "group:G1"])
            return [{msgspec.structs.astuple(one) for one in state.contributions} for state in states]

        result: list[set[tuple[Any, ...]]] = use(work)
        return result

    shuffled = said + chance.choices(said, k=10)
    chance.shuffle(shuffled)
    assert stored(shuffled) == stored(said)
