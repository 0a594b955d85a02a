"""Acknowledgement in order: a run of records is done when all it caused is stored and all runs before it are done."""

from __future__ import annotations

from asyncio import Future
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

__all__ = ["AckChain"]


@dataclass(slots=True)
class _Run:
    message: Any
    waiting_for: int


class AckChain:
    """The runs of one partition that are being made durable, oldest first. No task, no lock: callbacks of the sends.

    `done(message)` is called for each run in order; `failed(error)` for a send that failed, and then nothing more.
    """

    def __init__(self, done: Callable[[Any], None], failed: Callable[[BaseException], None]) -> None:
        self._done, self._failed = done, failed
        self._runs: deque[_Run] = deque()
        self._broken = False

    def __len__(self) -> int:
        return len(self._runs)

    def add(self, message: Any, sends: Sequence[Future[Any]]) -> None:
        """A run is applied and `sends` are on their way."""
        run = _Run(message, len(sends))
        self._runs.append(run)
        for send in sends:
            send.add_done_callback(partial(self._sent, run))
        if not sends:
            self._advance()

    def _sent(self, run: _Run, sent: Future[Any]) -> None:
        error = ConnectionError("the send was given up") if sent.cancelled() else sent.exception()
        if error is not None:
            if not self._broken:
                self._broken = True
                self._failed(error)
            return
        run.waiting_for -= 1
        if run.waiting_for == 0:
            self._advance()

    def _advance(self) -> None:
        while not self._broken and self._runs and self._runs[0].waiting_for == 0:
            self._done(self._runs.popleft().message)
