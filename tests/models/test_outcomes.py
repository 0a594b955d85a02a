"""What waits for its outcome is bounded, matched by id to the inputs as they were, and goes on after a restart."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.models.outcomes import PARTS, Known, Waiting

MINUTE = 60_000


def added(waiting: Waiting, *ids: int, time: int = 0) -> None:
    """Events with their id as both inputs."""
    n = len(ids)
    rows = np.array(ids, np.float64)[:, None] * np.ones(2)
    zeros = np.zeros(n)
    times = np.full(n, time, np.int64)
    waiting.add(np.array(ids, np.int64), times, rows, zeros + 0.5, zeros, np.zeros(n, np.int64))


def told(waiting: Waiting, id: int, time: int, label: float) -> Known | None:
    """What one outcome teaches, if anything."""
    at, known = waiting.tell(np.array([id]), np.array([time]), np.array([label]))
    assert len(at) == len(known.labels)
    return known if len(at) else None


def test_an_outcome_gives_the_inputs_as_they_were() -> None:
    waiting = Waiting(2, 10 * MINUTE, 100)
    added(waiting, 7, 8)
    known = told(waiting, 8, 5 * MINUTE, 1.0)
    assert known is not None
    assert (known.rows.tolist(), known.labels.tolist(), known.scores.tolist()) == ([[8.0, 8.0]], [1.0], [0.5])


def test_outcomes_that_say_nothing_new_are_counted_by_what_is_wrong_with_them() -> None:
    waiting = Waiting(2, 10 * MINUTE, 100)
    added(waiting, 7, 8, time=MINUTE)
    assert told(waiting, 9, MINUTE, 1.0) is None
    assert told(waiting, 7, MINUTE - 1, 1.0) is None, "known before the event happened: a leak"
    assert told(waiting, 7, MINUTE, 1.0) is not None
    assert told(waiting, 7, MINUTE, 1.0) is None
    assert told(waiting, 7, MINUTE, 0.0) is None
    assert waiting.counts == {"unknown": 1, "early": 1, "told": 1, "repeated": 1, "contradicting": 1}


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3), st.sampled_from([0.0, 1.0])), max_size=25),
    st.lists(st.integers(0, 25), max_size=3),
)
def test_outcomes_said_together_are_as_if_said_one_by_one(said: list[tuple[int, int, float]], cuts: list[int]) -> None:
    """Also where some are of one event."""
    one, many = Waiting(2, 10 * MINUTE, 100), Waiting(2, 10 * MINUTE, 100)
    for waiting in (one, many):
        added(waiting, 1, 2, 3, time=1)
        added(waiting, 4, 5, time=2)
    expected = [known for id, time, label in said if (known := told(one, id, time, label)) is not None]
    ends = [0, *sorted(min(cut, len(said)) for cut in cuts), len(said)]
    found, rows = [], []
    for begin, end in pairwise(ends):
        ids, times, labels = (np.array([outcome[i] for outcome in said[begin:end]]) for i in range(3))
        at, known = many.tell(ids.astype(np.int64), times.astype(np.int64), labels.astype(float))
        found.append(known)
        rows += [said[begin + i][0] for i in at.tolist()]
    assert [row for known in found for row in known.rows[:, 0].tolist()] == [k.rows[0, 0] for k in expected] == rows
    assert [label for known in found for label in known.labels.tolist()] == [k.labels[0] for k in expected]
    assert many.counts == one.counts


def test_what_nothing_was_said_of_counts_as_good_when_its_time_has_passed() -> None:
    waiting = Waiting(2, 10 * MINUTE, 100)
    added(waiting, 7, 8)
    added(waiting, 9, time=MINUTE)
    told(waiting, 7, MINUTE, 1.0)
    assert waiting.expire(10 * MINUTE - 1) is None
    known = waiting.expire(10 * MINUTE)
    assert known is not None
    assert (known.rows[:, 0].tolist(), known.labels.tolist(), len(waiting)) == ([8.0], [0.0], 1)
    assert told(waiting, 8, 11 * MINUTE, 1.0) is None


def test_of_too_many_the_oldest_go() -> None:
    waiting = Waiting(2, 10 * MINUTE, 3)
    added(waiting, 1, 2)
    added(waiting, 3, 4)
    assert (len(waiting), waiting.counts["forgotten"]) == (3, 1)
    added(waiting, *range(5, 15))
    assert (len(waiting), waiting.counts["forgotten"]) == (3, 11)
    assert told(waiting, 13, 0, 1.0) is not None


def test_a_checkpoint_in_which_outcomes_stand_one_by_one_is_read() -> None:
    """As releases before this one wrote them."""
    waiting = Waiting(2, 10 * MINUTE, 100, journal=True)
    added(waiting, 7, 8)
    again = Waiting(2, 10 * MINUTE, 100)
    again.load([*waiting.take_journal(), msgspec.msgpack.encode(["l", 1, 0.0])])
    assert told(again, 7, 0, 1.0) is not None
    assert told(again, 8, 0, 0.0) is None
    assert again.counts["repeated"] == 1


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 40)),
        st.tuples(st.just("tell"), st.integers(0, 200)),
        st.tuples(st.just("expire"), st.integers(0, 20)),
        st.tuples(st.just("save"), st.just(0)),
        st.tuples(st.just("image"), st.just(0)),
    ),
    max_size=40,
)


@given(ACTS)
def test_it_goes_on_from_its_journal_and_images_as_if_nothing_had_happened(acts: list[tuple[str, int]]) -> None:
    ours = Waiting(2, 10 * MINUTE, 300, journal=True)
    parts: list[bytes] = []
    now = next_id = 0
    for act, number in acts:
        if act == "add":
            added(ours, *range(next_id, next_id + number), time=now)
            next_id += number
        elif act == "tell":
            told(ours, number, now, float(number % 2))
        elif act == "expire":
            now += number * MINUTE
            ours.expire(now)
        elif act == "save":
            parts += ours.take_journal()
        else:
            parts += ours.take_journal()
            parts += [piece for part in range(PARTS) for piece in ours.image(part)]
    parts += ours.take_journal()
    again = Waiting(2, 10 * MINUTE, 300, journal=True)
    again.load(parts)
    assert again.counts == ours.counts
    assert len(again) == len(ours)

    def rest(waiting: Waiting) -> Any:
        said = [told(waiting, id, now, 1.0) for id in range(next_id)]
        known = waiting.expire(now + 100 * MINUTE)
        return [None if k is None else k.rows.tolist() for k in said], None if known is None else known.rows.tolist()

    assert rest(again) == rest(ours)
