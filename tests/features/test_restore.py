"""What a restart is promised: a state put together from parts says what the state that wrote them would have said."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.features import KeyState, KindLayout, Op
from risk_stream.features._parts import head_of
from risk_stream.features._words import H_LIMIT, H_NEXT, K_USED
from tests.features.reference import Event
from tests.features.streams import (
    LATENESS,
    aggregate,
    layout,
    layouts,
    live_bytes,
    run,
    seeded_stream,
    streams,
)
from tests.features.test_state import EVERYTHING

ORDER = frozenset({("order", "")})


def state_of(layout: KindLayout, *, scan_below: int = 48, reserve_mib: int = 8) -> KeyState:
    return KeyState(
        layout, reserve_mib=reserve_mib, chunks=4, lateness_ms=LATENESS, scan_below=scan_below, journal=True
    )


@dataclass
class Recorder:
    """What a checkpoint topic holds of one state: what was taken so far, and the schema of the last time."""

    state: KeyState
    position: int = -1
    parts: list[bytes] = field(default_factory=list)
    schema: str = ""

    def checkpoint(self) -> None:
        self.parts += self.state.take_journal(self.position)
        self.schema = json.dumps(self.state.schema_state())

    def image(self, chunk: int, stop: int | None = None) -> None:
        self.parts += self.state.image(chunk, self.position, stop=stop)

    def restored(self, layout: KindLayout, **given: Any) -> KeyState:
        """A new state from what is on record."""
        state = state_of(layout, **given)
        assert state.restore(json.loads(self.schema), self.parts) <= self.position
        return state


def chunk_of(key: int) -> int:
    """Where in the index of these tests a key is."""
    state = state_of(layout([aggregate(Op.COUNT)]))
    run(state, [Event(0, ORDER, key=key)])
    return int(np.flatnonzero(state._store.chunks[:, K_USED])[0])


def assert_same(got: tuple[np.ndarray, np.ndarray], want: tuple[np.ndarray, np.ndarray]) -> None:
    """Flags are equal, and so are values, bit by bit, those of panes included."""
    assert np.array_equal(got[1], want[1])
    assert np.array_equal(got[0].view(np.int64), want[0].view(np.int64))


@given(
    layouts(caps=(1, 3, 20, 1024)),
    layouts(caps=(1, 3, 20, 1024)),
    streams(),
    st.lists(st.sampled_from(["apply", "apply", "apply", "journal", "image", "sweep", "layout"]), max_size=25),
    st.randoms(),
    st.sampled_from([2, 48]),
)
@settings(max_examples=150, deadline=None)
def test_after_a_crash_at_any_moment_every_value_is_the_undisturbed_states(
    first: KindLayout, second: KindLayout, events: list[Event], steps: list[str], random: Random, scan_below: int
) -> None:
    """Late rows, caps, panes, reloads, sweeps; images of any chunks and the journal taken at any moments."""
    state = state_of(first, scan_below=scan_below)
    record, in_force, at = Recorder(state), first, 0
    record.checkpoint()
    crash = random.randrange(len(steps) + 1)
    for step in steps[:crash]:
        if step == "apply":
            stop = min(len(events), at + random.randint(1, 12))
            if stop > at:
                run(state, events[at:stop], position=at)
            at, record.position = stop, max(record.position, at)
        elif step == "journal":
            record.checkpoint()
        elif step == "image":
            chunk = random.randrange(state.chunks)
            record.image(chunk, random.randint(chunk + 1, state.chunks))
        elif step == "sweep":
            state.sweep(max((e.time for e in events[:at]), default=0), random.choice([1, 1000]))
        else:
            in_force = second if in_force is first else first
            state.set_layout(in_force)
    record.checkpoint()
    restored = record.restored(in_force, scan_below=scan_below)
    assert_same(run(restored, events[at:], [7, 19]), run(state, events[at:], [7, 19]))
    assert restored.warming(0) == state.warming(0)
    recent = [e for e in events if e.time >= max(e.time for e in events) - LATENESS]
    for other in (first, second):
        restored.set_layout(other)
        state.set_layout(other)
        assert_same(run(restored, recent, asking=True), run(state, recent, asking=True))


@pytest.mark.parametrize("window_ms", [1500, 60_000])
@pytest.mark.parametrize("cap", [1, 2, 1024])
@pytest.mark.parametrize("scan_below", [2, 48])
def test_a_window_made_longer_says_the_same_after_a_crash_whatever_had_been_let_go(
    window_ms: int, cap: int, scan_below: int
) -> None:
    """Rows and panes that one state has let go of and the other has still, from an image, are counted by neither.

    When rows are let go depends on sweeps and on the room in a key's block, neither of which is on record. While
    windows keep their length nobody can tell; one made longer again reaches back to such rows, and says so by its flag.
    A flagged value is a bound, and a part of what a rule sees, so it too must be the undisturbed state's.
    """
    ops = [(Op.COUNT, None), (Op.SUM, "amount"), (Op.MIN, "amount"), (Op.DISTINCT, "amount"), (Op.SINCE, None)]
    long = layout([aggregate(op, name, window_ms=window_ms) for op, name in ops], cap)
    short = layout([aggregate(Op.COUNT, window_ms=1)], cap)
    state = state_of(long, scan_below=scan_below)
    record = Recorder(state)
    run(state, [Event(10_200 + i, ORDER, {"amount": 100 * i}) for i in range(4)], position=1)
    record.position = 1
    record.image(0, state.chunks)
    state.set_layout(short)
    run(state, [Event(10_600, ORDER, {"amount": 7}, key=1)], position=2)
    record.position = 2
    state.sweep(10_600)
    record.checkpoint()
    restored = record.restored(short, scan_below=scan_below)
    assert (state.keys, restored.keys) == (1, 2)
    state.set_layout(long)
    restored.set_layout(long)
    asked = Event(10_650)
    values, flags = run(state, [asked])
    assert (values[0, 0], flags[0]) == (0, 0b11111)
    assert_same(run(restored, [asked]), (values, flags))
    later = [Event(10_660 + 20 * i, ORDER, {"amount": 50 - 9 * i}) for i in range(12)]
    for _ in range(2):
        assert_same(run(restored, later), run(state, later))
    # A late one, and as of when rows and panes of both times are in reach.
    later = [Event(10_700, ORDER, {"amount": 3}), *(Event(t) for t in (10_640, 10_700, 10_890, 11_650, 11_720, 12_300))]
    assert_same(run(restored, later), run(state, later))


def test_a_replay_lets_go_of_nothing_that_the_undisturbed_state_still_counts() -> None:
    """A short layout's rows are replayed when the clock is further on, and a longer layout is in force again."""
    long, short = (layout([aggregate(Op.COUNT, window_ms=window)]) for window in (1500, 1))
    state = state_of(long)
    record = Recorder(state)
    state.sweep(10_000, 0)
    run(state, [Event(10_200 + i, ORDER) for i in range(2)], position=1)
    state.set_layout(short)
    run(state, [Event(10_500 + i, ORDER) for i in range(20)], position=2)
    state.set_layout(long)
    state.sweep(10_600, 0)
    record.position = 2
    record.checkpoint()
    restored = record.restored(long)
    ask = [Event(10_700)]
    values, flags = run(state, ask)
    assert (values[0, 0], flags[0]) == (22, 1)
    assert_same(run(restored, ask), (values, flags))


@pytest.mark.parametrize(("seed", "cap"), [(0, 1024), (1, 40)])
def test_long_logs_come_back_from_a_walk_of_images_and_the_journal_behind_it(seed: int, cap: int) -> None:
    """Checkpoints every few events, a chunk's image each: what lies before a round's oldest image is not needed."""
    asked = layout(EVERYTHING, cap)
    events = seeded_stream(seed, 3000, keys=9, late=0.1)
    state = state_of(asked)
    record = Recorder(state)
    for turn in range(30):
        begin = turn * 80
        run(state, events[begin : begin + 80], [30], position=begin)
        record.position = begin + 30
        state.sweep(max(e.time for e in events[: begin + 80]), 100)
        record.checkpoint()
        record.image(turn % 4)
    needed = [p for p in record.parts if head_of(p).stop >= 26 * 80]
    assert len(needed) < len(record.parts) / 4
    record.parts = needed
    restored = record.restored(asked)
    assert (restored.keys, restored.rows) == (state.keys, restored.rows)
    assert_same(run(restored, events[2400:]), run(state, events[2400:]))


def test_conditions_that_changed_for_ever_are_forgotten_by_a_restored_state_too() -> None:
    """Bits are used again for other conditions: rows and panes of the old ones are not counted for the new."""
    state = state_of(layout([aggregate(Op.COUNT)], cap=3))
    record = Recorder(state)
    whole = Recorder(state)
    for edit in range(150):
        where = f"amount > {edit}"
        asked = layout([aggregate(Op.COUNT), aggregate(Op.COUNT, where=where)], cap=3)
        state.set_layout(asked, now_ms=10 * edit)
        matching = frozenset({("order", ""), ("order", where)})
        run(state, [Event(10 * edit + i, matching, key=i % 2) for i in range(10)], position=edit)
        for r in (record, whole):
            r.position = edit
        taken = state.take_journal(edit)
        record.parts += taken
        whole.parts += taken
        if edit % 10 == 3:
            record.image(edit // 10 % 4)
    for r in (record, whole):
        r.schema = json.dumps(state.schema_state())
        restored = r.restored(asked)
        ask = [Event(1500, matching, key=k) for k in (0, 1)]
        assert_same(run(restored, ask, asking=True), run(state, ask, asking=True))


#: Together these ask for one condition more than a row can tell apart: a state that takes the second layout forgets
#: those that only the first asks for, and gives a bit and a ring of panes of theirs to others.
STEPS = tuple(tuple(("order", f"x {n}") for n in part) for part in (range(30), range(30, 62)))
BEFORE = [aggregate(Op.COUNT), *(aggregate(Op.COUNT, where=f"w {n}") for n in range(2))]
AFTER = [aggregate(Op.COUNT), aggregate(Op.SINCE, where="x 0"), aggregate(Op.SEQUENCE, steps=STEPS)]
OLD, NEW = ORDER | {("order", "w 0"), ("order", "w 1")}, ORDER | {("order", "x 0")}


def test_a_condition_that_was_not_asked_for_a_while_is_known_from_when_it_is_asked_again() -> None:
    """Also where the state was put together from parts between the two."""
    few, more = layout(BEFORE[:1]), layout(BEFORE[:2])
    state = state_of(more)
    record = Recorder(state, position=1)
    run(state, [Event(1, OLD)], position=1)
    state.set_layout(few)
    record.checkpoint()
    restored = record.restored(more)
    state.set_layout(more)
    ask = [Event(500, OLD)]
    assert_same(run(restored, ask, asking=True), run(state, ask, asking=True))


def test_every_key_forgets_what_nobody_asks_for_any_more() -> None:
    """Wherever it stands in the index, in the state and in one that is put in its place."""
    state = KeyState(layout(BEFORE), reserve_mib=1, chunks=16, lateness_ms=LATENESS, journal=True)
    run(state, [Event(key, OLD, key=key) for key in range(400)], position=1)
    images = state.image(0, 1, stop=16)
    state.set_layout(layout(AFTER))
    restored = KeyState(layout(AFTER), reserve_mib=1, chunks=16, lateness_ms=LATENESS)
    restored.restore(state.schema_state(), [*images, *state.take_journal(1)])
    for each in (state, restored):
        values, _ = run(each, [Event(500, key=key) for key in range(400)])
        assert (values[:, 0] == 1).all()
        assert np.isnan(values[:, 1]).all()


def test_a_key_of_a_newer_image_forgets_nothing_that_it_was_given_since() -> None:
    """A bit that was taken from others' rows before the image was made is a new condition's in this one's."""
    state = state_of(layout(BEFORE))
    record = Recorder(state)
    run(state, [Event(key, OLD, key=key) for key in range(20)], position=1)
    state.set_layout(layout(AFTER))
    run(state, [Event(100 + key, NEW, key=key) for key in range(20)], position=2)
    record.position = 2
    record.image(0, 2)
    record.checkpoint()
    restored = record.restored(layout(AFTER))
    for each in (state, restored):
        values, _ = run(each, [Event(300, key=key) for key in range(20)])
        assert values[:, :2].tolist() == [[2, (200 - key) / 1000] for key in range(20)]


def test_an_older_image_adds_nothing_where_a_newer_one_is() -> None:
    """Keys that had expired when the newer was made do not come back, whichever of the two is put in first."""
    asked = layout([aggregate(Op.COUNT)])
    state = state_of(asked)
    run(state, [Event(key, ORDER, key=key) for key in range(12)], position=1)
    whole, upper = (state.image(chunk, 1, stop=4) for chunk in (0, 2))
    state.sweep(5000)
    run(state, [Event(5000, ORDER, key=key) for key in range(12, 24)], position=2)
    newer = state.image(0, 2, stop=2)
    found = []
    for first, second in ((upper, newer), (newer, whole), (whole, newer)):
        restored = state_of(asked)
        restored.restore(state.schema_state())
        for part in (*first, *second):
            restored.load_image(part)
        values, flags = run(restored, [Event(5500, key=key) for key in range(24)])
        found.append((restored.keys, restored.rows, values.tolist(), flags.tolist()))
    assert found[0] == found[1] == found[2]
    assert 0 < found[0][0] < 24


def test_an_image_holds_what_a_window_may_still_reach_and_says_what_it_left_out() -> None:
    """As of the latest sweep: rows, keys of which there is anything, and when the latest was that is not there."""
    asked = layout([aggregate(Op.COUNT)])
    state = state_of(asked)
    run(state, [Event(500 * n, ORDER, key=k) for k in range(5) for n in range(10 - k)], position=1)
    state.sweep(4600, 0)  # rows up to 3480 are behind all windows
    restored = state_of(asked)
    restored.restore(state.schema_state(), state.image(0, 1, stop=4))
    assert (restored.keys, restored.rows) == (3, 3 + 2 + 1)
    for each in (state, restored):
        values, flags = run(each, [Event(4600, key=k) for k in range(5)])
        assert (values[:, 0].tolist(), flags.tolist()) == ([2, 1, 0, 0, 0], [0] * 5)
    for time, count, flagged in ((3999, 1, 1), (4000, 2, 0)):  # the row of 3000 is not there
        values, flags = run(restored, [Event(time)])
        assert (values[0, 0], flags[0]) == (count, flagged)


def test_panes_of_what_is_forgotten_take_no_room_in_a_restored_state() -> None:
    """Images from before it was, taken in one after the other: what all keys have beside them is untouched."""
    state = state_of(layout(BEFORE, cap=1))
    run(state, [Event(33 * i, OLD, key=key) for i in range(35) for key in range(12)], position=1)
    images = [part for chunk in (0, 1, 2, 3, 0, 1, 2) for part in state.image(chunk, 1)]
    state.set_layout(layout(AFTER, cap=1))
    restored = state_of(layout(AFTER, cap=1))
    empty = live_bytes(restored)
    restored.restore(state.schema_state())
    for part in images:
        restored.load_image(part)
    for part in state.take_journal(1):
        restored.replay(part)
    ask = [Event(33 * 35, key=key) for key in range(12)]
    values, flags = run(state, ask)
    assert (values[:, 0] == 30).all()
    assert_same(run(restored, ask), (values, flags))
    assert restored.sweep(10**6) == 12
    assert live_bytes(restored) == empty


def test_what_a_full_reserve_has_no_room_for_is_said_of_its_keys_and_of_no_others() -> None:
    """A key with rows, and one whose only event came behind one that memory lacked for: each lacks what it had."""
    asked = layout([aggregate(Op.COUNT)])
    state = state_of(asked)
    heap = state._store.heap
    with_rows, refused, late = (
        next(key for key in range(first, 99) if chunk_of(key) == chunk) for first, chunk in ((0, 0), (0, 1), (50, 1))
    )
    run(state, [Event(400, ORDER, key=with_rows), Event(900, ORDER, key=with_rows)], position=1)
    limit = int(heap[H_LIMIT])
    heap[H_LIMIT] = heap[H_NEXT]
    run(state, [Event(200, ORDER, key=refused)], position=2)
    heap[H_LIMIT] = limit
    run(state, [Event(150, ORDER, key=late)], position=3)
    assert (state.keys, state.rows, state.refused, state.behind) == (2, 2, 1, 1)
    restored = state_of(asked)
    restored.restore(state.schema_state())
    restored._store.heap[H_LIMIT] = restored._store.heap[H_NEXT]
    for part in state.image(0, 3, stop=4):
        restored.load_image(part)
    assert (restored.keys, restored.refused) == (0, 2)
    for time, flagged in ((1199, [1, 1, 1]), (1200, [1, 0, 0]), (1899, [1, 0, 0]), (1900, [0, 0, 0])):
        values, flags = run(restored, [Event(time, key=key) for key in (with_rows, refused, late)])
        assert (values[:, 0].tolist(), flags.tolist()) == ([0, 0, 0], flagged)


def test_a_key_that_had_given_up_all_its_rows_is_said_to_lack_them_where_it_finds_no_room() -> None:
    """Also those that were later than what memory had lacked for in its part of the index."""
    few = [aggregate(Op.COUNT)]
    state = state_of(layout(few))
    run(state, [Event(t, ORDER) for t in range(1, 6)], position=1)
    heap = state._store.heap
    heap[H_LIMIT] = heap[H_NEXT]
    wide = layout([*few, *(aggregate(Op.SUM, f"field {n}") for n in range(14))])
    state.set_layout(wide)
    run(state, [Event(4, ORDER)], position=2)
    assert (state.keys, state.rows, state.early) == (1, 0, 5)
    restored = state_of(wide)
    restored.restore(state.schema_state())
    restored._store.heap[H_LIMIT] = restored._store.heap[H_NEXT]
    for part in state.image(0, 2, stop=4):
        restored.load_image(part)
    assert restored.keys == 0
    _, flags = run(restored, [Event(1004), Event(1005)])
    assert (flags & 1).tolist() == [1, 0]


def test_rows_that_a_replay_has_no_room_for_are_counted_and_said_of_their_keys() -> None:
    """Those of the other keys are there, each once, though some had been given twice."""
    asked = layout([aggregate(Op.COUNT)])
    state = state_of(asked)
    events = [Event(100 * n + key, ORDER, key=key) for n in range(3) for key in range(10)]
    run(state, [*events, *events[::4]], position=1)
    restored = state_of(asked)
    restored.restore(state.schema_state())
    heap = restored._store.heap
    heap[H_LIMIT] = heap[H_NEXT] + 5 * 24  # blocks of five keys
    assert sum(map(restored.replay, state.take_journal(1))) == 38
    assert (restored.keys, restored.rows, restored.refused) == (5, 15, 15 + sum(e.key >= 5 for e in events[::4]))
    for time, flagged in ((500, 1), (1204, 1), (1209, 0)):
        values, flags = run(restored, [Event(time, key=key) for key in range(10)])
        inside = [sum(key + 100 * n > time - 1000 for n in range(3)) for key in range(5)]
        assert values[:, 0].tolist() == [*inside, 0, 0, 0, 0, 0]
        assert flags.tolist() == [0] * 5 + [flagged] * 5


def test_a_key_whose_panes_find_no_room_is_restored_without_them() -> None:
    """It says so as before, counts what it has, and gets panes for what its cap drops as soon as there is room."""
    asked = layout([aggregate(Op.COUNT), aggregate(Op.COUNT, window_ms=2)], cap=1)
    state = state_of(asked)
    run(state, [Event(t, ORDER) for t in range(5)], position=1)
    restored = state_of(asked)
    restored.restore(state.schema_state())
    heap = restored._store.heap
    limit = int(heap[H_LIMIT])
    heap[H_LIMIT] = heap[H_NEXT] + 24  # a block of two rows
    for part in state.image(0, 1, stop=4):
        restored.load_image(part)
    taken = restored.bytes
    values, flags = run(restored, [Event(5)])
    assert (values.tolist(), flags.tolist()) == ([[1, 1]], [1])
    assert (restored.keys, restored.rows, restored.refused, restored.bytes) == (1, 1, 0, taken)
    heap[H_LIMIT] = limit
    values, flags = run(restored, [Event(5, ORDER), Event(6, ORDER)])
    assert (values.tolist(), flags.tolist()) == ([[2, 2], [3, 2]], [0b11, 0b11])


def test_a_replay_says_how_many_rows_it_put_in() -> None:
    """All of a long journal, whatever the keys; and only those that are newer than their chunk's image."""
    asked = layout([aggregate(Op.COUNT, window_ms=10**6), aggregate(Op.LAST, "amount", window_ms=10**6)])
    state = state_of(asked)
    events = [Event(t, ORDER, {"amount": t}, key=t * t % 23) for t in range(300)]
    run(state, events[:100], position=1)
    image = state.image(0, 1, stop=4)
    run(state, events[100:], position=2)
    schema, journal = state.schema_state(), state.take_journal(2)
    ask = [Event(500, key=key) for key in range(23)]
    for parts, rows in (([], 300), (image, 200)):
        restored = state_of(asked)
        restored.restore(schema)
        for part in parts:
            restored.load_image(part)
        assert sum(map(restored.replay, journal)) == rows
        assert_same(run(restored, ask), run(state, ask))


def test_another_layout_than_the_writers_goes_on_from_its_rows() -> None:
    """A release that comes with other rules: what they share is exact, what is new is flagged."""
    state = state_of(layout([aggregate(Op.COUNT), aggregate(Op.MAX, "price")]))
    run(state, [Event(t, ORDER, {"price": 10**8}) for t in range(100, 1000, 100)])
    record = Recorder(state, position=9)
    record.checkpoint()
    other = layout([aggregate(Op.SUM, "amount"), aggregate(Op.COUNT, window_ms=450), aggregate(Op.SUM, "price")])
    restored = record.restored(other)
    values, flags = run(restored, [Event(1000, ORDER, {"amount": 100, "price": 10**8})])
    assert values[0].tolist() == [1.0, 5.0, 10.0]
    assert flags.tolist() == [0b001]
    assert restored.warming(1000) == {other.aggregates[0].id: 1900}


def test_an_image_of_narrower_rows_has_nothing_in_the_columns_that_are_new() -> None:
    """Not even a nought: the smallest, the first and the last of nothing are missing."""
    few = layout([aggregate(Op.COUNT)])
    more = layout([aggregate(Op.COUNT), *(aggregate(op, "amount") for op in (Op.MIN, Op.FIRST, Op.LAST, Op.MEAN))])
    state = state_of(few)
    run(state, [Event(100 * t, ORDER, key=t % 2) for t in range(1, 9)], position=1)
    image = state.image(0, 1, stop=4)
    state.set_layout(more)
    restored = state_of(more)
    restored._store.heap[restored._store.heap[H_NEXT] : restored._store.heap[H_LIMIT]] = 7  # as other blocks leave it
    restored.restore(state.schema_state(), image)
    ask = [Event(900, key=key) for key in (0, 1)]
    values, flags = run(restored, ask, asking=True)
    assert values[:, 0].tolist() == [4, 4]
    assert np.isnan(values[:, 1:]).all()
    assert_same((values, flags), run(state, ask, asking=True))


def test_rows_behind_all_that_a_key_keeps_are_counted_by_a_replay_too() -> None:
    """In a state of another size, of which nothing is touched that nobody has taken."""
    asked = layout([aggregate(Op.COUNT), aggregate(Op.SUM, "amount")], cap=3)
    state = state_of(asked)
    times = (10, 11, 12, 13, 9, 14, 8, 15)
    run(state, [Event(t, ORDER, {"amount": 100 * t}, key=k) for t in times for k in range(3)], position=1)
    record = Recorder(state, position=1)
    record.checkpoint()
    restored = record.restored(asked, reserve_mib=16)
    assert (restored.behind, restored.rows) == (state.behind, state.rows) == (6, 9)
    ask = [Event(20, key=k) for k in range(3)]
    assert_same(run(restored, ask, asking=True), run(state, ask, asking=True))
    heap = restored._store.heap
    assert not heap[heap[H_NEXT] : heap[H_LIMIT]].any()


def test_only_a_state_that_has_seen_nothing_is_put_where_another_was() -> None:
    """Not even an event that left nothing behind."""
    state = state_of(layout([aggregate(Op.COUNT)]))
    run(state, [Event(5)], position=0)
    assert state.keys == 0
    with pytest.raises(ValueError, match="only a state that has seen nothing yet"):
        state.restore(state.schema_state())


def test_an_image_reads_only() -> None:
    """However often chunks are copied out, values and memory stay."""
    asked = layout(EVERYTHING, 50)
    events = seeded_stream(4, 1500, late=0.05)
    plain, copied = state_of(asked), state_of(asked)
    for begin in range(0, 1500, 50):
        batch = events[begin : begin + 50]
        want = run(plain, batch)
        assert_same(run(copied, batch), want)
        copied.image(begin % 4, 0)
        assert (copied.rows, live_bytes(copied)) == (plain.rows, live_bytes(plain))
