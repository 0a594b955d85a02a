"""How commands run that go on until they are told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["until_told"]


def until_told(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run what `work` makes, inside the loop that it will run in, until SIGTERM or Ctrl-C; raises what it raises."""

    async def run() -> None:
        running = asyncio.create_task(work())
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, running.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await running

    asyncio.run(run())
