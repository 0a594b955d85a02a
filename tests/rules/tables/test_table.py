"""What the author of decision tables and scorecards may rely on: names, versions, files that ask others, points."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.catalogue import Decoder, load_catalogue, read_yaml
from risk_stream.engine import Engine
from risk_stream.lending import load_scorecard
from risk_stream.rules import Plan, PlanError, Rule, plan_of_texts, program_of
from risk_stream.rules.evaluation.run import Run
from risk_stream.rules.kept import KeptFiles
from tests.lending.facts import DATA
from tests.rules.house import Rows, catalogue
from tests.rules.test_load import COUNT, VALUES, put, refused_or_loaded, yaml_text

CORE = load_catalogue()
RULES = """
stage: pre_loan
owner: desk
features:
  lenders_30d: {distinct: lender, of: application, by: id_number, window: 30d}
rules:
  - id: many-lenders
    on: application
    when: lenders_30d >= 3
    severity: high
    summary: "{customer} asked {lenders_30d} lenders"
"""
TABLE = """
table: loans
owner: desk
on: application
rows:
  - {when: fired("many-lenders"), verdict: decline}
  - {when: amount > 50000, verdict: refer, reason: "{amount} is much"}
  - {when: otherwise, verdict: approve, limit: amount, reason: Nothing against it}
"""
CARD = """
scorecard: probe
pdo: 20
base_score: 600
base_odds: 50
intercept: -3.2
characteristics:
  paid:
    beta: -0.9
    bins: [{below: -5, woe: -0.6}, {from: -5, below: 1.5, woe: 0.1}, {from: 1.5, woe: 0.45}]
    words: little is paid
  share:
    of: ratio
    beta: -1.1
    bins: [{below: 0.3, woe: 0.9}, {from: 0.3, below: 0.8, woe: 0.2}, {from: 0.8, woe: -0.95}]
    missing: {woe: -0.4}
    words: much is used
  pieces:
    beta: -0.7
    bins: [{below: 2, woe: -0.4}, {from: 2, woe: 0.3}]
    reason: false
"""
SCORED = """
stage: trading
owner: desk
rules:
  - {id: r, on: probe, when: scorecard("probe") > 580.5, severity: low, summary: said}
"""


def plan_of(**texts: str) -> Plan:
    return plan_of_texts({f"{name}.yaml": text for name, text in texts.items()}, CORE)


def rule(plan: Plan, id: str) -> Rule:
    return next(one for one in plan.rules if one.id == id)


def test_a_rows_reason_is_the_summary_of_the_rule_that_it_asks() -> None:
    table = rule(plan_of(rules=RULES, table=TABLE), "loans").table
    assert table is not None
    assert table.rows[0].reason == "{many-lenders.customer} asked {many-lenders.lenders_30d} lenders"


def test_a_rule_that_is_asked_may_stand_in_a_file_read_before_or_behind() -> None:
    assert plan_of(a=TABLE, z=RULES).version == plan_of(z=TABLE, a=RULES).version


def test_a_table_does_not_take_values_that_a_cap_made_inexact_for_exact_ones() -> None:
    assert not rule(plan_of(rules=RULES, table=TABLE), "loans").approximate


def test_the_score_of_a_table_is_in_its_version() -> None:
    scored = [TABLE.replace("rows:", f"score: {score}\nrows:") for score in ("5", "6")]
    first, second = (rule(plan_of(rules=RULES, table=table), "loans").version for table in scored)
    assert first != second


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("lenders_30d >= 3", "lenders_30d >= 4"),
        ("verdict: refer", "verdict: decline"),
        ("is much", "is too much"),
        ("limit: amount", "limit: 0.5 * amount"),
        ("asked {lenders_30d}", "has asked {lenders_30d}"),
    ],
)
def test_what_a_table_means_or_says_is_its_version(old: str, new: str) -> None:
    changed = plan_of(rules=RULES.replace(old, new), table=TABLE.replace(old, new))
    assert rule(changed, "loans").version != rule(plan_of(rules=RULES, table=TABLE), "loans").version


def test_a_table_keeps_its_tests() -> None:
    [table] = plan_of_texts({"table.yaml": yaml_text(WHOLE_TABLE)}, catalogue()).rules
    assert [(test.name, test.reasons) for test in table.tests] == [("n", ("o",))]


def test_a_kept_table_is_read_again_where_a_rule_or_a_card_that_it_asks_changed() -> None:
    kept = KeptFiles()
    texts = {"rules.yaml": RULES, "table.yaml": TABLE}
    before = plan_of_texts(texts, CORE, kept=kept)
    texts["rules.yaml"] = RULES.replace(">= 3", ">= 4")
    after = plan_of_texts(texts, CORE, kept=kept)
    assert rule(after, "loans").version != rule(before, "loans").version
    assert after.version == plan_of_texts(texts, CORE).version


def test_a_kept_table_stands_where_only_other_rules_changed() -> None:
    kept = KeptFiles()
    texts = {"rules.yaml": RULES, "table.yaml": TABLE, "more.yaml": RULES.replace("many-lenders", "more")}
    before = plan_of_texts(texts, CORE, kept=kept)
    texts["more.yaml"] = texts["more.yaml"].replace(">= 3", ">= 4")
    assert rule(plan_of_texts(texts, CORE, kept=kept), "loans") is rule(before, "loans")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("severity: high", "severity: high\n    mode: off", "the rule 'many-lenders' is off: make it live or shadow"),
        ("severity: high", "severity: high\n    after: 3d", "the rule 'many-lenders' judges some time after its event"),
        ("severity: high", "severity: high\n    approximate: ok", "takes inexact values as exact"),
        ("id: many-lenders", "id: many-lender", "there is no rule 'many-lenders', did you mean 'many-lender'?"),
    ],
)
def test_a_rule_that_cannot_be_asked_is_refused(old: str, new: str, said: str) -> None:
    with pytest.raises(PlanError, match=said.replace("?", r"\?")):
        plan_of(rules=RULES.replace(old, new), table=TABLE)


def test_a_rule_on_other_events_cannot_be_asked() -> None:
    other = RULES.replace("on: application", "on: transfer").replace("lenders_30d >= 3", "amount > 5")
    other = other.replace("asked {lenders_30d} lenders", "sent {amount}")
    with pytest.raises(PlanError, match="the rule 'many-lenders' judges transfer, and not application"):
        plan_of(rules=other, table=TABLE)


def test_a_table_asks_no_other_table_so_none_can_ask_itself() -> None:
    asks = TABLE.replace("many-lenders", "loans").replace("verdict: decline", "verdict: decline, reason: x")
    with pytest.raises(PlanError, match="there is no rule 'loans'"):
        plan_of(rules=RULES, table=asks)


def test_a_broken_rule_is_reported_once_where_it_stands() -> None:
    with pytest.raises(PlanError) as caught:
        plan_of(rules=RULES.replace("lenders_30d >= 3", "lendrs_30d >= 3"), table=TABLE)
    assert [problem.file for problem in caught.value.problems] == ["rules.yaml"]


def test_two_scorecards_of_one_name_are_refused() -> None:
    with pytest.raises(PlanError, match=r"the scorecard 'probe' is at a\.yaml:2 already: choose another name"):
        plan_of_texts({"a.yaml": CARD, "b.yaml": CARD}, catalogue())


@settings(max_examples=60)
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "paid": st.sampled_from([-5.01, -5, 0, 1.49, 1.5, 7]),
                "ratio": st.one_of(st.sampled_from([0.3, 0.8]), st.floats(-1, 2)),
                "pieces": st.integers(0, 4),
            },
        ),
        min_size=1,
        max_size=20,
    )
)
def test_a_scorecard_gives_the_points_of_the_lending_room(rows: list[dict[str, Any]]) -> None:
    """The same whole number for every applicant; unknown where one has no value and the card no bin for that."""
    plan = plan_of_texts({"card.yaml": CARD, "rules.yaml": SCORED}, catalogue())
    judged = rule(plan, "r")
    program = program_of([judged])
    points = Run(program, Rows(plan, rows)).of(judged.named[0][1])  # type: ignore[arg-type]
    lending = _lending_card()
    for row, found in zip(rows, points.tolist(), strict=True):
        if "paid" not in row or "pieces" not in row:
            assert np.isnan(found)
            continue
        applicant = {"paid": row["paid"], "share": row.get("ratio", np.nan), "pieces": row["pieces"]}
        assert found == lending.score(applicant).score[0]


def _lending_card() -> Any:
    from risk_stream.lending import CARD_KEYS, read_scorecard

    root = read_yaml(CARD, "card.yaml")
    return read_scorecard(root, "probe", [key for key in root.value if key not in CARD_KEYS])


def test_the_worked_applicant_is_decided_with_the_reasons_in_the_worked_order() -> None:
    """533 points of rounded bins; four reasons by points lost: utilisation, age, inquiries, employment."""
    text = (DATA / "scorecard.yaml").read_text().replace("name:", "scorecard: worked\nwhy:")
    fields = {"age": "pieces", "utilisation": "ratio", "inquiries_3m": "paid", "employment_years": "cost"}
    for name, field in fields.items():
        text = text.replace(f"  {name}:\n", f"  {name}:\n    of: {field}\n    words: {name}\n")
    rows = '  - {when: scorecard("worked") < 540, verdict: decline, reason: "too few"}\n'
    table = f'table: t\nowner: desk\non: probe\nscore: scorecard("worked")\nrows:\n{rows}'
    table += "  - {when: otherwise, verdict: refer, reason: others}\n"
    plan = plan_of_texts({"card.yaml": text, "table.yaml": table}, catalogue())
    event = {"id": "a", "type": "probe", "time": 1_700_000_000_000, "customer": "C", "account": "A"}
    event |= {"pieces": 24, "ratio": 0.85, "paid": 3, "cost": 2}
    batch, _, rejects = Decoder(catalogue()).decode([json.dumps(event).encode()], str)
    assert rejects == []
    [said] = Engine(plan, reserve_mib=8).apply(batch).decisions
    scored = load_scorecard(DATA / "scorecard.yaml").score(
        {"age": 24, "utilisation": 0.85, "inquiries_3m": 3, "employment_years": 2}
    )
    assert said.points == scored.score[0] == 533
    assert said.reasons == ["too few", *scored.reasons[0]]
    assert scored.reasons[0] == ("utilisation", "age", "inquiries_3m", "employment_years")


ROW = {
    "when": "f > 1 and paid > 2",
    "verdict": "approve",
    "limit": "paid",
    "rate": {"from": 0.1, "to": 0.2},
    "reason": "r",
}
LAST = {"when": "otherwise", "verdict": "refer", "reason": "o"}
DECIDED = {"name": "n", "given": [{"probe": {"paid": 1}}], "then": "refer", "reasons": ["o"]}
WHOLE_TABLE = {
    "table": "t",
    "owner": "desk",
    "on": "probe",
    "when": "paid > 0",
    "score": "f",
    "mode": "live",
    "why": "w",
    "features": {"f": COUNT},
    "rows": [ROW, LAST],
    "tests": [DECIDED],
}
BINS = [{"below": 1, "woe": 0.1}, {"from": 1, "woe": -0.1}]
WHOLE_CARD = {
    "scorecard": "c",
    "owner": "desk",
    "why": "w",
    "pdo": 20,
    "base_score": 600,
    "base_odds": 50,
    "intercept": -3,
    "characteristics": {"paid": {"of": "paid", "beta": -1, "bins": BINS, "missing": {"woe": 0}, "words": "w"}},
}
KEYS_OF_BOTH = sorted(
    {
        *WHOLE_TABLE,
        *ROW,
        *DECIDED,
        *COUNT,
        "from",
        "to",
        "f",
        "probe",
        *WHOLE_CARD,
        "paid",
        "of",
        "bins",
        "woe",
        "below",
    }
    | {"missing", "words", "beta"}
)


@settings(deadline=None, max_examples=200)
@given(value=VALUES, key=st.sampled_from(KEYS_OF_BOTH))
def test_any_value_under_any_key_of_them_ends_in_nothing_but_a_plan_error(value: object, key: str) -> None:
    for whole in (WHOLE_TABLE, WHOLE_CARD):
        refused_or_loaded(yaml_text(put(whole, key, value)))


def test_the_shapes_that_are_damaged_are_sound() -> None:
    assert refused_or_loaded(yaml_text(WHOLE_TABLE)) is not None
    assert refused_or_loaded(yaml_text(WHOLE_CARD)) is not None
