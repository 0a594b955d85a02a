"""Between Faust's agents and the work: runs that arrive while others are worked on are taken together.

A batch costs about a millisecond however few events are in it. Taking the runs of a partition that wait together, and
admitting small ones in waves instead of each at once, keeps the core from being busy with that alone; an event then
waits for its wave, and never behind a row of tiny batches.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

__all__ = ["Bell", "Inbox", "Pace"]

#: Shortest and longest time between the beginnings of two waves, s.
SHORTEST, LONGEST = 0.005, 0.05

#: The share of a core that waves may take before they are spread further apart.
SHARE = 0.75

#: How much of a wave's measured cost goes into the estimate.
WEIGHT = 0.2

#: So many records waiting are a wave at once: at this size the cost of a batch is the cost of its events.
LARGE = 1000


class Pace:
    """When the next wave may begin: so long after the last one that the work of one takes SHARE of the time."""

    def __init__(self) -> None:
        self._cost = 0.0
        self._busy: float | None = None
        self._next = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next wave may begin."""
        return max(0.0, self._next - now)

    def begin(self, now: float, busy: float) -> None:
        """A wave begins; `busy` is the processor time this process has used so far, s."""
        if self._busy is not None:
            cost = min(busy - self._busy, LONGEST)
            self._cost += WEIGHT * (cost - self._cost)
        self._busy = busy
        self._next = now + min(max(self._cost / SHARE, SHORTEST), LONGEST)


class Bell:
    """Wakes the one who waits in the loop's next step; `asyncio.wait_for` takes three, and turns come between them."""

    def __init__(self) -> None:
        self.rung = False
        self._waiter: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """Wake who waits, or who comes to wait."""
        self.rung = True
        self._wake()

    def clear(self) -> None:
        """Who comes waits again."""
        self.rung = False

    async def wait(self, seconds: float | None = None) -> None:
        """Return when it is or was rung, or so many seconds are over."""
        if self.rung:
            return
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, self._wake)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Inbox:
    """Messages of several partitions on their way to `work`, which gets all that wait: a list for each partition.

    `work` may leave some of it for later; it says after how many seconds it is to be called again though nothing has
    come. Inboxes that share a `turn` work one at a time, with a turn of the event loop for the network after each.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Sequence[Any]]], Awaitable[float | None]],
        *,
        pace: Pace | None = None,
        turn: asyncio.Lock | None = None,
    ) -> None:
        self._work, self._pace, self._turn = work, pace, turn or asyncio.Lock()
        self._waiting: dict[Any, list[Any]] = {}
        self._records = 0
        self._arrived, self._large = Bell(), Bell()

    def put(self, message: Any) -> None:
        """A message has arrived."""
        self._waiting.setdefault(message.tp, []).append(message)
        self._records += len(message.value)
        self._arrived.ring()
        if self._records >= LARGE:
            self._large.ring()

    def poke(self) -> None:
        """There is work though no message has come."""
        self._arrived.ring()

    async def run(self) -> None:
        """Work, until cancelled."""
        again: float | None = None
        while True:
            if again != 0.0:
                await self._arrived.wait(again)
                if self._pace is not None:
                    await self._wait(self._pace)
            waiting, self._waiting, self._records = self._waiting, {}, 0
            self._arrived.clear()
            self._large.clear()
            async with self._turn:
                again = await self._work(list(waiting.values()))
            await asyncio.sleep(0)

    async def _wait(self, pace: Pace) -> None:
        wait = pace.wait(time.monotonic())
        if wait > 0:
            await self._large.wait(wait)
        pace.begin(time.monotonic(), time.process_time())
