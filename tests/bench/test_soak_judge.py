"""A soak's stream holds what it must, and its lateness is decided as the slow oracle of chaos decides it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import pytest

from bench.chaos.rules import PLANS
from bench.chaos.stream import ORIGINS, Shape
from bench.chaos.truth import Lift, Logged, admit
from bench.soak.judge import _in_order, _Refused, _Source
from bench.soak.stream import BAD_RULES, Maker, rules
from risk_stream.catalogue import Decoder, ProblemsError, load_catalogue
from risk_stream.rules import plan_of_texts

NOW = 1_790_000_000_000
CATALOGUE = load_catalogue()
SHAPE = Shape(events=0, seed=3, per_second=500, lateness_ms=5_000)


def made(seconds: int = 20) -> dict[tuple[str, int], list[SimpleNamespace]]:
    """The logs of the house topics after so many seconds."""
    logs: dict[tuple[str, int], list[SimpleNamespace]] = {origin: [] for origin in ORIGINS}
    maker = Maker(SHAPE)
    for block in range(seconds * 10):
        now = NOW + 100 * block
        for index, value in maker.block(SHAPE.per_second // 10, now):
            log = logs[ORIGINS[index]]
            log.append(SimpleNamespace(offset=2 * len(log), timestamp=now, value=value))  # offsets may have gaps
    return logs


def test_the_stream_has_something_of_everything() -> None:
    """Late, too late, ahead of its time, copies, no events; probes of both kinds."""
    events = [record for log in made().values() for record in log]
    seen: Counter[str] = Counter()
    ids: set[str] = set()
    for record in events:
        try:
            event = orjson.loads(record.value)
        except orjson.JSONDecodeError:
            seen["broken"] += 1
            continue
        behind = record.timestamp - event["time"]
        seen["late"] += 1_000 < behind <= 5_000
        seen["too late"] += behind > 5_000 and event["time"] > NOW - 100_000
        seen["ahead"] += behind < -300_000
        seen["again"] += event.get("id") in ids
        seen["probes"] += event.get("purpose") == "probe" or event.get("quantity", 0) % 16 == 7
        ids.add(event.get("id", ""))
    assert {what for what in ("broken", "late", "too late", "ahead", "again", "probes") if not seen[what]} == set()


def test_each_rule_file_is_a_plan_of_its_own_and_the_bad_one_is_none() -> None:
    texts = [rules(number) for number in range(6)]
    plans = [plan_of_texts({"rules.yaml": text}, CATALOGUE) for text in texts]
    assert len({plan.version for plan in plans}) == 6
    probes = {PLANS[0][name].when for name in ("probe-transfer", "probe-trade")}
    assert all(probe in text for text in texts for probe in probes)
    with pytest.raises(ProblemsError):
        plan_of_texts({"rules.yaml": BAD_RULES}, CATALOGUE)


def test_lateness_is_decided_as_the_oracle_decides_it() -> None:
    """With clocks that were lifted on the way; and what was accepted comes in order, copies beside each other."""
    logs, rng = made(), np.random.default_rng(1)
    lifts = {
        origin: [Lift(int(rng.integers(0, 2 * len(log))), NOW + int(rng.integers(0, 30_000))) for _ in range(3)]
        for origin, log in logs.items()
    }
    timely = {
        origin: [Logged(r.offset, r.value) for r in log if not (b"e" in r.value and _is_ahead(r))]
        for origin, log in logs.items()
    }
    wanted = admit(timely, lifts, {origin: [(0, "p")] for origin in logs}, SHAPE.lateness_ms)
    refused, house = _Refused(), SimpleNamespace(shape=SHAPE, settings=SimpleNamespace(future_seconds=300.0))

    async def batches(log: list[SimpleNamespace]) -> AsyncIterator[list[Any]]:
        for at in range(0, len(log), 97):
            yield log[at : at + 97]

    sources = [
        _Source(origin, batches(log), Decoder(CATALOGUE), house, lifts[origin], [(0, 0)], refused)  # type: ignore[arg-type]
        for origin, log in logs.items()
    ]

    async def all_of_it() -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        async for batch in _in_order(sources, SHAPE.lateness_ms):
            found += zip(batch.times.tolist(), batch.table.column("id").to_pylist(), strict=True)
        return found

    came = asyncio.run(all_of_it())
    assert refused.late == wanted.late
    assert refused.wrong == wanted.wrong
    assert len(refused.future) == sum(_is_ahead(r) for log in logs.values() for r in log) > 0
    assert [time for time, _ in came] == sorted(time for time, _ in came)
    assert {id for _, id in came} == set(wanted.events)
    assert len(came) - len({id for _, id in came}) == wanted.copies > 0


def _is_ahead(record: SimpleNamespace) -> bool:
    try:
        return bool(orjson.loads(record.value)["time"] - record.timestamp > 300_000)
    except (orjson.JSONDecodeError, KeyError):
        return False
