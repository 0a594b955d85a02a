"""What the clerk of margin accounts says of a simulated stream, among its events.

A simulated market says the statuses itself: its days pass in seconds, so that a clerk that follows the topics would be
days behind. They are those that `risk-stream margin` makes of the same events, by the same desk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import orjson

from risk_stream.calendars import shipped
from risk_stream.catalogue import Decoder, load_catalogue
from risk_stream.lending import MarginDesk, MarginStatus, load_margin_rules
from risk_stream.simulate.emit import Slice

__all__ = ["with_statuses"]

#: How the events begin that the desk looks at: what accounts hold and owe, titles, prices.
_HOLDING = b'{"id":"hol'
_LOOKED_AT = (_HOLDING, b'{"id":"maracc', b'{"id":"ins', b'{"id":"pri')


def with_statuses(slices: Iterable[Slice], size: int) -> Iterator[Slice]:
    """A stream with a `margin_status` behind each event that leads an account over a line; `size` is a slice's most."""
    clerk = _Clerk()
    for part in slices:
        whole = clerk.add(part)
        if len(whole) <= size:
            yield whole
            continue
        for first in range(0, len(whole), size):
            yield whole.part(first, first + size)


class _Clerk:
    """Follows what margin accounts hold, and the prices of that alone."""

    def __init__(self) -> None:
        catalogue = load_catalogue()
        self._desk = MarginDesk(load_margin_rules(), catalogue, shipped())
        self._decoder = Decoder(catalogue)
        self._held: set[bytes] = set()  # record keys of instruments that some account holds or held
        self._last: dict[bytes, bytes] = {}  # record key of an instrument that nobody holds -> its last price event

    def add(self, part: Slice) -> Slice:
        """A slice with what is said of it."""
        places = self._looked_at(part)
        if not places:
            return part
        batch, _, _ = self._decoder.decode([part.values[i] for i in places], str)
        statuses = self._desk.apply(batch)
        if not statuses:
            return part
        behind = dict(zip((str(batch.text("id", row)) for row in range(len(batch))), places, strict=True))
        return _inserted(part, [(behind[status.cause], status) for status in statuses])

    def _looked_at(self, part: Slice) -> list[int]:
        places = []
        for i in [i for i, value in enumerate(part.values) if value.startswith(_LOOKED_AT)]:
            if part.topics[i] == "reference":
                places.append(i)
                if part.values[i].startswith(_HOLDING):
                    self._hold(orjson.loads(part.values[i])["instrument"].encode())
            elif part.keys[i] in self._held:
                places.append(i)
            elif part.topics[i] == "trades":
                self._last[part.keys[i]] = part.values[i]
        return places

    def _hold(self, instrument: bytes) -> None:
        """Follow an instrument from now on, from what it trades at."""
        self._held.add(instrument)
        last = self._last.pop(instrument, None)
        if last is not None:
            batch, _, _ = self._decoder.decode([last], str)
            self._desk.learn(batch)


def _inserted(part: Slice, said: list[tuple[int, MarginStatus]]) -> Slice:
    """A slice with statuses right behind the events at their places."""
    said = sorted(said, key=lambda one: one[0])
    times, topics, keys, values = part.times.tolist(), list(part.topics), list(part.keys), list(part.values)
    for more, (place, status) in enumerate(said, 1):
        at = place + more
        times.insert(at, status.time)
        topics.insert(at, "loans")
        keys.insert(at, status.account.encode())
        values.insert(at, orjson.dumps(status.event()))
    return Slice(np.array(times, np.int64), topics, keys, values)
