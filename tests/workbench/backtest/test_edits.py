"""What changed between two plans is said in the words of the rule file."""

from __future__ import annotations

from risk_stream.workbench.backtest import edits
from tests.workbench.backtest import RULES, plan_of


def test_each_thing_a_rule_says_is_named_with_both_values() -> None:
    after = plan_of(
        when="when: sent_1h >= 3 -> when: sent_1h >=    4",
        severity="severity: high -> severity: {critical: sent_1h > 9, high: otherwise}",
        feature="by: account, window: 1h -> by: account, window: 2h",
        mode="    mode: shadow\n -> ",
    )
    busy, large = edits(plan_of(), after)
    assert (busy.rule, busy.status, busy.means) == ("busy", "edited", True)
    assert {edit.what: (edit.before, edit.after) for edit in busy.edits} == {
        "when": ("sent_1h >= 3", "sent_1h >= 4"),
        "severity": ("high", "critical: sent_1h > 9, high: otherwise"),
        "feature sent_1h": (
            'count transfer where direction == "out" by account, 1h',
            'count transfer where direction == "out" by account, 2h',
        ),
    }
    assert (large.rule, large.means) == ("large", False)
    assert [(e.what, e.before, e.after) for e in large.edits] == [("mode", "shadow", "live")]


def test_how_a_rule_is_written_is_no_change() -> None:
    assert edits(plan_of(), plan_of(RULES.replace("sent_1h >= 3", "(sent_1h   >= 3)"))) != []  # said otherwise …
    assert not edits(plan_of(), plan_of(RULES.replace("sent_1h >= 3", "(sent_1h   >= 3)")))[0].means  # … meant the same
    assert edits(plan_of(), plan_of("# a comment\n" + RULES)) == []
