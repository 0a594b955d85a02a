"""Holding what was found against what was planted."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from risk_stream.simulate import EXPECTED, KINDS, Episode, score
from risk_stream.simulate.clock import DAY_MS


@dataclass
class Found:
    """As much of an alert as `score` looks at."""

    rule: str
    time: int
    keys: dict[str, str] = field(default_factory=dict)
    event: str = ""


def episode(start: int = 1_000, end: int = 2_000) -> Episode:
    planted = Episode("structuring", "e1", keys={"customer": ["C1", "C2"]}, pending=2)
    planted.add("tra-1", start)
    planted.add("tra-2", end)
    return planted


def test_every_kind_has_rules_that_should_find_it_and_no_rule_two_kinds():
    assert set(EXPECTED) == set(KINDS)
    rules = [rule for rules in EXPECTED.values() for rule in rules]
    assert len(rules) == len(set(rules))


@pytest.mark.parametrize(
    ("found", "inside"),
    [
        (Found("structuring", 1_500, {"customer": "C2"}), True),
        (Found("structuring", 2_000 + DAY_MS, {"customer": "C1"}), True),
        (Found("structuring", 2_001 + DAY_MS, {"customer": "C1"}), False),
        (Found("structuring", 999, {"customer": "C1"}), False),
        (Found("structuring", 1_500, {"customer": "C3"}), False),
        (Found("structuring", 1_500, {"account": "C1"}), False),
    ],
)
def test_an_alert_lies_in_an_episode_by_time_and_key(found, inside):
    kind = score([episode()], [found])["structuring"]
    assert (kind.alerts, kind.inside, kind.found) == (1, int(inside), int(inside))
    assert kind.recall == kind.precision == float(inside)


def test_another_rule_does_not_count_for_the_kind():
    assert score([episode()], [Found("large-transfer", 1_500, {"customer": "C1"})])["structuring"].alerts == 0
    assert score([episode()], [Found("wash-pair", 1_500, {"customer": "C1"})])["wash_trades"].precision == 0.0


def test_an_episode_cut_off_by_the_end_is_not_expected_to_be_found():
    cut = episode()
    cut.pending = 1
    assert score([cut], [])["structuring"].planted == 0
    assert score([], [])["structuring"].recall == 1.0
