"""The tests in a rule file say whether the rule does what its author thinks, and if not, what it saw."""

from __future__ import annotations

import pytest

from risk_stream.catalogue import Catalogue, load_catalogue
from risk_stream.rules import PlanError, plan_of_texts
from risk_stream.workbench import FIRST_TIME, TestResult, run_tests

CATALOGUE: Catalogue = load_catalogue()

RULES = """\
stage: trading
owner: fraud-desk
features:
  out_1h: {sum: amount, of: transfer, where: direction == "out", by: customer, window: 1h}
  device_known: {count: login, by: device, window: 30d}
rules:
  - id: large-outflow
    on: transfer
    when: MODE_WHEN
    severity: high
    mode: MODE
    summary: "{customer} sent {out_1h} within an hour"
    tests:
      - name: the test
        given:
GIVEN
        then: THEN
"""


def run(
    *given: str, then: str = "fires", when: str = "out_1h > 100", mode: str = "live", catalogue: Catalogue = CATALOGUE
) -> TestResult:
    lines = "\n".join(f"          - {one}" for one in given)
    text = RULES.replace("MODE_WHEN", when).replace("MODE", mode).replace("GIVEN", lines).replace("THEN", then)
    [result] = run_tests(plan_of_texts({"rules.yaml": text}, catalogue))
    return result


OUT = "transfer: {direction: out, amount: 60}"
LATER = "{after: 30m, transfer: {direction: out, amount: 60}}"
MUCH_LATER = "{after: 2h, transfer: {direction: out, amount: 60}}"


def test_a_rule_that_fires_as_its_author_says_passes() -> None:
    result = run(OUT, LATER)
    assert (result.passed, result.message) == (True, "")
    assert (result.rule, result.test, result.file, result.line) == ("large-outflow", "the test", "rules.yaml", 14)
    assert result.features == {"out_1h": 120, "customer": "made-up-customer"}
    assert result.summary == "made-up-customer sent 120.00 within an hour"


def test_a_rule_that_is_quiet_says_what_it_saw() -> None:
    result = run(OUT, MUCH_LATER)
    assert not result.passed
    assert result.message.startswith("the rule is quiet, and should fire: on the last event out_1h is 60")


def test_a_rule_that_fires_where_it_should_not_says_what_it_saw() -> None:
    result = run(OUT, LATER, then="quiet")
    assert not result.passed
    assert result.message.startswith("the rule fires, and should be quiet: on the last event out_1h is 120")


def test_only_the_last_event_counts() -> None:
    assert run(OUT, LATER, MUCH_LATER, then="quiet").passed


@pytest.mark.parametrize("n", [2, 3, 9])
def test_events_at_the_same_time_are_judged_in_the_order_given(n: int) -> None:
    at_once = "{after: 0s, transfer: {direction: out, amount: 60}}"
    assert run(OUT, *[at_once] * (n - 1)).features["out_1h"] == 60 * n


@pytest.mark.parametrize("mode", ["shadow", "off"])
def test_a_rule_that_is_not_live_is_tested_all_the_same(mode: str) -> None:
    assert run(OUT, LATER, mode=mode).passed


def test_times_follow_one_another_from_a_fixed_start() -> None:
    assert [event["time"] for event in run(OUT, LATER, MUCH_LATER).events] == [
        FIRST_TIME,
        FIRST_TIME + 1_800_000,
        FIRST_TIME + 9_000_000,
    ]


def test_a_time_that_is_written_is_the_start_of_what_comes_after() -> None:
    events = run('transfer: {time: "2026-03-02T07:00:00Z", amount: 1}', LATER).events
    assert events[0]["time"] == "2026-03-02T07:00:00Z"
    assert events[1]["time"] == 1_772_434_800_000 + 1_800_000


def test_keys_left_out_are_the_same_in_every_event_of_the_test() -> None:
    first, second = run("login: {}", "transfer: {amount: 200, direction: out}").events
    assert first["customer"] == second["customer"] == "made-up-customer"
    assert first["device"] == second["device"] == "made-up-device"


def test_a_key_that_is_given_as_null_is_missing() -> None:
    result = run("transfer: {amount: 200, direction: out, customer: null}", then="quiet")
    assert result.passed
    assert "customer" not in result.events[0]


def test_required_fields_left_out_are_made_up_and_others_stay_missing() -> None:
    event = run("transfer: {}", then="quiet").events[0]
    assert (event["direction"], event["amount"]) == ("in", 1)
    assert "purpose" not in event


@pytest.mark.parametrize("type_name", [event_type.name for event_type in CATALOGUE.types])
def test_an_event_of_any_type_can_be_given_bare(type_name: str) -> None:
    result = run(f"{type_name}: {{}}", OUT, LATER)
    assert (result.passed, result.message) == (True, "")


def test_an_event_of_another_type_is_judged_first_and_tells_who_owns_an_account() -> None:
    account = "account: {customer: C7}"
    result = run(account, "transfer: {amount: 200, direction: out, customer: null}")
    assert result.passed
    assert result.features["customer"] == "C7"


def test_a_value_that_no_event_can_have_fails_the_test_and_says_which() -> None:
    result = run(OUT, "transfer: {amount: 1.2345, direction: out}")
    assert not result.passed
    assert result.message.startswith("the 2nd event given is no event: ")
    assert "amount" in result.message


def test_rules_do_not_disturb_each_others_tests() -> None:
    text = RULES.replace("MODE_WHEN", "out_1h > 100").replace("MODE", "live").replace("THEN", "fires")
    text = text.replace("GIVEN", f"          - {OUT}\n          - {LATER}")
    other = text.replace("large-outflow", "other-outflow").replace("out_1h > 100", "out_1h > 1000")
    results = run_tests(plan_of_texts({"a.yaml": text, "b.yaml": other}, CATALOGUE))
    assert [(r.file, r.rule, r.passed) for r in results] == [
        ("a.yaml", "large-outflow", True),
        ("b.yaml", "other-outflow", False),
    ]
    [chosen] = run_tests(plan_of_texts({"a.yaml": text, "b.yaml": other}, CATALOGUE), {"other-outflow"})
    assert chosen.rule == "other-outflow"


def test_the_same_tests_give_the_same_results() -> None:
    assert run(OUT, LATER) == run(OUT, LATER)


OVERDUE = """
stage: post_loan
owner: collections
features:
  paid_3d: {count: repayment, by: loan, window: 3d}
rules:
  - id: overdue
    on: instalment_due
    after: 3d
    when: paid_3d == 0
    severity: medium
    summary: "{customer} has not paid {amount} within 3 days, {paid_3d} payments"
    tests: %s
"""
DUE, PAID = "instalment_due: {amount: 1000}", "after: 2d, repayment: {amount: 1000}"


def later(given: str, then: str, *, until: str = "") -> TestResult:
    end = f", until: {until}" if until else ""
    text = OVERDUE % f"[{{name: one, given: [{given}], then: {then}{end}}}]"
    [result] = run_tests(plan_of_texts({"overdue.yaml": text}, CATALOGUE))
    return result


def test_a_rule_with_after_judges_when_time_has_come_to_it() -> None:
    late = later(f"{{{DUE}}}", "fires", until="3d")
    assert late.passed
    assert late.summary == "made-up-customer has not paid 1,000.00 within 3 days, 0 payments"
    assert later(f"{{{DUE}}}, {{{PAID}}}", "quiet", until="1d").passed
    assert later(f"{{{DUE}}}, {{after: 4d, repayment: {{amount: 1000}}}}", "fires").passed
    assert not later(f"{{{DUE}}}, {{{PAID}}}", "fires", until="1d").passed


@pytest.mark.parametrize("then", ["fires", "quiet"])
def test_a_rule_with_after_whose_time_does_not_come_shows_nothing(then: str) -> None:
    result = later(f"{{{DUE}}}, {{{PAID}}}", then)
    assert not result.passed
    assert result.message == "the rule has not judged yet, the test ends 86400 s before its time: let it with until:"


def test_a_rule_with_after_does_not_judge_an_event_without_the_key() -> None:
    text = OVERDUE.replace("by: loan", "by: customer") % (
        "[{name: one, given: [instalment_due: {amount: 1, customer: null}], until: 4d, then: quiet}]"
    )
    [result] = run_tests(plan_of_texts({"overdue.yaml": text}, CATALOGUE))
    assert (result.passed, "no key of the kind" in result.message) == (False, True)


def test_a_rule_with_business_days_judges_when_the_last_of_them_is_over() -> None:
    """From the morning before China's National Day holidays on: the next business day is the eighth of October."""
    text = OVERDUE.replace("after: 3d", "after: {business_days: 1, calendar: china}") % (
        '[{name: one, given: [{instalment_due: {amount: 1000, time: "2026-09-30T09:30+08:00"}}], then: fires,'
        " until: %s}]"
    )

    def result(until: str) -> TestResult:
        [found] = run_tests(plan_of_texts({"overdue.yaml": text % until}, CATALOGUE))
        return found

    assert result(
        "518400s"
    ).message == "the rule has not judged yet, the test ends 225000 s before its time: let it" + (" with until:")
    assert result("743400s").passed


def test_an_event_can_be_given_many_times_each_with_its_number() -> None:
    given = '{after: 1m, times: 3, transfer: {direction: out, amount: 40, counterparty: "P{n}"}}'
    result = run(given)
    assert (result.message, result.features["out_1h"]) == ("", 120)
    assert [event["counterparty"] for event in result.events] == ["P1", "P2", "P3"]
    assert [event["time"] for event in result.events] == [FIRST_TIME + n * 60_000 for n in (1, 2, 3)]


@pytest.mark.parametrize("times", ["0", "1001", "x", "true", "1.5"])
def test_how_many_times_is_a_small_whole_number(times: str) -> None:
    with pytest.raises(PlanError, match="times is a whole number, 1 to 1,000"):
        run(f"{{times: {times}, transfer: {{direction: out}}}}")


def test_a_test_gives_at_most_a_thousand_events() -> None:
    with pytest.raises(PlanError, match="1,200 events are given, at most 1,000 are allowed"):
        run("{times: 600, transfer: {}}", "{times: 600, transfer: {}}")
