"""The stream that is hurt: house events of several keys through several origins, late, copied, hot and quiet."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import orjson

__all__ = ["ORIGINS", "START", "Shape", "make"]

#: Event time of the first event, ms.
START = 1_767_225_600_000

#: (family of the house topic, partition): what events come through, each with a clock of its own.
ORIGINS = (
    ("trades", 0),
    ("trades", 1),
    ("trades", 2),
    ("loans", 0),
    ("loans", 1),
    ("reference", 0),
    ("reference", 1),
)

_PURPOSES = ("rent", "shares", "salary", "goods", "gift")
_BAD = (b"{", b'{"type":"nonsense","time":1}', b'{"type":"transfer","id":"no-amount","time":1767225600000}')


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides every record of a stream; the same shape gives the same bytes."""

    events: int = 500_000
    seed: int = 1
    per_second: int = 2_500  # of event time, and of wall time while nothing holds the feeder back
    lateness_ms: int = 5_000
    quiet: bool = True  # whether origins fall silent for a while

    @property
    def customers(self) -> int:
        """One for every 2.5 events a second: they meet often, and none outgrows what is kept of it exactly."""
        return max(20, self.per_second * 2 // 5)

    @property
    def accounts(self) -> int:
        """Two or three a customer."""
        return self.customers * 5 // 2


class Record(NamedTuple):
    """One record and where it goes."""

    origin: int  # index into ORIGINS
    value: bytes


class _Maker:
    def __init__(self, shape: Shape) -> None:
        self.shape, self.rng = shape, random.Random(shape.seed)
        self.copies: list[tuple[int, int, int, bytes]] = []  # (when to send, tie, origin, value)
        self.taught: dict[int, int] = {}  # account -> the event that said its owner first
        self.silent = self._silences() if shape.quiet else []

    def _silences(self) -> list[tuple[int, int, int]]:
        """(origin, first event, last event) of times in which an origin brings nothing; two at most at once."""
        n = self.shape.events
        length = n // 4
        return [(o, at, at + length) for o in range(1, len(ORIGINS)) if (at := self.rng.randrange(n // 10, n)) < n]

    def origin(self, i: int, common: bool) -> int:
        """Where event i comes in; one that is silent is spared."""
        while True:
            origin = self.rng.randrange(len(ORIGINS)) if common else self.rng.choice((0, 0, 1, 1, 2, 3, 4))
            if not any(o == origin and first <= i < last for o, first, last in self.silent):
                return origin

    def time(self, i: int) -> int:
        """Mostly a little out of order, some late, a few later than is allowed."""
        rng, late = self.rng, self.shape.lateness_ms
        now = START + i * 1000 / self.shape.per_second
        drawn = rng.random()
        if drawn < 0.004:
            back = rng.uniform(1.05, 3.0) * late
        elif drawn < 0.034:
            back = rng.uniform(0.0, 0.95) * late
        else:
            back = min(rng.expovariate(1 / 40), 400)
        return int(now - back)

    def event(self, i: int) -> dict[str, object]:
        """Event i: an account's owner said, a transfer, or a trade."""
        rng, shape = self.rng, self.shape
        account = int(shape.accounts * rng.random() ** 1.2)
        customer = account % shape.customers
        drawn = rng.random()
        event: dict[str, object] = {"type": "", "time": self.time(i), "account": f"A{account:05d}", "entity": "Alpha"}
        if rng.random() < 0.995:  # else the broker's place is its id
            event["id"] = f"e{i:07d}"
        if drawn < 0.02:
            # Somebody says another owner, long after the first was said: two who teach at odds within the time that
            # origins may be apart are settled by the order of the account's log, not by the events alone.
            first = self.taught.setdefault(account, i)
            wrong = rng.random() < 0.1 and i - first > 20 * shape.per_second
            event |= {"type": "account", "customer": f"C{(customer + wrong) % shape.customers:05d}"}
            return event
        if rng.random() < 0.75:
            event["customer"] = f"C{customer:05d}"
        if rng.random() < 0.8:
            event["device"] = f"D{int(shape.customers * rng.random()):05d}"
        if rng.random() < 0.6:
            event["counterparty"] = f"P{int(shape.customers * rng.random()):05d}"
        cents = rng.randrange(100, 100_000)
        if drawn < 0.57:
            purpose = "probe" if rng.random() < 0.08 else rng.choice(_PURPOSES)
            event |= {"type": "transfer", "direction": rng.choice(("in", "out")), "amount": cents / 100}
            event["purpose"] = purpose
        else:
            hot = rng.random() < 0.25
            event |= {
                "type": "trade",
                "instrument": "I000" if hot else f"I{rng.randrange(1, 2 + shape.customers // 5):03d}",
                "side": rng.choice(("buy", "sell")),
                "quantity": rng.randrange(1, 1000),
                "price": rng.randrange(900, 1101) / 100,
                "amount": cents / 100,
            }
        return event

    def records(self) -> Iterator[Record]:
        """All of them, in the order they are sent."""
        rng = self.rng
        for i in range(self.shape.events):
            while self.copies and self.copies[0][0] <= i:
                _, _, origin, value = heapq.heappop(self.copies)
                yield Record(origin, value)
            event = self.event(i)
            value = orjson.dumps(event)
            origin = self.origin(i, event["type"] == "account" or rng.random() < 0.15)
            yield Record(origin, value)
            if "id" in event and rng.random() < 0.012:
                again = i + rng.randrange(1, self.shape.per_second)
                heapq.heappush(self.copies, (again, i, self.origin(again, common=True), value))
            if rng.random() < 0.0005:
                yield Record(self.origin(i, common=True), rng.choice(_BAD))
        for _, _, origin, value in self.copies:
            yield Record(origin, value)


def make(shape: Shape) -> Iterator[Record]:
    """Every record of the stream: about `events`, and some copies and poison."""
    return _Maker(shape).records()
