"""A console in a thread of its own, as a process of its own would be."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from risk_stream.console import Console
from risk_stream.settings import Settings
from tests.access.served import Browser, token_for
from tests.desk.running import running_desk

__all__ = ["asking", "running_console"]


@contextlib.contextmanager
def running_console(settings: Settings) -> Iterator[Console]:
    """Runs until the end of the block; it has read the logs when the block begins."""
    loop, failed = asyncio.new_event_loop(), list[BaseException]()
    made, ready = threading.Event(), threading.Event()
    consoles: list[Console] = []

    async def work() -> None:
        consoles.append(Console(settings, lambda _: ready.set()))
        made.set()
        await consoles[0].run()

    task = loop.create_task(work())

    def run() -> None:
        try:
            with contextlib.suppress(asyncio.CancelledError):
                loop.run_until_complete(task)
        except BaseException as exc:
            failed.append(exc)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        end = time.monotonic() + 60
        while not ready.wait(0.05):
            if failed:
                raise failed[0]
            assert time.monotonic() < end, "the console did not come up"
        yield consoles[0]
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(task.cancel)
        thread.join(30)
        assert not thread.is_alive()
        if failed:
            raise failed[0]


@contextlib.contextmanager
def asking(settings: Settings, *names: str) -> Iterator[Callable[[str], Browser]]:
    """Somebody's way to ask a console that runs beside a desk, by their name; "" is nobody's."""
    tokens = {name: token_for(settings.people_folder, name) for name in names}
    with running_desk(settings), running_console(settings) as console:
        yield lambda name: Browser(console.address, tokens.get(name, ""))
