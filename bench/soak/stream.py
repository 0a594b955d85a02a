"""The stream of a soak: events as of now, some late, copied, ahead of their time or none at all; and its rules.

Made for their number: a block at a time, drawn by numpy and written by one template. Keys are few enough that every
window has been full for a while after a minute, and the plan changes each time that rules are written anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from bench.chaos.rules import FEATURES, PLANS
from bench.chaos.stream import ORIGINS, Shape

__all__ = ["BAD_RULES", "Made", "Maker", "rules"]

#: One record: where it goes, as an index into `ORIGINS`, and its value.
Made: TypeAlias = tuple[int, bytes]

#: Shares of events: late and allowed to be, later than that, far ahead of the broker's clock, sent again, no events.
LATE, TOO_LATE, AHEAD, AGAIN, BROKEN = 0.03, 0.004, 0.0002, 0.01, 0.0005

#: How far ahead of their time those are that must be refused, ms; workers allow five minutes.
FAR_AHEAD = 3_600_000

#: One event in so many is looked at with every feature.
PROBED = 400

#: A file that no worker may take.
BAD_RULES = "stage: trading\nrules:\n  - id: broken\n    on: transfer\n    when: amonut > 3 and\n"

_NO_EVENTS = (b"{", b'{"type":"nonsense","time":1}', b'{"type":"transfer","id":"no-amount","time":1767225600000}')
_PURPOSES = ("rent", "shares", "salary", "goods", "gift")


def rules(number: int) -> str:
    """The rule file that is written as the `number`th: each makes a plan of its own; every other has a feature more."""
    probes = {name: PLANS[0][name] for name in ("probe-transfer", "probe-trade")}
    names = {name for probe in probes.values() for name in probe.names} | ({"c_mean_20s"} if number % 2 else set())
    lines = ["stage: trading", "owner: desk", "features:"]
    lines += [f"  {name}: {FEATURES[name].as_yaml()}" for name in sorted(names)]
    lines += ["rules:"]
    for name, probe in probes.items():
        lines.append(_rule(name, probe.on, probe.when))
    lines.append(_rule("large", "transfer", f"amount > {998 + number % 1000 / 1000:.3f} and c_count_20s > 3"))
    if number % 2:
        lines.append(_rule("surge", "transfer", "amount > 998.5 and amount > c_mean_20s * 1.5"))
    return "\n".join(lines) + "\n"


def _rule(name: str, on: str, when: str) -> str:
    said = f'{{id: {name}, on: {on}, severity: high, score: 50, summary: "{{account}} {name}"}}'
    return f"  - {said[:-1]}, when: '{when}'}}"


class Maker:
    """Makes a stream that its `shape` decides, but for the times, which are those at which it is asked."""

    def __init__(self, shape: Shape) -> None:
        self.shape, self.rng = shape, np.random.default_rng(shape.seed)
        self.made = 0
        self._again: list[Made] = []  # to be sent once more, with the next block

    def block(self, n: int, now: int) -> Iterator[Made]:
        """The next `n` events, as of `now`, ms; and what else comes with them."""
        rng, shape, first = self.rng, self.shape, self.made
        self.made += n
        yield from self._again
        self._again = []
        kinds, accounts = rng.random(n), rng.integers(0, shape.accounts, n)
        times = now - self._behind(n)
        devices, others = rng.integers(0, shape.customers, n), rng.integers(0, shape.customers, n)
        instruments = rng.integers(0, 1 + shape.customers // 5, n)
        cents, prices = rng.integers(100, 100_000, n), rng.integers(900, 1101, n)
        origins, asks = rng.integers(0, len(ORIGINS), n), rng.integers(0, PROBED, n)
        again, broken = rng.random(n) < AGAIN, rng.random(n) < BROKEN
        rows = zip(
            *(a.tolist() for a in (kinds, accounts, times, devices, others, instruments, cents, prices, origins)),
            *(a.tolist() for a in (asks, again, broken)),
            strict=True,
        )
        for i, (kind, account, time, device, other, title, cent, price, origin, ask, twice, bad) in enumerate(rows):
            customer = account % shape.customers
            head = f'{{"id":"e{first + i}","time":{time},"account":"A{account:06d}","entity":"Alpha",'
            if kind < 0.02:
                rest = f'"type":"account","customer":"C{customer:06d}"}}'
            elif kind < 0.57:
                whose = f'"customer":"C{customer:06d}",' if kind < 0.5 else ""
                rest = (
                    f'"type":"transfer",{whose}"device":"D{device:06d}","counterparty":"P{other:06d}","direction":'
                    f'"{"in" if cent % 2 else "out"}","amount":{cent / 100},'
                    f'"purpose":"{_PURPOSES[cent % 5] if ask else "probe"}"}}'
                )
            else:
                rest = (
                    f'"type":"trade","customer":"C{customer:06d}","device":"D{device:06d}","instrument":"I{title:05d}",'
                    f'"side":"buy","quantity":{16 + (0 if ask else 7)},"price":{price / 100},"amount":{cent / 100}}}'
                )
            record = origin, (head + rest).encode()
            yield record
            if twice:
                self._again.append(((origin + 1) % len(ORIGINS), record[1]))
            if bad:
                yield origin, _NO_EVENTS[i % len(_NO_EVENTS)]

    def _behind(self, n: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """How far each of `n` events is behind the time at which it is sent, ms."""
        rng, allowed = self.rng, self.shape.lateness_ms
        drawn, part = rng.random(n), rng.random(n)
        behind = np.minimum(rng.exponential(40, n), 400)
        for share, low, high in ((LATE, 0.0, 0.9), (TOO_LATE, 1.2, 3.0)):
            chosen = drawn < share
            behind[chosen] = (low + part[chosen] * (high - low)) * allowed
            drawn[chosen], drawn[~chosen] = 1.0, drawn[~chosen] - share
        behind[drawn < AHEAD] = -FAR_AHEAD
        return behind.astype(np.int64)
