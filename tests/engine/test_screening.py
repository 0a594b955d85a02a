"""A rule that screens names says what the list said at the event's time, whichever came first, and after a restart."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest

from risk_stream.catalogue import Decoder, EventBatch, load_catalogue
from risk_stream.engine import INDEX_BITS, Alert, Block, Engine, Hop, broadcast_rows, final
from risk_stream.rules import PlanError, plan_of_texts
from risk_stream.screening import similarity

CATALOGUE = load_catalogue()
DECODER = Decoder(CATALOGUE)
START = 1_700_000_000_000
RULES = """
stage: pre_loan
owner: compliance
features:
  likeness: resembles(employer, "sanctions")
  listed_as: match(employer, "sanctions")
rules:
  - id: name-on-a-list
    on: application
    when: likeness >= 0.85
    severity: high
    summary: "{employer} resembles {listed_as} ({likeness})"
  - id: not-screened
    on: application
    when: likeness is missing
    severity: low
    summary: no name
  - id: nobody-alike
    on: application
    when: listed_as is missing and not (likeness > 0)
    severity: low
    summary: "{likeness}"
"""
PLAN = plan_of_texts({"screening.yaml": RULES}, CATALOGUE)


def batch_of(*stream: dict[str, Any]) -> EventBatch:
    batch, _, rejects = DECODER.decode([orjson.dumps(event) for event in stream], str)
    assert not rejects, rejects
    return batch


def application(number: int, seconds: float, name: str | None) -> dict[str, Any]:
    time = START + round(1000 * seconds)
    said = {} if name is None else {"employer": name}
    return {"id": f"a{number}", "type": "application", "time": time, "loan": "L", "customer": "C", "amount": 5, **said}


def change(number: int, seconds: float, member: str, *, listed: bool = True) -> dict[str, Any]:
    time = START + round(1000 * seconds)
    said = {"list_name": "sanctions", "member": member, "listed": listed}
    return {"id": f"l{number}", "type": "list_entry", "time": time, **said}


def found(*batches: list[dict[str, Any]]) -> dict[tuple[str, str], Alert]:
    engine = Engine(PLAN, reserve_mib=8, lateness_ms=3_600_000)
    said = [alert for events in batches for alert in engine.apply(batch_of(*events)).alerts]
    return {(alert.rule, alert.event): alert for alert in final(said)}


def test_a_name_written_in_another_way_is_found_with_the_entry() -> None:
    held = found([change(1, 0, "Saddam Hussein")], [application(1, 5, "HUSEIN, Saddam"), application(2, 5, "Li Wei")])
    alert = held["name-on-a-list", "a1"]
    assert alert.features["listed_as"] == "Saddam Hussein"
    assert alert.features["likeness"] == pytest.approx(similarity("HUSEIN, Saddam", "Saddam Hussein"))
    assert alert.summary.startswith("HUSEIN, Saddam resembles Saddam Hussein (0.9")
    assert set(held) == {("name-on-a-list", "a1"), ("nobody-alike", "a2")}


def test_without_a_name_nothing_is_known() -> None:
    assert set(found([change(1, 0, "Saddam Hussein")], [application(1, 5, None)])) == {("not-screened", "a1")}


def test_a_list_that_comes_late_or_changes_says_again_what_it_changes() -> None:
    applied = [application(1, 5, "Saddam Husein"), application(2, 20, "Saddam Husein")]
    held = found(applied, [change(1, 0, "Saddam Hussein")], [change(2, 10, "Saddam Hussein", listed=False)])
    assert {key for key in held if key[0] == "name-on-a-list"} == {("name-on-a-list", "a1")}


def test_what_is_found_is_a_function_of_the_name_and_the_list_as_of_the_moment() -> None:
    """In whatever order changes and applications come, with entries that are put on and taken off."""
    names = ["Saddam Hussein", "Sadam Husain", "Hussein Saddam Ali", "Maria Garcia", "Marie Garcia", "王小明", "王小朋"]
    for seed in range(20):
        draw = random.Random(seed)
        changes = [change(i, draw.uniform(0, 100), draw.choice(names), listed=draw.random() < 0.7) for i in range(12)]
        applied = [application(i, draw.uniform(0, 120), draw.choice(names)) for i in range(15)]
        stream = [[event] for event in (*changes, *applied)]
        draw.shuffle(stream)
        wanted = {}
        for event in applied:
            last: dict[str, tuple[int, bool]] = {}
            for said in sorted(changes, key=lambda one: one["time"]):
                if said["time"] <= event["time"]:
                    last[said["member"]] = said["time"], said["listed"]
            members = [member for member, (_, listed) in last.items() if listed]
            best = sorted((-similarity(event["employer"], member), member) for member in members)
            if best and best[0][0] <= -0.85:
                wanted[event["id"]] = best[0][1]
        held = found(*stream)
        assert {
            event: a.features["listed_as"] for (rule, event), a in held.items() if rule == "name-on-a-list"
        } == wanted


def test_a_hop_that_begins_again_at_a_checkpoint_knows_the_names() -> None:
    def block(offset: int, *stream: dict[str, Any]) -> Block:
        batch = batch_of(*stream)
        if broadcast_rows(batch).any():
            batch = batch.with_columns({"_raised": batch.times})
        stamps = [(offset << INDEX_BITS) + i for i in range(len(batch))]
        return Block(batch.with_columns({"_stamp": stamps}), PLAN, START + 1000)

    kind = PLAN.itinerary("application")[0]
    first = Hop(PLAN, kind, reserve_mib=8, journal=True)
    first.apply([block(1, change(1, 0, "Saddam Hussein"))])
    parts = first.delta(1)
    second = Hop(PLAN, kind, reserve_mib=8, journal=True)
    second.restore(parts, {PLAN.version: PLAN})
    after = block(2, application(1, 1, "Sadam Hussein"))
    assert [a.summary for a in second.apply([after]).alerts] == [a.summary for a in first.apply([after]).alerts] != []


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ('resembles(employer, "x") > 1', "this condition is never true: this value is 0 to 1"),
        ('resembles(amount, "x") > 0.9', "'resembles' does not work on money: 'amount' is money"),
        ("resembles(employer, lender) > 0.9", "the name of a list of the house in quotes is expected here"),
        ('resembles("a", "x") > 0.9', "of a written text never changes"),
        ('match(employer, "x")', "match"),
    ],
)
def test_a_screening_that_makes_no_sense_is_refused(when: str, said: str) -> None:
    rule = f"  - {{id: r, on: application, when: '{when}', severity: low, summary: s}}\n"
    text = f"stage: pre_loan\nowner: o\nrules:\n{rule}"
    with pytest.raises(PlanError, match=said.replace("(", r"\(")):
        plan_of_texts({"rules.yaml": text}, CATALOGUE)
