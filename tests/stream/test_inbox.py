"""Runs that wait together are worked on together, small ones in waves, and nothing is left or taken twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from risk_stream.stream import inbox as module
from risk_stream.stream.inbox import LARGE, LONGEST, SHARE, SHORTEST, Bell, Inbox, Pace


def message(tp: int, number: int, records: int = 1) -> Any:
    return SimpleNamespace(tp=tp, number=number, value=[None] * records)


def play(steps: Callable[[Inbox], Any], *, pace: Pace | None = None) -> list[tuple[int, list[int]]]:
    """Run an inbox while `steps` puts into it; the batches it made, as (partition, message numbers)."""
    batches: list[tuple[int, list[int]]] = []

    async def work(waiting: Sequence[Sequence[Any]]) -> None:
        batches.extend((messages[0].tp, [m.number for m in messages]) for messages in waiting)
        await asyncio.sleep(0)

    async def main() -> None:
        inbox = Inbox(work, pace=pace)
        runner = asyncio.create_task(inbox.run())
        await steps(inbox)
        for _ in range(10):
            await asyncio.sleep(0)
        runner.cancel()

    asyncio.run(main())
    return batches


def test_what_waits_together_is_taken_together() -> None:
    """By partition, in order."""

    async def steps(inbox: Inbox) -> None:
        for tp, number in ((0, 1), (1, 2), (0, 3)):
            inbox.put(message(tp, number))

    assert play(steps) == [(0, [1, 3]), (1, [2])]


def test_what_comes_while_it_works_is_taken_next() -> None:
    """Nothing is left, nothing twice."""

    async def steps(inbox: Inbox) -> None:
        for number in range(4):
            inbox.put(message(0, number))
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    taken = [n for _, numbers in play(steps) for n in numbers]
    assert taken == [0, 1, 2, 3]


def test_small_runs_wait_for_their_wave(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two within one wave are one batch; the first of all waits for nothing."""
    monkeypatch.setattr(module, "SHORTEST", 0.02)

    async def steps(inbox: Inbox) -> None:
        inbox.put(message(0, 0))
        for number in (1, 2):
            await asyncio.sleep(0.005)
            inbox.put(message(0, number))
        await asyncio.sleep(0.06)

    assert play(steps, pace=Pace()) == [(0, [0]), (0, [1, 2])]


def test_a_large_wave_begins_at_once() -> None:
    """Under load nothing is held up."""
    pace = Pace()
    pace._next = 1e12

    async def steps(inbox: Inbox) -> None:
        inbox.put(message(0, 0, LARGE - 1))
        await asyncio.sleep(0.01)
        inbox.put(message(1, 1))
        await asyncio.sleep(0.01)

    assert play(steps, pace=pace) == [(0, [0]), (1, [1])]


def test_one_batch_at_a_time_where_the_turn_is_shared() -> None:
    """Between two batches the event loop gets to the network."""
    at_once: list[int] = []

    async def work(_: Sequence[Any]) -> None:
        at_once.append(1)
        assert len(at_once) == 1
        await asyncio.sleep(0)
        at_once.pop()

    async def main() -> None:
        turn = asyncio.Lock()
        inboxes = [Inbox(work, turn=turn) for _ in range(3)]
        runners = [asyncio.create_task(i.run()) for i in inboxes]
        for number in range(9):
            inboxes[number % 3].put(message(number, number))
        for _ in range(60):
            await asyncio.sleep(0)
        assert not any(runner.done() for runner in runners)
        for runner in runners:
            runner.cancel()

    asyncio.run(main())


@pytest.mark.parametrize(("cost", "apart"), [(0.0, SHORTEST), (0.012, 0.012 / SHARE), (5.0, LONGEST)])
def test_waves_are_so_far_apart_that_they_take_a_share_of_the_core(cost: float, apart: float) -> None:
    """Cheap ones close together, dear ones further apart, within bounds."""
    pace = Pace()
    for n in range(60):
        pace.begin(float(n), n * cost)
    assert pace.wait(59.0) == pytest.approx(apart, rel=0.01)
    assert pace.wait(59.0 + LONGEST) == 0


def test_who_is_poked_works_though_nothing_has_come() -> None:
    """What is due is there already."""
    turns: list[int] = []

    async def work(waiting: Sequence[Sequence[Any]]) -> None:
        turns.append(len(waiting))

    async def main() -> None:
        inbox = Inbox(work)
        runner = asyncio.create_task(inbox.run())
        for _ in range(3):
            await asyncio.sleep(0)
        assert not turns
        inbox.poke()
        for _ in range(3):
            await asyncio.sleep(0)
        runner.cancel()

    asyncio.run(main())
    assert turns == [0]


def test_a_bell_wakes_who_waits_and_who_comes_later() -> None:
    """Until it is cleared; and in time, where a time is said."""

    async def main() -> None:
        bell = Bell()
        waiting = asyncio.create_task(bell.wait())
        await asyncio.sleep(0)
        assert not waiting.done()
        bell.ring()
        await waiting
        await bell.wait()
        bell.clear()
        await bell.wait(0.001)
        assert not bell.rung

    asyncio.run(asyncio.wait_for(main(), 10))
