"""A clerk of margin accounts in a thread of its own, as a process of its own would be."""

from __future__ import annotations

import asyncio
import contextlib
import threading

from risk_stream.calendars import shipped
from risk_stream.catalogue import load_catalogue
from risk_stream.lending import MarginDesk, load_margin_rules
from risk_stream.sinks import CLERK_METRICS, Metrics
from risk_stream.stream.margin import MarginClerk
from tests.live.house import House

__all__ = ["Clerk"]


class Clerk:
    """Runs from its making until `stop`; `heard` is what it told, `metrics` what it says of itself."""

    def __init__(self, house: House) -> None:
        self.heard: list[str] = []
        self.metrics = Metrics(of=CLERK_METRICS)
        self._loop = asyncio.new_event_loop()
        made = MarginClerk(
            house.settings,
            lambda: MarginDesk(load_margin_rules(), load_catalogue(), shipped()),
            self.heard.append,
            self.metrics,
        )
        self._task = self._loop.create_task(made.run())
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)

    @property
    def active(self) -> bool:
        return any(said.startswith("active") for said in self.heard)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(30)
