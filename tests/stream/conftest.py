"""A catalogue, a plan over four keys, and records as a broker would give them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray

from risk_stream.catalogue import Catalogue, EventBatch, load_catalogue
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.stream.intake.admission import Admission, Admitted
from risk_stream.stream.intake.origins import Origin
from risk_stream.stream.letters.sections import beside

RULES = """
stage: trading
features:
  count_10m: {count: transfer, by: account, window: 10m}
  paid_10m: {count: transfer, by: counterparty, window: 10m}
rules:
  - id: third
    on: transfer
    when: count_10m == 3
    severity: high
    score: 40
    action: review
    owner: desk
    summary: "{account}"
    why: "Burst."
  - id: large
    on: transfer
    when: amount > 9000 and paid_10m >= 1
    severity: low
    score: 9
    action: review
    owner: desk
    summary: "{amount}"
    why: "Large."
"""
NOW = 1_700_000_000_000


@dataclass
class FakeRecord:
    """A Kafka record, as far as the stream looks at it."""

    offset: int
    value: bytes | None
    timestamp: int = NOW


def admit(admission: Admission, origin: Origin, records: list[FakeRecord]) -> Admitted:
    """Admit all records of one origin, by itself."""
    admitted = Admitted()
    (decoded,) = admission.decode([(origin.channel, records)], admitted)
    admission.admit([(origin, decoded, records[-1].offset + 1, False)], admitted)
    return admitted


def merged(parts: Sequence[EventBatch], clocks: Sequence[NDArray[np.int64]]) -> EventBatch:
    """Events of several sections in one batch, in the order in which a hop sends them on."""
    batch, order = beside(parts, clocks)
    return batch if order is None else batch.take(order)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="session")
def plan(catalogue: Catalogue) -> Plan:
    return plan_of_texts({"rules.yaml": RULES}, catalogue)


@pytest.fixture
def transfer() -> Callable[..., FakeRecord]:
    """Make a record of a transfer at an offset; None takes a field away."""

    def make(offset: int, **fields: Any) -> FakeRecord:
        event = {
            "id": f"t{offset}",
            "type": "transfer",
            "time": NOW,
            "account": "A1",
            "customer": "C1",
            "counterparty": "P1",
            "direction": "out",
            "amount": 10,
            **fields,
        }
        return FakeRecord(offset, orjson.dumps({k: v for k, v in event.items() if v is not None}))

    return make
