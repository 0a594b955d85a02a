"""What people did, on its way from the log of lives to Redis: waits while Redis is away, and loses nothing.

Deciding does not wait for it. Of an alert only the last standing waits, so that as many wait as there are alerts at
most. Redis knows up to which entry all is there; a desk that takes over goes on behind it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container

from redis.exceptions import RedisError

from risk_stream.alerts import Entry
from risk_stream.sinks import AlertSink, AlertStanding, heed_cancel, standings_of

__all__ = ["StandingWriter"]

log = logging.getLogger(__name__)

#: First and longest wait before Redis is tried again, s.
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0

#: Standings in one round trip.
ROUND_TRIP = 500


class StandingWriter:
    """`note` what is stored, in its order, while `run` writes; `told` hears when Redis is away, and back."""

    def __init__(self, sink: AlertSink, told: Callable[[str], None]) -> None:
        self._sink, self._told = sink, told
        self._waiting: dict[str, AlertStanding] = {}  # by alert
        self._noted = 0
        self._news = asyncio.Event()

    def __len__(self) -> int:
        """How many alerts wait."""
        return len(self._waiting)

    async def reached(self) -> int:
        """The entry up to which Redis has all; 0 where it has none, or is away."""
        try:
            return await self._sink.reached()
        except (RedisError, OSError, TimeoutError):
            return 0

    def note(self, entry: Entry) -> None:
        """An entry is stored."""
        self._waiting |= standings_of(entry)
        self._noted = entry.number
        self._news.set()

    def keep(self, alerts: Container[str]) -> None:
        """Let go of all that is not of these."""
        self._waiting = {alert: one for alert, one in self._waiting.items() if alert in alerts}

    async def run(self) -> None:
        """Write until cancelled."""
        wait, away = FIRST_WAIT, False
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._write()
                heed_cancel()
            except (RedisError, OSError, TimeoutError) as exc:
                if not away:
                    self._told(f"Redis cannot be written ({str(exc) or type(exc).__name__}): it shows old standings")
                away = True
                self._news.set()
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)
                continue
            if away:
                self._told("Redis can be written again")
            wait, away = FIRST_WAIT, False

    async def _write(self) -> None:
        while self._waiting:
            batch = list(self._waiting.values())[:ROUND_TRIP]
            is_all = len(batch) == len(self._waiting)
            await self._sink.stand(batch, reached=self._noted if is_all else 0)
            for one in batch:
                if self._waiting.get(one.alert) is one:
                    del self._waiting[one.alert]
