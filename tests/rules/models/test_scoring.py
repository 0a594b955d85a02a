"""Files of models, and the rules that ask what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from risk_stream.catalogue import Catalogue, load_catalogue
from risk_stream.features import Op
from risk_stream.models import Step, Threshold
from risk_stream.rules import Plan, PlanError, PlanSource, load_plan, plan_of_texts
from risk_stream.rules.explain import explain_rule, itinerary_of
from risk_stream.rules.files import with_models
from risk_stream.rules.kept import KeptFiles
from risk_stream.rules.language.meaning import AggregateValue, Kind
from risk_stream.workbench import run_tests

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


def test_a_model_keeps_why_it_scores() -> None:
    (model,) = plan_of(MODEL.replace("owner:", "why: nobody has seen it before\nowner:")).models
    assert model.why == "nobody has seen it before"


def test_a_model_has_the_budget_that_its_file_names_or_none() -> None:
    assert [plan_of(MODEL + more).models[0].budget_us for more in ("", "budget: 1ms\n")] == [0, 1_000]


def test_rules_ask_a_score_and_whether_it_is_over_as_features_of_the_models_hop() -> None:
    plan = plan_of(RULE, MODEL)
    model, (novel, over) = plan.models[0], plan.rules
    assert novel.meaning("novel") == AggregateValue(Kind.NUMBER, model.score, False, 0.0, 1.0)
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


def test_a_text_is_a_category_a_condition_is_one_or_zero() -> None:
    model = plan_of(
        MODEL.replace("  hour: hour(time)\n", "  night: hour(time) < 6\n  side: side\n").replace(
            "[MinMaxScaler, ", "[OneHotEncoder, "
        )
    ).models[0]
    assert model.spec.texts == {"side"}
    assert [value.kind for _, value in model.inputs] == [Kind.NUMBER, Kind.NUMBER, Kind.TEXT]


def test_a_model_that_is_off_or_scores_other_events_cannot_be_asked() -> None:
    (novel, over) = wrong_in(RULE, MODEL + "mode: off\n")
    assert novel.endswith("the model 'novelty' is off: make it live or shadow, or leave it out here")
    assert over.endswith("the model 'novelty' is off: make it live or shadow, or leave it out here")
    (novel, _, over) = wrong_in(RULE.replace("on: trade", "on: order"), MODEL)
    assert novel.endswith("the feature 'novel' asks the model 'novelty', which scores trade and no order")
    assert over.endswith("over(\"novelty\") asks the model 'novelty', which scores trade and no order")


def test_a_rule_that_asks_a_wrong_model_is_not_blamed_for_it() -> None:
    said = wrong_in(RULE, MODEL.replace("threshold: 0.95", "threshold: high"))
    assert [problem.split(":")[0] for problem in said] == ["1.yaml"]


def test_two_models_of_one_name_are_refused() -> None:
    assert wrong_in(MODEL, MODEL)[0].startswith("1.yaml:1:8: the model 'novelty' is at 0.yaml:1 already")


def test_a_challenger_scores_the_events_of_the_model_that_it_challenges() -> None:
    challenger = MODEL.replace("model: novelty", "model: novelty-2") + "challenges: novelty\n"
    assert [(m.id, m.role, m.challenges) for m in plan_of(MODEL, challenger).models] == [
        ("novelty", "champion", ""),
        ("novelty-2", "challenger", "novelty"),
    ]
    other = challenger.replace("on: trade", "on: order").replace("of: trade", "of: order")
    assert wrong_in(MODEL, other)[0].endswith("it challenges 'novelty', which scores trade: score the same events")


def test_a_model_is_called_what_the_releases_before_called_it() -> None:
    """Under that name is kept what it has learnt: another one, and an upgrade would begin to learn anew."""
    [alone] = plan_of(MODEL).models
    assert (alone.version, alone.score.id, alone.over.id) == ("252f0b973fc2", "bb5be46d4f52", "2a6bc81d0844")
    small = MODEL.replace("MinMaxScaler, HalfSpaceTrees: {n_trees: 10, seed: 1}", "GaussianScorer: {}")
    small = small.replace("  hour: hour(time)\n", "").replace("threshold:", "each: instrument\nthreshold:")
    [grouped] = plan_of(small).models
    assert (grouped.version, grouped.score.id) == ("fcf43e6bf4c3", "e55f533b267e")


def test_only_what_scores_depend_on_makes_another_version() -> None:
    before = plan_of(MODEL).models[0].version
    for same in (MODEL + "why: Said otherwise.\n", MODEL + "mode: shadow\n", MODEL.replace("usual_30d", "usual")):
        assert plan_of(same).models[0].version == before
    for other in (MODEL + "warm_up: 7\n", MODEL.replace("0.95", "0.9"), MODEL.replace("window: 30d", "window: 31d")):
        assert plan_of(other).models[0].version != before


TESTED = """\
stage: trading
owner: surveillance
rules:
  - id: novel
    on: trade
    when: score("novelty") > 0.9 and over("novelty") and amount > 100
    severity: high
    summary: "{account}"
    tests:
      - {name: over, given: [trade: {amount: 200}], scores: {novelty: 0.97}, then: fires}
      - {name: under, given: [trade: {amount: 200}], scores: {novelty: 0.93}, then: quiet}
      - {name: said, given: [trade: {amount: 200}], scores: {novelty: {score: 0.93, over: true}}, then: fires}
      - {name: no score, given: [trade: {amount: 200}], then: quiet}
      - {name: of many, given: [{times: 20, trade: {amount: 200}}], scores: {novelty: 0.97}, then: fires}
"""


def test_a_test_of_a_rule_says_what_its_models_say() -> None:
    results = run_tests(plan_of(TESTED, MODEL))
    assert [(result.test, result.message) for result in results if not result.passed] == []
    assert len(results) == 5


def test_a_test_says_whether_a_score_is_over_a_threshold_that_moves() -> None:
    said = wrong_in(TESTED, MODEL.replace("0.95", "{quantile: 0.99}"))
    assert {problem.partition(": ")[2] for problem in said} == {
        "its threshold goes by the scores before: say {score: 0.97, over: true}, or false",
        "its threshold goes by the scores before: say {score: 0.93, over: true}, or false",
    }


def test_the_way_of_an_event_names_the_models_that_score_it() -> None:
    plan = plan_of(RULE, MODEL)
    (stop,) = itinerary_of(plan, "trade").stops
    assert (stop.hop, stop.scored_by) == ("account", ("novelty",))
    assert "novelty" in stop.asked_by
    use = explain_rule(plan, "over")
    assert [(f.name, f.means, f.key) for f in use.features] == [
        ('over("novelty")', "whether the score of the model novelty is over its threshold", "account"),
        ("novelty.moved", "what moved the score of the model novelty most", "account"),
    ]


def test_the_folder_of_models_lies_beside_that_of_rules(tmp_path: Path) -> None:
    for name, text in (("rules/trading/novel.yaml", RULE), ("models/novelty.yaml", MODEL)):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    for asked in ("rules", "rules/trading", "rules/trading/novel.yaml"):
        paths = with_models([tmp_path / asked])
        assert paths == [tmp_path / asked, tmp_path / "models"]
        assert [model.id for model in load_plan(paths, CATALOGUE).models] == ["novelty"]
    assert with_models([tmp_path / "rules"], [tmp_path / "elsewhere"]) == [tmp_path / "rules", tmp_path / "elsewhere"]
    assert with_models([tmp_path]) == [tmp_path]


def test_a_changed_model_is_read_again_with_the_rules_that_ask_it(tmp_path: Path) -> None:
    rules, models = tmp_path / "rules", tmp_path / "models"
    for folder, text in ((rules, RULE), (models, MODEL)):
        folder.mkdir()
        (folder / "one.yaml").write_text(text)
    source = PlanSource(with_models([rules]), CATALOGUE)
    before = source.plan
    (models / "one.yaml").write_text(MODEL + "warm_up: 7\n")
    after = source.poll()
    assert after is not None
    assert [r.version for r in after.rules] != [r.version for r in before.rules]
    (models / "one.yaml").write_text(MODEL + "warm_up: seven\n")
    with pytest.raises(PlanError):
        source.poll()
    assert source.plan is after


SEGMENTS = """\
model: kinds
stage: trading
on: trade
by: account
owner: surveillance
gives: segment
inputs:
  size: {value: amount, high: large amounts, low: small amounts}
  hour: {value: hour(time), words: hour}
pipeline: [SequentialKMeans: {n_clusters: 3}]
"""
ASKING = """\
stage: trading
owner: surveillance
rules:
  - {id: large, on: trade, when: 'starts_with(segment("kinds"), "large")', severity: low, summary: "{account}"}
"""


def test_rules_ask_a_segment_as_a_text_and_no_word_for_it_makes_a_model_begin_anew() -> None:
    plan = plan_of(ASKING, SEGMENTS)
    (model,), (rule,) = plan.models, plan.rules
    assert model.spec.marks == (("small amounts", "large amounts"), ("low hour", "high hour"))
    assert model.spec.threshold == Threshold(fixed=float("inf"))
    assert model.segment is not None
    assert model.says == (model.score, model.over, model.moved, model.segment)
    assert rule.aggregates == (model.segment,)
    assert model.segment.text
    renamed = plan_of(SEGMENTS.replace("large amounts", "big ones"))
    assert renamed.models[0].version == model.version


SEGMENTS_TESTED = """\
stage: trading
owner: surveillance
rules:
  - id: large
    on: trade
    when: starts_with(segment("kinds"), "large")
    severity: low
    summary: "{account}"
    tests:
      - {name: large, given: [trade: {}], scores: {kinds: {segment: "large amounts, high hour"}}, then: fires}
      - {name: small, given: [trade: {}], scores: {kinds: {score: 0.5, segment: small amounts}}, then: quiet}
      - {name: unknown, given: [trade: {}], then: quiet}
"""


def test_a_test_of_a_rule_says_the_segment() -> None:
    results = run_tests(plan_of(SEGMENTS_TESTED, SEGMENTS))
    assert [(result.test, result.message) for result in results if not result.passed] == []
    assert len(results) == 3
    wrong = SEGMENTS_TESTED.replace("kinds:", "novelty:").replace('segment("kinds")', 'moved("novelty")')
    assert wrong_in(wrong, MODEL)[0].endswith("the model 'novelty' gives a score and no segment")


def test_other_models_may_ask_for_a_segment_and_are_others_where_it_is() -> None:
    asking = MODEL.replace("  hour: hour(time)\n", '  kind: segment("kinds")\n').replace(
        "[MinMax", "[OneHotEncoder, MinMax"
    )
    plan = plan_of(asking, SEGMENTS, RULE)
    kinds, novelty = plan.models
    assert novelty.spec.texts == {"kind"}
    assert kinds.segment in novelty.aggregates
    assert plan.models_at("account") == (kinds, novelty)
    assert plan.models_asked(plan.rules) == (kinds, novelty)
    other = plan_of(asking, SEGMENTS.replace("n_clusters: 3", "n_clusters: 4"), RULE)
    assert other.models[1].version != novelty.version
    assert other.rules[0].version != plan.rules[0].version
    itself = SEGMENTS.replace("hour(time), words: hour", '\'segment("kinds") == "a"\'')
    assert "a model that gives segments cannot ask a model" in wrong_in(itself)[0]
    assert "a model cannot ask a model" in wrong_in(asking.replace("segment(", "moved("), SEGMENTS)[0]


def test_who_asks_a_segment_of_a_model_that_gives_none_is_told_so() -> None:
    asking = RULE.replace('score("novelty")', 'segment("novelty")').replace("novel > 0.5", 'novel == "a"')
    assert wrong_in(asking, MODEL) == [
        "0.yaml:3:19: the model 'novelty' gives a score and no segment: ask score(\"novelty\")"
    ]
