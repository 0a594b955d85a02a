"""How severe an alert is may depend on its values, and a test in a rule file can say so."""

from __future__ import annotations

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.rules import Plan, PlanError, plan_of_texts
from risk_stream.workbench import run_tests

CORE = load_catalogue()
RULES = """\
stage: trading
owner: desk
features:
  out_1h: {sum: amount, of: transfer, by: customer, window: 1h}
rules:
  - id: outflow
    on: transfer
    when: out_1h > 100
    severity: SEVERITY
    summary: "{customer} sent {out_1h}"
    tests:
      - name: the test
        given:
          - transfer: {amount: AMOUNT}
        then: fires
        severity: EXPECTED
"""
BANDS = "{critical: out_1h > 10000 and currency is not missing, high: out_1h > 1000, medium: otherwise}"


def plan(severity: str = BANDS, amount: str = "150", expected: str = "medium") -> Plan:
    text = RULES.replace("SEVERITY", severity).replace("AMOUNT", amount).replace("EXPECTED", expected)
    return plan_of_texts({"rules.yaml": text}, CORE)


@pytest.mark.parametrize(
    ("amount", "expected"),
    [("150", "medium"), ("1000", "medium"), ("1001", "high"), ("20000", "high"), ("20000, currency: CNY", "critical")],
)
def test_the_highest_level_whose_condition_holds_is_the_alerts(amount: str, expected: str) -> None:
    [result] = run_tests(plan(amount=amount, expected=expected))
    assert result.message == ""


def test_a_test_that_expects_another_severity_says_what_it_saw() -> None:
    [result] = run_tests(plan(amount="2000", expected="critical"))
    said = "the rule fires as high, and should as critical: on the last event out_1h is 2000.0, "
    assert result.message.startswith(said)


def test_another_limit_is_another_version() -> None:
    versions = {plan(severity).rules[0].version for severity in (BANDS, BANDS.replace("1000,", "1001,"), "medium")}
    assert len(versions) == 3


@pytest.mark.parametrize(
    ("severity", "said"),
    [
        ("{high: out_1h > 1000}", "9:15: severity by value names two levels or more, the lowest of them otherwise"),
        ("{high: otherwise, low: out_1h > 5}", "9:15: severity by value names two levels or more, the lowest"),
        ("{high: out_1h > 1000, midium: otherwise}", "9:37: 'midium' is no part of severity, did you mean 'medium'?"),
        ("{high: out_1h > lagre, medium: otherwise}", "9:31: there is no feature, constant or field 'lagre' here"),
        (
            "{high: 7, medium: otherwise}",
            "9:22: a severity is a condition, such as amount > 1000, and this is a number",
        ),
        ("[high]", "9:15: severity cannot be 'a list': it is one of info, low, medium, high, critical"),
    ],
)
def test_what_is_wrong_has_its_place_and_a_sentence(severity: str, said: str) -> None:
    with pytest.raises(PlanError) as caught:
        plan(severity)
    assert any(str(problem).startswith(f"rules.yaml:{said}") for problem in caught.value.problems), [
        str(problem) for problem in caught.value.problems
    ]


def test_a_quiet_test_cannot_be_severe() -> None:
    text = RULES.replace("SEVERITY", BANDS).replace("AMOUNT", "5").replace("EXPECTED", "high").replace("fires", "quiet")
    with pytest.raises(PlanError, match="a test that is quiet has no alert that could be severe"):
        plan_of_texts({"rules.yaml": text}, CORE)
