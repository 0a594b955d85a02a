"""Lanes are assigned whole, evenly, and to who has them; everything else evenly."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest

from risk_stream.stream.assignor import LaneAssignor, share


@pytest.mark.parametrize("seed", range(50))
def test_every_lane_has_one_worker_and_nobody_has_more_than_one_too_many(seed: int) -> None:
    """Whatever the workers say they have, true or not."""
    chance = random.Random(seed)
    lanes = range(chance.randrange(1, 20))
    claims = {
        f"w{i}": (chance.randrange(3), chance.sample(range(25), chance.randrange(20)))
        for i in range(chance.randrange(1, 6))
    }
    got = share(lanes, claims)
    assert sorted(lane for mine in got.values() for lane in mine) == list(lanes)
    sizes = [len(mine) for mine in got.values()]
    assert max(sizes) - min(sizes) <= 1


def test_a_worker_keeps_what_it_has() -> None:
    """A joining one gets its share from it, no more."""
    assert share(range(5), {"old": (3, range(5)), "new": (-1, ())}) == {"old": [0, 1, 2], "new": [3, 4]}
    assert share(range(4), {"a": (3, (1, 3)), "b": (-1, ())}) == {"a": [1, 3], "b": [0, 2]}


def test_one_that_slept_through_a_rebalance_does_not_take_its_lanes_back() -> None:
    """The higher generation has them now."""
    assert share(range(4), {"asleep": (3, (0, 1)), "awake": (4, (0, 1))}) == {"asleep": [2, 3], "awake": [0, 1]}


def cluster(**counts: int) -> Any:
    return SimpleNamespace(partitions_for_topic=lambda topic: set(range(counts[topic])))


@pytest.mark.parametrize("workers", range(1, 6))
def test_a_lane_is_never_torn_apart(workers: int) -> None:
    """Partition i of all hop topics is one worker's, with as many partitions and workers as may be."""
    topics = {"hop_a": 3, "hop_b": 3, "hop_c": 3, "trades": 7, "loans": 2, "alerts": 3}
    assignors = [LaneAssignor("hop_", lambda: (-1, ())) for _ in range(workers)]
    members = {f"w{i}": assignor.metadata(topics) for i, assignor in enumerate(assignors)}
    got = {m: dict(a.assignment) for m, a in assignors[0].assign(cluster(**topics), members).items()}
    for topic, count in topics.items():
        assert sorted(p for mine in got.values() for p in mine.get(topic, [])) == list(range(count))
    assert all(mine.get("hop_a") == mine.get("hop_b") == mine.get("hop_c") for mine in got.values())
    others = [
        sum(len(ps) for t, ps in mine.items() if t in {"hop_a", "trades", "loans", "alerts"}) for mine in got.values()
    ]
    assert max(others) - min(others) <= 1


def test_a_member_that_says_nonsense_has_nothing() -> None:
    """And gets its share."""
    assignor = LaneAssignor("hop_", lambda: (1, [0, 1]))
    stranger = SimpleNamespace(subscription=["hop_a"], user_data=b"?")
    got = assignor.assign(cluster(hop_a=2), {"s": stranger, "w": assignor.metadata(["hop_a"])})
    assert {m: dict(a.assignment) for m, a in got.items()} == {"s": {"hop_a": [1]}, "w": {"hop_a": [0]}}


@pytest.mark.parametrize("leader", ["old", "new"])
def test_of_two_releases_each_is_given_what_it_asked_for(leader: str) -> None:
    """The newer one reads topics that the older does not know; a lane is whole with whoever knows all of it."""
    known = {"hop_a": 4, "trades": 3, "alerts": 4}
    all_topics = {**known, "canary": 1, "hop_new": 4}
    assignors = {name: LaneAssignor("hop_", lambda: (-1, ())) for name in ("old", "new")}
    members = {"old": assignors["old"].metadata(known), "new": assignors["new"].metadata(all_topics)}
    got = {m: dict(a.assignment) for m, a in assignors[leader].assign(cluster(**all_topics), members).items()}
    assert got["old"].keys() == known.keys()
    assert got["new"]["hop_a"] == got["new"]["hop_new"]
    assert got["new"]["canary"] == [0]
    for topic, count in known.items():
        assert sorted([*got["old"][topic], *got["new"][topic]]) == list(range(count))
