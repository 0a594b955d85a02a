"""Lets a stream out at the pace of a clock instead of all at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable

import numpy as np

from risk_stream.simulate.clock import Clock
from risk_stream.simulate.emit import Slice

__all__ = ["paced"]


async def paced(slices: Iterable[Slice], clock: Clock, *, tick: float = 0.05) -> AsyncIterator[Slice]:
    """Yield the events of `slices` when `clock` reaches their times, gathered over `tick` seconds of wall time.

    Nothing is skipped if whoever takes them is slow: the stream is then behind the clock and catches up when it can.
    """
    started = time.monotonic()
    for whole in slices:
        position = 0
        while position < len(whole):
            wait = clock.wall(int(whole.times[position])) - (time.monotonic() - started)
            if wait > 0:
                await asyncio.sleep(wait)
            reached = clock.at(time.monotonic() - started + tick)
            stop = max(position + 1, int(np.searchsorted(whole.times, reached, side="right")))
            yield whole.part(position, stop)
            position = stop
        await asyncio.sleep(0)
