"""What an author begins with loads as it is, and its tests pass, whichever type of event it is about."""

from __future__ import annotations

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.rules import plan_of_texts
from risk_stream.workbench import cover, run_tests
from risk_stream.workbench.template import template

CORE = load_catalogue()


@pytest.mark.parametrize("type_name", [t.name for t in CORE.types if t.keys])
def test_it_loads_its_tests_pass_and_have_seen_all(type_name: str) -> None:
    plan = plan_of_texts({"rules.yaml": template(CORE, "my-rule", type_name)}, CORE)
    results = run_tests(plan)
    assert [result.message for result in results] == ["", ""]
    assert [rule.id for rule in plan.rules] == ["my-rule"]
    assert cover(plan.rules, results)[0].share == 1.0


def test_a_type_without_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="list_entry has no key"):
        template(CORE, "my-rule", "list_entry")
    with pytest.raises(KeyError):
        template(CORE, "my-rule", "nothing")
