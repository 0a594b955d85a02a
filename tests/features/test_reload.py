"""What a rule author sees of windows when rules change while events flow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.features import Aggregate, KeyState, KindLayout, Op, Periods
from tests.features.reference import Event, Reference
from tests.features.streams import LATENESS, PERIODS, aggregate, aggregates, differs, layout, run, streams

ORDER = frozenset({("order", "")})


def state_of(layout: KindLayout, *, scan_below: int = 48) -> KeyState:
    return KeyState(layout, reserve_mib=8, chunks=2, lateness_ms=LATENESS, scan_below=scan_below)


LISTS = st.lists(aggregates(), min_size=1, max_size=8, unique_by=lambda a: a.id)


@given(LISTS, LISTS, LISTS, streams(twice=False), st.sampled_from([2, 48]))
@settings(max_examples=100, deadline=None)
def test_a_reload_keeps_what_did_not_change_and_flags_what_is_not_whole(
    kept: list[Aggregate], old: list[Aggregate], new: list[Aggregate], events: list[Event], scan_below: int
) -> None:
    """An aggregate of both plans goes on unflagged as if nothing had happened; a new one is exact or flagged."""
    kept_ids = {a.id for a in kept}
    before = layout(kept + [a for a in old if a.id not in kept_ids])
    after = layout([a for a in new if a.id not in kept_ids] + kept)
    state, truth = state_of(before, scan_below=scan_below), Reference(layout(list(before.aggregates + tuple(new))))
    truth.layout = layout(list({a.id: a for a in (*before.aggregates, *after.aggregates)}.values()))
    half = len(events) // 2
    run(state, events[:half])
    state.set_layout(after)
    values, flags = run(state, events[half:], [3, 17])
    answers = [dict(zip(truth.layout.index, truth.apply(e), strict=True)) for e in events]
    longest_before = before.longest_ms
    for i, event in enumerate(events[half:]):
        if event.key is None:
            continue
        for f, a in enumerate(after.aggregates):
            flagged = bool(flags[i] >> f & 1)
            if a.id in kept_ids and after.longest_ms <= longest_before:
                assert not flagged, a
            if not flagged:
                assert not differs(a, float(values[i, f]), False, answers[half + i][a.id]), (a, event)


def test_a_new_window_over_old_events_is_filled_at_once() -> None:
    """The rows are there: an aggregate over the same events and field is exact from its first event on."""
    state = state_of(layout([aggregate(Op.SUM, "amount")]))
    run(state, [Event(t, ORDER, {"amount": 100}) for t in range(100, 1000, 100)])
    state.set_layout(layout([aggregate(Op.MAX, "amount", window_ms=450), aggregate(Op.COUNT, window_ms=450)]))
    values, flags = run(state, [Event(1000, ORDER, {"amount": 50})])
    assert values[0].tolist() == [1.0, 5.0]
    assert flags.tolist() == [0]


@pytest.mark.parametrize("scan_below", [2, 48])
def test_a_new_field_starts_empty_and_is_flagged_until_its_window_has_passed(scan_below: int) -> None:
    """Rows before the reload do not have it; rows of any key become wider as they are touched."""
    both = [aggregate(Op.COUNT), aggregate(Op.SUM, "price")]
    state = state_of(layout(both[:1]), scan_below=scan_below)
    price = {"price": 10**8}
    run(state, [Event(t, ORDER, price, key=t % 3) for t in range(100, 1000, 10)])
    state.set_layout(layout(both), now_ms=1000)
    values, flags = run(state, [Event(t, ORDER, price, key=t // 10 % 3) for t in range(1010, 3000, 10)])
    assert values[0].tolist() == [31, 1]
    assert flags[:99].tolist() == [0b10] * 99
    assert flags[99:].tolist() == [0] * 100
    assert (values[102:, 0] == values[102:, 1]).all()


def test_what_is_warming_is_told_with_its_end_and_is_what_is_flagged() -> None:
    """From the start nothing is; after a reload what is new, until its window begins behind the reload."""
    kept, new = aggregate(Op.COUNT), aggregate(Op.SUM, "price", window_ms=500)
    state = state_of(layout([kept]))
    assert state.warming(0) == {}
    run(state, [Event(900, ORDER, {"price": 1})])
    state.set_layout(layout([kept, new]), now_ms=1000)
    assert state.warming(1000) == {new.id: 1500}
    for now in (1001, 1499, 1500, 1501):
        _, flags = run(state, [Event(now, ORDER, {"price": 1})])
        assert (flags[0] != 0) == (new.id in state.warming(now))
    longer = aggregate(Op.COUNT, window_ms=4000)
    state.set_layout(layout([kept, longer]), now_ms=2000)
    (until,) = state.warming(2000).values()
    assert until == 2000 - 1000 - LATENESS + 4000


def test_last_and_since_are_known_from_the_first_event_after_a_reload_that_they_ask_for() -> None:
    """What came before the reload cannot be newer; so reference data that is sent again is known at once."""
    new = [aggregate(op, "price", window_ms=10**9) for op in (Op.LAST, Op.SINCE, Op.FIRST)]
    state = state_of(layout([aggregate(Op.COUNT, of=("transfer",))]))
    run(state, [Event(900, frozenset({("transfer", "")}))])
    state.set_layout(layout(new), now_ms=1000)
    asked = Event(1200)
    _, flags = run(state, [asked])
    assert flags.tolist() == [0b111]
    values, flags = run(state, [Event(1100, ORDER, {"price": 10**8}), Event(1200)])
    assert flags.tolist() == [0b111, 0b100]
    assert values[1].tolist() == [1.0, 0.1, 1.0]


def test_a_calendar_window_is_warm_when_its_next_period_begins() -> None:
    """However long a period may be: what came before it was no part of it."""
    new = aggregate(Op.SUM, "price", window_ms=PERIODS[2])
    state = state_of(layout([aggregate(Op.COUNT, window_ms=5000)]))
    run(state, [Event(10_100, ORDER, {"price": 1})])
    state.set_layout(layout([aggregate(Op.COUNT, window_ms=5000), new]), now_ms=10_200)
    assert state.warming(10_200) == {new.id: 10_800}
    for now in (10_201, 10_799, 10_800, 10_900):
        _, flags = run(state, [Event(now, ORDER, {"price": 1})])
        assert (flags[0] != 0) == (new.id in state.warming(now))


def test_a_changed_calendar_finds_the_events_that_are_there() -> None:
    """A day more or less that is a holiday is another window over the same rows, and exact from its first event on."""
    before, after = Periods("day", [10_000, 10_100, 10_300]), Periods("day", [10_000, 10_100, 10_200, 10_300])
    longest = aggregate(Op.COUNT, window_ms=1000)
    state = state_of(layout([longest, aggregate(Op.COUNT, window_ms=before)]))
    values, _ = run(state, [Event(t, ORDER) for t in range(10_050, 10_250, 10)])
    assert values[-1, 1] == 15
    state.set_layout(layout([longest, aggregate(Op.COUNT, window_ms=after, name="new")]))
    values, flags = run(state, [Event(10_250, ORDER)])
    assert (values[0, 1], flags[0]) == (6, 0)


def test_a_lower_cap_holds_from_the_next_event_of_a_key_on() -> None:
    """It drops what is too much at once, into the panes; distinct values of the longer log are still counted right."""
    asked = [aggregate(Op.COUNT), aggregate(Op.DISTINCT, "quantity")]
    state = state_of(layout(asked, cap=1000), scan_below=10_000)
    run(state, [Event(i, ORDER, {"quantity": i}) for i in range(900)])
    state.set_layout(layout(asked, cap=10))
    values, flags = run(state, [Event(900)])
    assert (values[0].tolist(), flags.tolist()) == ([900, 900], [0])
    values, flags = run(state, [Event(901, ORDER, {"quantity": 901})])
    assert (state.rows, state.dropped, flags.tolist()) == (10, 891, [3])
    assert values[0, 1] == 10
    assert 870 <= values[0, 0] <= 901


def test_a_longer_longest_window_is_flagged_as_far_as_rows_may_be_gone() -> None:
    """Rows older than the old longest window were not kept for it."""
    state = state_of(layout([aggregate(Op.COUNT)]))
    run(state, [Event(t, ORDER) for t in range(0, 5000, 10)])
    state.set_layout(layout([aggregate(Op.COUNT), aggregate(Op.COUNT, window_ms=3000)]))
    values, flags = run(state, [Event(t, ORDER) for t in range(5000, 8000, 10)])
    assert flags[0] == 0b10
    assert (flags[250:] == 0).all()
    assert (values[250:] == [100, 300]).all()


@pytest.mark.parametrize("reload_at", [300, 2000, 10_000])
def test_events_older_than_what_was_surely_kept_are_judged_alike_with_caches_and_without(reload_at: int) -> None:
    """A reload may say a time ahead of a key's events: those behind it are flagged, and no cache loses count."""
    before, after = [aggregate(Op.COUNT, window_ms=10)], [aggregate(Op.COUNT, window_ms=w) for w in (10, 700)]
    after += [aggregate(op, "amount", window_ms=w) for op in (Op.SUM, Op.DISTINCT, Op.MAX, Op.LAST) for w in (10, 700)]
    given = []
    for scan_below in (2, 10_000):
        state = state_of(layout(before), scan_below=scan_below)
        run(state, [Event(t, ORDER, {"amount": t % 70}, id=t) for t in range(0, 250, 5)])
        state.set_layout(layout(after), now_ms=reload_at)
        events = [Event(t - t % 7 * 3, ORDER, {"amount": t % 90}, id=t) for t in range(250, 3000, 5)]
        given.append(run(state, events, range(0, 600, 7)))
    (values, flags), (want, want_flags) = given
    assert np.array_equal(values, want, equal_nan=True)
    assert np.array_equal(flags, want_flags)


@pytest.mark.parametrize("scan_below", [2, 48])
def test_a_reload_ahead_of_the_clock_hides_no_row_that_is_still_there(scan_below: int) -> None:
    """Flagged, since other events may have gone by; but what comes behind an event still changes what is said of it."""
    state = state_of(layout([aggregate(Op.COUNT)]), scan_below=scan_below)
    state.sweep(-(10**9), 0)  # no clock yet: rows stay
    run(state, [Event(t, ORDER) for t in (100, 110, 120)])
    state.set_layout(layout([aggregate(Op.COUNT), aggregate(Op.COUNT, window_ms=9000)]), now_ms=50_000)
    asked = Event(130)
    values, flags = run(state, [asked])
    assert (values[0].tolist(), flags[0]) == ([3, 3], 0b11)
    run(state, [Event(115, ORDER)])
    values, flags = run(state, [asked])
    assert (values[0].tolist(), flags[0]) == ([4, 4], 0b11)


def test_what_was_dropped_and_asked_again_starts_anew() -> None:
    """Events that went by while nobody asked are not there, and the flag says so."""
    sum_of_price = layout([aggregate(Op.COUNT), aggregate(Op.SUM, "price")])
    state = state_of(sum_of_price)
    price = {"price": 10**8}
    run(state, [Event(10, ORDER, price)])
    state.set_layout(layout([aggregate(Op.COUNT)]))
    run(state, [Event(20, ORDER, price)])
    state.set_layout(sum_of_price)
    values, flags = run(state, [Event(30, ORDER, price), Event(1021, ORDER, price)])
    assert values.tolist() == [[3, 2], [2, 2]]
    assert flags.tolist() == [0b10, 0]


def test_conditions_can_change_for_ever() -> None:
    """Each edit of a `where` takes a new bit; old ones are taken from the rows and used again."""
    state = state_of(layout([aggregate(Op.COUNT)]))
    run(state, [Event(1, ORDER)])
    for edit in range(200):
        where = f"amount > {edit}"
        state.set_layout(layout([aggregate(Op.COUNT), aggregate(Op.COUNT, where=where)]), now_ms=2 + edit)
        matching = frozenset({("order", ""), ("order", where)})
        values, _ = run(state, [Event(2 + edit, matching)])
        assert values[0].tolist() == [2 + edit, 1]


def test_distinct_counts_are_right_after_many_reloads() -> None:
    """Working space that changes its use with the layout leaves nothing behind in it."""
    asked = [aggregate(Op.DISTINCT, "merchant", window_ms=w) for w in (1000, 500, 250, 100)]
    state = state_of(layout(asked[:1]))
    for i in range(300):
        now = layout(asked[: 1 + i % 4])
        state.set_layout(now)
        values, flags = run(state, [Event(10 * i, ORDER, {"merchant": 1 + i % 7})])
        assert flags.tolist() == [0]
        assert values[0].tolist() == [min(7, i + 1)] * len(now.aggregates)


def test_panes_of_a_count_that_did_not_change_survive() -> None:
    """What a cap had dropped before the reload is still counted after it."""
    asked = [aggregate(Op.COUNT), aggregate(Op.COUNT, window_ms=500)]
    state = state_of(layout(asked[:1], cap=5))
    run(state, [Event(t, ORDER) for t in range(1, 401)])
    state.set_layout(layout(asked[::-1], cap=5))
    values, flags = run(state, [Event(401, ORDER)])
    assert flags[0] == 0b11
    assert values[0].tolist() == [6, 401]  # the window that was not asked for before has one dropped row so far


def test_a_layout_of_another_kind_is_refused() -> None:
    """Its keys would not be these keys."""
    state = state_of(layout([aggregate(Op.COUNT)]))
    with pytest.raises(ValueError, match='"customer" cannot take a layout of "device"'):
        state.set_layout(KindLayout("device", []))


def test_a_layout_without_aggregates_keeps_nothing_and_answers_nothing() -> None:
    """A reload may take the last feature of a key away."""
    state = state_of(layout([aggregate(Op.COUNT)]))
    run(state, [Event(1, ORDER)])
    state.set_layout(layout([]))
    values, flags = run(state, [Event(2, ORDER), Event(3, ORDER)])
    assert values.shape == (2, 0)
    assert flags.tolist() == [0, 0]
    assert state.rows == 1
    assert not np.isnan(values).any()
