"""Histories, rules and runs that the tests of this folder share."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import orjson

from risk_stream.catalogue import Catalogue, load_catalogue
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.workbench.backtest import Chunk, Report, backtest, chunks_of_records

CATALOGUE: Catalogue = load_catalogue()
START = 1_767_225_600_000  # 2026-01-01 UTC
DAY = 86_400_000
LATENESS = 10_000

RULES = """\
stage: trading
owner: desk
features:
  sent_1h: {count: transfer, where: direction == "out", by: account, window: 1h}
  paid_1d: {sum: amount, of: transfer, by: customer, window: 1d}
rules:
  - id: busy
    on: transfer
    when: sent_1h >= 3
    severity: high
    score: 10
    summary: "{customer} sent {sent_1h} times"
  - id: large
    on: transfer
    when: paid_1d > 1000
    severity: medium
    mode: shadow
    summary: "{customer} paid {paid_1d}"
  - id: never
    on: transfer
    when: amount > 1000000
    severity: low
    summary: "{customer} paid {amount}"
"""


def plan_of(text: str = RULES, **replaced: str) -> Plan:
    """The plan of one file; `replaced` are texts of it by a name for each, `old -> new`."""
    for change in replaced.values():
        old, _, new = change.partition(" -> ")
        assert old in text, old
        text = text.replace(old, new)
    return plan_of_texts({"rules.yaml": text}, CATALOGUE)


def transfer(n: int, at: int, **more: Any) -> dict[str, Any]:
    """A transfer of account A1 of C1, `at` ms after the start."""
    said = {"id": f"t{n}", "type": "transfer", "time": START + at, "account": "A1", "customer": "C1", "amount": 100.0}
    return {**said, "direction": "out", **more}


def chunks(events: Sequence[dict[str, Any] | bytes], size: int = 3) -> Iterator[Chunk]:
    """Events as chunks of so many."""
    values = [event if isinstance(event, bytes) else orjson.dumps(event) for event in events]
    for at in range(0, len(values), size):
        part = values[at : at + size]
        yield from chunks_of_records("given", [(list(range(at + 1, at + 1 + len(part))), part, at + len(part))])


def judge(plans: dict[str, Plan], events: Sequence[dict[str, Any] | bytes], **more: Any) -> Report:
    """A backtest of given events in one process."""
    return backtest(plans, chunks(events), lateness_ms=LATENESS, **more)


@cache
def market(seed: int = 3) -> tuple[bytes, ...]:
    """Some 15,000 events of a simulated market, a few of them up to 8 s behind others, a few twice."""
    from risk_stream.simulate import Market

    rng = random.Random(seed)
    values = [
        value for part in Market(seed, customers=120, days=10, episodes=12).slices(5_000) for value in part.values
    ]
    return tuple(_disturbed(values, rng))


def _disturbed(values: Iterable[bytes], rng: random.Random) -> Iterator[bytes]:
    held: list[tuple[int, bytes]] = []
    for value in values:
        time = orjson.loads(value)["time"]
        ready = [item for item in held if item[0] + 8_000 < time]
        held = [item for item in held if item[0] + 8_000 >= time]
        yield from (item[1] for item in ready)
        drawn = rng.random()
        if drawn < 0.03:
            held.append((time, value))
        else:
            yield value
            if drawn > 0.98:
                yield value
    yield from (value for _, value in held)
