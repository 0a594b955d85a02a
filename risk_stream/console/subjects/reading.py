"""Readings of the logs for pages: a few at a time, beside the loop that serves; who would wait too long is told so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

__all__ = ["BusyError", "Readings"]

#: Readings at once, and those that may wait for their turn.
AT_ONCE, WAITING = 2, 8

T = TypeVar("T")


class BusyError(Exception):
    """Raised where too many readings wait; the text is one sentence."""


class Readings:
    """`await run(read)` has a function read in a thread of its own; `stop()` when no more is wanted."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="risk-stream-reading")
        self._going: list[Future[Any]] = []

    async def run(self, read: Callable[[], T]) -> T:
        """What `read` returns, or raises; who goes away meanwhile leaves a reading that ends within its bounds.

        Raises `BusyError` where too many wait already.
        """
        self._going = [one for one in self._going if not one.done()]
        if len(self._going) >= AT_ONCE + WAITING:
            raise BusyError(f"{len(self._going)} readings of the logs go on or wait: ask again in some seconds")
        mine = self._threads.submit(read)
        self._going.append(mine)
        return await asyncio.wrap_future(mine)

    def stop(self) -> None:
        """Begin no more; what is being read ends by itself within its bounds."""
        self._threads.shutdown(wait=False, cancel_futures=True)
