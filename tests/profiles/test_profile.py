"""A profile is a function of what holds, whatever the order; it equals a slow truth; and it fades as it says."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.profiles import Contribution, at, next_change, profile_of
from tests.oracle.profiles import POINTS, Said, stand
from tests.profiles.house import DAY, POLICY, policy, said

SMALL = policy()

ALERTS = st.builds(
    Said,
    id=st.integers(0, 11).map(lambda n: f"a{n}"),
    revision=st.integers(0, 5),
    stands=st.sampled_from([True, True, True, False]),
    customer=st.sampled_from(["C1", "C2"]),
    rule=st.sampled_from(["storm", "fraud", "other"]),
    stage=st.sampled_from(["pre_loan", "mid_loan", "trading", "portfolio"]),
    severity=st.sampled_from(sorted(POINTS)),
    day=st.integers(0, 24).map(lambda n: 30 * n),
)
#: What is said of one alert under one revision is one thing.
STREAMS = st.lists(ALERTS, max_size=30, unique_by=lambda one: (one.id, one.revision))


def contribution(one: Said) -> Contribution:
    given = {name: getattr(one, name) for name in ("id", "revision", "stands", "customer", "rule", "stage", "severity")}
    return said(0, **given, time=one.day * DAY)


@settings(max_examples=300)
@given(STREAMS, st.integers(0, 40))
def test_a_profile_equals_the_slow_truth(stream: list[Said], months: int) -> None:
    day = 30 * months
    truth = stand(stream, day)
    found = profile_of(SMALL, "group", "G", map(contribution, stream), day * DAY)
    assert found.score == pytest.approx(float(truth.points), abs=0.0051)
    assert set(found.names) == truth.labels
    if all(abs(float(truth.points) - line) > 1e-9 for _, line in SMALL.policy.lines):
        assert found.grade == truth.grade
    assert sum(found.by_entity.values()) == pytest.approx(found.score, abs=0.02)


@given(STREAMS, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_makes_a_difference(stream: list[Said], chance: random.Random) -> None:
    given = [contribution(one) for one in stream]
    again = given + chance.choices(given, k=10) if given else []
    chance.shuffle(again)
    now = 720 * DAY
    assert profile_of(SMALL, "customer", "C1", again, now) == profile_of(SMALL, "customer", "C1", given, now)


def test_a_withdrawn_alert_takes_its_part_back() -> None:
    before = [said(1), said(2, severity="critical", rule="fraud")]
    taken_back = said(2, severity="critical", rule="fraud", revision=7, stands=False)
    with_it, without = (
        profile_of(SMALL, "customer", "C1", stream, 10 * DAY) for stream in (before, [*before, taken_back])
    )
    assert (with_it.grade, with_it.names) == ("D", ["suspect"])
    assert without == profile_of(SMALL, "customer", "C1", [said(1)], 10 * DAY)


def test_what_is_not_yet_said_does_not_count() -> None:
    """A profile as of a past time is what was known of the time until then."""
    assert profile_of(SMALL, "customer", "C1", [said(5)], 4 * DAY).score == 0.0
    assert profile_of(SMALL, "customer", "C1", [said(5)], 5 * DAY).score == 20.0


def test_half_of_the_points_is_left_after_the_half_life_of_the_stage() -> None:
    """Pre-loan 90 days, trading 30 and half the weight."""
    pre, trading = said(0), said(0, id="t", stage="trading", rule="fraud")
    assert profile_of(SMALL, "customer", "C1", [pre], 90 * DAY).score == 10.0
    assert profile_of(SMALL, "customer", "C1", [trading], 30 * DAY).score == 5.0
    assert profile_of(SMALL, "customer", "C1", [pre, trading], 180 * DAY).score == pytest.approx(
        5.0 + 10 / 64, abs=0.01
    )


def test_a_storm_of_one_rule_is_no_grade() -> None:
    storm = [said(n, id=f"s{n}", rule="storm", time=n) for n in range(500)]
    found = profile_of(SMALL, "customer", "C1", storm, DAY)
    assert (found.score, found.grade, found.reasons[0].alerts) == (10.0, "B", 500)
    assert found.reasons[0].points > 9_000


def test_a_group_adds_its_members_up_each_limited_for_itself() -> None:
    of_two = [said(1, id="x", customer="C1", rule="storm"), said(1, id="y", customer="C2", rule="storm", entity="Beta")]
    found = profile_of(SMALL, "group", "G1", of_two, DAY)
    assert found.score == 20.0
    assert found.by_entity == {"Alpha": 10.0, "Beta": 10.0}
    assert [reason.customer for reason in found.reasons] == ["C1", "C2"]


def test_a_group_has_lines_of_its_own_where_they_are_given() -> None:
    own = policy(POLICY + "group_grades: {A: 0, B: 100, C: 200, D: 300, E: 400}\n")
    assert profile_of(own, "customer", "C1", [said(1)], DAY).grade == "B"
    assert profile_of(own, "group", "G1", [said(1)], DAY).grade == "A"


def test_a_bad_grade_is_held_at_once_and_for_so_long() -> None:
    """Twenty points are grade B; a fraud is D for 360 days, whatever is left of them."""
    found = profile_of(SMALL, "customer", "C1", [said(0, rule="fraud")], 0)
    assert (found.grade, found.floors[0].why) == ("D", "a fraud")
    assert at(found, 359 * DAY).grade == "D"
    assert at(found, 360 * DAY).grade == "A"


def test_a_score_of_its_own_counts_where_the_policy_says_so() -> None:
    own = policy(POLICY.replace("{low: 2, medium: 8, high: 20, critical: 45}", "score"))
    assert profile_of(own, "customer", "C1", [said(1, score=33.0)], DAY).score == 33.0


def test_the_largest_reasons_come_first_and_say_their_sentence() -> None:
    many = [said(n, id=f"r{n}", rule=f"rule{n:02}", time=0) for n in range(60)]
    many.append(said(60, rule="rule60", time=0, severity="critical"))
    found = profile_of(SMALL, "customer", "C1", many, DAY)
    assert found.reasons[0].rule == "rule60"
    assert [bool(reason.summary) for reason in found.reasons] == [True] * 5 + [False] * 45
    assert found.rest[0].points == pytest.approx(11 * 20 * 0.5 ** (1 / 90))
    assert found.alerts == 61


@given(STREAMS, st.integers(0, 24), st.integers(0, 400))
def test_what_is_left_later_needs_the_profile_alone(stream: list[Said], months: int, later: int) -> None:
    """Where nothing new comes, a reader has the profile of a later day without the alerts."""
    began = 30 * months * DAY
    known = [contribution(one) for one in stream if one.day * DAY <= began]
    profile = profile_of(SMALL, "customer", "C1", known, began)
    found, truth = (
        at(profile, began + later * DAY),
        profile_of(SMALL, "customer", "C1", known, began + later * DAY),
    )
    assert found.score == pytest.approx(truth.score, abs=0.011)
    assert (found.names, found.floors) == (truth.names, truth.floors)
    if all(abs(truth.score - line) > 0.02 for line in profile.lines.values()):
        assert found.grade == truth.grade


@given(STREAMS, st.integers(0, 24))
def test_between_changes_nothing_changes(stream: list[Said], months: int) -> None:
    """Until the time that `next_change` names grade and labels are as they were, and then one of them is not."""
    began = 30 * months * DAY
    profile = profile_of(SMALL, "customer", "C1", map(contribution, stream), began)
    change = next_change(profile)
    if change is None:
        assert (at(profile, began + 100_000 * DAY).grade, profile.labels, profile.floors) == (profile.grade, [], [])
        return
    assert change > began
    before = at(profile, change - 1)
    assert (before.grade, before.labels, before.floors) == (profile.grade, profile.labels, profile.floors)


def test_points_that_fade_below_a_line_are_a_change_to_the_millisecond() -> None:
    """Twenty points are below eight after 90 days times log2(20 / 8)."""
    profile = profile_of(SMALL, "customer", "C1", [said(0)], 0)
    change = next_change(profile)
    assert change is not None
    assert change / DAY == pytest.approx(118.9735, abs=1e-4)
    assert (at(profile, change - 1).grade, at(profile, change).grade) == ("B", "A")
    assert next_change(at(profile, change)) is None
