"""Alerts in a real Redis: whole or not at all, once however often said, and bounded."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from redis.exceptions import RedisError

from risk_stream.engine import Alert
from risk_stream.sinks import WITHDRAWN, AlertSink, Keep, Written
from risk_stream.sinks.redis import SEVERITIES
from tests.live.servers import RedisServer

pytestmark = pytest.mark.live
DAY = 86_400_000


def alert(n: int, *, severity: str = "high", time: int | None = None, **more: Any) -> Alert:
    return Alert(
        **{"id": f"id{n}", "revision": 0, "status": "raised", "was": None, "features": {"n": 3}} | more,
        rule="r",
        rule_version="1",
        plan="p",
        hop="account",
        stage="trading",
        severity=severity,
        score=40.0,
        action="review",
        owner="desk",
        mode="live",
        entity="Alpha",
        channel="app",
        time=1000 + n if time is None else time,
        type="transfer",
        event=f"e{n}",
        keys={"account": "A1"},
        inexact=[],
        summary="说明",
        why="w",
    )


@pytest.fixture
def seen(redis_server: RedisServer) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(redis_server.url, decode_responses=True)
    for key in client.scan_iter("risk:*"):  # houses of other tests have prefixes of their own
        client.delete(key)
    yield client
    client.close()


def with_sink(redis_server: RedisServer, work: Callable[[AlertSink], Coroutine[Any, Any, Any]], **keep: Any) -> Any:
    async def run() -> Any:
        sink = AlertSink(redis_server.url, keep=Keep(**keep))
        try:
            return await work(sink)
        finally:
            await sink.close()

    return asyncio.run(run())


def write(redis_server: RedisServer, *alerts: Alert, **keep: Any) -> Written:
    written: Written = with_sink(redis_server, lambda sink: sink.write(alerts), **keep)
    return written


def test_an_alert_is_found_by_status_and_severity_and_followed(redis_server: RedisServer, seen: redis.Redis) -> None:
    """Hash, two sorted sets by event time, stream."""
    assert write(redis_server, alert(1), alert(2, severity="low")) == Written(new=2, repeated=0)
    kept = seen.hgetall("risk:alert:id1")
    assert json.loads(kept["json"])["summary"] == "说明"
    assert (kept["rule"], kept["status"], kept["time"]) == ("r", "open", "1001")
    assert seen.zrange("risk:alerts:status:open", 0, -1, withscores=True) == [("id1", 1001.0), ("id2", 1002.0)]
    assert seen.zrange("risk:alerts:severity:low", 0, -1) == ["id2"]
    assert [fields["id"] for _, fields in seen.xrange("risk:alerts:stream")] == ["id1", "id2"]


def test_an_alert_said_twice_is_one(redis_server: RedisServer, seen: redis.Redis) -> None:
    """In one batch or later; what people made of it meanwhile stays."""
    assert write(redis_server, alert(1), alert(1)) == Written(new=1, repeated=1)
    seen.hset("risk:alert:id1", "status", "closed")
    assert write(redis_server, alert(1)) == Written(new=0, repeated=1)
    assert seen.hget("risk:alert:id1", "status") == "closed"
    assert seen.xlen("risk:alerts:stream") == 1


def test_nothing_to_write_is_no_round_trip() -> None:
    """An empty batch."""
    away = AlertSink("redis://127.0.0.1:1/0")
    assert asyncio.run(away.write([])) == Written(0, 0)


def test_a_redis_that_is_away_is_an_error_at_once() -> None:
    """Waiting and trying again is the caller's."""
    with pytest.raises(RedisError):
        asyncio.run(AlertSink("redis://127.0.0.1:1/0").write([alert(1)]))


def test_what_is_too_old_goes_from_everywhere(redis_server: RedisServer, seen: redis.Redis) -> None:
    """By event time."""
    now = 100 * DAY
    write(redis_server, alert(1, time=now - 8 * DAY), alert(2, time=now - 6 * DAY))
    assert with_sink(redis_server, lambda sink: sink.trim(now_ms=now), days=7) == 1
    assert seen.exists("risk:alert:id1") == 0
    assert seen.zrange("risk:alerts:status:open", 0, -1) == ["id2"]
    assert seen.zrange("risk:alerts:severity:high", 0, -1) == ["id2"]


def test_what_is_too_much_goes_least_severe_and_oldest_first(redis_server: RedisServer, seen: redis.Redis) -> None:
    """Ten alerts where six may stay."""
    severities = ["low"] * 3 + ["critical"] * 4 + ["low"] * 3
    write(redis_server, *(alert(n, severity=s) for n, s in enumerate(severities)))
    assert with_sink(redis_server, lambda sink: sink.trim(now_ms=0), alerts=6) == 4
    assert set(seen.zrange("risk:alerts:status:open", 0, -1)) == {"id3", "id4", "id5", "id6", "id8", "id9"}
    assert with_sink(redis_server, lambda sink: sink.trim(now_ms=0), alerts=6) == 0


def test_the_stream_is_bounded(redis_server: RedisServer, seen: redis.Redis) -> None:
    """About as many entries as the setting says: Redis trims by whole nodes."""
    write(redis_server, *(alert(n) for n in range(2000)), stream=300)
    assert 300 <= seen.xlen("risk:alerts:stream") <= 500


def later(n: int, revision: int, status: str = "changed", **more: Any) -> Alert:
    """A later revision of an alert, with the values before and after."""
    return alert(n, revision=revision, status=status, features={"n": revision}, was={"n": 3}, **more)


def test_the_highest_revision_stands_whichever_comes_last(redis_server: RedisServer, seen: redis.Redis) -> None:
    """In one batch or over several; followers are told what became the content, once."""
    assert write(redis_server, alert(1), later(1, 7)) == Written(new=1, revised=1)
    assert write(redis_server, later(1, 5), later(1, 7), alert(1)) == Written(repeated=3)
    kept = json.loads(seen.hget("risk:alert:id1", "json"))
    assert (kept["revision"], kept["features"], kept["was"]) == (7, {"n": 7}, {"n": 3})
    shown = seen.hgetall("risk:alert:id1")
    assert (shown["revision"], shown["state"], shown["status"], shown["was"]) == ("7", "changed", "open", '{"n":3}')
    told = [(f["id"], f["revision"], f["state"]) for _, f in seen.xrange("risk:alerts:stream")]
    assert told == [("id1", "0", "raised"), ("id1", "7", "changed")]


def test_a_withdrawn_alert_leaves_the_lists_and_stays_readable(redis_server: RedisServer, seen: redis.Redis) -> None:
    """With the values before and after; a late first revision does not bring it back, a later one does."""
    seen.delete("risk:alert:id1")
    assert write(redis_server, alert(1), alert(2)) == Written(new=2)
    assert write(redis_server, later(1, 9, WITHDRAWN)) == Written(withdrawn=1)
    assert seen.zrange("risk:alerts:status:open", 0, -1) == ["id2"]
    assert seen.zrange("risk:alerts:severity:high", 0, -1) == ["id2"]
    assert seen.zrange("risk:alerts:withdrawn:high", 0, -1) == ["id1"]
    kept = json.loads(seen.hget("risk:alert:id1", "json"))
    assert (kept["status"], kept["features"], kept["was"]) == ("withdrawn", {"n": 9}, {"n": 3})
    assert write(redis_server, alert(1), later(1, 4)) == Written(repeated=2)
    assert seen.zrange("risk:alerts:status:open", 0, -1) == ["id2"]
    assert write(redis_server, later(1, 11, "raised")) == Written(revised=1)
    assert seen.zrange("risk:alerts:status:open", 0, -1) == ["id1", "id2"]
    assert seen.zcard("risk:alerts:withdrawn:high") == 0


def test_a_withdrawal_that_comes_first_is_kept(redis_server: RedisServer, seen: redis.Redis) -> None:
    """The revision it takes back changes nothing when it comes."""
    assert write(redis_server, later(1, 9, WITHDRAWN), alert(1)) == Written(withdrawn=1, repeated=1)
    assert seen.hget("risk:alert:id1", "state") == "withdrawn"
    assert seen.zcard("risk:alerts:status:open") == 0


def test_what_people_made_of_an_alert_outlives_its_revisions(redis_server: RedisServer, seen: redis.Redis) -> None:
    """Their status is theirs: a change, a withdrawal and a return leave it."""
    write(redis_server, alert(1))
    seen.hset("risk:alert:id1", "status", "acknowledged")
    seen.zrem("risk:alerts:status:open", "id1")
    seen.zadd("risk:alerts:status:acknowledged", {"id1": 1001})
    for revision, status in ((3, "changed"), (5, WITHDRAWN), (7, "raised")):
        write(redis_server, later(1, revision, status))
        assert seen.hget("risk:alert:id1", "status") == "acknowledged"
        listed = [] if status == WITHDRAWN else ["id1"]
        assert seen.zrange("risk:alerts:status:acknowledged", 0, -1) == listed
        assert seen.zcard("risk:alerts:status:open") == 0


def test_mending_writes_the_same_revision_again_and_says_nothing(redis_server: RedisServer, seen: redis.Redis) -> None:
    """A hash or a list that was damaged is as it was; an older revision still changes nothing."""
    write(redis_server, alert(1), later(1, 4))
    before = seen.hgetall("risk:alert:id1")
    seen.hset("risk:alert:id1", mapping={"summary": "spoilt", "score": "0"})
    seen.delete("risk:alerts:status:open", "risk:alerts:severity:high")
    mended = with_sink(redis_server, lambda sink: sink.write([alert(1), later(1, 4)], mend=True))
    assert mended == Written(repeated=2)
    assert seen.hgetall("risk:alert:id1") == before
    assert seen.zrange("risk:alerts:status:open", 0, -1) == seen.zrange("risk:alerts:severity:high", 0, -1) == ["id1"]
    assert seen.xlen("risk:alerts:stream") == 2


def test_alerts_can_be_named_and_removed(redis_server: RedisServer, seen: redis.Redis) -> None:
    """From everywhere, the withdrawn too."""
    write(redis_server, alert(1), alert(2), later(3, 2, WITHDRAWN))
    assert with_sink(redis_server, lambda sink: sink.ids()) == {"id1", "id2", "id3"}
    assert with_sink(redis_server, lambda sink: sink.remove(["id1", "id3", "id9"])) == 2
    assert set(seen.scan_iter("risk:alert:*")) == {"risk:alert:id2"}
    assert set(seen.scan_iter("risk:alerts:*")) == {
        f"risk:alerts:{x}" for x in ("status:open", "severity:high", "stream")
    }


REVISIONS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 4)), min_size=1, max_size=40)


def revision(n: int, number: int) -> Alert:
    """Revision `number` of alert n, a function of both; some alerts share a time."""
    status = "raised" if number == 0 else random.Random(f"{n}/{number}").choice(["raised", "changed", WITHDRAWN])
    return later(n, number, status, severity=SEVERITIES[n % 3], time=n // 2)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=REVISIONS, trims=st.sets(st.integers(0, 40)), most=st.integers(1, 8))
@example(order=[(0, 0), (2, 0), (0, 1)], trims={1, 2}, most=1)
def test_redis_is_a_function_of_what_was_written(
    redis_server: RedisServer, seen: redis.Redis, order: list[tuple[int, int]], trims: set[int], most: int
) -> None:
    """In any order, any number of times, trimmed at any moment: the highest revisions of the alerts to be kept."""
    for key in seen.scan_iter("risk:*"):
        seen.delete(key)

    async def run(sink: AlertSink) -> None:
        for i, (n, number) in enumerate(order):
            await sink.write([revision(n, number)])
            while i in trims and await sink.trim(now_ms=0):
                pass
        while await sink.trim(now_ms=0):
            pass

    with_sink(redis_server, run, alerts=most)
    highest = {n: revision(n, max(r for m, r in order if m == n)) for n, _ in order}
    kept = sorted(highest.values(), key=lambda a: (SEVERITIES.index(a.severity), a.time, a.id))[-most:]
    found = {seen.hget(key, "json") for key in seen.scan_iter("risk:alert:*")}
    assert found == {a.to_json().decode() for a in kept}
    for lists, keep in (("severity", [a for a in kept if a.status != WITHDRAWN]), ("withdrawn", kept)):
        for severity in SEVERITIES:
            of = {a.id for a in keep if a.severity == severity and (lists == "severity" or a.status == WITHDRAWN)}
            assert set(seen.zrange(f"risk:alerts:{lists}:{severity}", 0, -1)) == of
    assert set(seen.zrange("risk:alerts:status:open", 0, -1)) == {a.id for a in kept if a.status != WITHDRAWN}


def test_trimming_goes_on_until_nothing_is_left_to_remove(redis_server: RedisServer, seen: redis.Redis) -> None:
    """In steps; withdrawn ones count, and the more severe stay however old."""
    write(redis_server, *(alert(n, severity="info" if n % 2 else "high") for n in range(1400)))
    write(redis_server, *(later(n, 3, WITHDRAWN, severity="info" if n % 2 else "high") for n in range(0, 1400, 7)))

    async def steps(sink: AlertSink) -> list[int]:
        found = [await sink.trim(now_ms=0)]
        while found[-1]:
            found.append(await sink.trim(now_ms=0))
        return found

    assert with_sink(redis_server, steps, alerts=600) == [500, 300, 0]
    assert set(seen.scan_iter("risk:alert:*", count=1000)) == {f"risk:alert:id{n}" for n in range(200, 1400, 2)}
    assert seen.zcard("risk:alerts:severity:info") == seen.zcard("risk:alerts:withdrawn:info") == 0
