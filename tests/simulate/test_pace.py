"""A paced stream: nothing before its time, nothing lost, nothing out of order."""

from __future__ import annotations

import asyncio
import time

from risk_stream.simulate import Clock, Market, paced


def market() -> Market:
    return Market(2, customers=60, days=4, episodes=0)


def test_events_are_let_out_when_the_clock_reaches_them():
    stream = market()
    clock = Clock(stream.start_ms, 4 * 86_400 / 0.4, declared=True)  # four days in 0.4 s
    late: list[float] = []

    async def run() -> list[bytes]:
        began, values = time.monotonic(), []
        async for part in paced(stream.slices(300), clock, tick=0.02):
            early = clock.wall(int(part.times[-1])) - (time.monotonic() - began)
            late.append(early)
            values += part.values
        return values

    values = asyncio.run(run())
    assert values == [value for part in market().slices() for value in part.values]
    assert max(late) <= 0.021


def test_a_slow_taker_gets_everything_all_the_same():
    stream = market()
    clock = Clock(stream.start_ms, 1e9, declared=True)

    async def run() -> int:
        return sum([len(part) async for part in paced(stream.slices(300), clock)])

    assert asyncio.run(run()) == sum(len(part) for part in market().slices())
