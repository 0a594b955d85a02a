"""A quiet origin's clock is raised to where the others were a while ago, and at rest to well behind the wall clock."""

from __future__ import annotations

from itertools import pairwise

from risk_stream.catalogue import MISSING
from risk_stream.stream.intake.lifts import AT_REST_MS, Lifts

WALL = 1_700_000_000_000


def lifts(*own: str, live: bool = True) -> Lifts:
    made = Lifts(quiet=2.0, lateness_ms=10_000, live=live)
    made.begin(100.0, own)
    return made


def test_a_quiet_origin_is_lifted_to_where_the_lowest_of_the_others_was() -> None:
    """As it was two seconds ago: what comes through the quiet one may be that much slower."""
    made = lifts("a", "b", "c")
    for second in range(6):
        made.came("a", 100 + second)
        made.came("b", 100 + second)
        due = made.due(100 + second, WALL, {"a": 50 + second, "b": 70, "c": 7}, {})
        assert due == ({"c": 50 + second - 2} if second >= 4 else {}), "it is quiet after two seconds"


def test_an_origin_that_brings_records_is_never_lifted() -> None:
    """However far it is behind: its own events say where it is."""
    made = lifts("a", "b")
    for second in range(9):
        made.came("a", 100 + second)
        made.came("b", 100 + second)
        assert made.due(100 + second, WALL, {"a": 50, "b": 7}, {}) == {}


def test_origins_of_other_workers_count_while_their_fronts_move() -> None:
    """One that stands still is quiet; its owner lifts it."""
    made = lifts("a")
    for second in range(12):
        moving = {"x": 500 + min(second, 5), "y": 3}
        due = made.due(100 + second, WALL, {"a": 7}, moving)
        if 4 <= second <= 7:
            assert due == {"a": 500 + second - 2}
    assert due == {"a": WALL - 10_000 - AT_REST_MS}


def test_where_all_are_quiet_only_a_live_clock_goes_by_the_wall() -> None:
    """A simulated day has its own time."""
    for live, expected in ((True, {"a": WALL - 10_000 - AT_REST_MS}), (False, {})):
        made = lifts("a", live=live)
        assert made.due(101.0, WALL, {"a": 7}, {}) == {}
        assert made.due(103.0, WALL, {"a": 7}, {}) == expected


def test_a_simulated_day_at_rest_for_a_minute_goes_on_to_the_furthest_clock() -> None:
    """That of whichever worker; any record that comes begins the minute anew."""
    made = lifts("a", "b", "c", live=False)
    own = {"a": 7, "b": 90, "c": MISSING}
    for second in range(30):
        assert made.due(103.0 + second, WALL, own, {"x": 50}) == {}
    made.came("a", 133.0)
    due = [made.due(133.0 + second, WALL, own, {"x": 500}) for second in range(70)]
    first = next(second for second, lifted in enumerate(due) if lifted.get("b") == 500)
    assert due[first] == {"a": 500, "b": 500}
    assert 60 <= first <= 66, "two seconds until it is quiet, three until hearsay is, and a minute"


def test_at_rest_an_origin_without_a_clock_stays_without() -> None:
    """The first event of a new house may be of any time."""
    made = lifts("a")
    assert made.due(103.0, WALL, {"a": MISSING}, {}) == {}


def test_what_brings_nothing_of_the_house_lifts_nobody_and_is_lifted_when_it_stops() -> None:
    """A canary that moves each second leaves a house at rest the minute that its senders may be cut off."""
    at_rest = WALL - 10_000 - AT_REST_MS
    for canary_is_own in (True, False):
        made = Lifts(quiet=2.0, lateness_ms=10_000, live=True, aside={"canary/0"})
        made.begin(100.0, ("a", "canary/0") if canary_is_own else ("a",))
        for second in range(9):
            made.came("canary/0", 100 + second)
            moving = {"canary/0": WALL + second * 1000}
            own = {"a": 7} | (moving if canary_is_own else {})
            due = made.due(100 + second, WALL, own, moving)
            assert due in ({}, {"a": at_rest})
    made = Lifts(quiet=2.0, lateness_ms=10_000, live=True, aside={"canary/0"})
    made.begin(100.0, ("a", "canary/0"))
    for second in range(9):
        made.came("a", 100 + second)
        due = made.due(100 + second, WALL, {"a": 500 + second, "canary/0": 3}, {})
    assert due == {"canary/0": 506}


def test_a_clock_is_never_set_back() -> None:
    """An origin that is ahead of all others stays there."""
    made = lifts("a", "b")
    for second in range(5):
        made.came("a", 100 + second)
        assert made.due(100 + second, WALL, {"a": 50, "b": 60}, {}) == {}


def test_an_origin_that_stays_quiet_is_lifted_ever_more_rarely() -> None:
    """Each lift is a commit and an audit record; one that wakes up begins anew."""
    made = lifts("a")
    times = []
    clock = 7
    for second in range(300):
        due = made.due(100 + second, WALL + 1000 * second, {"a": clock}, {})
        if due:
            clock = due["a"]
            made.tried("a", 100 + second)
            times.append(second)
    gaps = [b - a for a, b in pairwise(times)]
    assert gaps == [2, 4, 8, 16, 32, 60, 60, 60]
    made.came("a", 400)
    assert made.due(402, WALL + 302_000, {"a": clock}, {}) != {}


def test_where_a_backlog_goes_by_a_quiet_origin_keeps_up_with_it() -> None:
    """Ten seconds of the wall clock are minutes of event time there, and all of them would be kept by the hops."""
    for speed, gaps in ((1, {2, 4, 8, 10}), (100, {2})):
        made, clock, times = lifts("a", "b"), 0, []
        for second in range(60):
            made.came("b", 100 + second)
            due = made.due(100 + second, WALL, {"a": clock, "b": 1000 * speed * second}, {})
            if due:
                clock = due["a"]
                made.tried("a", 100 + second)
                times.append(second)
        assert {b - a for a, b in pairwise(times)} == gaps, speed
