"""Runs what takes a while in a thread, such that the event loop hardly notices."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

__all__ = ["begin_beside", "beside"]

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")

#: So long the loop waits for the interpreter, s, each time it comes back from a call that let go of it: a batch makes
#: dozens of such calls, and with Python's 5 ms one would take a quarter of a second beside a thread that computes. 60
#: calls took 16 ms more with 5 ms, 1.3 with 200 us, 0.5 with 20 us, which slows the thread by a tenth at most.
SWITCH = 0.00002


class _Switching:
    """Lets threads take turns quickly while one of ours computes; each event loop's work counts."""

    def __init__(self) -> None:
        self._running, self._before = 0, sys.getswitchinterval()
        self._counting = threading.Lock()

    def __enter__(self) -> None:
        with self._counting:
            if self._running == 0:
                self._before = sys.getswitchinterval()
                sys.setswitchinterval(min(SWITCH, self._before))
            self._running += 1

    def __exit__(self, *_: object) -> None:
        with self._counting:
            self._running -= 1
            if self._running == 0:
                sys.setswitchinterval(self._before)


_switching = _Switching()
#: Where what is waited for later is computed, one after the other.
_later = ThreadPoolExecutor(1, thread_name_prefix="later")


async def beside(work: Callable[_Given, _Result], *args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
    """What `work` returns, or raises, computed in a thread while the loop goes on."""
    with _switching:
        return await asyncio.to_thread(work, *args, **kwargs)


def begin_beside(work: Callable[[], _Result]) -> Callable[[], _Result]:
    """Begin `work` in a thread; -> what waits for it, and then returns or raises what it did."""

    def quickly() -> _Result:
        with _switching:
            return work()

    return _later.submit(quickly).result
