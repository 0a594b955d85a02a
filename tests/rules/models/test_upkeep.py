"""What a model's file says of drift, of beginning anew and of promotion."""

from __future__ import annotations

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.models import Limits
from risk_stream.rules import Plan, PlanError, plan_of_texts
from risk_stream.rules.scored import Promote

MODEL = """\
model: novelty
stage: trading
on: trade
owner: surveillance
features: {usual: {mean: amount, of: trade, by: account, window: 30d}}
inputs: {size: amount / usual}
pipeline: [HalfSpaceTrees: {n_trees: 5, height: 4}]
threshold: 0.95
"""
LABELS = "labels: {bad: [manipulation], good: [good], within: 30d}\n"


def plan_of(*texts: str) -> Plan:
    return plan_of_texts({f"{at}.yaml": text for at, text in enumerate(texts)}, load_catalogue())


def test_a_model_says_from_where_on_it_drifts_and_what_follows() -> None:
    said = MODEL + LABELS + "drift: {psi: 0.4, adopt: 20, calibration: 4, then: no_score}\n"
    (model,) = plan_of(said).models
    assert model.limits == Limits(psi=0.4, adopt=20, calibration=4)
    assert (model.drifting, model.promises) == ("no_score", True)


def test_a_model_that_says_nothing_of_drift_is_watched_by_the_usual_limits_and_goes_on() -> None:
    (model,) = plan_of(MODEL + LABELS).models
    assert (model.limits, model.drifting, model.promises) == (Limits(), "go_on", False)


def test_a_higher_generation_is_another_version_so_that_the_model_begins_anew() -> None:
    versions = [plan_of(MODEL + f"generation: {n}\n").models[0].version for n in (1, 1, 2)]
    assert versions[0] == versions[1] != versions[2]


def test_a_model_may_wait_for_one_outcome_alone_and_not_for_none() -> None:
    (model,) = plan_of(MODEL + LABELS.replace("30d", "30d, keep: 1")).models
    assert model.labels is not None
    assert model.labels.keep == 1
    with pytest.raises(PlanError, match="keep"):
        plan_of(MODEL + LABELS.replace("30d", "30d, keep: 0"))


def test_a_promotion_keeps_what_both_models_have_learnt() -> None:
    rival = MODEL.replace("model: novelty", "model: rival") + LABELS
    before = plan_of(MODEL + LABELS, rival + "challenges: novelty\npromote: {after: 500, better_by: 0.01}\n")
    after = plan_of(MODEL + LABELS + "challenges: rival\n", rival)
    assert before.models[1].promote == Promote(500, 0.01)
    assert [model.version for model in before.models] == [model.version for model in after.models]
    assert [model.role for model in after.models] == ["challenger", "champion"]
