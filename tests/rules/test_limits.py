"""What stands at a limit is allowed, and the next one is refused with how many there may be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.rules import PlanError, plan_of_texts
from risk_stream.rules.limits import MAX_TAGS, MAX_TESTS, MAX_TEXT
from risk_stream.rules.policy import MAX_GRADES, MAX_LABELS, MAX_NAMED
from risk_stream.rules.rule import rule
from tests.profiles.house import POLICY

CORE = load_catalogue()
RULE = "stage: trading\nrules:\n  - {{id: a, on: trade, when: amount > 1, severity: low, owner: o, summary: '{}'{}}}\n"


def summary(n: int) -> str:
    return RULE.format("x" * n, "")


def tags(n: int) -> str:
    return RULE.format("x", ", tags: [" + ", ".join(f"t{i}" for i in range(n)) + "]")


def given_tests(n: int) -> str:
    one = "{name: t%d, given: [{trade: {amount: 2}}], then: fires}"
    return RULE.format("x", ", tests: [" + ", ".join(one % i for i in range(n)) + "]")


def labels(n: int) -> str:
    return POLICY.replace(
        "labels:\n", "labels:\n" + "".join(f"  l{i}: {{rules: [fraud], for: 90d}}\n" for i in range(n - 1))
    )


def named(n: int) -> str:
    return POLICY.replace(
        "{rules: [fraud], for: 90d}", "{rules: [" + ", ".join(f"r{i}" for i in range(n)) + "], for: 90d}"
    )


def grades(n: int) -> str:
    return POLICY.replace("E: 120", ", ".join(f"E{i}: {120 + i}" for i in range(n - 4)))


@pytest.mark.parametrize(
    ("text_with", "most"),
    [
        (summary, MAX_TEXT),
        (tags, MAX_TAGS),
        (given_tests, MAX_TESTS),
        (labels, MAX_LABELS),
        (named, MAX_NAMED),
        (grades, MAX_GRADES),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_as_many_as_are_allowed_and_no_more(text_with: Callable[[int], str], most: int) -> None:
    assert plan_of_texts({"one.yaml": text_with(most)}, CORE)
    with pytest.raises(PlanError, match=rf"at most {most:,}"):
        plan_of_texts({"one.yaml": text_with(most + 1)}, CORE)


def test_without_a_rule_that_waits_nothing_is_read_back_for_one() -> None:
    """How far a history begins before what is judged."""
    assert plan_of_texts({"one.yaml": summary(1)}, CORE).longest_after_ms == 0
    waiting = summary(1).replace("when: amount", "after: 3d, when: traded_5d")
    feature = "features: {traded_5d: {count: trade, by: account, window: 5d}}\n"
    assert plan_of_texts({"one.yaml": waiting + feature}, CORE).longest_after_ms == 3 * 86_400_000


@pytest.mark.parametrize("code", ["d800", "dbff", "dfff"])
def test_half_a_character_is_refused_wherever_it_lies_among_them(code: str) -> None:
    text = f"stage: trading\nrules:\n  - id: a\n    on: trade\n    when: channel == '\\u{code}'\n"
    with pytest.raises(PlanError, match="half a character"):
        plan_of_texts({"one.yaml": text}, CORE)


def test_the_rules_of_a_file_have_so_many_operations_and_names_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name of an expression is one, and so is each that the rule asks."""
    features = "features: {traded_5d: {count: trade, by: account, window: 5d}}\n"
    text = summary(1).replace("when: amount > 1", "when: amount > 1 and traded_5d > 1") + features
    monkeypatch.setattr(rule, "MAX_FILE_NODES", 4)
    assert plan_of_texts({"one.yaml": text}, CORE)
    monkeypatch.setattr(rule, "MAX_FILE_NODES", 3)
    with pytest.raises(PlanError, match="more than 3 operations"):
        plan_of_texts({"one.yaml": text}, CORE)
