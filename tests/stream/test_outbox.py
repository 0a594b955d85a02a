"""Messages go to the broker in their order, also while the worker's loop is busy, and none behind one that failed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from risk_stream.kafka import Producer
from risk_stream.stream import outbox as module
from risk_stream.stream.outbox import Outbox


class Broker:
    """What lies behind the producer, in the thread: it stores what is not held back."""

    refused: Mapping[str, Exception] = {"wrong": MessageSizeTooLargeError(), "odd": AssertionError("odd")}

    def __init__(self) -> None:
        self.log: list[bytes] = []
        self.held: list[tuple[asyncio.Future[int], int]] = []
        self.holds = False
        self.threads: set[str] = set()
        self.came = threading.Event()
        self.stopped = False

    async def start(self, _: Producer) -> None:
        self.threads.add(threading.current_thread().name)

    async def stop(self, _: Producer) -> None:
        self.stopped = True

    async def send(self, _: Producer, topic: str, value: bytes, **__: Any) -> asyncio.Future[int]:
        self.threads.add(threading.current_thread().name)
        if topic in self.refused:
            raise self.refused[topic]
        self.log.append(value)
        stored = asyncio.get_running_loop().create_future()
        self.held.append((stored, len(self.log) - 1))
        self.came.set()
        if not self.holds:
            self.store()
        return stored

    def store(self) -> None:
        for stored, offset in self.held:
            stored.set_result(offset)
        self.held.clear()


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    found = Broker()
    for name in ("start", "stop", "send"):
        does: Any = getattr(found, name)
        monkeypatch.setattr(Producer, name, lambda self, *a, does=does, **k: does(self, *a, **k))
    return found


def play(steps: Callable[[Outbox], Awaitable[None]]) -> None:
    """Take steps with an outbox that is open."""

    async def main() -> None:
        outbox = Outbox("nowhere")
        await outbox.start()
        try:
            await steps(outbox)
        finally:
            await outbox.stop()

    asyncio.run(asyncio.wait_for(main(), 30))


def test_messages_are_sent_in_the_order_of_their_handing_over(broker: Broker) -> None:
    """Each sender is told what became of its own; and all of it happens in a thread of its own."""

    async def steps(outbox: Outbox) -> None:
        sends = [await outbox.send("t", b"%d" % i) for i in range(200)]
        assert await asyncio.gather(*sends) == list(range(200))

    play(steps)
    assert broker.log == [b"%d" % i for i in range(200)]
    assert broker.threads == {"producer"}
    assert broker.stopped


def test_messages_are_sent_while_the_loop_is_busy(broker: Broker) -> None:
    """A turn of the worker takes tens of milliseconds, and what the last one said does not wait for it."""

    async def steps(outbox: Outbox) -> None:
        await outbox.send("t", b"x")
        await asyncio.sleep(0)
        assert broker.came.wait(20), "the loop stands still here"

    play(steps)


@pytest.mark.parametrize("wrong", ["wrong", "odd"])
def test_none_is_sent_behind_one_that_cannot_be(broker: Broker, wrong: str) -> None:
    """It would leave a gap that nobody sees; all of them fail, and whoever comes later is told at once."""

    async def steps(outbox: Outbox) -> None:
        sends = [await outbox.send(topic, topic.encode()) for topic in ("good", wrong, "later")]
        assert await sends[0] == 0
        for send in sends[1:]:
            with pytest.raises(KafkaError):
                await send
        with pytest.raises(KafkaError):
            await outbox.send("good", b"")

    play(steps)
    assert broker.log == [b"good"]


def test_who_sends_more_than_can_be_stored_waits(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """So what is on its way does not grow without a bound."""
    monkeypatch.setattr(module, "MOST", 10)
    broker.holds = True

    async def steps(outbox: Outbox) -> None:
        await outbox.send("t", b"more than ten bytes")
        second = asyncio.create_task(outbox.send("t", b"x"))
        while not broker.log:
            await asyncio.sleep(0)
        assert not second.done()
        assert outbox._own is not None
        outbox._own.call_soon_threadsafe(broker.store)
        await second
        outbox._own.call_soon_threadsafe(setattr, broker, "holds", False)

    play(steps)
    assert broker.log == [b"more than ten bytes", b"x"]


def test_what_is_handed_over_is_sent_before_it_stops(broker: Broker) -> None:
    async def steps(outbox: Outbox) -> None:
        for i in range(50):
            await outbox.send("t", b"%d" % i)

    play(steps)
    assert len(broker.log) == 50


def test_a_broker_that_is_away_leaves_no_thread_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller decides whether to wait."""

    async def away(_: Producer) -> None:
        raise KafkaError("away")

    monkeypatch.setattr(Producer, "start", away)
    with pytest.raises(KafkaError, match="away"):
        asyncio.run(Outbox("nowhere").start())
    assert not any(thread.name == "producer" for thread in threading.enumerate())
