"""Whoever works over Redis until cancelled, and is cancelled just as an answer comes."""

from __future__ import annotations

import asyncio

__all__ = ["heed_cancel"]


def heed_cancel() -> None:
    """Raise the cancellation of this task where it was swallowed; each round of a loop over Redis ends with it.

    redis-py waits with `asyncio.wait_for`, and that of Python 3.11 gives the answer and forgets the cancellation where
    both come in one step of the loop (https://github.com/python/cpython/issues/86296, mended in 3.12): the task would
    go on for ever, and who waits for its end with it.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
