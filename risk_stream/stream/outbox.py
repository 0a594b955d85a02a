"""The worker's producer on a thread of its own: what was said is on its way while the worker is in the midst of a turn.

A send and its answer take several steps of the event loop that they live in. In the worker's own loop each of them
waits for the turn that is being taken, which made most of the time between two hops.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from aiokafka.errors import KafkaError

from risk_stream.kafka import Producer

if TYPE_CHECKING:
    from aiokafka.structs import RecordMetadata

__all__ = ["Outbox"]

log = logging.getLogger(__name__)

#: Bytes that may be handed over and not yet stored; who sends more waits.
MOST = 16_000_000

T = TypeVar("T")


class _Sent(NamedTuple):
    """A message that was handed over, and who is told what became of it."""

    told: asyncio.Future[Any]
    topic: str
    value: bytes
    key: bytes | None
    partition: int | None
    headers: Sequence[tuple[str, bytes]]


class Outbox(Producer):
    """A producer that is used from the loop it was started in, and sends messages in the order of their handing over.

    When one cannot be sent, none after it is: all of them are told so.
    """

    def __init__(self, broker: str, *, client_id: str = "risk-stream", linger_ms: int = 0) -> None:
        super().__init__(broker, client_id=client_id, linger_ms=linger_ms)
        self._user: asyncio.AbstractEventLoop | None = None
        self._own: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._sending: asyncio.Task[None] | None = None
        self._waiting = deque[_Sent]()  # handed over; taken by the thread
        self._known = deque[tuple[_Sent, Any]]()  # what became of messages; taken by the user's loop
        self._called, self._telling = False, False  # whether the other side will look anyway
        self._ending = False
        self._look: asyncio.Event | None = None  # of the thread's loop
        self._unstored = 0  # bytes
        self._room = asyncio.Event()
        self._broken: KafkaError | None = None

    async def start(self) -> None:
        """Connect, in the thread. Raises `KafkaError` if the broker is away."""
        self._user, self._own = asyncio.get_running_loop(), asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._own.run_forever, name="producer", daemon=True)
        self._thread.start()
        try:
            await self._there(self._begin())
        except BaseException:
            self._end_thread()
            raise

    async def stop(self) -> None:
        """Send what is waiting, close the connection and end the thread."""
        if self._thread is not None:
            await self._there(self._finish())
            self._end_thread()

    async def send(
        self,
        topic: str,
        value: bytes,
        *,
        key: bytes | None = None,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> asyncio.Future[RecordMetadata]:
        """Hand a message over; the future is done when the broker has stored it, and raises if it has not.

        Raises `KafkaError` where a message before it could not be sent.
        """
        assert self._user is not None, "start() first"
        while self._unstored > MOST and self._broken is None:
            self._room.clear()
            await self._room.wait()
        if self._broken is not None:
            raise self._broken
        told: asyncio.Future[RecordMetadata] = self._user.create_future()
        self._unstored += len(value)
        self._waiting.append(_Sent(told, topic, value, key, partition, headers))
        if not self._called:
            self._called = True
            self._user.call_soon(self._call)  # after all that is handed over with it
        return told

    def _call(self) -> None:
        assert self._own is not None
        assert self._look is not None
        self._own.call_soon_threadsafe(self._look.set)

    # In the thread

    async def _begin(self) -> None:
        await super().start()
        self._look = asyncio.Event()
        self._sending = asyncio.create_task(self._send_all())

    async def _send_all(self) -> None:
        assert self._look is not None
        while not self._ending:
            await self._look.wait()
            self._look.clear()
            self._called = False  # what is handed over from here on calls again
            await self._send_waiting()

    async def _send_waiting(self) -> None:
        while self._waiting:
            sent = self._waiting.popleft()
            if self._broken is None:
                try:
                    stored = await super().send(
                        sent.topic, sent.value, key=sent.key, partition=sent.partition, headers=sent.headers
                    )
                except Exception as exc:  # noqa: BLE001  whatever it is, nothing may be sent behind it
                    self._broken = exc if isinstance(exc, KafkaError) else KafkaError(repr(exc))
                else:
                    stored.add_done_callback(partial(self._stored, sent))
                    continue
            self._tell(sent, self._broken)

    def _stored(self, sent: _Sent, stored: asyncio.Future[Any]) -> None:
        if stored.cancelled():
            self._tell(sent, KafkaError("the send was given up"))
        else:
            self._tell(sent, stored.exception() or stored.result())

    def _tell(self, sent: _Sent, result: Any) -> None:
        assert self._user is not None
        self._known.append((sent, result))
        if not self._telling:
            self._telling = True
            self._user.call_soon_threadsafe(self._tell_user)

    async def _finish(self) -> None:
        if self._sending is not None and self._look is not None:
            self._ending = True
            self._look.set()
            await self._sending  # not cancelled: the message that it is at would be left out, and those behind it sent
        await super().stop()

    # In the user's loop

    def _tell_user(self) -> None:
        self._telling = False
        while self._known:
            sent, result = self._known.popleft()
            self._unstored -= len(sent.value)
            if sent.told.done():
                continue
            if isinstance(result, BaseException):
                sent.told.set_exception(result)
            else:
                sent.told.set_result(result)
        self._room.set()

    async def _there(self, work: Coroutine[Any, Any, T]) -> T:
        assert self._own is not None
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._own))

    def _end_thread(self) -> None:
        assert self._own is not None
        assert self._thread is not None
        self._own.call_soon_threadsafe(self._own.stop)
        self._thread.join()
        self._own.close()
        self._thread = None
