"""Files of models, and the rules that ask what they say."""

from __future__ import annotations

import pytest

from risk_stream.catalogue import Catalogue, load_catalogue
from risk_stream.features import Op
from risk_stream.models import Step, Threshold
from risk_stream.rules import Plan, PlanError, plan_of_texts
from risk_stream.rules.kept import KeptFiles
from risk_stream.rules.meaning import AggregateValue, Kind

CATALOGUE: Catalogue = load_catalogue()
MODEL = """\
model: novelty
stage: trading
on: trade
owner: surveillance
features:
  usual_30d: {mean: amount, of: trade, by: account, window: 30d}
inputs:
  size: {value: amount / usual_30d, words: how large it is}
  hour: hour(time)
pipeline: [MinMaxScaler, HalfSpaceTrees: {n_trees: 10, seed: 1}]
threshold: 0.95
"""
RULE = """\
stage: trading
owner: surveillance
features: {novel: score("novelty")}
rules:
  - {id: novel, on: trade, when: novel > 0.5, severity: high, summary: "{novel}"}
  - {id: over, on: trade, when: over("novelty"), severity: high, summary: "{account}"}
"""


def plan_of(*texts: str, kept: KeptFiles | None = None) -> Plan:
    return plan_of_texts({f"{at}.yaml": text for at, text in enumerate(texts)}, CATALOGUE, kept=kept)


def wrong_in(*texts: str) -> list[str]:
    with pytest.raises(PlanError) as raised:
        plan_of(*texts)
    return [str(problem) for problem in raised.value.problems]


def test_a_model_file_says_what_it_scores_and_how() -> None:
    (model,) = plan_of(MODEL).models
    assert (model.id, model.on, model.by, model.mode, model.role) == (
        "novelty",
        ("trade",),
        "account",
        "live",
        "champion",
    )
    assert model.spec.inputs == ("size", "hour")
    assert model.words == {"size": "how large it is"}
    assert model.spec.steps == (Step("MinMaxScaler", {}), Step("HalfSpaceTrees", {"n_trees": 10, "seed": 1}))
    assert (model.spec.learning, model.spec.warm_up, model.spec.threshold) == ("always", 500, Threshold(fixed=0.95))
    assert [a.op for a in model.aggregates] == [Op.MEAN]


def test_rules_ask_a_score_and_whether_it_is_over_as_features_of_the_models_hop() -> None:
    plan = plan_of(RULE, MODEL)
    model, (novel, over) = plan.models[0], plan.rules
    assert novel.meaning("novel") == AggregateValue(Kind.NUMBER, model.score, grows=False)
    assert (novel.aggregates, over.aggregates) == ((model.score, model.moved), (model.over, model.moved))
    assert plan.hop_of(over, "trade") == "account"
    assert plan.models_at("account") == (model,)


def test_a_rule_has_another_version_where_its_model_has() -> None:
    kept = KeptFiles()
    before = plan_of(RULE, MODEL, kept=kept)
    after = plan_of(RULE, MODEL.replace("n_trees: 10", "n_trees: 11"), kept=kept)
    again = plan_of(RULE, MODEL + "# said again\n", kept=kept)
    assert before.models[0].version != after.models[0].version
    assert all(old.version != new.version for old, new in zip(before.rules, after.rules, strict=True))
    assert (before.version, before.rules) == (again.version, again.rules)
    assert before.version != after.version


def test_a_model_scores_at_the_last_hop_of_its_features_unless_it_says_where() -> None:
    late = MODEL.replace("by: account", "by: instrument")
    assert plan_of(late).models[0].by == "instrument"
    assert plan_of(late + "by: instrument\n").models[0].by == "instrument"
    (wrong,) = wrong_in(late + "by: account\n")
    assert wrong.startswith("0.yaml:12:5: the feature 'usual_30d' is kept by instrument, and events come to instrument")
