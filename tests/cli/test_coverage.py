"""`rules coverage` names the comparisons that no test has seen both ways."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Ask
from tests.cli.test_rules import with_test


def test_what_no_test_has_seen_is_named_with_its_place(ask: Ask, rules: Path) -> None:
    path = with_test(rules, "fires")
    answer = ask("rules", "coverage", rules)
    assert answer.code == 0
    assert answer.out.splitlines() == [f"{path}:15: large-transfer: no test, 0 % seen"] or (
        "large-transfer: no test, 0 % seen" in answer.out
    )
    assert "50 % of what can be seen was; 1 of 2 rules have no test" in answer.err


def test_too_little_is_an_exit_code(ask: Ask, rules: Path) -> None:
    with_test(rules, "fires")
    assert ask("rules", "coverage", rules, "--fail-under", "50").code == 0
    answer = ask("rules", "coverage", rules, "--fail-under", "51", "--format", "json")
    assert answer.code == 1
    assert (answer.json["ok"], answer.json["percent"]) == (False, 50.0)
    seen = {one["rule"]: one for one in answer.json["rules"]}
    assert seen["busy-account"]["parts"] == [{"text": "sent_1h >= 3", "true": 1, "false": 2, "unknown": 0}]
