"""Readings of the logs: a few at once, a few that wait, and no more."""

from __future__ import annotations

import asyncio
import threading

import pytest

from risk_stream.console.subjects.reading import AT_ONCE, WAITING, BusyError, Readings


def test_so_many_read_and_wait_and_one_more_is_told_to_come_again() -> None:
    """Who went away still counts, until what they asked for has ended."""

    async def tried() -> None:
        readings, go_on = Readings(), threading.Event()
        asked = [asyncio.ensure_future(readings.run(go_on.wait)) for _ in range(AT_ONCE + WAITING)]
        await asyncio.sleep(0)
        asked[0].cancel()  # it is being read
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="10 readings of the logs go on or wait: ask again"):
            await readings.run(int)
        asked[-1].cancel()  # it waits, and is not begun
        await asyncio.sleep(0)
        last = asyncio.ensure_future(readings.run(lambda: 7))
        await asyncio.sleep(0)
        go_on.set()
        assert await last == 7
        assert await asyncio.gather(*asked[1:-1]) == [True] * (len(asked) - 2)
        readings.stop()

    asyncio.run(tried())


def test_what_a_reading_raises_is_raised() -> None:
    """And the next one goes on."""

    async def tried() -> None:
        readings = Readings()
        with pytest.raises(ValueError, match="no such"):
            await readings.run(lambda: int("no such"))
        assert await readings.run(lambda: 1) == 1
        readings.stop()

    asyncio.run(tried())
