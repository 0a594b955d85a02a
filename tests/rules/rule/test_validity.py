"""A rule judges the events of the days it names, in its calendar's time zone, and says so when they are long over."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from risk_stream.catalogue import Decoder, load_catalogue
from risk_stream.engine import Engine, final
from risk_stream.rules import Plan, expired, plan_of_texts
from risk_stream.workbench import cover, run_tests

CORE = load_catalogue()
RULES = """\
stage: trading
owner: desk
rules:
  - id: season
    on: transfer
    from: 2026-02-01
    until: 2026-02-28
    when: amount > 100
    severity: low
    summary: "{amount}"
    tests:
      - {name: much, given: [{transfer: {amount: 200}}], then: fires}
      - {name: before, given: [{transfer: {amount: 200, time: "2026-01-31T23:00:00Z"}}], then: quiet}
"""


def plan(text: str = RULES) -> Plan:
    return plan_of_texts({"rules.yaml": text}, CORE)


def fired(text: str, *times: str) -> list[str]:
    """The times, of transfers that happen at them, at which the rule fires."""
    events = [
        f'{{"id":"{t}","type":"transfer","time":"{t}","account":"A","direction":"out","amount":200}}' for t in times
    ]
    batch, _, rejects = Decoder(CORE).decode([event.encode() for event in events], str)
    assert not rejects
    return [alert.event for alert in final(Engine(plan(text), lateness_ms=10**12).apply(batch).alerts)]


@pytest.mark.parametrize(
    ("calendar", "first", "last"),
    [
        ("", "2026-02-01T00:00:00.000Z", "2026-02-28T23:59:59.999Z"),
        ("    calendar: china\n", "2026-01-31T16:00:00.000Z", "2026-02-28T15:59:59.999Z"),
    ],
)
def test_the_first_and_the_last_day_are_whole_days_of_the_calendar(calendar: str, first: str, last: str) -> None:
    text = RULES.replace("    when:", f"{calendar}    when:")
    before = first.replace(":00.000Z", ":00.000Z").replace("2026-02-01T00", "2026-01-31T23").replace("31T16", "31T15")
    after = "2026-03-01T00:00:00Z" if not calendar else "2026-02-28T16:00:00Z"
    assert fired(text, before, first, last, after) == [first, last]


def test_one_end_may_be_left_out() -> None:
    assert len(fired(RULES.replace("    from: 2026-02-01\n", ""), "2020-01-01T00:00:00Z", "2026-03-01T00:00:00Z")) == 1
    assert len(fired(RULES.replace("    until: 2026-02-28\n", ""), "2020-01-01T00:00:00Z", "2029-03-01T00:00:00Z")) == 1


def test_made_up_events_of_its_tests_happen_on_its_days() -> None:
    assert [result.message for result in run_tests(plan())] == ["", ""]
    old = RULES.replace("from: 2026-02-01", "from: 2019-02-01").replace("until: 2026-02-28", "until: 2019-02-28")
    assert run_tests(plan(old))[0].passed


def test_its_days_need_no_test_of_their_own() -> None:
    loaded = plan()
    [covered] = cover(loaded.rules, run_tests(loaded))
    assert [part.text for part in covered.parts] == ["amount > 100"]


def test_a_rule_is_named_30_days_after_its_last_one() -> None:
    [rule] = plan().rules
    assert expired([rule], date(2026, 3, 29)) == []
    [said] = expired([rule], date(2026, 3, 30))
    assert said == "rules.yaml:4: season judged until 2026-02-28, 30 days ago: remove it, or move its until"
    assert expired([replace(rule, mode="off")], date(2027, 1, 1)) == []


def test_other_days_are_another_version_and_none_are_that_of_before() -> None:
    bare = RULES.replace("    from: 2026-02-01\n    until: 2026-02-28\n", "")
    versions = {plan(text).rules[0].version for text in (RULES, RULES.replace("02-28", "02-27"), bare)}
    assert len(versions) == 3
