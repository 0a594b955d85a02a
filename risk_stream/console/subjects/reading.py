"""Readings of the logs for pages: a few at a time, beside the loop that serves; who would wait too long is told so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

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
        self._asked = 0

    async def run(self, read: Callable[[], T]) -> T:
        """What `read` returns, or raises. Raises `BusyError` where too many wait already."""
        if self._asked >= AT_ONCE + WAITING:
            raise BusyError(f"{self._asked} readings of the logs are going on or waiting: ask again in some seconds")
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, read)
        finally:
            self._asked -= 1

    def stop(self) -> None:
        """Begin no more; what is being read ends by itself within its bounds."""
        self._threads.shutdown(wait=False, cancel_futures=True)
