"""Conditions as people say them, who read no rule language."""

from __future__ import annotations

import pytest

from risk_stream.workbench.words import in_words, value_in_words
from tests.rules.house import FEATURES, plan_of, rule_file

SAID = {
    "paid > 1000": "paid is more than 1,000",
    "100 <= paid < 500.5": "100 is at most paid and paid is less than 500.5",
    "paid >= 0.5 * cost": "paid is at least 0.5 * cost",
    "not paid == 3": "paid is not 3",
    "word == 'a' and (flag or not flag == true)": 'word is "a" and (flag is true or flag is false)',
    "colour in ['red', 'blue']": 'colour is one of "blue", "red"',
    "pieces not in [20, 5, 10]": "pieces is none of 5, 10, 20",
    'word in list("watch") or word not in list("staff")': "word is on the list watch or word is not on the list staff",
    "word is missing or paid is not missing": "word is missing or paid is known",
    "opened < '2024-01-31'": 'opened is before "2024-01-31T00:00:00.000Z"',
    "quiet_for > days(2)": "quiet_for is more than 2d",
    "time - opened <= 90": "time - opened is at most 90s",
    "busy": "busy holds",
    "surge > 2 and times > 3": "surge is more than 2 and times is more than 3",
}


@pytest.mark.parametrize("when", SAID)
def test_a_condition_reads_as_a_sentence(when: str) -> None:
    """Features by their names, whatever they stand for; durations in whole units."""
    [rule] = plan_of(rule_file(when, features=FEATURES)).rules
    assert in_words(rule, rule.condition) == SAID[when]


def test_a_constant_stands_as_its_value_and_a_score_as_what_it_is() -> None:
    """An auditor asks for the figure."""
    text = "constants: {most: 50000}\n" + rule_file("paid > most", more=["score: min(100, pieces * 2)"])
    [rule] = plan_of(text).rules
    assert in_words(rule, rule.condition) == "paid is more than 50,000"
    assert value_in_words(rule, rule.score) == "min(100, (pieces * 2))"
