"""Runs of records on their way through a worker: which are new, what they cause, and when they are done.

The order of durability, for every run: outputs acknowledged by the broker, each by its own future; then the run itself.
What is not acknowledged is read again, and what it causes again has the same names.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from aiokafka.errors import KafkaError

from risk_stream.kafka import Outgoing, Producer, Record
from risk_stream.sinks import Metrics
from risk_stream.stream.acks import AckChain
from risk_stream.stream.alignment import Underway
from risk_stream.stream.cursor import Cursor, Step

__all__ = ["Runs", "Stored", "TopicPartition", "finished"]

#: (topic, partition).
TopicPartition: TypeAlias = tuple[str, int]


@dataclass(slots=True)
class Stored:
    """A message of this worker as the record that it became; `timestamp` is in ms."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    value: bytes | None


class Runs:
    """The runs of all partitions a worker reads. `consumer` comes from the Faust app when it runs.

    `fatal` is called with one sentence where the process cannot go on; it does not return.
    """

    def __init__(self, producer: Producer, metrics: Metrics, fatal: Callable[[str], None]) -> None:
        self.producer, self.metrics, self.fatal = producer, metrics, fatal
        self.refuse = fatal  # as `fatal`, where a new start would not help
        self.consumer: Any = None
        self.underway = Underway()
        self.stored: Callable[[Stored], None] = lambda _: None  # told of each message to a partition when it is
        self._cursors: dict[TopicPartition, Cursor] = {}
        self._chains: dict[TopicPartition, AckChain] = {}

    @property
    def generation(self) -> int:
        """The group's generation that this worker's partitions were assigned in."""
        generation: int = self.consumer.app.consumer_generation_id
        return generation

    def keep_only(self, mine: set[TopicPartition]) -> None:
        """Forget partitions that are not this worker's."""
        held: Mapping[TopicPartition, object]
        for held in (self._cursors, self._chains):
            for tp in set(held) - mine:
                del held[tp]

    def begin(self, tp: TopicPartition, offset: int) -> None:
        """A partition is read from this offset on in the generation that has begun, whatever was read of it before."""
        self._cursors[tp] = Cursor(offset, self.generation)

    async def take(
        self, messages: Sequence[Any], anew: Callable[[TopicPartition], None] = lambda _: None
    ) -> tuple[list[Any], list[Record]]:
        """Of runs of one partition those that may be worked on now, and their records that are new.

        `anew(partition)` is called where what was built of a partition is void.
        """
        mine: list[Any] = []
        records: list[Record] = []
        for message in messages:
            if message.generation_id != self.generation:
                continue  # of an older assignment: whoever has the partition now reads it again
            tp = (message.topic, message.partition)
            cursor = self._cursors.setdefault(tp, Cursor())
            step = cursor.place(message.value[0].offset, message.generation_id)
            if step is Step.SEEK:
                self.consumer.done(message, durable=False)
                assert cursor.next is not None
                await self.consumer.seek(message.tp, cursor.next)
                continue
            if step is Step.ANEW:
                anew(tp)
            mine.append(message)
            records += cursor.take(message.value)
        return mine, records

    def take_own(self, record: Stored) -> bool:
        """Whether a record of this worker is the next of its partition: then it is taken, and left out when it is read.

        Another worker's may stand before it, which only reading shows.
        """
        cursor = self._cursors.get((record.topic, record.partition))
        return cursor is not None and cursor.take_own(record.offset, self.generation)

    def acknowledge(
        self,
        tp: TopicPartition,
        messages: Sequence[Any],
        sends: Sequence[asyncio.Future[Any]],
        done: Callable[[Sequence[Any]], None] | None = None,
    ) -> None:
        """Runs of a partition are worked on to their end, or none yet; `sends` are what was caused since the last call.

        `done(messages)` is called when that and all before it is stored; without it they may then be committed.
        """
        chain = self._chains.get(tp)
        if chain is None:
            chain = self._chains[tp] = AckChain(_finish, self.lost)
        chain.add((messages, done or self._commit), sends)

    def _commit(self, messages: Sequence[Any]) -> None:
        for message in messages:
            self.consumer.done(message)

    def lost(self, error: BaseException) -> None:
        """End: a message was not stored."""
        self.fatal(f"the broker did not store a message ({error!r}), so what follows it may not be said either")

    async def hand_over(self, outgoing: Iterable[Outgoing]) -> list[asyncio.Future[Any]]:
        """Give messages to the producer; -> a future for each, done when the broker has stored it."""
        sends = []
        for out in outgoing:
            try:
                sends.append(await self.producer.send(out.topic, out.value, key=out.key, partition=out.partition))
            except KafkaError as exc:
                self.lost(exc)
            if out.partition is not None:
                self.underway.sent((out.topic, out.partition), sends[-1])
                sends[-1].add_done_callback(partial(self._tell_stored, out))
            self.metrics.add("risk_stream_messages_sent_total", 1, out.topic)
            self.metrics.add("risk_stream_sent_bytes_total", len(out.value), out.topic)
        return sends

    def _tell_stored(self, out: Outgoing, send: asyncio.Future[Any]) -> None:
        if send.cancelled() or send.exception() is not None or (at := send.result()) is None:
            return
        assert out.partition is not None
        self.stored(Stored(out.topic, out.partition, at.offset, at.timestamp, out.value))


def finished(open_runs: deque[Any], offset: int) -> list[Any]:
    """Take out the runs, oldest first, whose last record lies below an offset."""
    found = []
    while open_runs and open_runs[0].offset < offset:
        found.append(open_runs.popleft())
    return found


def _finish(step: tuple[Sequence[Any], Callable[[Sequence[Any]], None]]) -> None:
    messages, done = step
    done(messages)
