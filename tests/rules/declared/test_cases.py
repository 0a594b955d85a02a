"""A constant may differ by a text of the event: a limit by channel, a rate by currency, without copying the rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.rules import Plan, PlanError, plan_of_texts
from risk_stream.workbench import run_tests

CORE = load_catalogue()

RULES = """\
stage: trading
owner: desk
constants:
  most: {by: channel, app: 5000, branch: 20000, otherwise: 10000}
  rate_to_cny: {by: in_currency, CNY: 1, USD: 7.12}
  smallest: {by: direction, out: 10, in: 20}
features:
  in_currency: coalesce(currency, "CNY")
  in_cny: amount * rate_to_cny
  sent_1d: {sum: amount, of: transfer, where: amount > smallest, by: customer, window: 1d}
rules:
  - id: over
    on: transfer
    when: in_cny > most and sent_1d > 15
    severity: high
    summary: "{amount} {in_currency} is {in_cny}, more than {most}"
"""


def plan(rules: str = RULES) -> Plan:
    return plan_of_texts({"rules.yaml": rules}, CORE)


def outcome(rules: str, fields: str) -> tuple[bool, str]:
    """Whether the rule fires on one transfer, and its sentence."""
    test = f"    tests: [{{name: one, given: [{{transfer: {{{fields}}}}}], then: fires}}]\n"
    [result] = run_tests(plan(rules + test))
    return result.passed, result.summary


@pytest.mark.parametrize(
    ("fields", "fires"),
    [
        ("channel: app, amount: 5001", True),
        ("channel: app, amount: 5000", False),
        ("channel: branch, amount: 5001", False),
        ("channel: branch, amount: 20001", True),
        ("channel: web, amount: 10001", True),
        ("channel: web, amount: 9999", False),
        ("channel: app, amount: 800, currency: USD", True),
        ("channel: app, amount: 700, currency: USD", False),
        ("channel: app, amount: 900000, currency: GBP", False),
    ],
)
def test_an_event_is_held_against_the_value_of_its_own_case(fields: str, fires: bool) -> None:
    assert outcome(RULES, fields)[0] is fires


def test_a_summary_and_an_alert_say_the_value_that_counted() -> None:
    assert outcome(RULES, "channel: app, amount: 800, currency: USD")[1] == "800.00 USD is 5,696.00, more than 5,000"


def test_the_value_of_a_missing_text_is_unknown() -> None:
    rules = RULES.replace("by: in_currency", "by: currency").replace(
        "when: in_cny", "when: rate_to_cny is missing or in_cny"
    )
    assert outcome(rules, "channel: app, amount: 20")[0] is True


def test_a_text_may_be_what_differs() -> None:
    rules = RULES.replace("smallest: {by: direction, out: 10, in: 20}", "home: {by: channel, app: CNY, branch: HKD}")
    rules = rules.replace("amount > smallest", "currency == home").replace("{most}", "{most}, at home {home}")
    rules = rules.replace("and sent_1d > 15", "and sent_1d > 15 and in_currency == home")
    fires, said = outcome(rules, "channel: app, amount: 6000, currency: CNY")
    assert fires
    assert said.endswith("more than 5,000, at home CNY")
    assert outcome(rules, "channel: branch, amount: 60000, currency: CNY")[0] is False


def test_a_text_of_no_case_is_unknown_and_differs_from_nothing() -> None:
    """Whatever it is compared with: no rule fires."""
    rules = RULES.replace("smallest: {by: direction, out: 10, in: 20}", "home: {by: channel, app: CNY, branch: HKD}")
    rules = rules.replace("amount > smallest", "amount > 1").replace("in_cny > most", "in_currency != home")
    assert outcome(rules, "channel: branch, amount: 60, currency: CNY")[0] is True
    assert outcome(rules, "channel: web, amount: 60, currency: CNY")[0] is False


def test_another_case_is_another_version_and_another_order_is_not() -> None:
    [rule] = plan().rules
    [other] = plan(RULES.replace("app: 5000", "app: 5001")).rules
    [same] = plan(RULES.replace("app: 5000, branch: 20000", "branch: 20000, app: 5000")).rules
    assert rule.version != other.version
    assert rule.version == same.version


def test_a_library_may_hold_them() -> None:
    library = "constants:\n  most: {by: channel, app: 5000, otherwise: 10000}\n"
    rules = RULES.replace(
        "constants:\n  most: {by: channel, app: 5000, branch: 20000, otherwise: 10000}\n",
        "import: a.yaml\nconstants:\n",
    )
    assert plan_of_texts({"a.yaml": library, "rules.yaml": rules}, CORE).rules[0].version


HOUSE = """\
types:
  - type: fx_deal
    meaning: A deal in two currencies.
    topic: trades
    fields:
      - {name: customer, type: string, key: customer, required: true, meaning: Whose it is.}
      - {name: sold_usd, type: money, unit: USD, meaning: What is sold.}
      - {name: bought_cny, type: money, unit: CNY, meaning: What is bought.}
"""
DEALS = """\
stage: trading
owner: desk
features:
  sold_1d: {sum: sold_usd, of: fx_deal, by: customer, window: 1d}
rules:
  - id: bad-rate
    on: fx_deal
    when: WHEN
    severity: high
    summary: "{customer} sold {sold_1d}"
"""


@pytest.mark.parametrize(
    ("when", "refused"),
    [
        ("sold_usd > bought_cny", True),
        ("sold_1d + bought_cny > 5", True),
        ("max(sold_usd, 2 + bought_cny) > 5", True),
        ("choose(sold_usd > 5, sold_usd, sold_1d) > bought_cny", True),
        ("choose(sold_usd > 5, 0, sold_usd) > bought_cny", True),
        ("sold_1d > sold_usd", False),
        ("choose(sold_usd > 5, 0, sold_usd) > sold_1d", False),
        ("sold_usd * 7.12 > bought_cny", False),
        ("bought_cny / sold_usd < 7 and sold_1d > 1", False),
    ],
)
def test_amounts_that_the_catalogue_has_in_two_currencies_are_not_compared(
    when: str, *, refused: bool, tmp_path: Path
) -> None:
    (tmp_path / "house.yaml").write_text(HOUSE)
    catalogue, text = load_catalogue(tmp_path), {"rules.yaml": DEALS.replace("WHEN", when)}
    if not refused:
        assert plan_of_texts(text, catalogue).rules
        return
    with pytest.raises(PlanError, match=r"an amount in (USD|CNY) and one in (USD|CNY) are no more or less than each"):
        plan_of_texts(text, catalogue)
