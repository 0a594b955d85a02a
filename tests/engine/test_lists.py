"""A rule that asks a list of the house says what the list said at the event's time, whichever came first."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import orjson
import pytest

from risk_stream.catalogue import Decoder, EventBatch, ProblemsError, load_catalogue
from risk_stream.engine import INDEX_BITS, Block, Engine, Hop, broadcast_rows, final, revise
from risk_stream.rules import plan_of_texts

CATALOGUE = load_catalogue()
DECODER = Decoder(CATALOGUE)
RULES = """
stage: trading
owner: desk
features:
  n: {count: transfer, by: customer, window: 1h}
rules:
  - id: watched
    on: transfer
    when: customer in list("watch") and n >= 1
    severity: high
    summary: "{customer} is watched"
  - id: unwatched
    on: transfer
    when: customer not in list("watch") and amount > 500
    severity: low
    summary: "{customer} is not watched"
"""
PLAN = plan_of_texts({"lists.yaml": RULES}, CATALOGUE)


def batch_of(stream: list[dict[str, Any]]) -> EventBatch:
    batch, _, rejects = DECODER.decode([orjson.dumps(e) for e in stream], str)
    assert not rejects, rejects
    return batch


def transfer(number: int, time: int, customer: str, amount: float) -> dict[str, Any]:
    return {
        "id": f"t{number}",
        "type": "transfer",
        "time": time,
        "customer": customer,
        "account": f"a{customer}",
        "amount": amount,
        "direction": "out",
    }


def change(number: int, time: int, member: str, *, listed: bool) -> dict[str, Any]:
    return {
        "id": f"l{number}",
        "type": "list_entry",
        "time": time,
        "list_name": "watch",
        "member": member,
        "listed": listed,
    }


def stream_of(seed: int) -> list[dict[str, Any]]:
    """Transfers and changes of a list in an order that is not that of time, within the allowed lateness."""
    draw = random.Random(seed)
    start = 1_700_000_000_000
    events: list[dict[str, Any]] = []
    for i in range(60):
        time = start + 400 * i + draw.randrange(400)
        customer = draw.choice("ABC")
        if draw.random() < 0.25:
            events.append(change(i, time, customer, listed=draw.random() < 0.6))
        else:
            events.append(transfer(i, time, customer, draw.choice([10.0, 900.0])))
    order = sorted(range(60), key=lambda i: i + draw.random() * 8)
    return [events[i] for i in order]


def expected(stream: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """(rule, event) of what fires, by asking for each event who was on the list when it happened."""
    ids = dict(zip((e["id"] for e in stream), batch_of(stream).hashes("id").tolist(), strict=True))
    changes = [e for e in stream if e["type"] == "list_entry"]
    found = set()
    for event in stream:
        if event["type"] != "transfer":
            continue
        said = [c for c in changes if c["member"] == event["customer"] and c["time"] <= event["time"]]
        listed = bool(said) and max(said, key=lambda c: (c["time"], ids[c["id"]]))["listed"]
        if listed:
            found.add(("watched", event["id"]))
        elif event["amount"] > 500:
            found.add(("unwatched", event["id"]))
    return found


@pytest.mark.parametrize("seed", range(40))
def test_an_event_is_judged_by_the_list_as_it_was_when_it_happened(seed: int) -> None:
    stream = stream_of(seed)
    engine, alerts, at = Engine(PLAN), [], 0
    draw = random.Random(seed)
    while at < len(stream):
        size = draw.randrange(1, 12)
        alerts += engine.apply(batch_of(stream[at : at + size])).alerts
        at += size
    assert {(a.rule, a.event) for a in final(alerts)} == expected(stream)


def test_no_list_says_anything_of_a_value_that_an_event_does_not_have() -> None:
    """It is neither on it nor not on it: no rule fires."""
    asked = RULES.replace('customer not in list("watch") and amount > 500', 'counterparty not in list("watch")')
    plan = plan_of_texts({"lists.yaml": asked}, CATALOGUE)
    start = 1_700_000_000_000
    stream = [change(0, start, "P1", listed=True)]
    for i, counterparty in enumerate((None, "P1", "P2"), 1):
        said = transfer(i, start + i, "A", 10.0)
        stream.append(said if counterparty is None else {**said, "counterparty": counterparty})
    alerts = Engine(plan).apply(batch_of(stream)).alerts
    assert [(a.rule, a.event) for a in alerts] == [("unwatched", "t3")]


def blocks_of(stream: list[dict[str, Any]], first: int) -> list[Block]:
    """Each event as a record of its own; a change of a list is never in one with others."""
    blocks = []
    clock = 0
    for i, event in enumerate(stream):
        batch = batch_of([event]).with_columns({"_stamp": np.array([(first + i) << INDEX_BITS])})
        clock = clock if broadcast_rows(batch)[0] else max(clock, event["time"])
        blocks.append(Block(batch, PLAN, clock))
    return blocks


@pytest.mark.parametrize("seed", range(10))
def test_lists_are_there_after_a_restart(seed: int) -> None:
    blocks = blocks_of(stream_of(seed), 0)
    middle = 30
    first = Hop(PLAN, "customer", journal=True)
    said = first.apply(blocks[:10]).alerts
    parts = first.delta(first.position)
    said += first.apply(blocks[10:middle]).alerts
    parts += first.images(1 << 30) + first.delta(first.position)
    second = Hop(PLAN, "customer", journal=True)
    second.restore(parts, {PLAN.version: PLAN})
    second.remember(blocks[first.reads_from : middle])
    said += second.apply(blocks[middle:]).alerts
    whole = Hop(PLAN, "customer")
    assert final(said) == final(whole.apply(blocks).alerts)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("customer in list(watch)", "in quotes"),
        ('amount in list("watch")', "holds texts"),
        ('("A" in list("watch"))', "never changes"),
        ('customer in sheet("watch")', "only a list"),
    ],
)
def test_a_wrong_question_to_a_list_is_refused_with_its_place(text: str, says: str) -> None:
    with pytest.raises(ProblemsError) as caught:
        plan_of_texts({"r.yaml": RULES.replace('customer in list("watch") and n >= 1', text)}, CATALOGUE)
    assert any(says in str(p) and p.line == 9 for p in caught.value.problems), caught.value.problems


def test_a_change_of_a_list_judges_so_many_earlier_events_again_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as the stamps of one block can tell apart, the earliest of them."""
    monkeypatch.setattr(revise, "REVISED", 3)
    start = 1_700_000_000_000
    engine = Engine(PLAN)
    engine.apply(batch_of([transfer(n, start + n, "A", 10.0) for n in range(5)]))
    said = engine.apply(batch_of([change(0, start - 1, "A", listed=True)])).alerts
    assert [(a.rule, a.event) for a in said] == [("watched", "t0"), ("watched", "t1")]


def test_a_window_cannot_ask_a_list() -> None:
    with pytest.raises(ProblemsError, match="where cannot ask a list"):
        plan_of_texts(
            {"r.yaml": RULES.replace("{count: transfer,", "{count: transfer, where: 'customer in list(\"watch\")',")},
            CATALOGUE,
        )
