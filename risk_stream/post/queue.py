"""One receiver's queue: in order, one at a time, tried again later each time; nobody else waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections import deque
from collections.abc import Callable

from risk_stream.notices import Notice, Outcome, Receiver
from risk_stream.post.channel import Tried, deliver

__all__ = ["MOST_WAITING", "ReceiverQueue"]

#: Notices that one receiver may have waiting; a later one is a dead letter at once.
MOST_WAITING = 1_000

#: An attempt that takes longer has failed, whatever its server does, s; its thread is left to end by itself.
LIMIT = 20.0

#: Such threads that a receiver may have; with more it is tried again when one of them has ended.
MOST_LEFT = 3

#: The first pause after an attempt that failed, and the longest, s.
FIRST, LONGEST = 1.0, 300.0

#: How often it is asked whether it is this process's turn again, s.
AWAY = 0.1

#: Attempts that a server may refuse before its word is believed.
REFUSALS = 3


class ReceiverQueue:
    """`became(notice, outcome, seconds)` hears how each ends, `failed()` of each attempt that did not do it.

    `receiver()` is the receiver as the folder has it now, None where it is gone.
    """

    def __init__(
        self,
        receiver: Callable[[], Receiver | None],
        became: Callable[[Notice, Outcome], None],
        failed: Callable[[], None],
        *,
        give_up: Callable[[], float],
        mine: Callable[[], bool],
    ) -> None:
        self._receiver, self._became, self._failed = receiver, became, failed
        self._give_up, self._mine = give_up, mine
        self._waiting: deque[Notice] = deque()
        self._came = asyncio.Event()
        self._left: list[threading.Thread] = []
        self._task = asyncio.get_running_loop().create_task(self._work())

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, notice: Notice) -> None:
        """Have a notice sent."""
        if len(self._waiting) >= MOST_WAITING:
            said = f"{MOST_WAITING:,} notices wait for this receiver already"
            self._became(notice, Outcome(id=notice.id, became="dead", at=_now(), attempts=0, why=said))
            return
        self._waiting.append(notice)
        self._came.set()

    async def stop(self) -> None:
        """End; what waits is in the log as planned."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _work(self) -> None:
        while True:
            while self._waiting:
                outcome = await self._send(self._waiting[0])
                self._became(self._waiting.popleft(), outcome)
            self._came.clear()
            await self._came.wait()

    async def _send(self, notice: Notice) -> Outcome:
        """Try until the server takes it, or there is no use in trying."""
        attempts, refusals, unsure, began = 0, 0, False, time.monotonic()
        while True:
            while not self._mine():  # another may send it now
                await asyncio.sleep(AWAY)
            attempts += 1
            tried = await self._try(notice)
            if tried.taken:
                return Outcome(id=notice.id, became="sent", at=_now(), attempts=attempts, unsure=unsure, why=tried.why)
            self._failed()
            unsure |= tried.unsure
            refusals += tried.refused
            waits = min(FIRST * 2 ** min(attempts - 1, 10), LONGEST) * random.uniform(0.75, 1.0)  # noqa: S311
            late = time.monotonic() + waits - began > self._give_up()
            if late or refusals >= REFUSALS or self._receiver() is None:
                return Outcome(id=notice.id, became="dead", at=_now(), attempts=attempts, unsure=unsure, why=tried.why)
            await asyncio.sleep(waits)

    async def _try(self, notice: Notice) -> Tried:
        receiver = self._receiver()
        if receiver is None:
            return Tried(taken=False, why=f"there is no receiver {notice.receiver} any more")
        self._left = [thread for thread in self._left if thread.is_alive()]
        if len(self._left) >= MOST_LEFT:
            return Tried(taken=False, why=f"{MOST_LEFT} attempts before it have not ended yet")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Tried] = loop.create_future()

        def run() -> None:
            tried = deliver(receiver, notice)
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(_answer, answer, tried)

        thread = threading.Thread(target=run, name=f"notice to {receiver.name}", daemon=True)
        thread.start()
        try:
            return await asyncio.wait_for(answer, LIMIT)
        except TimeoutError:
            self._left.append(thread)
            return Tried(taken=False, unsure=True, why=f"no answer within {LIMIT:g} s")


def _answer(answer: asyncio.Future[Tried], tried: Tried) -> None:
    if not answer.done():  # nobody waits for it any more
        answer.set_result(tried)


def _now() -> int:
    return int(time.time() * 1000)
