"""What a hop partition has heard: each item once, no word of an owner that has a successor, and what time it is."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from risk_stream.catalogue import MISSING
from risk_stream.stream.letters.channels import Channels

A, B, H = "trades/0", "trades/1", "hop.account/0"


def test_an_item_is_new_once_however_its_messages_are_cut() -> None:
    """After a crash the sender's batches have other boundaries."""
    channels = Channels([A])
    assert channels.take(A, 1, 5, np.array([3, 4, 7])) == 0
    assert channels.take(A, 1, 5, np.array([4, 7, 8])) == 2
    assert channels.take(A, 1, 5, [7, 8]) == 2
    assert (channels.seen, channels.copies) == ({A: 8}, 4)


def test_channels_do_not_shadow_each_other() -> None:
    """A stamp is compared with those of its own channel."""
    channels = Channels([A, B])
    assert channels.take(A, 1, 5, [90]) == 0
    assert channels.take(B, 1, 5, [4]) == 0


def test_what_an_owner_says_after_its_successor_is_left_aside() -> None:
    """Items and front: the successor may have accepted and refused otherwise."""
    channels = Channels([A])
    channels.take(A, 2, 50)
    assert channels.take(A, 1, 99, [1, 2]) == 2
    assert (channels.clock, channels.seen, channels.stale) == (50, {}, 2)
    assert channels.take(A, 2, 60, [1, 2]) == 0


def test_what_a_hop_says_counts_whoever_says_it() -> None:
    """It is a function of the hop's log."""
    channels = Channels([], [H])
    channels.take(H, 2, 50, [5])
    assert channels.take(H, 1, 70, [6]) == 0
    assert channels.clock == 70


def test_there_is_no_time_before_every_channel_has_spoken() -> None:
    """The slowest one decides, and its silence too."""
    channels = Channels([A, B], [H])
    channels.take(A, 1, 10)
    channels.take(B, 1, 20)
    assert channels.clock == MISSING
    channels.take(H, 1, 15)
    assert channels.clock == 10
    channels.take(A, 1, 40)
    assert channels.clock == 15


def test_a_front_does_not_go_back() -> None:
    """A new owner that begins at an older commit says older fronts again."""
    channels = Channels([A])
    channels.take(A, 1, 10)
    channels.take(A, 2, 5)
    assert channels.clock == 10


def test_a_channel_nobody_expected_is_heard_and_not_waited_for() -> None:
    """A house topic has grown, or somebody wrote who should not: no item is lost, and the clock goes on."""
    channels = Channels([A])
    assert channels.take("trades/7", 1, 3, [1]) == 0
    assert channels.take("trades/7", 1, 3, [1]) == 1
    channels.take(A, 1, 10)
    assert channels.clock == 10


@pytest.mark.parametrize("seed", range(20))
def test_a_restored_state_goes_on_as_if_nothing_had_happened(seed: int) -> None:
    """Through JSON and back, or as a copy, at any point; and the clock is the lowest front there ever was."""
    chance = random.Random(seed)
    one = Channels([A, B], [H])
    other, twin = one, one
    heard: dict[str, int] = {}
    highest = MISSING
    for _ in range(200):
        channel = chance.choice([A, B, H, "grown/0"])
        generation, front = chance.randrange(4), chance.randrange(100)
        first = chance.randrange(50)
        stamps = sorted(chance.sample(range(first, first + 20), chance.randrange(6)))
        stale = channel != H and generation < one.era.get(channel, MISSING)
        answers = {c.take(channel, generation, front, stamps) for c in {id(c): c for c in (one, other, twin)}.values()}
        assert len(answers) == 1
        assert one.state() == other.state() == twin.state()
        if not stale and channel != "grown/0":
            heard[channel] = max(heard.get(channel, MISSING), front)
            highest = max(highest, min(heard.get(c, MISSING) for c in (A, B, H)))
        assert one.clock == highest
        if chance.random() < 0.1:
            other = Channels([B, A], [H])
            other.restore(json.loads(json.dumps(one.state())))
            twin = one.copy()


def test_a_copy_goes_its_own_way() -> None:
    """A mark of where the partition stood."""
    channels = Channels([A])
    channels.take(A, 1, 10, [1])
    mark = channels.copy()
    channels.take(A, 2, 20, [2])
    assert (mark.clock, mark.seen, mark.era) == (10, {A: 1}, {A: 1})


def test_a_channel_that_is_new_after_a_restart_has_not_spoken_and_time_does_not_go_back() -> None:
    """A partition was added to a house topic."""
    old = Channels([A])
    old.take(A, 1, 10)
    new = Channels([A, B])
    new.restore(old.state())
    assert new.clock == 10
    new.take(A, 1, 30)
    assert new.clock == 10
    new.take(B, 1, 20)
    assert new.clock == 20
