"""What a plan says: versions that follow the meaning, itineraries, layouts shared by rules, and what travels on."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from risk_stream.catalogue import Catalogue, load_catalogue
from risk_stream.rules import Plan, PlanError, load_plan, plan_of_texts
from tests.rules.house import FEATURES, plan_of, rule_file

CORE: Catalogue = load_catalogue()


def core_plan(features: str, *rules: tuple[str, str]) -> Plan:
    """A plan over the core event types of (event type, condition) rules r0, r1, …"""
    lines = ["stage: trading", "owner: desk", "features:", *(f"  {line}" for line in features.splitlines()), "rules:"]
    for i, (on, when) in enumerate(rules):
        lines.append(f"  - {{id: r{i}, on: {on}, when: '{when}', severity: low, summary: said}}")
    return plan_of_texts({"rules.yaml": "\n".join(lines) + "\n"}, CORE)


def versions(plan: Plan) -> dict[str, str]:
    return {rule.id: rule.version for rule in plan.rules}


TWO = rule_file("surge > 2", "paid > 5", features=FEATURES)


def test_moving_a_rule_to_another_file_or_reformatting_it_changes_no_version() -> None:
    first, second = rule_file("surge > 2", features=FEATURES), rule_file("paid > 5").replace("r0", "r1")
    spread = second.replace("when: 'paid > 5'", "when: >-   # a comment\n      (paid\n        > 5.0)")
    plans = [plan_of(TWO), plan_of(first, second), plan_of(second, first), plan_of(first, spread)]
    assert {plan.version for plan in plans} == {plan_of(TWO).version}
    assert [versions(plan) for plan in plans] == [versions(plan_of(TWO))] * 4


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("paid > 5", "paid > 6", {"r1"}),
        ("times: {count: probe, by: customer, window: 1h}", "times: {count: probe, by: customer, window: 2h}", set()),
        (
            "usual: {mean: paid, of: probe, by: customer, window: 30d}",
            "usual: {mean: paid, of: probe, by: customer, window: 31d}",
            {"r0"},
        ),
        ("surge: paid / usual", "surge: paid / usual + 1", {"r0"}),
        ("severity: low", "severity: high", {"r0", "r1"}),
        ("stage: trading", "stage: portfolio", {"r0", "r1"}),
        ("summary: said", "summary: told", {"r0", "r1"}),
    ],
)
def test_a_rules_version_changes_with_its_meaning_and_with_nothing_else(old: str, new: str, changed: set[str]) -> None:
    before, after = plan_of(TWO), plan_of(TWO.replace(old, new))
    assert {id for id, version in versions(after).items() if version != versions(before)[id]} == changed
    assert (before.version != after.version) == bool(changed)


def test_an_owner_a_mode_and_a_why_change_the_plan_and_not_what_the_rule_means() -> None:
    for line in ("owner: other", "mode: shadow", "why: because", "tags: [x]"):
        before, after = plan_of(rule_file("paid > 5")), plan_of(rule_file("paid > 5", more=[line]))
        assert (versions(before) == versions(after), before.version == after.version) == (True, False)


def test_renaming_a_feature_changes_the_plan_and_not_what_a_rule_means() -> None:
    text = rule_file("surge > 2", features=FEATURES).replace("summary: said", 'summary: "{surge} of {{{usual}}}"')
    renamed = text.replace("surge", "jump").replace("usual", "normal")
    before, after = plan_of(text), plan_of(renamed)
    assert (versions(before) == versions(after), before.version == after.version) == (True, False)
    other = plan_of(text.replace("{surge} of", "{paid} of"))
    assert versions(before) != versions(other)


def test_a_rules_tests_change_no_version() -> None:
    tests = "tests: [{name: n, given: [{probe: {paid: 6}}], then: fires}]"
    assert plan_of(rule_file("paid > 5")).version == plan_of(rule_file("paid > 5", more=[tests])).version


def test_equal_features_of_several_files_are_kept_once() -> None:
    other = FEATURES.replace("times:", "visits:").replace("times >", "visits >")
    plan = plan_of(
        rule_file("times > 3", features=FEATURES), rule_file("visits > 4", features=other).replace("r0", "r1")
    )
    assert [a.window_ms for a in plan.layouts["customer"].aggregates] == [3_600_000]


def test_features_of_rules_that_are_off_are_not_kept() -> None:
    plan = plan_of(rule_file("times > 3", features=FEATURES, more=["mode: off"]))
    assert (plan.layouts, len(plan.rules)) == ({}, 1)


def test_where_conditions_that_are_written_differently_and_mean_the_same_share_a_bit() -> None:
    features = """\
  a: {count: probe, where: paid > 1, by: customer, window: 1h}
  b: {sum: cost, of: probe, where: "( paid>1.0 )", by: customer, window: 1d}
"""
    plan = plan_of(rule_file("a > 3 and b > 3", features=features))
    assert plan.layouts["customer"].bits == (("probe", "paid > 1"),)


def test_two_rules_of_one_id_are_refused_with_the_place_of_the_first() -> None:
    with pytest.raises(PlanError) as caught:
        plan_of(rule_file("paid > 1"), rule_file("paid > 2"))
    assert [str(p) for p in caught.value.problems] == [
        "f1.yaml:4:9: the id 'r0' is taken by the rule at f0.yaml:4: choose another"
    ]


def test_more_features_than_a_key_can_hold_are_one_sentence() -> None:
    features = "\n".join(f"  f{i}: {{count: probe, by: customer, window: {i + 1}m}}" for i in range(70))
    with pytest.raises(PlanError, match="70 features by"):
        plan_of(rule_file(*(f"f{i} > 3" for i in range(70)), features=features))


def test_an_event_goes_to_its_first_key_always_and_on_only_where_it_is_needed() -> None:
    plan = core_plan("n: {count: transfer, by: customer, window: 1d}", ("transfer", "n > 3"), ("price", "price > 3"))
    assert [plan.itinerary(t) for t in ("transfer", "trade", "price")] == [
        ("account", "customer"),
        ("account",),
        ("instrument",),
    ]


def test_a_type_that_only_feeds_a_feature_goes_to_its_key() -> None:
    plan = core_plan("n: {count: login, by: device, window: 1d}", ("transfer", "n > 3"))
    assert "device" in plan.itinerary("login")
    assert "device" in plan.itinerary("transfer")
    assert "device" not in plan.itinerary("order")


def test_a_rule_is_judged_at_the_last_hop_that_has_a_feature_of_it() -> None:
    features = "n: {count: transfer, by: customer, window: 1d}\nm: {count: transfer, by: device, window: 1d}"
    plan = core_plan(features, ("transfer", "n > 3 and m > 1"), ("transfer", "n > 3"), ("transfer", "amount > 3"))
    assert [plan.hop_of(rule, "transfer") for rule in plan.rules] == ["device", "customer", "account"]
    assert [[r.id for r in plan.rules_at(k, "transfer")] for k in ("account", "customer", "device")] == [
        ["r2"],
        ["r1"],
        ["r0"],
    ]
    assert [[a.by for a in plan.carried(k)] for k in ("account", "customer", "device")] == [[], ["customer"], []]


def test_a_feature_named_only_in_a_summary_or_a_score_is_needed_too() -> None:
    text = rule_file("paid > 1", features=FEATURES, more=["score: spent"]).replace(
        "summary: said", 'summary: "{times}"'
    )
    assert sorted(a.op.value for a in plan_of(text).layouts["customer"].aggregates) == ["count", "sum"]


def test_a_customer_is_reached_through_an_account_that_has_one() -> None:
    plan = core_plan("n: {count: transfer, by: group, window: 1d}", ("transfer", "n > 3"))
    assert plan.itinerary("transfer") == ("account", "customer", "group")


def test_a_plan_can_be_sent_to_another_process() -> None:
    plan = plan_of(TWO)
    again = pickle.loads(pickle.dumps(plan))
    assert (again.version, versions(again), again.rules_at("customer", "probe")[0].id) == (
        plan.version,
        versions(plan),
        "r0",
    )


def test_files_and_folders_can_be_named_together_and_one_file_twice(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.yml").write_text(core_file("a"))
    (tmp_path / "b.yaml").write_text("﻿" + core_file("b"), encoding="utf-8")
    (tmp_path / "readme.md").write_text("not a rule")
    plan = load_plan([tmp_path, tmp_path / "b.yaml"], CORE)
    assert [rule.id for rule in plan.rules] == ["a", "b"]
    assert plan.rules[0].file == str(tmp_path / "deep" / "a.yml")


def core_file(id: str) -> str:
    rule = f"{{id: {id}, on: transfer, when: amount > 5, severity: low, summary: said}}"
    return f"stage: trading\nowner: desk\nrules: [{rule}]\n"


def test_a_window_is_called_what_the_releases_before_called_it() -> None:
    """Under that name its state is kept: another one, and an upgrade would begin with empty windows."""
    features = """\
n: {count: transfer, by: customer, window: 1h}
s: {sum: amount, of: transfer, by: customer, window: 1h, where: amount > 5}
q: {quantile: amount, p: 0.95, of: transfer, by: customer, window: 1h}"""
    plan = core_plan(features, ("transfer", "n > 1 and s > 2 and q > 3"))
    called = {a.op.value: a.id for layout in plan.layouts.values() for a in layout.aggregates}
    assert called == {"count": "23c2d287b86f", "sum": "00d4e792e3cf", "quantile": "3fae25d44e90"}
