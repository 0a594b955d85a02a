"""What a user of windows is promised: every value exact as of its event, whatever order, batches and caches."""

from __future__ import annotations

import os
from collections.abc import Iterable
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.features import KeyState, KindLayout, Op
from risk_stream.features._kernel import apply_batch
from risk_stream.features._words import RECENT
from tests.features.reference import MISSING, Event, Reference
from tests.features.streams import (
    LATENESS,
    OPS,
    PERIODS,
    TYPES,
    aggregate,
    differs,
    layout,
    layouts,
    run,
    seeded_stream,
    streams,
)

EVERYTHING = [
    aggregate(
        op, "merchant" if op in {Op.DISTINCT, Op.FIRST, Op.SEEN} else "amount", of=of, where=where, window_ms=window
    )
    for op, of, where, window in zip(
        list(OPS) * 4,
        [("order",), TYPES, ("transfer",)] * 14,
        ["", "large", "", "out", ""] * 8,
        [40, 1500, PERIODS[0], 200, 10_000, PERIODS[1], PERIODS[2]] * 6,
        strict=False,
    )
]


def state_of(layout: KindLayout, *, scan_below: int = 48, reserve_mib: int = 8) -> KeyState:
    return KeyState(layout, reserve_mib=reserve_mib, chunks=2, lateness_ms=LATENESS, scan_below=scan_below)


def compare(layout: KindLayout, events: list[Event], values: np.ndarray, flags: np.ndarray) -> int:
    """Hold every value to the reference; -> how many were flagged."""
    truth, flagged = Reference(layout), 0
    for i, event in enumerate(events):
        for f, (a, want) in enumerate(zip(layout.aggregates, truth.apply(event), strict=True)):
            inexact = bool(flags[i] >> f & 1)
            flagged += inexact
            if event.key is None:
                assert values[i, f] == 0 if a.text else np.isnan(values[i, f])
                continue
            wrong = differs(a, float(values[i, f]), inexact, want)
            assert not wrong, f"event {i} {event}: {a.id}: {wrong}"
    return flagged


@given(layouts(), streams(), st.lists(st.integers(1, 90), max_size=6), st.sampled_from([2, 5, 48]))
@settings(max_examples=80, deadline=None)
def test_every_value_is_what_the_definition_says(
    layout: KindLayout, events: list[Event], cuts: list[int], scan_below: int
) -> None:
    """Late events, equal times, missing values, any batches, long logs cached or not: equal to plain lists."""
    values, flags = run(state_of(layout, scan_below=scan_below), events, cuts)
    assert compare(layout, events, values, flags) == 0


@given(layouts(caps=(1, 2, 5, 20)), streams(), st.lists(st.integers(1, 90), max_size=6), st.sampled_from([2, 48]))
@settings(max_examples=80, deadline=None)
def test_what_a_cap_makes_inexact_is_flagged_and_nothing_else(
    layout: KindLayout, events: list[Event], cuts: list[int], scan_below: int
) -> None:
    """An unflagged value is exact; a flagged count lies between what is kept and what is true."""
    values, flags = run(state_of(layout, scan_below=scan_below), events, cuts)
    compare(layout, events, values, flags)


@given(
    layouts(), streams(twice=False), st.randoms(), st.lists(st.integers(1, 90), max_size=6), st.sampled_from([2, 5, 48])
)
@settings(max_examples=60, deadline=None)
def test_values_are_those_of_the_set_of_events_whatever_order_they_came_in(
    layout: KindLayout, events: list[Event], random: Random, cuts: list[int], scan_below: int
) -> None:
    """Shuffled, cut anywhere, some said twice: asked for again, each is answered as if all had come in order."""
    shuffled = random.sample(events, len(events)) + random.sample(events, len(events) // 4)
    state = state_of(layout, scan_below=scan_below)
    state.sweep(9_000)  # the clock stands before all of them, so none is late
    run(state, shuffled, cuts)
    rows = state.rows
    in_order = sorted(events, key=lambda e: e.place)
    for asked in (in_order, in_order[::-1], random.sample(in_order, len(in_order))):
        values, flags = run(state, asked, cuts, asking=random.random() < 0.5)
        again = {id(e): i for i, e in enumerate(asked)}
        back = [again[id(e)] for e in in_order]
        assert compare(layout, in_order, values[back], flags[back]) == 0
    assert state.rows == rows


@pytest.mark.parametrize(("seed", "cap"), [(0, 1024), pytest.param(1, 1024, marks=pytest.mark.slow), (2, 60)])
def test_long_logs_asked_for_again_equal_the_ordered_stream(seed: int, cap: int) -> None:
    """A cached key whose rows come up to hundreds out of order, each asked for again: near the newest and far."""
    asked = layout(EVERYTHING, cap)
    events = seeded_stream(seed, 400, keys=1, step=(0, 1, 9)[seed], late=0)
    state = state_of(asked, scan_below=5)
    state.sweep(9_000)
    run(state, [events[i] for i in np.random.default_rng(seed).permutation(400)], range(0, 400, 23))
    in_order = sorted(events, key=lambda e: e.place)
    kept = [e for e in in_order if e.counts_for][-cap:]
    late = [e for e in in_order if e.place >= kept[0].place]
    truth = Reference(asked)
    want = dict(zip((e.place for e in in_order), [truth.apply(e) for e in in_order], strict=True))
    for order in (late, late[::-1]):
        values, flags = run(state, order, asking=True)
        for i, event in enumerate(order):
            for f, a in enumerate(asked.aggregates):
                flagged = bool(flags[i] >> f & 1)
                assert flagged or not differs(a, float(values[i, f]), False, want[event.place][f])


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 4))])
def test_long_logs_are_exact_through_caches_and_compactions(seed: int) -> None:
    """Thousands of events of a few keys, cached, late, trimmed, compacted, capped: equal to plain lists."""
    cap = (1024, 150)[seed % 2]
    asked = layout(EVERYTHING, cap)
    events = seeded_stream(seed, 900, late=(0.0, 0.02, 0.2)[seed % 3], step=(2, 9)[seed % 2])
    values, flags = run(state_of(asked), events, range(0, 900, 37))
    flagged = compare(asked, events, values, flags)
    assert (flagged > 0) == (cap == 150)


@pytest.mark.parametrize(("seed", "late"), [(0, 0.6), (1, 0.1), (1, 0.6), (2, 0.3)])
def test_events_behind_others_are_exact_however_far_behind(seed: int, late: float) -> None:
    """A busy key whose events come a few or more than a hundred rows out of order, with few and many values."""
    asked = layout(
        [*EVERYTHING[::3], aggregate(Op.DISTINCT, "quantity", of=TYPES, window_ms=100)], (1024, 120)[seed % 2]
    )
    events = seeded_stream(seed, 500, keys=1, step=1, late=late, span=(3, 20, 10**6)[seed])
    values, flags = run(state_of(asked, scan_below=5), events, range(0, 500, 41))
    compare(asked, events, values, flags)


@pytest.mark.parametrize("scan_below", [1, 10, 48, 10_000])
def test_values_do_not_depend_on_batches_or_caches(scan_below: int) -> None:
    """The same stream, cut anywhere and cached from any length on, gives the same bits."""
    asked = layout(EVERYTHING, 100)
    events = seeded_stream(11, 2500, late=0.1)
    want, want_flags = run(state_of(asked), events)
    rng = np.random.default_rng(scan_below)
    got, flags = run(state_of(asked, scan_below=scan_below), events, rng.integers(0, 2500, 200).tolist())
    assert np.array_equal(want.view(np.int64), got.view(np.int64))
    assert np.array_equal(want_flags, flags)


ORDER = frozenset({("order", "")})
RUNS = ["front", "front", "behind", "behind", "run", "run", "run", "one", "ahead", "sweep", "layout"]


@given(
    st.integers(0, 2**32),
    st.lists(st.sampled_from(RUNS), min_size=4, max_size=30),
    st.sampled_from([100, 350, 1 << 16]),
    st.sampled_from([1, 3]),
)
@settings(max_examples=40, deadline=None)
def test_runs_of_questions_far_back_in_long_logs_are_answered_as_from_the_whole_log(
    seed: int, steps: list[str], cap: int, keys: int
) -> None:
    """Asked before a block and after it, from any place, of keys that grow, lose rows and get some far behind others.

    The truth is a state that looks through its log for each answer, which other tests hold to the definition.
    """
    rng = np.random.default_rng(seed)
    stream = seeded_stream(seed, 1500, keys=keys, step=int(rng.choice([0, 2, 9])), late=0, span=150)
    stream.sort(key=lambda e: e.place)
    rare = [aggregate(Op.DISTINCT, "amount", of=TYPES, window_ms=window) for window in (40, 300, 1500)]
    rare += [aggregate(op, "amount", window_ms=p) for op in (Op.SUM, Op.DISTINCT, Op.MAX, Op.LAST) for p in PERIODS]
    layouts = layout([*EVERYTHING, *rare], cap), layout([*EVERYTHING[::-2], *rare], cap)
    states = [state_of(layouts[0], scan_below=scan_below) for scan_below in (5, 1 << 40)]
    held_back = rng.random(len(stream)) < 0.15
    waiting = [e for e, held in zip(stream, held_back, strict=True) if held]
    events = [e for e, held in zip(stream, held_back, strict=True) if not held]
    at, run_from = 600, 300

    def same(asked: list[Event], *, asking: bool = True) -> None:
        (values, flags), (want, want_flags) = (run(state, asked, asking=asking) for state in states)
        assert np.array_equal(flags, want_flags)
        assert np.array_equal(values.view(np.int64), want.view(np.int64))

    for state in states:
        state.sweep(9_000)  # rows stay
        run(state, events[:at])
    for step in steps:
        if step == "front":
            same(events[at : at + 40], asking=False)
            at = min(at + 40, len(events))
        elif step == "behind":  # what it changes is asked for as before it and as after it
            places = [i for i, e in enumerate(waiting) if e.time <= events[at - 1].time]
            late = [waiting.pop(i) for i in sorted(rng.choice(places, min(3, len(places)), False))[::-1]][::-1]
            if late:
                run_from = next(i for i, e in enumerate(events) if e.place > late[0].place)
                same(events[run_from:at])
                same(late, asking=False)
                events = sorted([*events[:at], *late], key=lambda e: e.place) + events[at:]
                at += len(late)
                if rng.random() < 0.5:  # from the newest back
                    same(events[max(0, at - 110) : at][::-1])
                same(events[run_from:at])
        elif step == "run":  # about where the last one began; some events of none, and some left out
            run_from = max(0, min(at - 1, run_from + int(rng.integers(-90, 120))))
            stop = run_from + int(rng.choice([5, 80, 1000]))
            same([e for e in events[run_from : min(stop, at)] if rng.random() < 0.8])
        elif step == "one":
            same([events[int(rng.integers(at))]])
        elif step == "ahead":
            same([Event(events[at - 1].time + int(rng.integers(900)), key=int(rng.integers(keys)))])
        elif step == "sweep":
            for state in states:
                state.sweep(events[max(0, at - 700)].time - 10_000, 10)
        else:
            other = layouts[states[0].layout is layouts[0]]
            for state in states:
                state.set_layout(other)


@pytest.mark.parametrize("value", [136, 137, 138])
def test_a_value_that_comes_late_is_counted_once_as_of_every_moment(value: int) -> None:
    """Before another of its kind, asked for from the newest row back: what lies 64 rows back is judged another way."""
    state = state_of(layout([aggregate(Op.DISTINCT, "quantity", window_ms=10**5)]), scan_below=5)
    run(state, [Event(10 * n, ORDER, {"quantity": n}) for n in range(1, 201)])
    run(state, [Event(1205, ORDER, {"quantity": value})])
    for n in range(200, 120, -1):
        values, _ = run(state, [Event(10 * n + 6)])
        assert values[0, 0] == n + (n < value)


def both_ways(asked: KindLayout, steps: Iterable[tuple[list[Event], bool]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Values and flags of steps (events, whether they are only asked for), by caches and, the same, from whole logs.

    A step without events makes both forget what they remember of earlier questions.
    """
    cached, whole = (state_of(asked, scan_below=scan_below) for scan_below in (5, 1 << 40))
    given = []
    for events, asking in steps:
        if not events:
            cached.set_layout(asked)
            whole.set_layout(asked)
            continue
        values, flags = run(cached, events, asking=asking)
        want, want_flags = run(whole, events, asking=asking)
        assert np.array_equal(values.view(np.int64), want.view(np.int64))
        assert np.array_equal(flags, want_flags)
        given.append((values, flags))
    return given


COUNTED = [
    aggregate(op, name, window_ms=10**6)
    for op, name in ((Op.COUNT, None), (Op.SUM, "amount"), (Op.MIN, "amount"), (Op.DISTINCT, "quantity"))
]


def test_a_question_far_back_is_answered_without_what_the_cap_has_dropped_since_it_was_asked_last() -> None:
    """Again and again of one event, while one after another goes into the panes before it."""
    asked = layout(COUNTED, cap=200)
    events = [Event(t, ORDER, {"amount": t, "quantity": t}) for t in range(260)]
    again, steps = ([events[120]], True), [(events[:200], False)]
    for n in range(200, 260, 2):
        steps += [again, (events[n : n + 1], False), again, again, (events[n + 1 : n + 2], False), again, ([], False)]
    given = both_ways(asked, steps)
    distinct = [values[0, 3] for values, _ in given[1:] if len(values) == 1 and values[0, 1] < 80]
    assert (distinct[0], distinct[-1]) == (121, 61)


def test_a_question_far_back_of_one_key_is_answered_alike_whatever_goes_on_in_another() -> None:
    """The other is at its cap, and gets an event so far behind that what was known of its log is worked out anew."""
    asked = layout(COUNTED, cap=120)
    one = [Event(t, ORDER, {"amount": t, "quantity": t}, key=0) for t in range(120)]
    other = [Event(10 * t, ORDER, {"amount": t, "quantity": t}, key=1) for t in range(200)]
    asked_again, steps = ([one[40]], True), [(one, False), (other[:150], False)]
    for n in range(150, 200):
        late = Event(10 * (n - 110) + 5, ORDER, {"amount": n, "quantity": -n}, key=1)
        steps += [([late], False), asked_again, asked_again, ([other[n]], False), asked_again]
    for (values, flags), (events, _) in zip(both_ways(asked, steps), steps, strict=True):
        if events == [one[40]]:
            assert (values[0].tolist(), flags[0]) == ([41, 8.2, 0, 41], 0)


def test_what_comes_late_is_in_the_next_answer_about_the_past() -> None:
    """However often that was asked for before, and however far before that it lies; and not where it lies behind."""
    asked = layout([*COUNTED, *(aggregate(op, "amount", window_ms=10**6) for op in (Op.FIRST, Op.LAST, Op.MAX))])
    states = [state_of(asked, scan_below=scan_below) for scan_below in (5, 1 << 40)]
    rows = [Event(10 * n, ORDER, {"amount": n * 37 % 101, "quantity": n % 60}) for n in range(160)]
    question, n = Event(805), 81
    for state in states:
        run(state, rows)
    for times in (1, 2):
        for behind in (0, 1, 2, 62, 63, 64, 65, 70, -30):
            late = Event(802 - 10 * behind + times, ORDER, {"amount": 7 * behind - times, "quantity": 59 + behind % 3})
            front = Event(2000 + n, ORDER, {"amount": 3, "quantity": 1})
            answers = []
            for state in states:
                state.set_layout(asked)  # nothing of the past is remembered
                run(state, [front])
                for _ in range(times):
                    run(state, [question])
                run(state, [late])
                answers.append(run(state, [question])[0])
            assert np.array_equal(answers[0], answers[1])
            n += behind >= 0
            assert answers[0][0, 0] == n


def test_many_keys_keep_apart() -> None:
    """Thousands of keys through growing indexes: each sees its own events only."""
    asked = layout([aggregate(Op.COUNT, window_ms=10**9), aggregate(Op.LAST, "amount", window_ms=10**9)])
    state = state_of(asked)
    events = [Event(i, frozenset({("order", "")}), {"amount": 100 * (i % 5000)}, key=i % 5000) for i in range(15_000)]
    values, _ = run(state, events)
    assert state.keys == 5000
    assert state.rows == 15_000
    assert values[10_000:, 0].tolist() == [3.0] * 5000
    assert values[10_000:, 1].tolist() == [float(k) for k in range(5000)]


def test_an_event_that_counts_for_nothing_is_answered_and_not_kept() -> None:
    """It sees the windows as of its own time, in the past too, and leaves no trace, not even a key."""
    asked = layout([aggregate(Op.COUNT), aggregate(Op.SINCE)])
    order = frozenset({("order", "")})
    state = state_of(asked)
    values, _ = run(state, [Event(500), Event(1000, order), Event(1400), Event(900), Event(2500), Event(5, key=9)])
    assert values[:, 0].tolist() == [0, 1, 1, 0, 0, 0]
    assert values[2, 1] == 0.4
    assert np.isnan(values[[0, 1, 3, 4, 5], 1]).all()
    assert (state.keys, state.rows) == (1, 1)


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled here")
def test_questions_and_events_are_answered_by_one_compiled_kernel() -> None:
    """Another layout of the arrays in memory would have it compiled again, in a worker, for half a minute."""
    state = state_of(layout([aggregate(Op.COUNT), aggregate(Op.SUM, "amount"), aggregate(Op.LAST, "price")]))
    order = frozenset({("order", "")})
    run(state, [Event(time, order, {"amount": 1, "price": 2}, key=time % 3) for time in range(30)])
    asked = len(apply_batch.signatures)
    run(state, [Event(time, key=time % 3) for time in range(30)])
    assert len(apply_batch.signatures) == asked


def test_values_come_in_the_units_of_the_field() -> None:
    """Money in major units, correctly rounded; texts as hashes; time since in seconds."""
    asked = layout(
        [
            aggregate(Op.SUM, "amount"),
            aggregate(Op.MEAN, "price"),
            aggregate(Op.LAST, "merchant"),
            aggregate(Op.SINCE),
        ]
    )
    order = frozenset({("order", "")})
    events = [
        Event(1000, order, {"amount": 1999, "price": 10**8, "merchant": 77}),
        Event(1250, order, {"amount": 1, "price": 2 * 10**8, "merchant": 0}),
        Event(1300, order, {"amount": MISSING, "price": MISSING, "merchant": -5}),
    ]
    values, _ = run(state_of(asked), events)
    assert values[:, 0].tolist() == [19.99, 20.0, 20.0]
    assert values[:, 1].tolist() == [1.0, 1.5, 1.5]
    assert values.view(np.int64)[:, 2].tolist() == [0, 77, 77]
    assert values[1:, 3].tolist() == [0.25, 0.05]


def test_a_deviation_is_right_where_float_sums_of_squares_are_not() -> None:
    """A spread of 1 around 10**15, and what is left after a spike of 9 * 10**15 has passed."""
    asked = layout([aggregate(Op.STD, "quantity", window_ms=10)])
    order = frozenset({("order", "")})
    events = [Event(i, order, {"quantity": 10**15 + i % 2 * 2}) for i in range(1, 101)]
    events += [Event(200, order, {"quantity": 9 * 10**15})]
    events += [Event(205 + i, order, {"quantity": 1 + i % 2 * 2}) for i in range(100)]
    values, _ = run(state_of(asked, scan_below=4), events)
    assert values[99, 0] == 1.0
    assert values[-1, 0] == 1.0


def test_a_time_before_all_of_a_calendars_periods_is_in_one_as_long_as_the_longest() -> None:
    """However near to zero the time is."""
    asked = layout([aggregate(Op.COUNT, window_ms=PERIODS[0])])  # each of 100 ms, the first at 9000
    times = [95, 150, 195, 250, 8_999]
    values, flags = run(state_of(asked), [Event(t, frozenset({("order", "")})) for t in times])
    assert (values[:, 0].tolist(), flags.any()) == ([1, 2, 2, 2, 1], False)


@pytest.mark.parametrize("behind", [1, 3, 40, RECENT - 2, RECENT - 1, RECENT, RECENT + 1])
def test_distinct_values_are_right_as_far_back_as_rows_are_remembered(behind: int) -> None:
    """After each event that comes late, of the moments around the place that it was put in."""
    asked = layout([aggregate(Op.DISTINCT, "quantity", window_ms=w) for w in (60, 150)])
    state, order = state_of(asked, scan_below=2), frozenset({("order", "")})
    events = [Event(10_000 + 2 * n, order, {"quantity": n % 3 or n}) for n in range(200)]
    run(state, events)
    for turn in range(12):
        newest = events[-1].time
        late = Event(newest - 2 * behind + 1, order, {"quantity": 1000 + turn})
        run(state, [late])
        events = sorted([*events, late], key=lambda e: e.place)
        for back in (behind - 1, behind, behind + 1, RECENT - 1, RECENT, RECENT + 1):
            now = newest - 2 * back
            values, _ = run(state, [Event(now)], asking=True)
            want = [len({e.fields["quantity"] for e in events if now - w < e.time <= now}) for w in (60, 150)]
            assert values[0].tolist() == want
        events.append(Event(newest + 2, order, {"quantity": 1 + turn % 2}))
        run(state, events[-1:])


def test_the_first_value_is_missing_while_a_long_key_has_rows_without_one() -> None:
    asked = layout([aggregate(Op.FIRST, "amount", window_ms=40), aggregate(Op.MAX, "amount", window_ms=40)])
    amounts = [*range(100), *[MISSING] * 100, *range(100, 200)]
    events = [Event(10_000 + n, frozenset({("order", "")}), {"amount": v}) for n, v in enumerate(amounts)]
    values, flags = run(state_of(asked, scan_below=2), events)
    assert compare(asked, events, values, flags) == 0
    assert np.isnan(values[150]).all()
