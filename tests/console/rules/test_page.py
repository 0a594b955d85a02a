"""One rule in full: in words, as written, with its own lines of the file and nothing of its neighbours'."""

from __future__ import annotations

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.console.rules import page_of_rule, rows_of
from risk_stream.console.rules.page import source_of
from risk_stream.console.workers import HouseHealth
from risk_stream.rules import plan_of_texts
from risk_stream.sinks import RuleHealth

RULES = """\
stage: trading
owner: fraud
features:
  many: {count: transfer, by: account, window: 10m}
rules:
  - id: first
    on: transfer
    when: many >= 3 and amount > 1000
    severity: high
    summary: "{account} made {many} transfers"
    tests:
      - name: the third fires
        given: [{after: 1m, times: 3, transfer: {amount: 2000}}]
        then: fires

  # what is said of the second
  - id: second
    on: transfer
    when: amount > 9000
    severity: low
    summary: large
"""


def test_the_page_says_what_the_rule_says() -> None:
    plan = plan_of_texts({"rules.yaml": RULES}, load_catalogue())
    row = rows_of(plan, {}, None, everywhere=True)[0]
    said = page_of_rule(plan, plan.rules[0], row, None)
    assert said["words"] == "many is at least 3 and amount is more than 1,000"
    assert said["when"] == "many >= 3 and amount > 1000"
    assert [(one["name"], one["key"], one["window"]) for one in said["features"]] == [("many", "account", "10m")]
    assert [(one["name"], one["then"]) for one in said["tests"]] == [("the third fires", "fires")]
    assert said["cost"]["features"] == ("many",)


def test_the_source_ends_where_the_next_rule_begins() -> None:
    """Its indentation is taken away, and what is said above the next rule is the next one's."""
    lines = source_of(RULES, 6).splitlines()
    assert lines[:2] == ["- id: first", "  on: transfer"]
    assert lines[-1] == "      then: fires"
    assert source_of(RULES, 17).splitlines()[-1] == "  summary: large"


@pytest.mark.parametrize("line", [0, -1, 99])
def test_a_line_that_is_not_there_has_no_source(line: int) -> None:
    assert source_of(RULES, line) == ""


def test_a_table_is_its_whole_file() -> None:
    assert source_of("table: consumer\nwhen: a\n", 1) == "table: consumer\nwhen: a"


def test_the_last_error_quotes_no_event() -> None:
    """Its sentence may hold a value of anybody's."""
    plan = plan_of_texts({"rules.yaml": RULES}, load_catalogue())
    failed = RuleHealth("first", judged=1, errors=1, last_error="cannot read 'Li Wei' as a number", error_time_ms=5)
    health = HouseHealth({"first": failed}, 0.0, (plan.version,), 0, 1, ())
    row = rows_of(plan, {}, health, everywhere=False)[0]
    said = page_of_rule(plan, plan.rules[0], row, health)
    assert (said["last_error"], said["error_time"]) == ("cannot read *** as a number", 5)
