"""The chaos test sees what is lost, doubled or changed, and takes no order of arrival for a difference."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest

from bench.chaos.blows import BLOWS, order
from bench.chaos.compare import compare, fold, same_finals
from bench.chaos.house import Read
from bench.chaos.truth import Verdict


def said(revision: int, status: str = "raised", event: str = "e1", **features: Any) -> dict[str, Any]:
    return {
        "rule": "r",
        "event": event,
        "revision": revision,
        "status": status,
        "features": {"n": 1.0, **features},
        "inexact": [],
        "time": 5,
        "keys": {"account": "A"},
        "plan": "p",
    }


def log(*alerts: dict[str, Any]) -> list[Read]:
    return [Read(0, i, 0, orjson.dumps(alert)) for i, alert in enumerate(alerts)]


WANTED = {("r", "e1"): Verdict("p", 5, {"n": 1.0}, {"account": "A"})}


def test_of_an_alerts_revisions_the_highest_stands_in_whatever_order_they_come() -> None:
    revisions = [said(1), said(2, "changed", n=2.0), said(3, "withdrawn"), said(4)]
    for _ in range(10):
        random.shuffle(revisions)
        found = fold(log(*revisions, *revisions[:2]))
        assert found.final["r", "e1"] == said(4)
        assert not found.contradictions
    assert fold(log(said(4), said(5, "withdrawn"))).standing() == {}


def test_two_contents_under_one_name_are_seen() -> None:
    assert fold(log(said(1), said(1, n=9.0))).contradictions == [("r", "e1")]


@pytest.mark.parametrize(
    ("got", "how"),
    [
        ([], ["lost"]),
        ([said(1, n=1.1)], ["changed"]),
        ([said(1, n=None)], ["changed"]),
        ([{**said(1), "keys": {}}], ["changed"]),
        ([{**said(1), "plan": "q"}], ["changed"]),
        ([said(1), said(1, event="e2")], ["doubled"]),
        ([said(1), said(2, "withdrawn")], ["lost"]),
        ([said(1, n=1.0 + 1e-12)], []),
    ],
)
def test_every_difference_has_its_name(got: list[dict[str, Any]], how: list[str]) -> None:
    found, flagged = compare(WANTED, fold(log(*got)).standing())
    assert [difference.how for difference in found] == how
    assert flagged == 0


def test_a_flagged_value_is_compared_by_its_flag_only() -> None:
    assert compare(WANTED, {("r", "e1"): {**said(1, n=7.0), "inexact": ["n"]}}) == ([], 1)


def test_redis_must_hold_the_last_word_to_the_letter() -> None:
    found = fold(log(said(1), said(2, "changed", n=2.0)))
    assert same_finals(found, {("r", "e1"): said(2, "changed", n=2.0)}) == []
    assert [d.how for d in same_finals(found, {("r", "e1"): said(1)})] == ["changed"]
    assert [d.how for d in same_finals(found, {})] == ["lost"]


def test_every_blow_falls_before_one_falls_twice_and_a_seed_gives_the_same_order() -> None:
    blows = order(20, random.Random(3))
    assert set(blows[: len(BLOWS)]) == set(BLOWS)
    assert blows == order(20, random.Random(3))
    assert set(order(6, random.Random(1), ["child", "roll"])) == {"child", "roll"}
