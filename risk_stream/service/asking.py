"""Asks for decisions and waits for them, whichever way a request came; what is answered is what the log says.

A request is written to `risk.requests`, where workers admit it. Whatever is decided is read back from
`risk.decisions`, whose first record of an application is the answer. When the time of a request is up, this server
writes there that an officer is to look at it; whichever stands first is what it then reads, and answers.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from risk_stream.decisions import (
    APPLICATION,
    Answer,
    Answers,
    BadRequestError,
    Decision,
    Request,
    at_deadline,
    body_hash,
    read_decision,
)

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

__all__ = ["Asking", "ConflictError", "LostError", "OverloadedError"]

log = logging.getLogger(__name__)

#: How long it may take, after the time is up, until the log says what the answer is, s.
PATIENCE = 5.0

#: How long requests are remembered that no answer came to, s; far longer than any deadline.
REMEMBERED = 600.0


class ConflictError(Exception):
    """Raised for a request under the id of an application that was asked for with another body."""


class OverloadedError(Exception):
    """Raised where so many requests wait that another one would only wait longer."""


class LostError(Exception):
    """Raised where no answer could be recorded: the broker does not store, and nothing is said that is not stored."""


@dataclass(slots=True)
class _Waiting:
    """An application that somebody waits for: the hash of the body, and all who are told."""

    body: str
    told: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    people: int = 0
    over: bool = False  # the time of one of them is up, and that is being written


class Asking:
    """What this server knows of decisions, and who waits for one.

    `ask(request)` writes a request, and `decide(decision)` a decision, to their topics; both return when it is on its
    way, and raise `LostError` where it cannot be. `most` requests wait at once.
    """

    def __init__(
        self,
        ask: Callable[[Request], Awaitable[object]],
        decide: Callable[[Decision], Awaitable[object]],
        *,
        most: int,
        keep_ms: int,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._ask, self._decide, self.most, self.keep_ms, self._wall = ask, decide, most, keep_ms, wall
        self.answers = Answers()
        self.in_flight = 0
        self._waiting: dict[str, _Waiting] = {}
        self._asked: dict[str, tuple[str, float]] = {}  # application -> (hash of the body first asked with, when, s)

    # What the topics say

    def hear_request(self, record: ConsumerRecord) -> None:
        """A record of the topic of requests, which this server or another has written: the first of its id counts."""
        try:
            event = orjson.loads(record.value or b"")
            application = event["id"]
            if isinstance(application, str) and event.get("type") == APPLICATION and self.known(application) is None:
                body = event.get("request") or body_hash(event)
                self._asked.setdefault(application, (body, record.timestamp / 1000))
        except (ValueError, KeyError, TypeError, BadRequestError):
            return  # none that a server would write; admission says what is wrong with it
        now = self._wall()
        while self._asked and (oldest := next(iter(self._asked.items())))[1][1] < now - REMEMBERED:
            del self._asked[oldest[0]]

    def hear_decision(self, record: ConsumerRecord) -> None:
        """A record of the topic of decisions: the first of its application is the answer, and who waits is told."""
        try:
            decision = read_decision(record.value)
        except ValueError:
            return  # the owner of the partition says so
        asked = self._asked.pop(decision.id, None)
        waiting = self._waiting.pop(decision.id, None)
        body = decision.request or (asked[0] if asked else waiting.body if waiting else None)
        answer = Answer(record.value, body, record.timestamp)
        self._forget()
        if not self.answers.take(decision.id, answer):
            return
        if waiting is not None and not waiting.told.done():
            waiting.told.set_result(answer)

    def known(self, application: str) -> Answer | None:
        """The answer of an application; None where the log has none that is still kept."""
        self._forget()
        return self.answers.get(application)

    def _forget(self) -> None:
        self.answers.forget(int(self._wall() * 1000) - self.keep_ms)

    # Asking

    async def answer(self, request: Request, *, waits: float, is_asked: bool = False) -> Answer:
        """The answer to a request, within `waits` seconds; what stands first when they are over.

        `is_asked` is a request that stands in the topic of requests already.

        Raises:
            ConflictError: the application was asked for with another body.
            OverloadedError: too many requests wait.
            LostError: the broker stores nothing.
        """
        answer = self.known(request.id)
        if answer is None:
            if self.in_flight >= self.most:
                raise OverloadedError(f"{self.in_flight:,} requests wait for an answer: ask again in a second")
            self.in_flight += 1
            try:
                answer = await self._wait(request, waits, is_asked=is_asked)
            finally:
                self.in_flight -= 1
        _compare(request, answer.request)
        return answer

    async def _wait(self, request: Request, waits: float, *, is_asked: bool) -> Answer:
        end = time.monotonic() + waits
        waiting = self._waiting.get(request.id)
        asked = self._asked.get(request.id)
        first = waiting.body if waiting is not None else asked[0] if asked is not None else None
        _compare(request, first)
        is_asked = is_asked or first is not None
        if waiting is None:
            waiting = self._waiting[request.id] = _Waiting(request.body)
        waiting.people += 1
        try:
            if not is_asked:
                await self._ask(request)
            await asyncio.wait((waiting.told,), timeout=max(0.0, end - time.monotonic()))
            if not waiting.told.done():
                await self._time_is_up(request, waiting)
        finally:
            waiting.people -= 1
            if waiting.people == 0 and self._waiting.get(request.id) is waiting:
                del self._waiting[request.id]
        return waiting.told.result()

    async def _time_is_up(self, request: Request, waiting: _Waiting) -> None:
        if not waiting.over:
            waiting.over = True
            now = int(self._wall() * 1000)
            await self._decide(at_deadline(request.id, request.event, now))
        await asyncio.wait((waiting.told,), timeout=PATIENCE)
        if not waiting.told.done():
            raise LostError("no answer could be recorded, as the broker does not store it: ask again")


def _compare(request: Request, first: str | None) -> None:
    if first is not None and first != request.body:
        raise ConflictError(
            f"application {request.id} was asked for with another body: an answer is given once, "
            "so ask for a changed application under another id"
        )
