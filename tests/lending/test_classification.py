"""The debtor's rules, the way back up and the observation period hold, and a wrong table is refused with its place."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from risk_stream.lending import (
    NEVER,
    Claims,
    Class,
    ClassState,
    LendingError,
    TableError,
    add_months,
    class_floor,
    classify,
    load_class_rules,
    load_stage_rules,
    one_date,
    significant_increase,
    unclassified,
)
from tests.lending.facts import rows

RULES = load_class_rules()
END = one_date("2025-12-31")
BEFORE = one_date("2025-11-30")
TABLES = Path(__file__).parents[2] / "risk_stream" / "lending" / "tables"


def claims(count: int, **columns: object) -> Claims:
    """Claims of one debtor, a firm, paid on time; `columns` say what is otherwise."""
    flat = {
        "debtor": 0,
        "retail": False,
        "product": 0,
        "amount": 100,
        "days_past_due": 0,
        "last_over": NEVER,
        "clean_from": one_date("2020-01-01"),
        "missed": NEVER,
        "floor": 0,
        "restructured": NEVER,
        "observed_from": NEVER,
        "changed_before": NEVER,
        "solved": False,
        "able": True,
    }
    given = {name: columns.pop(name, value) for name, value in flat.items()}
    full = {name: np.broadcast_to(np.asarray(value), (count,)).copy() for name, value in given.items()}
    elsewhere = {name: np.array([columns.get(name, 0)]) for name in ("other_debt", "other_late")}
    return Claims(**full, **elsewhere)


def judge(state: ClassState, of: Claims, as_of: np.datetime64, periods: int = 99) -> ClassState:
    return classify(state, of, as_of, RULES, lambda since: np.full(len(since), periods))


@pytest.mark.parametrize("row", rows("cross_default_cases"), ids=lambda r: r["case"])
def test_the_debtors_other_claims_are_classed_as_the_worked_cases(row: dict[str, str]) -> None:
    own = [part.split(":") for part in row["own_claims"].split(";")]
    others = [part.split(":") for part in row["other_banks"].split(";") if part]
    late = np.array([int(days) for _, _, days in own])
    found = judge(
        unclassified(len(own)),
        claims(
            len(own),
            amount=[int(amount) for amount, _, _ in own],
            days_past_due=late,
            last_over=np.where(late > 90, END, NEVER),
            retail=row["debtor"] == "retail",
            other_debt=sum(int(amount) for amount, _ in others),
            other_late=sum(int(amount) for amount, days in others if int(days) > 90),
        ),
        END,
    )
    good = next(i for i, (_, name, _) in enumerate(own) if name == "normal")
    wanted = {
        "other claims at least special mention": Class.SPECIAL_MENTION,
        "all own claims non-performing": Class.SUBSTANDARD,
        "at least substandard": Class.SUBSTANDARD,
        "asset by asset": Class.NORMAL,
    }
    assert found.reported[good] == wanted[row["result_for_the_other_own_claims"]]
    assert bool(found.drawn_in[good]) == (row["rule10_hit"] == "1" or row["rule20_hit"] == "1")


def non_performing(count: int = 1) -> ClassState:
    return replace(unclassified(count), judged=BEFORE, non_performing=np.ones(count, np.bool_))


@pytest.mark.parametrize(
    ("clean_since", "periods", "able", "wanted"),
    [
        ("2025-06-30", 2, True, Class.NORMAL),
        ("2025-07-01", 2, True, Class.SUBSTANDARD),  # a day short of six months
        ("2025-06-30", 1, True, Class.SUBSTANDARD),  # one period is not two
        ("2025-06-30", 2, False, Class.SUBSTANDARD),  # not assessed as able
    ],
)
def test_up_goes_it_only_by_all_three_conditions(clean_since: str, periods: int, able: bool, wanted: Class) -> None:
    of = claims(1, clean_from=one_date(clean_since), able=able, retail=True)
    assert judge(non_performing(), of, END, periods).reported[0] == wanted


def test_no_claim_goes_up_while_another_of_the_debtor_cannot() -> None:
    of = claims(2, clean_from=[one_date("2025-01-01"), END], retail=True)
    assert judge(non_performing(2), of, END).reported.tolist() == [Class.SUBSTANDARD] * 2
    of = claims(2, clean_from=one_date("2025-01-01"), retail=True)
    assert judge(non_performing(2), of, END).reported.tolist() == [Class.NORMAL] * 2


def test_a_restructured_claim_is_watched_for_a_year_and_again_after_a_miss() -> None:
    changed = {"restructured": one_date("2024-11-15"), "observed_from": one_date("2024-12-20")}
    state = judge(unclassified(1), claims(1, **changed), one_date("2024-11-30"))
    assert state.reported[0] == Class.SPECIAL_MENTION
    paid = claims(1, **changed, solved=True)
    assert judge(state, paid, one_date("2025-12-19")).reported[0] == Class.SPECIAL_MENTION
    assert judge(state, paid, one_date("2025-12-20")).reported[0] == Class.NORMAL
    missed = replace(paid, missed=np.array([one_date("2025-03-20")]))
    assert judge(state, missed, one_date("2026-03-19")).reported[0] == Class.SPECIAL_MENTION
    assert judge(state, missed, one_date("2026-03-20")).reported[0] == Class.NORMAL
    unsolved = judge(state, claims(1, **changed), one_date("2025-12-20"))
    assert unsolved.observed_from[0] == one_date("2025-12-20")


def test_a_claim_that_stops_performing_while_watched_is_watched_anew() -> None:
    changed = {"restructured": one_date("2024-11-15"), "observed_from": one_date("2024-12-20")}
    state = judge(unclassified(1), claims(1, **changed), one_date("2024-11-30"))
    state = judge(state, claims(1, **changed, floor=int(Class.SUBSTANDARD)), one_date("2025-03-31"))
    assert state.reported[0] == Class.SUBSTANDARD
    later = claims(1, **changed, solved=True)
    assert judge(state, later, one_date("2026-03-30")).reported[0] == Class.SPECIAL_MENTION
    assert judge(state, later, one_date("2026-03-31")).reported[0] == Class.NORMAL


def test_a_second_restructuring_in_the_period_makes_a_claim_substandard() -> None:
    first = claims(1, restructured=one_date("2024-11-15"), observed_from=one_date("2024-12-20"))
    again = claims(1, restructured=one_date("2025-03-01"), observed_from=one_date("2025-04-20"))
    state = judge(unclassified(1), first, one_date("2024-11-30"))
    state = judge(state, again, one_date("2025-03-31"))
    assert state.reported[0] == Class.SUBSTANDARD
    assert state.observed_from[0] == one_date("2025-04-20")


def test_two_restructurings_between_two_judgements_make_a_claim_substandard() -> None:
    """The one before is new too, or the last would be the first of a period that is over."""
    last: dict[str, object] = {"restructured": one_date("2025-03-03"), "observed_from": one_date("2025-04-20")}
    first, both = claims(1, **last), claims(1, **last, changed_before=one_date("2025-03-01"))
    state = judge(unclassified(1), claims(1), one_date("2025-02-28"))
    assert judge(state, first, one_date("2025-03-31")).reported[0] == Class.SPECIAL_MENTION
    assert judge(state, both, one_date("2025-03-31")).reported[0] == Class.SUBSTANDARD
    over = judge(state, claims(1, restructured=one_date("2025-03-01")), one_date("2025-03-02"))
    served = replace(over, observing=np.zeros(1, np.bool_))
    assert judge(served, both, one_date("2025-03-31")).reported[0] == Class.SPECIAL_MENTION


def test_triggers_and_the_expected_loss_ask_for_a_class() -> None:
    holds = {"credit_impaired": np.array([True, False, False]), "in_bankruptcy": np.array([False, True, False])}
    assert class_floor(holds, RULES).tolist() == [2, 4, 0]
    loss, gross = np.array([49, 50, 90, 0]), np.array([100, 100, 100, 0])
    assert class_floor({}, RULES, expected_loss=loss, gross=gross).tolist() == [0, 3, 4, 0]
    with pytest.raises(LendingError, match="china_2023 knows no trigger 'bankrupt': there are use_of_funds_changed"):
        class_floor({"bankrupt": np.array([True])}, RULES)


def test_a_house_may_load_tables_of_its_own(tmp_path: Path) -> None:
    text = (TABLES / "china_2023.yaml").read_text().replace("months: 6", "months: 12")
    (tmp_path / "mine.yaml").write_text(text)
    assert load_class_rules(tmp_path / "mine.yaml").move_up == (2, 12)
    assert "move_up" in RULES.house


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "substandard: 90, doubtful: 270",
            "substandard: 280, doubtful: 270",
            "must not fall from one class to the next",
        ),
        ("own_share:", "own_shar:", 'did you mean "own_share"'),
        ('own_share: "0.1"', "own_share: 1.5", r"china.yaml:\d+:\d+: own_share is a share from 0 to 1"),
        (
            "evades_debts: doubtful",
            "evades_debts: doubtfull",
            'is no evades_debts; did you mean "doubtful"',
        ),
        ("months: 6", "months: soon", "months is a whole number from 1 to 120, not 'soon'"),
        ("debtor:", "depter:", "debtor is missing"),
        (
            "move_up: {periods: 2, months: 6}",
            "move_up: 6",
            "a mapping with periods, months meant, not a number",
        ),
        ("triggers:", "triggers: often\nmore:", "'more' is not known here"),
        ("name: china_2023", "name: [", r"china.yaml:\d+:\d+: "),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (TABLES / "china_2023.yaml").read_text()
    assert old in text
    (tmp_path / "china.yaml").write_text(text.replace(old, new))
    with pytest.raises(TableError, match=said):
        load_class_rules(tmp_path / "china.yaml")


@pytest.mark.parametrize(
    ("part", "written", "said"),
    [
        (
            "lines",
            "[90]",
            r"china.yaml:\d+:\d+: lines are a mapping of products, each with special_mention, substandard",
        ),
        ("triggers", "often", "triggers are a mapping of names, each with a class, not a text"),
        ("house", "move_up", "house is a list of words, not 'move_up'"),
    ],
)
def test_a_part_of_another_kind_is_refused_and_not_left_out(tmp_path: Path, part: str, written: str, said: str) -> None:
    text = (TABLES / "china_2023.yaml").read_text()
    (tmp_path / "china.yaml").write_text(
        re.sub(rf"^{part}:.*\n(  .*\n)*", f"{part}: {written}\n", text, flags=re.MULTILINE)
    )
    with pytest.raises(TableError, match=said):
        load_class_rules(tmp_path / "china.yaml")


def test_a_house_may_have_no_triggers(tmp_path: Path) -> None:
    text = (TABLES / "china_2023.yaml").read_text()
    (tmp_path / "china.yaml").write_text(re.sub(r"^triggers:.*\n(  .*\n)*", "triggers:\n", text, flags=re.MULTILINE))
    assert load_class_rules(tmp_path / "china.yaml").triggers == {}


def test_a_part_that_is_missing_is_the_only_thing_said(tmp_path: Path) -> None:
    text = (TABLES / "china_2023.yaml").read_text().replace("move_up: {", "# move_up: {")
    (tmp_path / "china.yaml").write_text(text)
    with pytest.raises(TableError) as error:
        load_class_rules(tmp_path / "china.yaml")
    assert [problem.message for problem in error.value.problems] == ["move_up is missing"]


def test_a_wrong_table_of_stages_is_refused_too(tmp_path: Path) -> None:
    text = (TABLES / "ifrs9.yaml").read_text().replace("impaired_from: substandard", "impaired_from: bad")
    (tmp_path / "stages.yaml").write_text(text)
    with pytest.raises(TableError, match="'bad' is no impaired_from"):
        load_stage_rules(tmp_path / "stages.yaml")


def test_risk_has_grown_where_it_is_a_multiple_and_more_by_some_points() -> None:
    now, then = np.array([0.02, 0.002, 0.02, 0.05]), np.array([0.01, 0.001, 0.015, 0.01])
    assert significant_increase(now, then, ratio=2, points=0.005).tolist() == [True, False, False, True]
    with pytest.raises(LendingError, match="between 0 and 1"):
        significant_increase(now * 100, then, ratio=2, points=0.005)


def test_months_are_counted_to_the_day() -> None:
    assert str(add_months("2025-08-31", 6)) == "2026-02-28"
