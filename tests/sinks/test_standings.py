"""Where people are with alerts, in a real Redis: what the last entry says, whichever comes last."""

from __future__ import annotations

import random

import pytest
import redis

from risk_stream.sinks import WITHDRAWN, AlertStanding
from tests.live.servers import RedisServer
from tests.sinks.test_redis import alert, seen, with_sink, write

__all__ = ["seen"]

pytestmark = pytest.mark.live

LIST = "risk:alerts:status"


def standing(n: int, entry: int, status: str = "acknowledged", assignee: str = "wang") -> AlertStanding:
    return AlertStanding(f"id{n}", entry, status, {"assignee": assignee, "disposition": ""})


def stand(redis_server: RedisServer, *standings: AlertStanding, reached: int = 0, there_only: bool = False) -> int:
    said = with_sink(redis_server, lambda sink: sink.stand(standings, reached=reached, there_only=there_only))
    assert isinstance(said, int)
    return said


def test_an_alert_stands_where_people_are_with_it(redis_server: RedisServer, seen: redis.Redis) -> None:
    """In its hash and in the list of its standing, and stays there when a late event changes it."""
    write(redis_server, alert(1), alert(2))
    assert stand(redis_server, standing(1, 7)) == 1
    assert seen.hmget("risk:alert:id1", "status", "assignee", "entry") == ["acknowledged", "wang", "7"]
    assert (seen.zrange(f"{LIST}:open", 0, -1), seen.zrange(f"{LIST}:acknowledged", 0, -1)) == (["id2"], ["id1"])
    write(redis_server, alert(1, revision=9, status="changed"))
    assert seen.zrange(f"{LIST}:acknowledged", 0, -1, withscores=True) == [("id1", 1001.0)]
    write(redis_server, alert(1, revision=10, status=WITHDRAWN))
    stand(redis_server, standing(1, 8, "closed"))
    assert seen.zcard(f"{LIST}:acknowledged") == seen.zcard(f"{LIST}:closed") == 0
    write(redis_server, alert(1, revision=11))
    assert seen.zrange(f"{LIST}:closed", 0, -1) == ["id1"]


def test_what_an_earlier_entry_said_changes_nothing(redis_server: RedisServer, seen: redis.Redis) -> None:
    """A desk that was paused writes late; the same entry may be written again."""
    write(redis_server, alert(1))
    assert [stand(redis_server, standing(1, entry, status)) for entry, status in ((9, "closed"), (8, "open"))] == [1, 0]
    assert stand(redis_server, standing(1, 9, "closed")) == 1
    assert seen.hget("risk:alert:id1", "status") == "closed"


def test_it_may_come_before_the_alert(redis_server: RedisServer, seen: redis.Redis) -> None:
    """And waits for it, though not for ever; a rebuild says nothing of alerts that are not there."""
    assert stand(redis_server, standing(1, 7, "closed")) == 1
    assert 0 < seen.ttl("risk:alert:id1") <= 86_400
    write(redis_server, alert(1))
    assert seen.ttl("risk:alert:id1") == -1
    assert (seen.zrange(f"{LIST}:closed", 0, -1), seen.zcard(f"{LIST}:open")) == (["id1"], 0)
    assert stand(redis_server, standing(2, 8), there_only=True) == 0
    assert seen.exists("risk:alert:id2") == 0


def test_redis_knows_up_to_which_entry_it_has_all(redis_server: RedisServer, seen: redis.Redis) -> None:
    """It never goes back."""
    reached = [with_sink(redis_server, lambda sink: sink.reached())]
    for entry in (5, 0, 3):
        stand(redis_server, reached=entry)
        reached.append(with_sink(redis_server, lambda sink: sink.reached()))
    assert reached == [0, 5, 5, 5]


@pytest.mark.parametrize("seed", range(6))
def test_in_whatever_order_it_is_written_the_same_stands(
    redis_server: RedisServer, seen: redis.Redis, seed: int
) -> None:
    """Alerts, their revisions and people's standings, some of them twice."""
    chance = random.Random(seed)
    revisions = [
        alert(n, revision=r, status=chance.choice(["changed", WITHDRAWN])) for n in range(5) for r in range(1, 4)
    ]
    standings = [
        standing(n, entry, chance.choice(["open", "acknowledged", "closed"]), chance.choice(["", "li"]))
        for n in range(5)
        for entry in range(10 * n, 10 * n + 4)
    ]
    steps = [*revisions, *standings, *chance.choices(revisions, k=4), *chance.choices(standings, k=4)]
    chance.shuffle(steps)
    for step in steps:
        if isinstance(step, AlertStanding):
            stand(redis_server, step)
        else:
            write(redis_server, step)
    for n in range(5):
        last, held = standings[4 * n + 3], revisions[3 * n + 2]
        assert seen.hmget(f"risk:alert:id{n}", "status", "assignee") == [last.status, last.shown["assignee"]]
        lists = [s for s in ("open", "acknowledged", "closed") if seen.zscore(f"{LIST}:{s}", f"id{n}") is not None]
        assert lists == ([] if held.status == WITHDRAWN else [last.status])
