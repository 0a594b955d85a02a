"""The shipped models: each says what a model must say, is asked by a rule, and costs what it may."""

from __future__ import annotations

from pathlib import Path

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.models.registry import check, cost_us
from risk_stream.rules import load_plan
from risk_stream.rules.scored import Scored

MODELS = Path(__file__).parents[2] / "models"
PLAN = load_plan([MODELS], load_catalogue())
EACH = pytest.mark.parametrize("model", PLAN.models, ids=lambda model: model.id)


def test_each_stage_has_a_model() -> None:
    assert {model.id: model.stage for model in PLAN.models} == {
        "application-anomaly": "pre_loan",
        "customer-segments": "mid_loan",
        "payment-behaviour": "post_loan",
        "price-and-volume": "trading",
        "trade-novelty": "trading",
    }


@EACH
def test_a_model_says_why_it_is_there_and_what_each_input_is(model: Scored) -> None:
    assert model.why
    assert set(model.words) == set(model.spec.inputs)


@EACH
def test_a_pipeline_can_be_built_and_costs_what_it_may(model: Scored) -> None:
    spec = model.spec
    assert check(spec.steps, spec.inputs, spec.texts, spec.learning, spec.grouped) == []
    assert cost_us(spec.steps, len(spec.inputs)) * spec.sample <= model.budget_us


@EACH
def test_a_rule_asks_the_model(model: Scored) -> None:
    assert any(model.over in rule.aggregates or model.score in rule.aggregates for rule in PLAN.rules)


def test_nothing_in_these_files_is_unused() -> None:
    assert PLAN.warnings == []
