"""What the author of rules may rely on of the functions of texts, times and numbers, and of choices."""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from risk_stream.calendars import load_calendars
from risk_stream.rules import Evaluator, calendars_ending
from risk_stream.rules.language.arithmetic import compute
from risk_stream.rules.language.functions import FUNCTIONS
from risk_stream.rules.plan import Plan, plan_of_texts
from tests.rules.evaluation.test_evaluate import fired
from tests.rules.house import FEATURES, Rows, catalogue, plan_of, rule_file

DOCS = (Path(__file__).parents[3] / "docs" / "rules.md").read_text()
HOUSE = "name: house\ntimezone: {}\nfrom: 2026\nuntil: 2026\nholidays: [{}]\n"


def holds(when: str, **row: Any) -> bool:
    plan = plan_of(rule_file(when, features=FEATURES))
    return fired(plan, Rows(plan, [row]))["r0"] == {0}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_is_in_the_grammar_of_the_reference(function: str) -> None:
    assert re.search(rf"^[a-z ]+[|:] .*\b{function}\(", DOCS, re.MULTILINE)


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        ("2.675, 2", "2.68"),
        ("-2.675, 2", "-2.68"),
        ("0.5", "1"),
        ("-0.5", "-1"),
        ("1.005, 2", "1.01"),
        ("1.4 - 0.9", "1"),
        ("1250, -2", "1300"),
        ("1234, -1", "1230"),
        ("9007199254740991", "9007199254740991"),
        ("2.4999", "2"),
    ],
)
def test_halves_are_rounded_away_from_zero_as_they_are_written(value: str, rounded: str) -> None:
    assert holds(f"ratio == {rounded} - round({value})", ratio=0.0)


@given(st.integers(-(2**52), 2**52), st.integers(-3, 6))
@example(1_953_125_000_000_000, 0)
@example(566_231_840_817_921, 2)
def test_a_number_without_more_digits_is_rounded_to_itself(whole: int, digits: int) -> None:
    number = float(Fraction(whole) / Fraction(10) ** digits)
    assert compute("round", [number, float(digits)]) == number


@given(st.integers(0, 10**14 - 1), st.integers(-3, 6), st.sampled_from([1, -1]))
def test_a_half_of_fifteen_digits_goes_away_from_zero(below: int, digits: int, sign: int) -> None:
    scale = Fraction(10) ** digits
    half, away = float(sign * (below + Fraction(1, 2)) / scale), float(sign * (below + 1) / scale)
    assert compute("round", [half, float(digits)]) == away


@pytest.mark.parametrize(
    "value",
    ["sqrt(ratio)", "log(ratio)", "log(ratio + 1)", "power(ratio, 0.5)", "power(ratio + 1, -1)", "exp(ratio * -1000)"],
)
def test_what_has_no_number_is_unknown(value: str) -> None:
    assert holds(f"{value} is missing", ratio=-1.0)


@pytest.mark.parametrize("value", ["power(ratio, 0)", "power(1, ratio)", "round(ratio)", "clamp(ratio, 0, 1)"])
def test_a_function_of_an_unknown_is_unknown(value: str) -> None:
    assert holds(f"{value} is missing", ratio=None)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 17])
def test_a_value_is_the_same_wherever_in_a_batch_its_event_stands(n: int) -> None:
    plan = plan_of(rule_file("ratio > -9", more=["score: log(ratio) + exp(ratio) + power(ratio, 0.3)"]))
    evaluator = Evaluator(plan, "account", "probe")
    rows = [{"ratio": 0.1 * i + 0.05} for i in range(n)]
    [(rule, found)] = evaluator.fired(view := Rows(plan, rows))
    alone = []
    for row in rows:
        [(_, one)] = evaluator.fired(single := Rows(plan, [row]))
        alone += evaluator.score(rule, single, one).tolist()
    evaluator.fired(view)
    assert evaluator.score(rule, view, found).tolist() == alone


def test_a_choice_takes_the_first_condition_that_is_true_and_is_unknown_where_one_before_it_is() -> None:
    choice = 'choose(colour == "red", 1, ratio > 5, 2, 3)'
    for row, chosen in (
        ({"colour": "red", "ratio": None}, 1),
        ({"colour": "blue", "ratio": 9.0}, 2),
        ({"colour": "blue", "ratio": 1.0}, 3),
    ):
        assert holds(f"{choice} == {chosen}", **row)
    assert holds(f"{choice} is missing", colour="blue", ratio=None)
    assert holds(f"{choice} is missing", colour=None, ratio=9.0)


def test_a_choice_over_a_bound_decides_nothing() -> None:
    plan = plan_of(rule_file("choose(times > 2, 5, 6) == 5", "paid > choose(times > 2, 1, 2)", features=FEATURES))
    row = {"times": 3.0, "paid": 9.0}
    assert fired(plan, Rows(plan, [row])) == {"r0": {0}, "r1": {0}}
    assert fired(plan, Rows(plan, [row], [frozenset({"times"})])) == {"r0": set(), "r1": set()}


def test_a_pattern_is_sought_anywhere_and_held_to_an_end_by_its_signs() -> None:
    assert holds('matches(word, "b+")', word="abbc")
    assert not holds('matches(word, "^b+$")', word="abbc")
    assert holds(r'matches(word, "\\bapp\\b") and matches(word, "(?i)APP")', word="the app 应用")
    assert holds('matches(word, "应.$")', word="the app 应用")


def test_a_pattern_that_would_take_others_for_ever_takes_no_time() -> None:
    assert not holds('matches(word, "^(a+)+$")', word="a" * 5_000 + "b")


def test_a_text_function_gives_no_empty_text() -> None:
    assert holds("trim(word) is missing and length(word) == 2", word="  ")


def test_texts_that_functions_make_are_shown_and_compared() -> None:
    features = FEATURES + '  small: lower(word)\n  kind: choose(flag, upper(word), coalesce(other, "none"))\n'
    plan = plan_of(
        rule_file('small == "ab" and small in ["ab", "c"]', features=features).replace("said", "'{small}, {kind}'")
    )
    evaluator = Evaluator(plan, plan.hop_of(plan.rules[0], "probe"), "probe")
    view = Rows(plan, [{"word": "aB", "flag": True}, {"word": "AB", "flag": False}, {"word": "AB", "other": "x"}])
    [(rule, rows)] = evaluator.fired(view)
    assert [evaluator.sentence(rule, evaluator.explain(rule, view, row)[0]) for row in rows.tolist()] == [
        "ab, AB",
        "ab, none",
        "ab, unknown",
    ]


class Unlearnt(Rows):
    """A view that knows of aggregates' texts their hashes alone."""

    def text_of(self, hashed: int, /) -> None:
        return None


def test_a_text_of_which_the_hash_alone_is_known_makes_unknown_what_reads_it() -> None:
    whens = (
        *('before == "b"', 'lower(before) == "b"', 'lower(before) != "b"', "lower(before) is missing"),
        *('coalesce(lower(before), "x") == "x"', 'choose(starts_with(before, "b"), 1, 2) is missing'),
    )
    plan = plan_of(rule_file(*whens, features=FEATURES))
    got = fired(plan, Unlearnt(plan, [{"before": "b"}]))
    assert {name for name, rows in got.items() if rows} == {"r0"}


def test_what_a_function_could_not_read_is_shown_as_unknown_and_warming() -> None:
    features = FEATURES + '  small: coalesce(lower(before), "none")\n  starts: starts_with(before, "b")\n'
    plan = plan_of(rule_file('before == "b" or small == "b" or starts', features=features))
    evaluator = Evaluator(plan, plan.hop_of(plan.rules[0], "probe"), "probe")
    view = Unlearnt(plan, [{"before": "b"}])
    [(rule, _)] = evaluator.fired(view)
    shown, inexact, warming = evaluator.explain(rule, view, 0)
    assert (shown["before"], shown["starts"]) == (None, None)
    assert inexact == warming == ["before", "small", "starts"]


def test_a_text_is_read_once_and_what_it_gave_is_kept() -> None:
    plan = plan_of(rule_file('lower(word) == "a"', 'starts_with(lower(word), "a")'))
    asked: list[int] = []

    class Counted(Rows):
        def value(self, name: str, row: int) -> Any:
            asked.append(row)
            return super().value(name, row)

    evaluator = Evaluator(plan, "account", "probe")
    rows = [{"word": word} for word in ("A", "b", "A", None, "A", "b")]
    for _ in range(3):
        evaluator.fired(Counted(plan, rows))
    assert sorted(asked) == [0, 0, 1, 1]


def by_calendar(when: str, zone: str = "Europe/Berlin", holiday: str = "2026-05-05", features: str = "") -> Plan:
    calendars = load_calendars(texts={"c.yaml": HOUSE.format(zone, holiday)})
    return plan_of_texts({"r.yaml": rule_file(when, features=features)}, catalogue(), calendars=calendars)


@pytest.mark.parametrize(
    ("when", "features"),
    [
        ('hour(time, "house") > 5', ""),
        ("early > 2", "  early: {count: probe, by: customer, window: 1d, where: 'hour(time, \"house\") < 6'}"),
    ],
)
def test_a_plan_and_its_features_are_others_when_the_clocks_of_a_calendar_are(when: str, features: str) -> None:
    first, same, holiday, elsewhere = (
        by_calendar(when, zone, day, features)
        for zone, day in (
            *(("Europe/Berlin", "2026-05-05"), ("Europe/Berlin", "2026-05-05")),
            *(("Europe/Berlin", "2026-05-06"), ("Europe/Lisbon", "2026-05-05")),
        )
    )
    assert first.version == same.version == holiday.version != elsewhere.version
    assert [a.id for r in first.rules for a in r.aggregates] == [a.id for r in same.rules for a in r.aggregates]
    assert set(first.calendars) == {"house"}
    if features:
        assert first.wheres.keys() != elsewhere.wheres.keys()


def test_a_plan_is_another_when_business_days_are() -> None:
    when = 'business_day(time, "house")'
    assert by_calendar(when).version != by_calendar(when, holiday="2026-05-06").version


def test_a_rule_that_asks_business_days_is_told_of_the_calendars_end() -> None:
    assert calendars_ending(by_calendar('not business_day(time, "house")'), date(2026, 12, 1))
    assert not calendars_ending(by_calendar('hour(time, "house") < 6'), date(2026, 12, 1))


def test_a_pattern_and_a_calendar_may_be_constants() -> None:
    text = rule_file("matches(word, app) and hour(time, place) > 5")
    text = text.replace("rules:", 'constants: {app: "^app", place: china}\nrules:')
    plan = plan_of(text)
    assert set(plan.calendars) == {"china"}
    assert plan.version == plan_of(rule_file('matches(word, "^app") and hour(time, "china") > 5')).version
