"""Several plans are one: a rule that means the same on all sides is judged once, equal features are computed once."""

from __future__ import annotations

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.rules import plan_of_texts
from risk_stream.workbench.backtest import Sides
from tests.workbench.backtest import RULES, plan_of


def test_what_is_equal_is_judged_once_for_all_sides() -> None:
    sides = Sides({"before": plan_of(), "after": plan_of(when="sent_1h >= 3 -> sent_1h >= 4")})
    assert {name: v.sides for name, v in sides.variants.items()} == {
        "busy": ("before",),
        "busy@2": ("after",),
        "large": ("before", "after"),
        "never": ("before", "after"),
    }
    assert {kind: len(layout.aggregates) for kind, layout in sides.plan.layouts.items()} == {
        "account": 1,
        "customer": 1,
    }


def test_a_shadow_rule_is_heard_and_one_that_is_off_is_not_there() -> None:
    sides = Sides({"rules": plan_of(mode="mode: shadow -> mode: off")})
    assert set(sides.variants) == {"busy", "never"}
    heard = Sides({"rules": plan_of()})
    assert {rule.mode for rule in heard.plan.rules} == {"live"}
    assert (heard.is_live("rules", "busy", {}), heard.is_live("rules", "large", {})) == (True, False)


def test_a_new_mode_or_owner_is_no_new_meaning() -> None:
    sides = Sides(
        {"before": plan_of(), "after": plan_of(mode="    mode: shadow\n -> ", owner="owner: desk -> owner: x")}
    )
    assert set(sides.variants) == {"busy", "large", "never"}
    assert (sides.is_live("before", "large", {}), sides.is_live("after", "large", {})) == (False, True)


def test_plans_of_other_event_types_cannot_be_compared(tmp_path: object) -> None:
    from pathlib import Path

    house = Path(str(tmp_path)) / "own.yaml"
    house.write_text(
        "types:\n  - {type: visit, meaning: A visit., topic: trades, fields: "
        "[{name: customer, type: string, key: customer, required: true, meaning: Who.}]}\n"
    )
    other = plan_of_texts({"rules.yaml": RULES}, load_catalogue(house))
    with pytest.raises(ValueError, match="same event types"):
        Sides({"before": plan_of(), "after": other})
