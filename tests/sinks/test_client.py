"""The client of Redis: what failed is said as redis-py says it, and keeps nothing."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from risk_stream.sinks import RedisClient
from tests.live.servers import RedisServer

pytestmark = pytest.mark.live

REFUSED = "return redis.error_reply('MISCONF the disk is full')"


class Batch:
    """Something in hand."""


async def by_command(client: RedisClient) -> Any:
    return await client.eval(REFUSED, 0)


async def by_pipeline(client: RedisClient) -> Any:
    pipe = client.pipeline(transaction=False)
    pipe.eval("return 1", 0)
    pipe.eval(REFUSED, 0)
    return await pipe.execute()


@pytest.mark.parametrize("ask", [by_command, by_pipeline])
def test_what_was_in_hand_when_redis_refused_it_is_gone_without_a_collection(
    redis_server: RedisServer, ask: Callable[[RedisClient], Awaitable[Any]]
) -> None:
    async def write(client: RedisClient) -> weakref.ref[Batch]:
        batch = Batch()
        there = weakref.ref(batch)

        async def refused(_batch: Batch) -> None:
            await ask(client)

        with pytest.raises(ResponseError, match="MISCONF the disk is full"):
            await refused(batch)
        return there

    async def run() -> list[bool]:
        async with RedisClient.at(redis_server.url) as client:
            return [(await write(client))() is None for _ in range(5)]

    gc.collect()
    gc.disable()
    try:
        assert all(asyncio.run(run()))
    finally:
        gc.enable()


@pytest.mark.parametrize("ask", [by_command, by_pipeline])
def test_a_redis_that_does_not_answer_is_an_error_after_the_time_that_was_given(
    ask: Callable[[RedisClient], Awaitable[Any]],
) -> None:
    async def run(url: str) -> None:
        async with RedisClient.at(url, timeout=0.2) as client:
            await asyncio.wait_for(ask(client), 20)

    with RedisServer() as stopped:
        assert stopped.process is not None
        os.kill(stopped.process.pid, signal.SIGSTOP)
        try:
            with pytest.raises(RedisTimeoutError):
                asyncio.run(run(stopped.url))
        finally:
            os.kill(stopped.process.pid, signal.SIGCONT)
