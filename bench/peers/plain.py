"""The plain job: count and sum by customer over ten minutes, exact as of every event, and three rules on them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.peers.alerts import Alert, Expected

__all__ = ["EVENTS_YAML", "MANY", "WINDOW_MS", "Payments", "Record", "expected", "make", "records", "rules_yaml"]

#: The window is (t - 10 minutes, t]: an event exactly ten minutes old has left it.
WINDOW_MS = 600_000

#: Rule `many`: more events of a customer in a window than this; a customer has 120 on average.
MANY = 150
PER_WINDOW = 120

#: Rule `large`: more pieces than this; one event in a hundred.
LARGE = 120

#: (customer's number, key, value) of a record.
Record = tuple[int, bytes, bytes]

START = 1_767_225_600_000

#: What risk-stream is told of the events: what every other peer decodes of them, and no more.
EVENTS_YAML = """\
types:
  - type: payment
    meaning: A payment, as a house with its own feed would declare it.
    topic: trades
    fields:
      - {name: customer, type: string, key: customer, required: true, meaning: Who pays.}
      - {name: quantity, type: integer, required: true, meaning: Pieces bought.}
      - {name: amount, type: money, required: true, meaning: What is paid.}
"""


@dataclass(frozen=True)
class Payments:
    """n events; event i comes `step` ms after the one before it, and its id is `p-` and its number."""

    customers: NDArray[np.int64]
    quantity: NDArray[np.int64]
    price: NDArray[np.int64]  # in cents
    other: NDArray[np.int64]  # what the fields nobody asks for are made of
    step: int

    def __len__(self) -> int:
        return len(self.customers)


def make(n: int, customers: int, seed: int = 20261124) -> Payments:
    """`n` events of evenly drawn customers, spaced so that a window holds `PER_WINDOW` of each customer on average."""
    rng = np.random.default_rng(seed)
    quantity = 100 + rng.integers(0, 20, n) + 30 * (rng.random(n) < 0.01)
    return Payments(
        rng.integers(0, customers, n),
        quantity,
        1050 + 100 * rng.integers(0, 7, n),
        rng.integers(0, 7000, n),
        WINDOW_MS // (customers * PER_WINDOW),
    )


def records(made: Payments, count: int) -> Iterator[Record]:
    """The first `count` events; about 180 bytes of JSON each."""
    columns = zip(
        made.customers[:count].tolist(),
        made.quantity[:count].tolist(),
        made.price[:count].tolist(),
        made.other[:count].tolist(),
        strict=True,
    )
    time = START
    for i, (customer, quantity, price, other) in enumerate(columns):
        key = f"c{customer}"
        yield (
            customer,
            key.encode(),
            (
                f'{{"id":"p-{i}","type":"payment","time":{time},"device":"d{other % 4000}","customer":"{key}",'
                f'"account":"a{other}","instrument":"i{other % 300}","side":"B","quantity":{quantity},'
                f'"price":{price / 100},"amount":{quantity * price / 100}}}'
            ).encode(),
        )
        time += made.step


def expected(made: Payments, settled: int) -> tuple[float, Expected]:
    """(threshold of rule `much`, every alert there must be): plain Python, one deque per customer, money in cents.

    The threshold is the 99th percentile of the sums from event `settled` on, when every window is full.
    """
    windows: dict[int, deque[tuple[int, int]]] = {}
    totals: dict[int, int] = {}
    counts, sums, time = [], [], START
    amounts = (made.quantity * made.price).tolist()
    for customer, amount in zip(made.customers.tolist(), amounts, strict=True):
        rows = windows.setdefault(customer, deque())
        rows.append((time, amount))
        total = totals.get(customer, 0) + amount
        while rows[0][0] <= time - WINDOW_MS:
            total -= rows.popleft()[1]
        totals[customer] = total
        counts.append(len(rows))
        sums.append(total)
        time += made.step
    threshold = sorted(sums[settled:])[int((len(sums) - settled) * 0.99)] / 100
    alerts: dict[int, Alert] = {}
    for i, (count, total, quantity) in enumerate(zip(counts, sums, made.quantity.tolist(), strict=True)):
        fired = {"many": count > MANY, "much": total > threshold * 100, "large": quantity > LARGE}
        if any(fired.values()):
            rules = frozenset(rule for rule, yes in fired.items() if yes)
            alerts[i] = Alert(rules, {"count_10m": count, "sum_10m": total / 100})
    return threshold, alerts


def rules_yaml(threshold: float) -> str:
    """The three rules as risk-stream reads them; each names both features, so that each alert carries them."""
    conditions = {"many": f"count_10m > {MANY}", "much": f"sum_10m > {threshold}", "large": f"quantity > {LARGE}"}
    rules = "".join(
        f"  - id: {rule}\n    on: payment\n    when: {when}\n    severity: high\n    owner: bench\n"
        '    summary: "{customer} made {count_10m} payments of {sum_10m} in 10 minutes"\n    why: A measured rule.\n'
        for rule, when in conditions.items()
    )
    return (
        "stage: trading\nfeatures:\n  count_10m: {count: payment, by: customer, window: 10m}\n"
        f"  sum_10m: {{sum: amount, of: payment, by: customer, window: 10m}}\nrules:\n{rules}"
    )
