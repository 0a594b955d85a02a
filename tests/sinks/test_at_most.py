"""Alerts of a rule with `at_most` in a real Redis: what is shown, what repeats it, and what becomes of both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from risk_stream.engine import Alert
from risk_stream.rules import AtMost
from risk_stream.sinks import WITHDRAWN, Written
from risk_stream.sinks.redis import SEVERITIES
from tests.live.servers import RedisServer
from tests.oracle.shown import Shown
from tests.sinks.test_redis import alert, with_sink, write

pytestmark = pytest.mark.live
ONE = AtMost(1, "account", 100)


@pytest.fixture
def seen(redis_server: RedisServer) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(redis_server.url, decode_responses=True)
    for key in client.scan_iter("risk:*"):
        client.delete(key)
    yield client
    client.close()


def said(n: int, time: int, revision: int = 0, **more: Any) -> Alert:
    """An alert of account A1, of which one is shown within 100 ms."""
    return alert(n, time=time, revision=revision, **{"at_most": ONE, **more})


def followed(seen: redis.Redis) -> list[tuple[str, int]]:
    return [(fields["id"], int(fields["revision"])) for _, fields in seen.xrange("risk:alerts:stream")]


def test_one_is_shown_and_what_repeats_it_is_kept(redis_server: RedisServer, seen: redis.Redis) -> None:
    """Readable by id, counted on the one that is shown, in no list that people work from and told to no follower."""
    written = write(redis_server, said(1, 1000), said(2, 1050), said(3, 1099), said(4, 1100))
    assert written == Written(new=4, suppressed=("r", "r"))
    assert seen.zrange("risk:alerts:status:open", 0, -1) == ["id1", "id4"]
    assert seen.zrange("risk:alerts:severity:high", 0, -1) == ["id1", "id4"]
    assert seen.hmget("risk:alert:id2", "suppressed_by", "state", "summary") == ["id1", "raised", "说明"]
    assert seen.hget("risk:alert:id1", "repeats") == "2"
    assert seen.zrange("risk:alerts:repeats:id1", 0, -1) == ["id2", "id3"]
    assert seen.zrange("risk:alerts:suppressed:high", 0, -1) == ["id2", "id3"]
    assert followed(seen) == [("id1", 0), ("id4", 0)]


def test_each_rule_and_each_key_has_its_own_limit(redis_server: RedisServer, seen: redis.Redis) -> None:
    """An alert that has no such key is shown: nobody knows whose it is."""
    by_device = AtMost(1, "device", 100)
    more = (alert(n, time=1000, at_most=by_device) for n in (2, 3))
    assert write(redis_server, said(1, 1000), *more).suppressed == ()
    assert seen.zcard("risk:alerts:status:open") == 3


def test_what_is_said_twice_repeats_nothing(redis_server: RedisServer, seen: redis.Redis) -> None:
    """The same records again, mended or not, change nothing."""
    records = (said(1, 1000), said(2, 1050), said(2, 1050, 3, status="changed"))
    write(redis_server, *records)
    before = {key: seen.hgetall(key) for key in seen.scan_iter("risk:alert:*")}
    assert write(redis_server, *records) == Written(repeated=3)
    assert with_sink(redis_server, lambda sink: sink.write(records, mend=True)) == Written(repeated=3)
    assert {key: seen.hgetall(key) for key in seen.scan_iter("risk:alert:*")} == before
    assert followed(seen) == [("id1", 0)]


def test_a_hash_that_was_deleted_is_mended(redis_server: RedisServer, seen: redis.Redis) -> None:
    """The one that was shown is shown again: it does not repeat itself."""
    records = (said(1, 1000), said(2, 1050))
    write(redis_server, *records)
    seen.delete("risk:alert:id1")
    with_sink(redis_server, lambda sink: sink.write(records, mend=True))
    assert seen.zrange("risk:alerts:status:open", 0, -1) == ["id1"]
    assert seen.hmget("risk:alert:id1", "suppressed_by", "repeats") == [None, "1"]


def test_a_more_severe_one_is_shown(redis_server: RedisServer, seen: redis.Redis) -> None:
    """At once, or when a change makes it so; what was shown before stays."""
    write(redis_server, said(1, 1000), said(2, 1010), said(3, 1020, severity="critical"), said(4, 1030))
    assert seen.zrange("risk:alerts:status:open", 0, -1) == ["id1", "id3"]
    assert write(redis_server, said(2, 1010, 5, status="changed")) == Written(revised=1)
    assert seen.hget("risk:alert:id2", "suppressed_by") == "id1"
    write(redis_server, said(5, 1990, severity="low"), said(6, 2000, severity="low"))
    write(redis_server, said(6, 2000, 7, severity="medium", status="changed"))
    assert seen.zrange("risk:alerts:status:open", 0, -1) == ["id1", "id3", "id5", "id6"]
    assert seen.hexists("risk:alert:id6", "suppressed_by") is False
    assert seen.hget("risk:alert:id5", "repeats") == "0"
    assert followed(seen)[-1] == ("id6", 7)


def test_the_first_that_repeats_a_withdrawn_one_is_shown(redis_server: RedisServer, seen: redis.Redis) -> None:
    """And the others repeat that; followers hear of it."""
    write(redis_server, said(1, 1000), said(3, 1060), said(2, 1050))
    write(redis_server, said(1, 1000, 4, status=WITHDRAWN))
    assert seen.zrange("risk:alerts:status:open", 0, -1) == ["id2"]
    assert seen.hget("risk:alert:id3", "suppressed_by") == "id2"
    assert seen.hmget("risk:alert:id2", "suppressed_by", "repeats") == [None, "1"]
    assert followed(seen) == [("id1", 0), ("id1", 4), ("id2", 0)]


def test_a_repeated_one_that_is_withdrawn_is_told_to_nobody(redis_server: RedisServer, seen: redis.Redis) -> None:
    """It is among the withdrawn, and counts no more."""
    write(redis_server, said(1, 1000), said(2, 1050))
    assert write(redis_server, said(2, 1050, 4, status=WITHDRAWN)) == Written(withdrawn=1)
    assert seen.zrange("risk:alerts:withdrawn:high", 0, -1) == ["id2"]
    assert seen.hget("risk:alert:id1", "repeats") == "0"
    assert followed(seen) == [("id1", 0)]


def test_what_has_left_redis_limits_nothing_and_leaves_nothing(redis_server: RedisServer, seen: redis.Redis) -> None:
    """Suppressed alerts are removed for age and number as all are, and then counted no more."""
    write(redis_server, said(1, 1000), said(2, 1050), said(3, 1060))
    assert with_sink(redis_server, lambda sink: sink.trim(now_ms=0), alerts=1) == 2
    assert set(seen.scan_iter("risk:alert:*")) == {"risk:alert:id3"}
    assert seen.zrange("risk:alerts:suppressed:high", 0, -1) == ["id3"]
    assert write(redis_server, said(4, 1070)) == Written(new=1)
    assert with_sink(redis_server, lambda sink: sink.remove(["id3", "id4"])) == 2
    assert set(seen.scan_iter("risk:*")) == {"risk:alerts:stream"}


LIMITS = st.sampled_from([AtMost(1, "account", 10), AtMost(2, "account", 10), AtMost(3, "account", 25)])
WRITTEN = st.lists(
    st.tuples(
        st.integers(0, 9),  # which alert; its time follows from it
        st.integers(0, 5),  # its revision
        st.sampled_from(["raised", "changed", WITHDRAWN]),
        st.sampled_from(SEVERITIES[2:]),
    ),
    max_size=30,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=LIMITS, written=WRITTEN, times=st.lists(st.integers(0, 40), min_size=10, max_size=10))
@example(limit=AtMost(1, "account", 10), written=[(n, 0, "raised", "high") for n in range(10)], times=[7] * 10)
def test_redis_shows_what_the_oracle_shows(
    redis_server: RedisServer,
    seen: redis.Redis,
    limit: AtMost,
    written: list[tuple[int, int, str, str]],
    times: list[int],
) -> None:
    """In any order of any revisions, and a rebuild changes nothing; never more than may be where none changes."""
    for key in seen.scan_iter("risk:*"):
        seen.delete(key)
    revisions: dict[tuple[int, int], Alert] = {}
    for n, revision, status, severity in written:
        one = said(n, times[n], revision, status=status, severity=severity, at_most=limit)
        revisions.setdefault((n, revision), one)
    alerts = [revisions[n, revision] for n, revision, _, _ in written]
    oracle = Shown()
    for one in alerts:
        oracle.write(one)
    write(redis_server, *alerts)
    assert set(seen.zrange("risk:alerts:status:open", 0, -1)) == oracle.shown
    for name, one in oracle.held.items():
        by, repeats = seen.hmget(f"risk:alert:{name}", "suppressed_by", "repeats")
        assert by == oracle.by.get(name)
        assert int(repeats or 0) == oracle.repeats(name)
        standing = one.status != WITHDRAWN
        listed = "withdrawn" if not standing else "severity" if by is None else "suppressed"
        for each in ("withdrawn", "severity", "suppressed"):
            assert (seen.zscore(f"risk:alerts:{each}:{one.severity}", name) is not None) == (each == listed)
    assert followed(seen) == oracle.told
    kept = {key: seen.hgetall(key) for key in seen.scan_iter("risk:alert:*")}
    for _ in ("rebuilt", "lost and rebuilt"):
        with_sink(redis_server, lambda sink: sink.write(alerts, mend=True))
        assert {key: seen.hgetall(key) for key in seen.scan_iter("risk:alert:*")} == kept
        assert followed(seen) == oracle.told
        for key in seen.scan_iter("risk:*"):
            seen.delete(key)
    if all(status == "raised" and revision == 0 and severity == "high" for _, revision, status, severity in written):
        shown = sorted(oracle.held[name].time for name in oracle.shown)
        assert all(b - a >= limit.within_ms for a, b in zip(shown, shown[limit.alerts :], strict=False))
