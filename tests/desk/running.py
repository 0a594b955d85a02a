"""A desk, or another of our processes, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Protocol

from risk_stream.desk import DeskClerk
from risk_stream.settings import Settings

__all__ = ["running", "running_desk"]


class Runs(Protocol):
    """What goes on until it is cancelled."""

    def run(self) -> Coroutine[Any, Any, None]: ...


@contextlib.contextmanager
def running(make: Callable[[], Runs]) -> Iterator[None]:
    """What `make` makes, inside the loop that it runs in, until the end of the block."""
    loop, made = asyncio.new_event_loop(), threading.Event()

    async def work() -> None:
        made.set()
        await make().run()

    task = loop.create_task(work())

    def run() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    made.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(30)


@contextlib.contextmanager
def running_desk(settings: Settings) -> Iterator[list[str]]:
    """A desk until the end of the block; -> what it told, which begins with `active` when it is."""
    heard = list[str]()
    with running(lambda: DeskClerk(settings, heard.append)):
        yield heard
