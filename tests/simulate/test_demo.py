"""The demo's story is told fast and goes on calmly: what it left can be worked, and it can be left running."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from risk_stream.simulate import DEMO


def test_after_the_story_days_pass_calmly_and_nothing_is_left_out() -> None:
    story = replace(DEMO, customers=40, days=1, story=(("velocity_burst", 0),), seconds=0.05, calm=40.0)
    market = story.market(endless=True)
    end = market.start_ms + 86_400_000
    values, reached = list[bytes](), dict[bool, float]()

    async def hear() -> None:
        async for part in story.told(market):
            values.extend(part.values)
            reached[int(part.times[-1]) >= end] = time.monotonic()
            if part.times[-1] >= end + 43_200_000:
                return

    asyncio.run(hear())
    again = story.market(endless=True).slices(500)
    expected = list[bytes]()
    while len(expected) < len(values):
        expected += next(again).values
    assert values == expected[: len(values)]
    assert reached[True] - reached[False] > 10 * story.seconds  # to noon of a day that takes 40 times as long
