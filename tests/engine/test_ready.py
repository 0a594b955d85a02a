"""A plan that was made ready judges its first batch without compiling, and looks at what its rules name."""

from __future__ import annotations

from pathlib import Path

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.engine import make_ready
from risk_stream.engine.judge import Judge
from risk_stream.rules import Evaluator, Plan, load_plan
from risk_stream.rules.evaluation.program import Program
from risk_stream.rules.language.meaning import AggregateValue, FieldValue, leaves


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan([Path(__file__).parents[2] / "rules"], load_catalogue())


def test_nothing_of_the_rules_is_compiled_after_it(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """At any hop, on any type, at once or later."""
    ready = make_ready(plan)
    added: list[object] = []
    monkeypatch.setattr(Program, "add", lambda _, condition, **__: added.append(condition) or 0)
    for kind in plan.kinds:
        judge = Judge(plan, kind)
        for event_type in plan.catalogue.types:
            for after in (None, *plan.afters(kind).get(event_type.name, ())):
                judge._evaluator(kind, event_type.name, after)
    wheres = set(plan.wheres.values())
    assert ready
    assert all(condition in wheres for condition in added)


def test_the_columns_of_a_plan_are_all_fields_in_what_its_rules_mean(plan: Plan) -> None:
    """Of conditions, severities, scores, features and summaries, and those that windows are filled from."""
    meanings = [m for r in plan.judged for m in (*r.conditions, r.score, *(m for _, m in r.named))]
    found = [leaf for meaning in (*meanings, *plan.wheres.values()) for leaf in leaves(meaning)]
    fields = {leaf.name for leaf in found if isinstance(leaf, FieldValue)}
    asked = [leaf.aggregate for leaf in found if isinstance(leaf, AggregateValue)]
    windows = {name for aggregate in asked for name in (aggregate.field, aggregate.due)} - {None}
    assert plan.columns >= fields | windows
    said = {name for r in plan.judged for name in r.summary_names}
    assert plan.columns <= fields | windows | said | {"request"}  # which a decision names


def test_what_rules_ask_of_a_type_is_found_by_looking_at_each(plan: Plan) -> None:
    for event_type in plan.catalogue.types:
        evaluators = [Evaluator(plan, kind, event_type.name) for kind in plan.kinds]
        asked = {a for evaluator in evaluators for rule in evaluator.rules for a in rule.aggregates}
        assert plan.asked(event_type.name) == asked
