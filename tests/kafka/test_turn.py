"""Whose turn it is: it is kept until it is given up, and begun again where something else ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from risk_stream.kafka import Topic, Turn, create_topics
from tests.live.servers import Kafka

pytestmark = [pytest.mark.live]


def test_whoever_joins_to_stand_by_takes_no_turn_and_has_it_when_it_is_given_up(kafka: Kafka) -> None:
    """With three that join, one of names in any order would have taken it in three runs of four."""

    create_topics(kafka.address, [Topic("turn-kept", 1, 1)])

    async def run() -> None:
        turns = [Turn(kafka.address, "turn-kept", "turn-kept") for _ in range(4)]
        joined = list[Turn]()

        async def ask(turn: Turn) -> bool:
            return await turn.mine(10)

        for turn in turns:
            await turn.join()
            joined.append(turn)
            # Nobody is in the group before all have joined it anew, and then nothing moves.
            for _ in range(2):
                assert [await ask(one) for one in joined] == [True] + [False] * (len(joined) - 1)
        await joined.pop(0).leave()
        async with asyncio.timeout(30):
            while sum([await ask(one) for one in joined]) != 1:
                pass
        for turn in joined:
            await turn.leave()

    asyncio.run(asyncio.wait_for(run(), 90))


def test_of_several_that_come_together_one_has_the_turn(kafka: Kafka) -> None:
    """Each joins while another does: where either asked twice, a third of such pairs had nobody at work after 25 s."""
    groups = [f"turn-together-{i}" for i in range(12)]
    create_topics(kafka.address, [Topic(group, 1, 1) for group in groups])

    async def settles(group: str, apart: float) -> None:
        turns = [Turn(kafka.address, group, group) for _ in range(2)]
        mine = [False] * len(turns)
        knows = asyncio.Barrier(len(turns))

        async def come(which: int) -> None:
            await asyncio.sleep(which * apart)
            await turns[which].join()
            await knows.wait()  # both are in the group, and were told whose turn it is
            while sum(mine) != 1:
                mine[which] = await turns[which].mine(20)

        await asyncio.gather(*map(come, range(len(turns))))
        for turn in turns:
            await turn.leave()

    async def run() -> None:
        await asyncio.gather(*(settles(group, 0.01 * i) for i, group in enumerate(groups)))

    asyncio.run(asyncio.wait_for(run(), 60))


@pytest.mark.parametrize("stops", [False, True], ids=["the client's", "its own"])
def test_a_cancellation_that_nobody_asked_for_begins_a_turn_again(kafka: Kafka, stops: bool) -> None:
    """What the client had in hand is cancelled where a connection breaks; whoever is stopped ends all the same."""
    topic, turns = f"turn-begun-{stops}", list[int]()
    create_topics(kafka.address, [Topic(topic, 1, 1)])

    async def run() -> None:
        began = asyncio.Event()

        async def once() -> None:
            turns.append(1)
            if not stops and len(turns) == 1:
                gone = asyncio.get_running_loop().create_future()
                gone.cancel()
                await gone
            began.set()
            await asyncio.sleep(60)

        quiet: Callable[[str], None] = lambda _: None  # noqa: E731
        turn = Turn(kafka.address, topic, topic)
        work = asyncio.create_task(turn.work(once, topics=[topic], name="it", told=quiet, waits=""))
        await asyncio.wait({work, asyncio.create_task(began.wait())}, return_when=asyncio.FIRST_COMPLETED)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(asyncio.wait_for(run(), 60))
    assert len(turns) == (1 if stops else 2)
