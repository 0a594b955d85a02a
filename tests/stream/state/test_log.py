"""The state topic on real Kafka: one owner of a lane at a time, all of a checkpoint or nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiokafka.errors import KafkaError

from risk_stream.catalogue import Catalogue
from risk_stream.kafka import FencedError, create_topics, wanted_topics
from risk_stream.settings import Settings
from risk_stream.stream.state.log import KafkaStateLog, StoredPart
from tests.live.servers import Kafka

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

Part = tuple[bytes, bytes]


@pytest.fixture(scope="module")
def state(kafka: Kafka, catalogue: Catalogue) -> KafkaStateLog:
    settings = Settings(prefix="statelog.", house_topics={}, partitions=6)
    create_topics(kafka.address, wanted_topics(settings, catalogue))
    return KafkaStateLog(kafka.address, settings.state_topic, "statelog")


def play(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await work()

    asyncio.run(main())


async def everything(state: KafkaStateLog, lane: int) -> tuple[int, int, list[StoredPart]]:
    async with state.reader(lane) as reader:
        first, end = await reader.bounds()
        return first, end, [part async for parts in reader.read(first, end) for part in parts]


def parts(*values: bytes) -> list[Part]:
    return [(value, value) for value in values]


def test_what_was_written_is_read_back_in_order(state: KafkaStateLog) -> None:
    """And the writer knows where the log ends then."""

    async def work() -> None:
        writer = await state.fence(0)
        heard: list[int] = []

        def header(first: int) -> Part:
            heard.append(first)
            return b"header", b"h"

        assert await writer.write(parts(b"a", b"b"), header) == 1
        assert await writer.write(parts(b"c"), header) == 1
        await (await state.fence(0)).close()  # it returns when the broker has marked as complete what was written
        first, end, found = await everything(state, 0)
        assert [value for _, _, value in found] == [b"a", b"b", b"h", b"c", b"h"]
        assert (first, end) == (0, writer.end)
        assert heard == [found[0][0], found[3][0]]
        await writer.close()

    play(work)


def test_an_earlier_owner_can_write_no_more(state: KafkaStateLog) -> None:
    """From the moment on that the next one has its fence, and what it had begun is undone."""

    async def work() -> None:
        old = await state.fence(1)
        await old.write(parts(b"a"), lambda _: (b"header", b"1"))
        await old._producer._producer.begin_transaction()
        await (await old._send(b"torn", b"torn"))
        new = await state.fence(1)
        _, end, found = await everything(state, 1)
        assert [value for _, _, value in found] == [b"a", b"1"]
        assert end > old.end  # a mark that the begun one was undone: whoever kept the lane's state sees it
        with pytest.raises(KafkaError):
            await (await old._send(b"late", b"late"))
        new.end = end
        await new.write(parts(b"b"), lambda _: (b"header", b"2"))
        assert [value for _, _, value in (await everything(state, 1))[2]] == [b"a", b"1", b"b", b"2"]
        await old.close()
        await new.close()

    play(work)


def test_a_fenced_owner_is_told(state: KafkaStateLog) -> None:
    """With its next checkpoint, and closing it does not hang."""

    async def work() -> None:
        old = await state.fence(2)
        await old.write([], lambda _: (b"header", b"1"))
        new = await state.fence(2)
        with pytest.raises(FencedError):
            await old.write(parts(b"x"), lambda _: (b"header", b"x"))
        await asyncio.wait_for(old.close(), 10)
        assert [value for _, _, value in (await everything(state, 2))[2]] == [b"1"]
        await new.close()

    play(work)


def test_nobody_else_wrote_where_the_end_is_mine(state: KafkaStateLog) -> None:
    """Fencing alone leaves nothing in the log, so a lane that comes back is known by the log's end."""

    async def work() -> None:
        writer = await state.fence(3)
        await writer.write(parts(b"a"), lambda _: (b"header", b"1"))
        for _ in range(3):
            again = await state.fence(3)
            async with state.reader(3) as reader:
                assert (await reader.bounds())[1] == writer.end
            await again.close()
        await writer.close()

    play(work)


def test_a_header_alone_is_a_checkpoint(state: KafkaStateLog) -> None:
    """Time has gone on, and nothing else."""

    async def work() -> None:
        writer = await state.fence(4)
        writer.end = 0
        await writer.write([], lambda first: (b"header", b"%d" % first))
        await writer.write([], lambda first: (b"header", b"%d" % first))
        found = (await everything(state, 4))[2]
        assert [value for _, _, value in found] == [b"0", b"2"]
        assert [offset for offset, _, _ in found] == [0, 2]
        await writer.close()

    play(work)


def test_old_parts_are_deleted(state: KafkaStateLog) -> None:
    """Those that no restore needs."""

    async def work() -> None:
        writer = await state.fence(5)
        for i in range(4):
            await writer.write(parts(b"a"), lambda _, i=i: (b"header", b"%d" % i))  # type: ignore[misc]
        await state.trim({5: 6})
        first, _, found = await everything(state, 5)
        assert first == 6
        assert [value for _, _, value in found] == [b"a", b"2", b"a", b"3"]
        await writer.close()
        await state.stop()

    play(work)
