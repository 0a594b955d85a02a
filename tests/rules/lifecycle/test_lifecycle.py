"""What the author of a life cycle may rely on: the rules it becomes, what they say, and how large it may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from bench.lifecycle import cycle_text
from risk_stream.catalogue import Decoder, load_catalogue
from risk_stream.engine import Alert, Engine, final
from risk_stream.rules import Plan, PlanError, load_plan, plan_of_texts
from risk_stream.workbench import cover, run_tests

CATALOGUE = load_catalogue()
DECODER = Decoder(CATALOGUE)
START = 1_760_000_000_000
HOUR = 3_600_000
CYCLE = """
lifecycle: consumer-loan
name: Consumer loan
owner: retail-credit
where: product == "consumer"
tags: [retail]
judgements:
  repeated: {mode: shadow, severity: info}
steps:
  - {id: application, name: Application taken, stage: pre_loan, once: true}
  - {id: identity-check, name: Identity checked, stage: pre_loan, needs: application, within: 2d, after: application}
  - id: approval
    name: Approved
    stage: pre_loan
    needs: identity-check
    proof: {of: decision, where: verdict == "approve"}
  - {id: contract, name: Contract signed, stage: mid_loan, owner: legal, needs: approval}
  - {id: notary, name: Deed at the notary, stage: mid_loan, needs: approval}
  - id: drawdown
    name: Money paid out
    stage: mid_loan
    needs: {all: approval, any: [contract, notary]}
    proof: {of: drawdown}
    judgements: {skipped: {severity: high, score: 90, action: block}}
    why: Money that left before a contract is hard to get back.
  - {id: review, name: Use of funds reviewed, stage: post_loan, needs: drawdown, every: 90d, after: drawdown}
  - {id: closed, name: Closed, stage: post_loan, needs: drawdown, ends: true}
"""


def plan(text: str = CYCLE) -> Plan:
    return plan_of_texts({"cycle.yaml": text}, CATALOGUE)


def step(hour: float, name: str, **fields: object) -> dict[str, Any]:
    time = round(START + hour * HOUR)
    return {"id": f"{name}-{hour}", "type": "process_step", "time": time, "loan": "L1", "step": name} | {
        "product": "consumer",
        **fields,
    }


def approved(hour: float) -> dict[str, Any]:
    time = round(START + hour * HOUR)
    return {"id": f"approved-{hour}", "type": "decision", "time": time, "loan": "L1", "verdict": "approve"}


def drawn(hour: float) -> dict[str, Any]:
    time = round(START + hour * HOUR)
    return {"id": f"drawn-{hour}", "type": "drawdown", "time": time, "loan": "L1", "customer": "C1", "amount": 9}


def alerts(*events: dict[str, Any], rules: Plan | None = None, days: int = 0) -> dict[str, Alert]:
    """What is said at last, by rule; so many days pass behind the last event."""
    engine = Engine(rules or plan(), reserve_mib=8, lateness_ms=2_000 * HOUR)
    batch, _, rejects = DECODER.decode([orjson.dumps(event) for event in events], str)
    assert rejects == []
    said = [*engine.apply(batch).alerts]
    if days:
        said += engine.advance(engine.clock + 24 * days * HOUR).alerts
    return {alert.rule.removeprefix("consumer-loan."): alert for alert in final(said)}


def test_a_step_that_comes_without_what_it_needs_was_skipped_to() -> None:
    """The sentence names both steps; severity, score and action are the step's own."""
    said = alerts(step(0, "application"), approved(1), drawn(2))
    assert said.keys() == {"approval.skipped", "drawdown.skipped"}
    assert said["approval.skipped"].summary == "Loan L1: 'Approved' came, and 'Identity checked' had not been done"
    drawdown = said["drawdown.skipped"]
    assert drawdown.summary == (
        "Loan L1: 'Money paid out' came, and 'Contract signed' or 'Deed at the notary' had not been done"
    )
    assert (drawdown.severity, drawdown.score, drawdown.action) == ("high", 90, "block")


def test_what_was_waived_counts_as_done_and_what_was_refused_does_not() -> None:
    before = step(0, "application")
    assert alerts(before, step(1, "identity-check", outcome="waived"), approved(2)) == {}
    assert alerts(before, step(1, "identity-check", outcome="refused"), approved(2)).keys() == {"approval.skipped"}


def test_one_of_several_ways_is_enough() -> None:
    before = [step(0, "application"), step(1, "identity-check"), approved(2)]
    for way in ("contract", "notary"):
        assert alerts(*before, step(3, way), drawn(4)) == {}


def test_a_step_behind_one_that_must_come_later_is_out_of_order() -> None:
    """Only where it comes for the first time; that it came late withdraws nothing of what was skipped before."""
    said = alerts(step(0, "application"), approved(1), step(2, "identity-check"))
    assert said.keys() == {"approval.skipped", "identity-check.out-of-order"}
    assert said["identity-check.out-of-order"].summary == (
        "Loan L1: 'Identity checked' came for the first time after 'Approved', which must come later"
    )
    assert alerts(step(0, "application"), step(1, "identity-check"), approved(2), step(3, "identity-check")) == {}


def test_a_step_that_was_done_may_come_again_behind_each_of_those_that_must_come_later() -> None:
    cycle = CYCLE.replace("every: 90d, after: drawdown", "proof: {of: repayment}").replace(
        "ends: true", 'proof: {of: decision, where: verdict == "decline"}'
    )
    done = [step(0, "application"), step(1, "identity-check"), approved(2), step(3, "contract"), drawn(4)]
    paid = drawn(5) | {"id": "paid", "type": "repayment"}
    declined = approved(5) | {"verdict": "decline"}
    for later in (paid, declined):
        assert alerts(*done, later, drawn(6), rules=plan(cycle)) == {}


def test_an_event_that_comes_late_is_put_in_its_place() -> None:
    assert alerts(step(0, "application"), approved(2), step(1, "identity-check")) == {}


def test_a_limit_that_passes_is_overdue_until_the_life_cycle_has_ended() -> None:
    said = alerts(step(0, "application"), days=3)
    assert said.keys() == {"identity-check.overdue"}
    assert said["identity-check.overdue"].summary == (
        "Loan L1: 'Identity checked' did not come within 2d of 'Application taken'"
    )
    assert alerts(step(0, "application"), step(47, "identity-check"), days=3) == {}
    assert alerts(step(0, "application"), step(49, "identity-check"), days=3).keys() == {"identity-check.overdue"}


def test_what_comes_again_and_again_has_its_limit_from_each_time() -> None:
    """The second review 80 days after the first is in time, the third does not come."""
    done = [step(0, "application"), step(1, "identity-check"), approved(2), step(3, "contract"), drawn(4)]
    reviewed = [*done, step(24 * 80, "review"), step(24 * 160, "review")]
    assert alerts(*reviewed, days=89) == {}
    assert alerts(*reviewed, days=91).keys() == {"review.overdue-again"}
    assert alerts(*done, days=91).keys() == {"review.overdue"}
    assert alerts(*done, step(24, "closed"), days=91) == {}


def test_a_loan_of_another_product_is_not_followed() -> None:
    """What it is, an event says itself, or one before it did; of one of which nobody said it nothing is judged."""
    assert alerts(step(0, "application", product="sme"), drawn(2)) == {}
    assert alerts(drawn(2)) == {}
    assert alerts(step(0, "application"), drawn(2)).keys() == {"drawdown.skipped"}


def test_its_rules_are_rules_like_any_other() -> None:
    """With stage and owner of the step, the life cycle as their group, and the modes that the file says."""
    rules = {rule.id.removeprefix("consumer-loan."): rule for rule in plan().rules}
    assert {rule.group for rule in rules.values()} == {"consumer-loan"}
    assert all(rule.tags == ("lifecycle", "retail") for rule in rules.values())
    assert (rules["contract.skipped"].owner, rules["contract.skipped"].stage) == ("legal", "mid_loan")
    assert {name: rule.mode for name, rule in rules.items() if rule.mode != "live"} == {
        "application.repeated": "shadow"
    }
    assert rules["drawdown.skipped"].why == "Money that left before a contract is hard to get back."
    assert CYCLE.splitlines()[rules["contract.skipped"].line - 1].strip().startswith("- {id: contract")


def test_every_rule_brings_tests_that_pass_and_see_both_sides() -> None:
    """Made of the steps, so nobody need write them."""
    rules = plan()
    results = run_tests(rules)
    assert [f"{one.rule}: {one.message}" for one in results if not one.passed] == []
    assert {(one.rule, one.expected) for one in results} == {
        (rule.id, then) for rule in rules.rules for then in ("fires", "quiet")
    }
    assert [(one.rule, one.share) for one in cover(rules.rules, results) if one.share < 1] == []


@pytest.mark.parametrize(
    "instead",
    [
        {"within: 2d": "within: 3650d"},
        {"Deed at the notary": "Contract signed", "{all: approval, any: [contract, notary]}": "[contract, notary]"},
        {
            "Deed at the notary": "Contract signed",
            "{all: approval, any: [contract, notary]}": "[approval, contract, notary]",
        },
        {
            "Deed at the notary": 'A"s',
            "Contract signed": "A's",
            "{all: approval, any: [contract, notary]}": "[contract, notary]",
        },
    ],
    ids=["the longest limit", "two steps of one name", "of three the last two", "names that differ in a mark"],
)
def test_what_may_be_written_brings_tests_that_pass(instead: dict[str, str]) -> None:
    """At the bounds of the language too."""
    text = CYCLE
    for written, other in instead.items():
        assert written in text
        text = text.replace(written, other)
    assert [f"{one.rule}: {one.message}" for one in run_tests(plan(text)) if not one.passed] == []


@pytest.mark.parametrize(
    ("proof", "where"),
    [
        ("repayment", "prepays"),
        ("drawdown", "amount == 5"),
        ("repayment", 'amount == 5 and prepays == false and currency == "EUR"'),
    ],
)
def test_a_step_is_told_by_true_and_false_numbers_and_all_that_must_hold_together(proof: str, where: str) -> None:
    """Each of its tests passes, and one has an event that lacks what the step asks."""
    rules = plan(CYCLE.replace("proof: {of: drawdown}", f"proof: {{of: {proof}, where: '{where}'}}"))
    results = [one for one in run_tests(rules) if "drawdown" in one.rule]
    assert {(one.rule, one.passed) for one in results} >= {("consumer-loan.drawdown.skipped", True)}
    assert [one.message for one in results if not one.passed] == []
    assert [(one.rule, one.share) for one in cover(rules.rules, run_tests(rules)) if one.share < 1] == []


def test_several_life_cycles_follow_their_own_loans() -> None:
    """Equal steps are told apart by the life cycle's id; what they have in common is kept once."""
    other = CYCLE.replace("consumer-loan", "sme-loan").replace('"consumer"', '"sme"')
    both = plan_of_texts({"a.yaml": CYCLE, "b.yaml": other}, CATALOGUE)
    assert [cycle.id for cycle in both.lifecycles] == ["consumer-loan", "sme-loan"]
    assert len(both.layouts["loan"].aggregates) == len(plan().layouts["loan"].aggregates)
    said = alerts(step(0, "application", product="sme"), approved(1), rules=both)
    assert said.keys() == {"sme-loan.approval.skipped"}


def test_two_life_cycles_of_one_id_are_refused() -> None:
    with pytest.raises(PlanError, match="is taken by the rule at"):
        plan_of_texts({"a.yaml": CYCLE, "b.yaml": CYCLE}, CATALOGUE)


def test_a_life_cycle_of_127_steps_works_beside_the_shipped_ones(tmp_path: Path) -> None:
    """It takes three features of the loan's kind of key and a bit."""
    text = cycle_text()
    long = plan_of_texts({"long.yaml": text}, CATALOGUE)
    assert len(long.lifecycles[0].steps) == 127
    assert len(long.layouts["loan"].aggregates) == 4
    (tmp_path / "long.yaml").write_text(text)
    together = load_plan([Path(__file__).parents[3] / "rules", tmp_path], CATALOGUE)
    assert "long" in {cycle.id for cycle in together.lifecycles}
    events = [step(n, f"step-{n}") for n in range(127) if n != 60]
    said = alerts(*events, step(130, "step-126"), rules=long)
    assert said.keys() == {"long.step-61.skipped", "long.step-126.repeated", "long.step-60.overdue"}
