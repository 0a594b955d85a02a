"""What segments are called."""

from __future__ import annotations

import numpy as np
import pytest

from risk_stream.models.marks import marked, worded

WORDS = [("rarely trades", "trades much"), ("small amounts", "large amounts"), ("by day", "by night")]


def test_a_segment_is_called_by_the_two_inputs_in_which_it_is_farthest_from_the_middle() -> None:
    centres = np.array([[3.0, -2.0, 0.5], [-1.5, 2.0, -1.0], [-1.5, 0.0, 0.5]])
    marks = marked(centres, [], 0.2)
    assert marks == [[(0, 1), (1, -1)], [(1, 1), (0, -1)], [(0, -1), (2, 1)]]
    names = ["trades much, small amounts", "rarely trades, large amounts", "rarely trades, by night"]
    assert worded(marks, WORDS, [False] * 3) == names


def test_a_name_is_kept_until_other_inputs_mark_the_segment_by_a_margin() -> None:
    before = [[(0, 1), (1, -1)], [(0, -1), (1, 1)]]
    for third, changes in ((1.1, False), (1.4, True)):
        centres = np.array([[3.0, -1.0, third], [-3.0, 1.0, -third]])
        assert (marked(centres, before, 0.2) != before) == changes
    assert marked(np.array([[3.0, 1.0, 0.0], [-3.0, -1.0, 0.0]]), before, 0.2)[0] == [(0, 1), (1, 1)]


def test_no_two_segments_have_the_same_name() -> None:
    centres = np.array([[2.0, 2.0, 0.5], [2.1, 2.1, -0.5], [-4.1, -4.1, 0.0]])
    marks = marked(centres, [], 0.2)
    assert worded(marks, WORDS, [False, False, True]) == [
        "trades much, large amounts",
        "trades much, large amounts, by day",
        "new: rarely trades, small amounts",
    ]
    same = worded([[(0, 1)], [(0, 1)], []], WORDS, [False] * 3)
    assert same == ["trades much", "trades much (2)", "in the middle"]


@pytest.mark.parametrize("k", [2, 7])
def test_centres_in_one_place_are_told_apart_by_their_number(k: int) -> None:
    names = worded(marked(np.ones((k, 3)), [], 0.2), WORDS, [False] * k)
    assert len(set(names)) == k
