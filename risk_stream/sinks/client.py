"""The client that everything here asks Redis by, with what redis-py leaves to those who use it."""

from __future__ import annotations

import asyncio
from typing import Any, Self

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from risk_stream.settings import redis_options

__all__ = ["RedisClient", "heed_cancel"]


class RedisClient(Redis):
    """Asks once and says what failed; an error that was handled is gone, with all that was in hand when it came.

    redis-py's own keeps what Redis refuses in a variable of the frame that raises it
    (https://github.com/redis/redis-py/pull/2932 mended it for clients that block): error and frames hold each other,
    and with them the batch that was being written, until the collector comes by, which is rarely.
    """

    @classmethod
    def at(cls, url: str, *, timeout: float = 5.0, **options: Any) -> Self:
        """A client of the Redis at an address; connections and answers that take longer, s, fail."""
        return cls.from_url(  # type: ignore[return-value]  # it is typed as redis-py's own
            url,
            **redis_options(url),
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            **options,
        )

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """As redis-py's; an error comes without the frames below."""
        try:
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except RedisError as exc:
            raise exc.with_traceback(None) from exc.__cause__

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """As redis-py's, with the same care."""
        return _RedisPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class _RedisPipeline(Pipeline):
    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        try:
            return await super().execute(raise_on_error)
        except RedisError as exc:
            raise exc.with_traceback(None) from exc.__cause__


def heed_cancel() -> None:
    """Raise the cancellation of this task where it was swallowed; each round of a loop over Redis ends with it.

    redis-py waits with `asyncio.wait_for`, and that of Python 3.11 gives the answer and forgets the cancellation where
    both come in one step of the loop (https://github.com/python/cpython/issues/86296, mended in 3.12): the task would
    go on for ever, and who waits for its end with it.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
