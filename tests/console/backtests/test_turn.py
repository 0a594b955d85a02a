"""One backtest at a time in a house, however many consoles it has."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from risk_stream.console.backtests import HouseTurn
from tests.live.servers import RedisServer

pytestmark = pytest.mark.live


def test_a_turn_is_one_consoles_until_it_gives_it_back(redis_server: RedisServer) -> None:
    """What another's turn is cannot be given back."""

    async def work() -> None:
        async with Redis.from_url(redis_server.url) as redis:
            turn, other = HouseTurn(redis, "turn1:"), HouseTurn(redis, "turn1:")
            assert await turn.take("a", "Li Na") is None
            assert await other.take("b", "zhou") == "Li Na"
            await other.give_back("b")
            assert await other.take("b", "zhou") == "Li Na"
            await turn.give_back("a")
            assert await other.take("b", "zhou") is None
            assert await HouseTurn(redis, "turn2:").take("c", "chen") is None  # another house

    asyncio.run(work())


def test_a_console_that_dies_gives_it_back_and_one_that_lives_keeps_it(redis_server: RedisServer) -> None:
    """A turn that is about to end is renewed by who lives; nobody renews it for who is gone."""

    async def work() -> None:
        async with Redis.from_url(redis_server.url) as redis, asyncio.timeout(60):
            turn = HouseTurn(redis, "turn3:", lease=60, renewed=0.01)
            assert await turn.take("a", "li") is None
            keeping = asyncio.create_task(turn.keep("a"))
            await redis.pexpire("turn3:backtest", 30_000)
            while await redis.pttl("turn3:backtest") < 31_000:
                await asyncio.sleep(0.01)
            assert await turn.take("b", "zhou") == "li"
            keeping.cancel()
            await asyncio.wait({keeping})
            await redis.pexpire("turn3:backtest", 20)
            while await turn.take("b", "zhou") is not None:
                await asyncio.sleep(0.01)

    asyncio.run(work())


def test_who_keeps_a_turn_ends_whenever_it_is_cancelled(redis_server: RedisServer) -> None:
    """Also as Redis answers: Python 3.11 forgets one in twenty of these."""

    async def work() -> None:
        async with Redis.from_url(redis_server.url) as redis, asyncio.timeout(60):
            turn = HouseTurn(redis, "turn4:", renewed=0.0)
            assert await turn.take("a", "li") is None
            for steps in range(400):
                keeping = asyncio.create_task(turn.keep("a"))
                for _ in range(steps % 40):
                    await asyncio.sleep(0)
                keeping.cancel()
                await asyncio.wait({keeping})

    asyncio.run(work())


def test_where_redis_is_away_a_console_goes_on_alone() -> None:
    """Nobody can be asked, and nobody is kept waiting."""

    async def work() -> None:
        async with Redis.from_url("redis://127.0.0.1:1/0") as redis:
            turn = HouseTurn(redis, "x:")
            assert await turn.take("a", "li") is None
            await turn.give_back("a")

    asyncio.run(work())
