"""Every hop partition hears of every channel that may send to it, once for each thing that is new."""

from __future__ import annotations

import orjson

from risk_stream.stream.letters.fronts import Fronts

KINDS = [("loan", "hop.loan", 2), ("customer", "hop.customer", 2), ("device", "hop.device", 3)]


def said(fronts: Fronts, generation: int, now: dict[str, int]) -> dict[str, list[list[object]]]:
    return {news.kind: orjson.loads(news.value)["fronts"] for news in fronts.news(generation, now)}


def test_origins_are_told_to_all_and_hops_to_those_behind_them() -> None:
    """A hop sends only to later kinds of key, and not to its own."""
    found = said(Fronts(KINDS), 3, {"trades/0": 5, "hop.loan/1": 4, "hop.customer/0": 3, "hop.device/2": 2})
    assert found == {
        "loan": [["trades/0", 3, 5]],
        "customer": [["trades/0", 3, 5], ["hop.loan/1", 3, 4]],
        "device": [["trades/0", 3, 5], ["hop.loan/1", 3, 4], ["hop.customer/0", 3, 3]],
    }


def test_only_what_is_new_is_told() -> None:
    """A front that stands still is told once; a new generation is news of every channel."""
    fronts = Fronts(KINDS[:1])
    assert said(fronts, 3, {"a/0": 5, "a/1": 5}) == {"loan": [["a/0", 3, 5], ["a/1", 3, 5]]}
    assert said(fronts, 3, {"a/0": 5, "a/1": 5}) == {}
    assert said(fronts, 3, {"a/0": 6, "a/1": 5}) == {"loan": [["a/0", 3, 6]]}
    assert said(fronts, 4, {"a/0": 6, "a/1": 5}) == {"loan": [["a/0", 4, 6], ["a/1", 4, 5]]}
    fronts.forget()
    assert said(fronts, 4, {"a/0": 6}) == {"loan": [["a/0", 4, 6]]}


def test_all_partitions_of_a_kind_are_told() -> None:
    """They are the receivers that a change waits for."""
    fronts = Fronts(KINDS)
    assert [(n.kind, n.partitions, n.channels) for n in fronts.news(1, {"hop.customer/0": 1})] == [
        ("device", 3, ("hop.customer/0",))
    ]
    assert len(fronts.targets) == 7
    assert fronts.targets[-1] == ("device", 2)
