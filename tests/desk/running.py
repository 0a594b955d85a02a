"""A desk in a thread of its own, as a process of its own would be."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

from risk_stream.desk import DeskClerk
from risk_stream.settings import Settings

__all__ = ["running_desk"]


@contextlib.contextmanager
def running_desk(settings: Settings) -> Iterator[list[str]]:
    """Runs until the end of the block; -> what it told, which begins with `active` when it is."""
    heard, loop, made = list[str](), asyncio.new_event_loop(), threading.Event()

    async def work() -> None:
        made.set()
        await DeskClerk(settings, heard.append).run()

    task = loop.create_task(work())

    def run() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    made.wait(10)
    try:
        yield heard
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(30)
