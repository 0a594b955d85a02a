"""Whose turn it is where several consoles of a house run side by side: one backtest at a time, said in Redis.

A console that dies gives its turn back within LEASE. Where Redis is away each console has a turn of its own: what a
backtest costs is bounded there too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Protocol

from redis.exceptions import RedisError

from risk_stream.sinks import heed_cancel

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["Alone", "HouseTurn", "Turn"]

log = logging.getLogger("risk_stream.console")

#: How long a turn lasts that nobody renews, and how often it is renewed, s.
LEASE, RENEWED = 30.0, 10.0


class Turn(Protocol):
    """`take` before a backtest, `keep` while it runs, `give_back` when it has ended."""

    async def take(self, id: str, by: str) -> str | None:
        """Take the turn for a backtest of somebody; where another has it, who that is."""

    async def keep(self, id: str) -> None:
        """Renew it until cancelled."""

    async def give_back(self, id: str) -> None:
        """Let others have it."""


class Alone:
    """Where there is no other console."""

    async def take(self, _id: str, _by: str) -> str | None:
        """Always one's own."""
        return None

    async def keep(self, _id: str) -> None:
        """Nothing to renew."""

    async def give_back(self, _id: str) -> None:
        """Nothing to give back."""


class HouseTurn:
    """The turn of a house, under one key of its Redis: the backtest's id and whose it is."""

    def __init__(self, redis: Redis, prefix: str, lease: float = LEASE, renewed: float = RENEWED) -> None:
        self._redis, self._key, self._lease_ms, self._renewed = redis, f"{prefix}backtest", int(lease * 1000), renewed

    async def take(self, id: str, by: str) -> str | None:
        """Take the turn for a backtest of somebody; where another has it, who that is."""
        try:
            if await self._redis.set(self._key, f"{id} {by}", nx=True, px=self._lease_ms):
                return None
            held = await self._redis.get(self._key)
        except RedisError as exc:
            log.info("whose turn a backtest is cannot be asked in Redis (%s): this console goes on alone", exc)
            return None
        return None if held is None else _text(held).partition(" ")[2]

    async def keep(self, id: str) -> None:
        """Renew it until cancelled."""
        while True:
            await asyncio.sleep(self._renewed)
            with contextlib.suppress(RedisError):
                if await self._is_ours(id):
                    await self._redis.pexpire(self._key, self._lease_ms)
            heed_cancel()

    async def give_back(self, id: str) -> None:
        """Let others have it."""
        with contextlib.suppress(RedisError):
            if await self._is_ours(id):
                await self._redis.delete(self._key)

    async def _is_ours(self, id: str) -> bool:
        return _text(await self._redis.get(self._key) or "").partition(" ")[0] == id


def _text(said: bytes | str) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said
