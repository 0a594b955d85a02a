"""How much one entry may hold: it is one message of Kafka, and who reads the log takes all of it at once."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from risk_stream.alerts.act import Act, Ruling
from risk_stream.alerts.life import Case, Life

__all__ = ["MOST_AT_ONCE", "MOST_BYTES", "Room"]

#: Lives that one entry changes at most; each takes some 600 bytes, and more with a comment.
MOST_AT_ONCE = 500

#: Bytes that an entry has at most; brokers take 1,048,588 unless told otherwise.
MOST_BYTES = 900_000

#: Bytes that an entry has besides, and that a life or its case may have more after a change than before.
BESIDES, GROWS = 1_000, 300


class Room:
    """What is left of an entry that answers `act`, if any; `cases` are those that are known."""

    def __init__(self, cases: Mapping[str, Case], act: Act | None = None) -> None:
        self._cases, self._counted, self._lives = cases, set[str](), 0
        self._left = MOST_BYTES - BESIDES - _size(act)

    def has(self, life: Life | None, ruling: Ruling | None = None) -> bool:
        """Whether there is room for a life, with its case, and a ruling: taken then. The first always has it."""
        first = not self._counted and not self._lives
        need = _size(ruling)
        if life is not None:
            need += _size(life) + len(life.rule) + GROWS
            if life.case not in self._counted:
                need += max(_size(self._cases.get(life.case)), _size(life)) + GROWS
        if not first and (need > self._left or self._lives == MOST_AT_ONCE):
            return False
        self._left -= need
        self._lives += 1
        if life is not None:
            self._counted.add(life.case)
        return True


def _size(what: msgspec.Struct | None) -> int:
    return 0 if what is None else len(msgspec.json.encode(what))
