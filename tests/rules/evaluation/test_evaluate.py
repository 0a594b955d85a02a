"""Rules fire exactly where a slow three-valued interpreter says they are true, whatever is missing."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from risk_stream.rules import Evaluator, Plan, PlanError, Rule
from risk_stream.rules.evaluation.evaluate import compiled
from risk_stream.rules.evaluation.program import Program
from tests.rules.expressions import COMPARE, LITERALS, Author, looked_up, row
from tests.rules.house import FEATURES, Rows, plan_of, rule_file
from tests.rules.kleene import truth, value

many = settings(deadline=None, max_examples=150)
seeds = st.integers(0, 2**40).map(Random)

#: Reasons for which a random condition may rightly be refused.
RIGHTLY = (
    *("never changes", "always true", "never true", "division by zero", "never missing", "stands twice"),
    *("no number that can be used", "never gives", "either way", "not below high"),
)


def plan_or_nothing(text: str) -> Plan:
    """The plan, or the next example if all that is wrong is a condition that cannot change."""
    try:
        return plan_of(text)
    except PlanError as error:
        for problem in error.problems:
            assert any(reason in problem.message for reason in RIGHTLY), (problem, text)
        assume(False)
        raise


def events_of(rng: Random, most: int = 12) -> list[dict[str, Any]]:
    return [row(rng) for _ in range(rng.randint(1, most))]


def hop(plan: Plan) -> str:
    """Where all rules of a test are judged: they all name a feature of the last kind."""
    return plan.hop_of(plan.rules[0], "probe")


def fired(plan: Plan, view: Rows) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {rule.id: set() for rule in plan.rules}
    for kind in plan.kinds:
        for rule, indices in Evaluator(plan, kind, "probe").fired(view):
            assert not found[rule.id], "judged twice"
            found[rule.id] = set(indices.tolist())
    return found


def judged(when: str, row: dict[str, Any]) -> bool | None:
    """What the interpreter says of a condition on one event."""
    return truth(when, lambda name: looked_up(row, name))


@many
@given(rng=seeds)
def test_a_rule_fires_where_three_valued_logic_says_true(rng: Random) -> None:
    whens, events = [Author(rng).condition() for _ in range(rng.randint(1, 3))], events_of(rng)
    plan = plan_or_nothing(rule_file(*whens, features=FEATURES))
    wanted = {f"r{i}": {n for n, row in enumerate(events) if judged(when, row)} for i, when in enumerate(whens)}
    assert fired(plan, Rows(plan, events)) == wanted, whens


@many
@given(rng=seeds)
def test_a_condition_and_its_not_hold_apart_and_miss_only_the_unknown(rng: Random) -> None:
    when, events = Author(rng).condition(), events_of(rng)
    plan = plan_or_nothing(rule_file(when, f"not ({when})", features=FEATURES))
    got = fired(plan, Rows(plan, events))
    unknown = {n for n, row in enumerate(events) if judged(when, row) is None}
    assert not got["r0"] & got["r1"], when
    assert not unknown & (got["r0"] | got["r1"]), when
    assert got["r0"] | got["r1"] | unknown == set(range(len(events))), when


@many
@given(rng=seeds)
def test_a_score_is_what_the_interpreter_computes_and_0_where_unknown(rng: Random) -> None:
    score, events = Author(rng).number(3), events_of(rng)
    plan = plan_or_nothing(rule_file('customer == "C1"', features=FEATURES, more=[f"score: {score}"]))
    wanted = [value(score, lambda name, row=row: looked_up(row, name)) or 0.0 for row in events]
    evaluator, view = Evaluator(plan, hop(plan), "probe"), Rows(plan, events)
    [(rule, indices)] = evaluator.fired(view)
    assert wanted == evaluator.score(rule, view, indices).tolist(), score


@many
@given(rng=seeds)
def test_a_row_counts_for_a_feature_exactly_where_its_where_is_true(rng: Random) -> None:
    wheres: list[str] = [Author(rng, features=False).condition() for _ in range(rng.randint(1, 3))]
    events = events_of(rng)
    lines = ["  every: {count: probe, by: customer, window: 1d}"]
    for i, where in enumerate(wheres):
        quoted = where.replace("'", "''")
        lines.append(f"  n{i}: {{count: probe, where: '{quoted}', by: customer, window: 1d}}")
    names = ["every", *(f"n{i}" for i in range(len(wheres)))]
    plan = plan_or_nothing(rule_file(*(f"{name} > 3" for name in names), features="\n".join(lines)))
    program = Program()
    places = {where: program.add(plan.wheres[of, where]) for of, where in plan.layouts["customer"].bits if where}
    _, holds = program.masks(Rows(plan, events))
    for rule, where in zip(plan.rules, [None, *wheres], strict=True):
        [(_, feature)] = rule.features
        counts = [where is None or judged(where, row) is True for row in events]
        assert bool(feature.where) == (where is not None)
        assert not feature.where or counts == holds[places[feature.where]].tolist(), where
        # the canonical text that names the bit says the same as what the author wrote
        assert not feature.where or counts == [judged(feature.where, row) is True for row in events]


#: What a value that a cap made too small, or simply another, may really be.
TRULY = {
    "times": lambda v: [v, v + 1, v + 100],
    "spent": lambda v: [v, v + 0.01, v + 1e6],
    "usual": lambda v: [v, v - 1.5, v + 1.5, -v, 1e6],
    "before": lambda v: [v, "a", "b", "ä"],
    "quiet_for": lambda v: [v, v / 2, v + 1],
}


@many
@given(rng=seeds)
def test_a_rule_that_fires_on_bounds_would_fire_on_the_true_values_too(rng: Random) -> None:
    when, event, flagged = Author(rng).condition(), row(rng), rng.sample(sorted(TRULY), rng.randint(1, 2))
    assume(all(event[name] is not None for name in flagged))
    plan = plan_or_nothing(rule_file(when, features=FEATURES))
    if fired(plan, Rows(plan, [event], [frozenset(flagged)]))["r0"]:
        for name in flagged:
            for real in TRULY[name](event[name]):
                assert judged(when, {**event, name: real}), (when, name, real)


@pytest.mark.parametrize(
    ("when", "more", "fires"),
    [
        ("times > 2", [], True),
        ("2 < times", [], True),
        ("times >= 3", [], True),
        ("times > 3", [], False),
        ("times < 9", [], False),
        ("not times < 3", [], True),
        ("times == 3", [], False),
        ("usual > 1", [], False),
        ("usual > 1", ["approximate: ok"], True),
        ("times < 9", ["approximate: ok"], True),
        ("spent > 1", [], True),
    ],
)
def test_a_bound_decides_only_what_it_can(when: str, more: list[str], fires: bool) -> None:
    plan = plan_of(rule_file(when, features=FEATURES, more=more))
    row = {"times": 3.0, "usual": 5.0, "spent": 2.0}
    assert fired(plan, Rows(plan, [row], [frozenset(row)]))["r0"] == ({0} if fires else set())


def explained(
    when: str,
    row: dict[str, Any],
    summary: str = "said",
    inexact: frozenset[str] = frozenset(),
    warming: frozenset[str] = frozenset(),
) -> tuple[Any, ...]:
    text = rule_file(when, features=FEATURES).replace("summary: said", f'summary: "{summary}"')
    plan = plan_of(text)
    evaluator, view = Evaluator(plan, hop(plan), "probe"), Rows(plan, [row], [inexact], warming)
    [(rule, indices)] = evaluator.fired(view)
    assert indices.tolist() == [0]
    said = evaluator.explain(rule, view, 0)
    return *said, evaluator.sentence(rule, said[0])


def test_an_explanation_holds_every_name_of_the_rule_and_what_its_features_are_made_of() -> None:
    row = {"customer": "C1", "paid": 30.0, "usual": 10.0, "flag": None, "times": 4.0}
    features, inexact, warming, _ = explained(
        "surge > 2 and paid > 1 and busy is not missing or surge > 1".replace("busy is not missing", "times > 3"), row
    )
    assert (features, inexact, warming) == ({"surge": 3, "paid": 30.0, "usual": 10.0, "times": 4}, [], [])


def test_an_explanation_says_which_values_are_only_bounds() -> None:
    row = {"paid": 30.0, "usual": 10.0, "times": 4.0}
    bounds = frozenset({"times", "usual"})
    said = explained("times > 3 or surge > 2", row, inexact=bounds, warming=frozenset({"usual"}))
    assert said[1] == ["times", "surge", "usual"]
    assert said[2] == ["surge", "usual"]


def test_a_condition_in_a_summary_is_yes_no_or_unknown() -> None:
    row = {"times": 4.0, "flag": True, "paid": 5.0}
    assert explained("paid > 1", row, "{busy}, {flag}")[-1] == "no, yes"
    assert explained("paid > 1", {**row, "flag": False}, "{busy}, {flag}")[-1] == "yes, no"
    assert explained("paid > 1", {**row, "flag": None}, "{busy}, {flag}, {odd}")[-1] == "unknown, unknown, unknown"


def test_a_text_that_a_feature_remembers_is_shown() -> None:
    assert explained("before != word", {"before": "a", "word": "b"}, "{before} then {word}")[-1] == "a then b"


def test_a_time_and_a_text_that_are_written_alike_are_two_things() -> None:
    day = '"2024-02-01T09:30:00.000Z"'
    plan = plan_of(rule_file(f"opened == {day}", f"word == {day}"))
    view = Rows(plan, [{"opened": 1_706_779_800_000.0, "word": "2024-02-01T09:30:00.000Z"}])
    assert fired(plan, view) == {"r0": {0}, "r1": {0}}


class Broken(Rows):
    """A view in which one field cannot be read."""

    def number(self, name: str) -> np.ndarray:
        if name == "ratio":
            raise RuntimeError("disk on fire")
        return super().number(name)


def test_a_rule_that_fails_is_counted_and_stops_no_neighbour() -> None:
    plan = plan_of(rule_file("paid > 1", "ratio > 1", "pieces > 1"))
    evaluator = Evaluator(plan, plan.itinerary("probe")[0], "probe")
    view = Broken(plan, [{"paid": 2.0, "ratio": 2.0, "pieces": 2.0}, {"paid": 0.0, "ratio": 2.0, "pieces": 2.0}])
    for _ in range(2):
        assert [(rule.id, found.tolist()) for rule, found in evaluator.fired(view)] == [("r0", [0]), ("r2", [0, 1])]
    assert evaluator.take_errors() == {"r1": (2, "its condition failed: RuntimeError: disk on fire")}
    assert evaluator.take_errors() == {}


def test_a_rule_that_fails_once_is_logged_once_and_judged_apart(caplog: pytest.LogCaptureFixture) -> None:
    plan = plan_of(rule_file("paid > 1", "ratio > 1", "pieces > 1"))
    evaluator = Evaluator(plan, plan.itinerary("probe")[0], "probe")
    row = {"paid": 2.0, "ratio": 2.0, "pieces": 2.0}
    for _ in range(3):
        evaluator.fired(Broken(plan, [row]))
    assert [record.getMessage() for record in caplog.records if "r1" in record.getMessage()] == [
        "rule r1 failed and is judged apart from now on, its failures counted"
    ]
    assert sorted(rule.id for rule, _ in evaluator.fired(Rows(plan, [row]))) == ["r0", "r1", "r2"]


def test_a_score_or_a_shown_value_that_fails_costs_no_alert() -> None:
    text = rule_file("paid > 1", features="  broken: ratio * 2", more=["score: 5 + ratio"])
    plan = plan_of(text.replace("summary: said", 'summary: "{broken} of {paid}"'))
    evaluator = Evaluator(plan, plan.itinerary("probe")[0], "probe")
    view = Broken(plan, [{"paid": 2.0, "ratio": 2.0}])
    [(rule, found)] = evaluator.fired(view)
    assert evaluator.score(rule, view, found).tolist() == [0.0]
    assert evaluator.explain(rule, view, 0)[0]["broken"] is None
    assert evaluator.sentence(rule, evaluator.explain(rule, view, 0)[0]) == "unknown of 2.00"
    failures = evaluator.take_errors()["r0"]
    assert failures.times > 1
    assert failures.last == "'broken' failed: RuntimeError: disk on fire"


def test_equal_comparisons_of_different_rules_are_computed_once() -> None:
    plan = plan_of(rule_file(*(f"paid > 5 and pieces > {n % 3}" for n in range(50)), features=FEATURES))
    asked: list[str] = []

    class Counted(Rows):
        def number(self, name: str) -> np.ndarray:
            asked.append(name)
            return super().number(name)

    assert len(Evaluator(plan, "account", "probe").fired(Counted(plan, [{"paid": 6.0, "pieces": 9.0}]))) == 50
    assert sorted(asked) == ["paid", "pieces"]


@pytest.mark.parametrize("name", ["word", "colour", "before", "paid", "flag", "opened", "times"])
def test_what_is_missing_is_told_from_what_is_there(name: str) -> None:
    plan = plan_of(rule_file(f"{name} is missing", f"not ({name} is missing)", features=FEATURES))
    here = {"word": "a", "colour": "red", "before": "b", "paid": 0.0, "flag": 0.0, "opened": 0.0, "times": 0.0}
    assert fired(plan, Rows(plan, [here, here | {name: None}])) == {"r0": {1}, "r1": {0}}


def test_an_empty_batch_fires_nothing() -> None:
    plan = plan_of(rule_file("paid > 1 or word in ['a'] or times > 3 or opened is missing", features=FEATURES))
    assert Evaluator(plan, "customer", "probe").fired(Rows(plan, [])) == []


def test_a_rule_is_judged_only_on_its_types_and_not_when_off() -> None:
    plan = plan_of(
        rule_file("paid > 1"),
        rule_file("paid > 1", on="whisper").replace("r0", "w"),
        rule_file("paid > 1", more=["mode: off"]).replace("r0", "o"),
    )
    judged: dict[str, list[Rule]] = {
        t: [r for k in plan.kinds for r in Evaluator(plan, k, t).rules] for t in ("probe", "whisper")
    }
    assert {t: [r.id for r in found] for t, found in judged.items()} == {"probe": ["r0"], "whisper": ["w"]}


def test_no_score_is_ever_infinite_or_unknown() -> None:
    plan = plan_of(rule_file("pieces is missing or pieces > -9", more=["score: 1 / pieces"]))
    evaluator = Evaluator(plan, "account", "probe")
    view = Rows(plan, [{"pieces": 0.0}, {"pieces": None}, {"pieces": 4.0}])
    [(rule, found)] = evaluator.fired(view)
    scores = evaluator.score(rule, view, found).tolist()
    assert scores == [0.0, 0.0, 0.25]
    assert all(map(math.isfinite, scores))


def test_evaluators_of_a_plan_share_what_was_compiled_and_nothing_else() -> None:
    """Each partition has its own; what they know of their views and of failures stays theirs."""
    plan = plan_of(rule_file("paid > 5", "paid > 5 and pieces > 1"))
    first, second = (Evaluator(plan, "account", "probe") for _ in range(2))
    assert first._program is second._program is compiled(plan, "account", "probe")
    one, other = Rows(plan, [{"paid": 6.0, "pieces": 2.0}]), Rows(plan, [{"paid": 4.0, "pieces": 2.0}])
    assert [rule.id for rule, _ in first.fired(one)] == ["r0", "r1"]
    assert second.fired(other) == []
    assert first.explain(plan.rules[0], one, 0)[0] == {"paid": 6.0}


@many
@given(rng=seeds)
def test_a_condition_that_is_refused_for_its_bounds_never_changes(rng: Random) -> None:
    bounded = Author(rng).bounded()
    op, limit = rng.choice(COMPARE), rng.choice((*LITERALS, "23", "59", "12", "31", "1.5"))
    when = f"{bounded} {op} {limit}"
    try:
        plan_of(rule_file(when, features=FEATURES))
    except PlanError as error:
        [problem] = error.problems
        assert any(reason in problem.message for reason in RIGHTLY), (problem, when)
        said = {"always true": True, "never true": False}
        for words, truth in said.items():
            if words in problem.message:
                assert {judged(when, row(rng)) for _ in range(20)} <= {truth, None}, (problem, when)
