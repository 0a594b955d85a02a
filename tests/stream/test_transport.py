"""The batch transport's book-keeping: credits, acknowledgements, and commits that do not lose or invent any."""

from __future__ import annotations

import asyncio
from collections import Counter
from types import SimpleNamespace
from typing import Any

from faust.types.tuples import TP

from risk_stream.stream.transport import CREDITS, Consumer

A, B = TP("t", 0), TP("t", 1)


class Thread:
    """The Kafka side: takes commits unless told not to."""

    def __init__(self) -> None:
        self.committed: list[dict[TP, int]] = []
        self.refuses = False
        self.woken = 0

    async def commit(self, offsets: dict[TP, int]) -> bool:
        if not self.refuses:
            self.committed.append(dict(offsets))
        return not self.refuses

    def credit_returned(self) -> None:
        self.woken += 1


def consumer() -> tuple[Consumer, Thread]:
    """A consumer without a Faust app around it, in generation 1."""
    made = Consumer.__new__(Consumer)
    thread = Thread()
    values: dict[str, Any] = {
        "app": SimpleNamespace(consumer_generation_id=1),
        "_thread": thread,
        "_committed_offset": {A: None, B: None},
        "_out": Counter(),
        "_acked_to": {},
    }
    for name, value in values.items():
        setattr(made, name, value)
    return made, thread


def message(tp: TP, offset: int, generation: int = 1) -> Any:
    return SimpleNamespace(tp=tp, offset=offset, generation_id=generation)


def test_a_partition_is_read_until_its_credits_are_out() -> None:
    """So one that is not acknowledged stands in nobody's way but its own."""
    made, _ = consumer()
    made._out[A] = CREDITS
    made._out[B] = CREDITS - 1
    assert made.with_credit([A, B]) == [B]


def test_a_finished_run_gives_its_credit_back_and_wakes_the_reader() -> None:
    """Only where the partition was held: nothing waits otherwise."""
    made, thread = consumer()
    made._out[A] = CREDITS
    made.done(message(A, 9))
    made.done(message(A, 19))
    assert made.with_credit([A]) == [A]
    assert thread.woken == 1


def test_a_commit_is_the_highest_acknowledged_offset_plus_one() -> None:
    """Runs with gaps between them are one position."""
    made, thread = consumer()
    for offset in (9, 40, 77):
        made.done(message(A, offset))
    made.done(message(B, 3))
    assert asyncio.run(made.force_commit())
    assert thread.committed == [{A: 78, B: 4}]
    assert not asyncio.run(made.force_commit())


def test_a_refused_commit_is_made_again() -> None:
    """The broker was away; nothing new came meanwhile."""
    made, thread = consumer()
    made.done(message(A, 9))
    thread.refuses = True
    assert not asyncio.run(made.force_commit())
    thread.refuses = False
    assert asyncio.run(made.force_commit())
    assert thread.committed == [{A: 10}]


def test_what_is_given_back_unread_is_not_committed() -> None:
    """A run that is asked for again returns its credit only."""
    made, _ = consumer()
    made._out[A] = 1
    made.done(message(A, 9), durable=False)
    assert made._out[A] == 0
    assert not asyncio.run(made.force_commit())


def test_a_run_of_an_older_assignment_is_ignored() -> None:
    """Another worker may have the partition, and be further."""
    made, _ = consumer()
    made.done(message(A, 9, generation=0))
    assert not asyncio.run(made.force_commit())
