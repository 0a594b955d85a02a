"""What a checkpoint holds is enough to begin again from, whenever it was taken and however its images were spread."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import pytest

from risk_stream.catalogue.formats import CHECKPOINTS, LaterFormatError
from risk_stream.stream.state.checkpoint import (
    CYCLE_SECONDS,
    HEADER_KEY,
    CheckpointError,
    Header,
    Saver,
    Standing,
    kind_of,
    part_key,
)
from risk_stream.stream.state.restore import check_counts, find_header, read_parts
from tests.stream.statefake import MemoryLog

KEYS = 12


class Counts:
    """A hop as far as saving goes: sets counters; images are of one key each, deltas of what was set since."""

    def __init__(self) -> None:
        self.values: dict[int, int] = {}
        self.changed: dict[int, int] = {}
        self.cycles, self.at = 0, 0

    def set(self, key: int, value: int) -> None:
        self.values[key] = self.changed[key] = value

    def delta(self, upto: int) -> list[bytes]:
        changed, self.changed = self.changed, {}
        return [orjson.dumps([key, value]) for key, value in changed.items()]

    def images(self, budget_bytes: int) -> list[bytes]:
        parts: list[bytes] = []
        while sum(map(len, parts)) < budget_bytes and len(parts) < KEYS:
            parts.append(orjson.dumps([self.at, self.values.get(self.at)]))
            self.at = (self.at + 1) % KEYS
            self.cycles += self.at == 0
        return parts

    def restore(self, parts: Iterable[bytes], plans: Mapping[str, Any]) -> None:
        for key, value in map(orjson.loads, parts):
            if value is not None:
                self.values[key] = value


async def save(log: MemoryLog, writer: Any, saver: Saver, n: int) -> int:
    """One checkpoint of lane 0 with one hop; its first needed offset."""
    images, deltas = saver.take(n)
    end = log.ends.get(0, 0)
    parts = [(part_key("a", end, i), part) for i, part in enumerate([*images, *deltas])]
    since = []

    def header(first: int) -> tuple[bytes, bytes]:
        since.append(saver.settle(first))
        return HEADER_KEY, Header(0, {"a": Standing(n, n, 0, {}, 0, (-1, -1, 0), since[0])}, {}).encode()

    await writer.write(parts, header)
    return since[0]


async def load(log: MemoryLog) -> tuple[Counts, Header]:
    async with log.reader(0) as reader:
        first, end = await reader.bounds()
        found = await find_header(reader, first, end)
        assert found is not None
        hop = Counts()
        await read_parts(reader, first, found[1], found[0], {"a": hop}, {}, asyncio.Lock())
        return hop, found[1]


@pytest.mark.parametrize("seed", range(40))
def test_a_restore_has_what_was_saved_and_needs_nothing_older(seed: int) -> None:
    """Random changes, walks of random budgets, checkpoints, restarts; what is said to be needless is deleted."""
    chance = random.Random(seed)

    async def main() -> None:
        log, hop = MemoryLog(), Counts()
        saver, writer = Saver(hop), await log.fence(0)
        for n in range(1, 200):
            for _ in range(chance.randrange(5)):
                hop.set(chance.randrange(KEYS), n)
            for _ in saver.walk(chance.choice([0.1, 5.0, CYCLE_SECONDS]), chance.choice([0, 1 << 20])):
                if chance.random() < 0.3:
                    hop.set(chance.randrange(KEYS), n)
            since = await save(log, writer, saver, n)
            await log.trim({0: since})
            again, header = await load(log)
            assert again.values == hop.values
            assert header.hops["a"].n == n
            if chance.random() < 0.1:
                saver, hop, writer = Saver(again, header.hops["a"].since), again, await log.fence(0)

    asyncio.run(main())


def test_the_log_does_not_grow_without_bound() -> None:
    """A walk is complete when as many bytes were written as the state holds; what lies before it is not needed."""

    async def main() -> None:
        log, hop = MemoryLog(), Counts()
        saver, writer = Saver(hop), await log.fence(0)
        for n in range(1, 500):
            hop.set(n % KEYS, n)
            for _ in saver.walk(1.0):
                pass
            await log.trim({0: await save(log, writer, saver, n)})
            assert len(log.records[0]) < 15 * KEYS

    asyncio.run(main())


def test_nothing_is_walked_where_nothing_changes() -> None:
    """A quiet house writes headers only, and once their bytes are many, one walk."""
    hop = Counts()
    saver = Saver(hop)
    hop.set(1, 1)
    saver.take(1)
    while list(saver.walk(CYCLE_SECONDS)):
        pass
    walks = hop.cycles
    assert walks == 1
    for _ in range(100):
        assert list(saver.walk(CYCLE_SECONDS, header=1000)) == []
    assert list(saver.walk(CYCLE_SECONDS, header=1 << 20)) != []


def test_the_last_header_is_found_however_long_its_parts_are() -> None:
    """In windows that double, from the end."""

    async def main() -> None:
        log = MemoryLog()
        writer = await log.fence(0)
        for n, parts in enumerate((1, 500, 0, 3)):
            many = [(part_key("a", n, i), b"x") for i in range(parts)]
            await writer.write(many, lambda _, n=n: (HEADER_KEY, Header(n, {}, {}).encode()))  # type: ignore[misc]
            async with log.reader(0) as reader:
                found = await find_header(reader, *await reader.bounds())
            assert found is not None
            assert found[1].lane == n
        log.records[0] = [r for r in log.records[0] if r[1] != HEADER_KEY or r[0] < 3]
        async with log.reader(0) as reader:
            log.reads.clear()
            found = await find_header(reader, *await reader.bounds())
        assert found is not None
        assert found[1].lane == 0
        assert len(log.reads) < 8
        assert sum(end - start for start, end in log.reads) <= log.ends[0]

    asyncio.run(main())


def test_a_lane_that_was_never_saved_has_no_header() -> None:
    """Whatever else lies there."""

    async def main() -> None:
        log = MemoryLog()
        async with log.reader(0) as reader:
            assert await find_header(reader, 0, 0) is None
        log.records[0], log.ends[0] = [(0, b"a/0.0", b"")], 2
        async with log.reader(0) as reader:
            assert await find_header(reader, 0, 2) is None

    asyncio.run(main())


def test_a_header_goes_through_bytes_and_back() -> None:
    """All of it."""
    header = Header(3, {"a": Standing(7, 5, -(2**63), {"seen": {"t/0": 4}}, 9, [4, 6, 11], 2)}, {"t": 4}, ("p1",))
    assert Header.decode(header.encode()) == header


@pytest.mark.parametrize("data", [b"", b"{}", b"\x00", b'{"format": 1}', b'{"format":1,"lane":1,"hops":{"a":{}}}'])
def test_a_header_that_cannot_be_read_is_refused(data: bytes) -> None:
    """In one sentence."""
    with pytest.raises(CheckpointError, match="begin anew"):
        Header.decode(data)


def test_another_format_is_refused() -> None:
    """Of a later release."""
    data = orjson.dumps({**orjson.loads(Header(0, {}, {}).encode()), "format": CHECKPOINTS.newest + 1})
    with pytest.raises(LaterFormatError, match=r"in format 3, which a later release wrote.* reads up to 2: run that"):
        Header.decode(data)


def test_changed_partitions_are_refused() -> None:
    """Keys would be judged without their past."""
    header = Header(0, {}, {"hop.a": 4, "trades": 2})
    check_counts(header, {"hop.a": 4, "trades": 2, "more": 1})
    with pytest.raises(CheckpointError, match=r"hop\.a 4 -> 8, trades 2 -> 0"):
        check_counts(header, {"hop.a": 8})


def test_deleted_parts_are_refused() -> None:
    """Somebody emptied the topic."""

    async def main() -> None:
        log, hop = MemoryLog(), Counts()
        saver, writer = Saver(hop), await log.fence(0)
        hop.set(1, 1)
        await save(log, writer, saver, 1)
        hop.set(2, 1)
        await save(log, writer, saver, 2)
        await log.trim({0: 2})
        with pytest.raises(CheckpointError, match="begins at offset 2 and lane 0 needs it from 0"):
            await load(log)

    asyncio.run(main())


def test_keys_of_parts_are_all_different_and_say_their_kind() -> None:
    """Compaction keeps the last record of a key."""
    assert part_key("a", 5, 1) != part_key("a", 51, 1) != part_key("a", 5, 11)
    assert kind_of(part_key("loan/odd", 5, 1)) == "loan/odd"
