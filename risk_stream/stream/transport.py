"""Faust's Kafka transport in batches: one fetched run of records of a partition is one message.

Faust spends about a tenth of a millisecond on a message whatever is in it, so it is handed few large ones. What else is
changed, each because of something seen in a run:

* *Credits*: a partition may have `CREDITS` runs that are delivered and not yet acknowledged; then it is not read until
  one is. So a full queue of one agent (Redis is away) never stands in the way of another's, and memory stays bounded.
* *An ack says "durable up to here"*: the commit is the highest acknowledged offset plus one. Gaps (compaction,
  transaction markers) need no book-keeping.
* *Revoke and stop do not wait* for batches that are un-acknowledged; what is not acknowledged is read again.
* *A commit is sent once*, under the generation its offsets were read in, one at a time, never back, and with the text
  that the partition's `book` gives beside the offset. One that was not taken goes with the next one: the broker may be
  away for a while. A refused one drops what is pending. See `commits` for one that is not answered.
* *No waits on the way*: fetches stay short, and one partition with unread records does not hold up the others'.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, ClassVar

import aiokafka
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaError
from aiokafka.structs import ConsumerRecord, TopicPartition
from faust import Schema
from faust.events import Event
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP, ConsumerMessage

from risk_stream.stream.commits import Answer, CommitBook, NoBook, send_commit

__all__ = ["CREDITS", "BatchSchema", "Consumer", "Transport"]

#: Runs of one partition that may be delivered and not yet acknowledged.
CREDITS = 8

#: How long the broker may hold a fetch that finds nothing, ms. A partition with unread records is not in the fetch that
#: is under way, so once they are read it waits no longer than this.
FETCH_WAIT_MS = 20

#: Fetches of a node begin so long after one another at least, s: one that asks at once finds a record or two, and costs
#: both sides half a millisecond.
FETCH_APART = 0.004

#: How long the next fetch waits for records of the last one to be read, s, so that their partitions are in it.
UNREAD_WAIT = 0.005


class BatchSchema(Schema):  # type: ignore[type-arg]
    """Hands a message's value, a list of Kafka records, to the agent as it is."""

    def compile(self, app: Any, **_: Any) -> Callable[..., Awaitable[Event]]:
        """Return the decoder Faust calls for each message."""

        async def decode(message: ConsumerMessage, **_: Any) -> Event:
            return Event(app, None, message.value, None, message)

        return decode


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that talks to the broker: reads partitions that have credit, commits, keeps the membership alive."""

    consumer: Consumer
    mundane_level = "debug"

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        made: aiokafka.AIOKafkaConsumer = super()._create_worker_consumer(transport)
        made._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001  Faust offers no setting; its 1,500 ms would be latency
        if self.consumer.assignor is not None:
            made._partition_assignment_strategy = (self.consumer.assignor,)  # noqa: SLF001  nor for this
        return made

    async def on_start(self) -> None:
        """Start the Kafka client, with prefetching that never pauses a node for one partition's unread records."""
        await super().on_start()
        self._credit: asyncio.Event = asyncio.Event()
        fetcher = self._ensure_consumer()._fetcher  # noqa: SLF001
        fetcher._prefetch_backoff = UNREAD_WAIT  # noqa: SLF001  its 0.1 s would be latency
        fetcher._proc_fetch_request = _apart(fetcher._proc_fetch_request)  # noqa: SLF001

    def credit_returned(self) -> None:
        """Wake the reader: a partition may be read again. Called from the main thread."""
        self.thread_loop.call_soon_threadsafe(self._credit.set)

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> dict[TP, list[ConsumerRecord]]:
        """At most `max_records` of each partition that has credit, as soon as there is one."""
        fetcher = consumer._fetcher  # noqa: SLF001
        deadline = asyncio.get_running_loop().time() + (timeout or 0.0)
        with fetcher._subscriptions.fetch_context():  # noqa: SLF001
            while True:
                if not self.consumer.flow_active:
                    return {}
                if consumer._closed or fetcher._closed:  # noqa: SLF001
                    raise ConsumerStoppedError
                self._credit.clear()
                found: dict[TP, list[ConsumerRecord]] = {}
                read = fetcher._records  # noqa: SLF001
                ready = [tp for tp in self.consumer.with_credit(active_partitions) if tp in read]
                for tp in sorted(ready, key=lambda tp: not isinstance(read[tp], FetchResult)):
                    # An error is raised alone, when nothing was found: nothing is lost by it.
                    result = read.get(tp)
                    if isinstance(result, FetchResult) and result._partition_records is not None:  # noqa: SLF001
                        result._partition_records._consumer_record = _as_it_is  # noqa: SLF001
                    if not found or isinstance(result, FetchResult):
                        found.update(await fetcher.fetched_records((tp,), timeout=0, max_records=max_records))
                left = deadline - asyncio.get_running_loop().time()
                if found or left <= 0:
                    return found
                fetched = fetcher._create_fetch_waiter()  # noqa: SLF001
                credited = asyncio.ensure_future(self._credit.wait())
                await asyncio.wait((fetched, credited), timeout=left, return_when=asyncio.FIRST_COMPLETED)
                credited.cancel()
                if fetched.done():
                    fetched.result()  # a refusal by the group's coordinator is raised here
                fetched.cancel()

    def unread(self, tp: TP) -> int:
        """How many records there are that were not read yet, as far as is known. Called from the main thread."""
        assigned = self._ensure_consumer()._subscription.subscription.assignment  # noqa: SLF001
        if assigned is None or tp not in assigned.tps:
            return 0
        state = assigned.state_value(tp)
        if state.highwater is None or not state.has_valid_position:
            return 0
        return max(0, int(state.highwater) - int(state.position))

    async def commit_under(self, generation: int, wanted: Mapping[TP, tuple[int, str]]) -> dict[TP, Answer]:
        """Commit (offset, text) of partitions once, under a generation."""
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001
        return await self.call_thread(send_commit, coordinator, generation, wanted)  # type: ignore[no-any-return]

    async def committed_texts(self, partitions: Iterable[TP]) -> dict[TP, tuple[int, str]]:
        """(offset, text) of each partition that has a committed offset. Raises `KafkaError`."""
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001
        asked = [TopicPartition(*tp) for tp in partitions]
        found = await self.call_thread(coordinator.fetch_committed_offsets, asked)
        return {TP(*tp): (said.offset, said.metadata) for tp, said in found.items() if said.offset >= 0}


def _apart(fetch: Callable[..., Awaitable[bool]]) -> Callable[..., Awaitable[bool]]:
    """The same fetches, those of a node `FETCH_APART` from each other."""
    earliest: dict[int, float] = {}

    async def later(assignment: Any, node: int, request: Any) -> bool:
        now = asyncio.get_running_loop().time()
        wait = earliest.get(node, now) - now
        try:
            if wait > 0:
                await asyncio.sleep(wait)
            earliest[node] = max(now, now + wait) + FETCH_APART
            return await fetch(assignment, node, request)
        except asyncio.CancelledError:
            return False  # who closes the fetcher waits for this, and a fetch that has just failed would raise there

    return later


def _as_it_is(_: Any, record: Any) -> Any:
    """A record as it was parsed, which knows its offset, time, key and value.

    aiokafka makes another of it that knows eleven things; what is worked on here asks for three, and a record takes
    half as long.
    """
    return record


def _as_one(tp: TP, run: list[ConsumerRecord], generation: int) -> ConsumerMessage:
    """A run of records as one message: where and when its last one is, all of them as its value."""
    last = run[-1]
    value: Any = run
    headers: Any = ()
    return ConsumerMessage(
        tp.topic,
        tp.partition,
        last.offset,
        last.timestamp / 1000,
        last.timestamp_type,
        headers,
        None,
        value,
        None,
        0,
        0,
        tp,
        generation_id=generation,
    )


class Consumer(driver.Consumer):
    """Delivers runs of records, counts credits, and commits what is acknowledged."""

    mundane_level = "debug"
    RebalanceListener = driver.Consumer.RebalanceListener
    _thread: ConsumerThread
    consumer_stopped_errors: ClassVar[Any] = driver.Consumer.consumer_stopped_errors

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.book: CommitBook = NoBook()
        self._out: Counter[TP] = Counter()  # runs delivered and not yet acknowledged
        self._acked_to: dict[TP, int] = {}  # the offset to commit
        self._generation = 0  # of the assignment whose offsets are committed
        self._committing = asyncio.Lock()
        self._turns = 0  # fetches that were delivered whole
        self._starts: dict[TP, int] = {}  # where partitions are read from that do not begin at their commit
        self.assignor: Any = None  # who assigns, in place of aiokafka's
        self.leaving: Callable[[], Awaitable[None]] = _nothing

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # Delivery

    def with_credit(self, partitions: Iterable[TP]) -> list[TP]:
        """Those of `partitions` that may be read now."""
        return [tp for tp in tuple(partitions) if self._out[tp] < CREDITS]

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Yield (partition, run of records as one message)."""
        records, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if self.should_stop:
            return
        if not self.flow_active:  # being rebalanced: what was read is given back
            await self._seek_back()
            return
        for tp, run in (records or {}).items():
            if self._is_over(generation):
                break
            if active and tp in active:
                self._out[tp] += 1
                yield tp, _as_one(tp, run, generation)

    async def _drain_messages(self, fetcher: Any) -> None:
        """Read and deliver until stopped. Delivering is putting into queues and takes no turns of the event loop."""
        deliver, flowing = self.callback, self.app.flow_control.is_active
        while not (self.should_stop or fetcher.should_stop):
            try:
                async for tp, message in self.getmany(timeout=1.0):
                    if flowing():
                        await deliver(message)
                    else:  # being rebalanced
                        await self.wait_first(deliver(message), self.suspend_flow.wait())
                    self._read_offset[tp] = message.offset
            except self.consumer_stopped_errors:
                if self.app.should_stop:
                    return
                raise
            self._turns += 1
            await asyncio.sleep(0)

    async def has_delivered(self, tp: TP, offset: int) -> bool:
        """Whether all records of a partition below an offset were delivered and acknowledged.

        For a log whose last offsets hold no records (markers of transactions, say): the reader stands at the offset,
        and what was fetched before it stood there has been delivered.
        """
        try:
            position = await self.position(tp)
        except IllegalStateError:  # the group is giving it to somebody at this moment
            return False
        if position is None or position < offset:
            return False
        turn, generation = self._turns + 2, self._generation  # by then the fetch that was under way is delivered
        while self._turns < turn:
            await asyncio.sleep(0.05)
            if self.should_stop or generation != self._generation:
                return False
        return self._out[tp] == 0

    def unread(self, tp: TP) -> int:
        """How many records the broker had of a partition, when it last answered, beyond those that were read."""
        return self._thread.unread(tp)

    def _is_over(self, generation: int) -> bool:
        """Whether an assignment has ended, or is about to."""
        return not self.flow_active or self.app.consumer_generation_id != generation

    async def _seek_back(self) -> None:
        try:
            await self.perform_seek()
        except (KafkaError, IllegalStateError, AssertionError) as exc:
            self.log.info("could not go back to the committed offsets, the next assignment does: %r", exc)

    def start_at(self, tp: TP, offset: int) -> None:
        """Read a partition from an offset in this assignment, whatever is committed. To be said before it is read."""
        self._starts[tp] = offset

    async def perform_seek(self) -> None:
        """Go to where each partition is to be read from."""
        await super().perform_seek()
        for tp, offset in tuple(self._starts.items()):
            if tp in self.assignment():
                await self.seek(tp, offset)

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing: credits bound the queues."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Nothing: credits bound the queues."""

    # Acknowledgement

    def done(self, message: ConsumerMessage, *, durable: bool = True) -> None:
        """A delivered run is finished: its credit returns and, if all it caused is `durable`, it may be committed."""
        tp = message.tp
        if message.generation_id != self.app.consumer_generation_id:
            return
        if durable:
            self._acked_to[tp] = max(self._acked_to.get(tp, 0), message.offset + 1)
        before = self._out[tp]
        self._out[tp] = max(0, before - 1)
        if before >= CREDITS:
            self._thread.credit_returned()

    def stored(self, tp: TP, offset: int, generation: int) -> None:
        """All that the records before an offset caused is stored: it may be committed."""
        if generation == self.app.consumer_generation_id:
            self._acked_to[tp] = max(self._acked_to.get(tp, 0), offset)

    async def force_commit(self, *_: Any, **__: Any) -> bool:
        """Commit what is acknowledged and not yet committed; what is not taken is tried again the next time."""
        async with self._committing:
            wanted = {}
            for tp, offset in self._acked_to.items():
                if offset > (self._committed_offset[tp] or 0):
                    wanted[tp] = (offset, self.book.committing(tp, offset) or "")
            answers = await self._commit_once(wanted)
        return bool(answers) and set(answers.values()) == {Answer.ACCEPTED}

    async def commit_exactly(self, wanted: Mapping[TP, tuple[int, str]]) -> dict[TP, Answer]:
        """Commit these offsets with these texts, after a commit that is under way."""
        async with self._committing:
            return await self._commit_once(wanted)

    async def _commit_once(self, wanted: Mapping[TP, tuple[int, str]]) -> dict[TP, Answer]:
        if not wanted:
            return {}
        generation = self._generation
        answers = await self._thread.commit_under(generation, wanted)
        if any(answers[tp] is Answer.NONE and text for tp, (_, text) in wanted.items()):
            self.book.unanswered()
        if generation != self._generation:
            return dict.fromkeys(wanted, Answer.REFUSED)
        for tp, answer in answers.items():
            if answer is Answer.ACCEPTED:
                self._committed_offset[tp] = wanted[tp][0]
                self.book.committed(tp, wanted[tp][0])
            elif answer is Answer.REFUSED:
                self._acked_to.pop(tp, None)
        if Answer.REFUSED in answers.values():
            self.log.info("not committed: the group has another generation now")
        elif set(answers.values()) != {Answer.ACCEPTED}:
            said = sorted({a.value for a in answers.values() if a is not Answer.ACCEPTED})
            self.log.info("not committed (%s), will be with the next commit", ", ".join(said))
        return answers

    async def read_back(self, partitions: Iterable[TP]) -> dict[TP, tuple[int, str]]:
        """(offset, text) of each partition that has a committed offset. Raises `KafkaError`."""
        return await self._thread.committed_texts(partitions)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing: offsets inside a run are no gaps, and true ones need no book-keeping."""

    async def wait_empty(self) -> None:
        """Commit what is acknowledged, at revoke and at stop; Faust's own waits for the rest, for ever."""
        await self.leaving()
        await self.commit_and_end_transactions()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Forget the old assignment's credits, after what was acknowledged under it is committed."""
        await super().on_partitions_revoked(revoked)
        self._forget()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Start the new assignment with full credits and nothing to commit."""
        self._forget()
        self._generation = generation_id
        await super().on_partitions_assigned(assigned, generation_id)

    def _forget(self) -> None:
        self._out.clear()
        self._acked_to.clear()
        self._starts.clear()

    def committed(self, tp: TP) -> int | None:
        """The offset a partition is committed up to, as far as this worker knows."""
        offset: int | None = self._committed_offset[tp]
        return offset

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: lag is a metric, and Faust's own check speaks of streams that are merely quiet."""


async def _nothing() -> None:
    pass


class Transport(driver.Transport):
    """What `faust.App.transport` is set to."""

    Consumer = Consumer
