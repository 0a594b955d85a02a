"""Rows of alerts in columns: where each stands, what is put into it, and which go when there are too many."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_stream.alerts import SEVERITIES
from risk_stream.console.index.columns import NEVER, Coded, grown
from risk_stream.console.index.texts import Texts

__all__ = ["MOST_KINDS", "MOST_TEXT", "STANDINGS", "Rows"]

STANDINGS = ("open", "acknowledged", "closed")

#: Kinds of key that rows are found by; more than a house has.
MOST_KINDS = 32

#: Characters of a sentence, and of a key, that are kept.
MOST_TEXT, MOST_KEY = 600, 120

_NUMBERS: dict[str, Any] = {
    **dict.fromkeys(("time", "since", "changed", "closed", "asleep_until", "revision", "version", "level"), np.int64),
    **dict.fromkeys(("touched", "offset", "entry", "partition"), np.int64),
    **dict.fromkeys(("id0", "id1", "id2"), np.uint64),
    "score": np.float64,
}
_CODED: dict[str, tuple[str, ...]] = {
    "severity": SEVERITIES,
    "standing": STANDINGS,
    **dict.fromkeys(("rule", "stage", "entity", "state", "assignee", "case", "disposition", "owner", "by"), ()),
}
_SPLIT = "\x1f"
_UNPRINTED = re.compile(r"[\x00-\x1f\x7f]")


def clean(text: str, most: int) -> str:
    """A text on one line, cut where it is too long."""
    if not text.isprintable():
        text = _UNPRINTED.sub(" ", text)
    return text if len(text) <= most else text[: most - 1] + "…"


class Rows:
    """Columns by name, of as many slots as are needed; a slot that is let go is given out again."""

    def __init__(self) -> None:
        self.room = 1_024
        self.numbers: dict[str, NDArray[Any]] = {name: np.zeros(self.room, of) for name, of in _NUMBERS.items()}
        self.coded = {name: Coded(self.room, known) for name, known in _CODED.items()}
        self.kinds: dict[str, NDArray[np.int64]] = {}  # of each kind of key the hash of a row's key, 0: none
        self.held = np.zeros(self.room, dtype=bool)
        self.texts = Texts()
        self.slots: dict[str, int] = {}
        self.ids: list[str] = [""] * self.room
        self.alerts: dict[str, str] = {}  # id -> alert, where that is not the id: one that was raised again
        self._again: dict[str, list[str]] = {}  # and the other way round
        self._open: set[int] = set()  # slots of those that are not closed
        self._free: list[int] = list(range(self.room - 1, -1, -1))

    def __len__(self) -> int:
        return len(self.slots)

    def add(self, id: str) -> int:
        """A new row's slot; what it says has to be put in."""
        if not self._free:
            self._grow()
        slot = self._free.pop()
        self.slots[id], self.ids[slot], self.held[slot] = slot, id, True
        id0, id1, id2 = struct.unpack(">3Q", id.encode()[:24].ljust(24, b"\0"))
        self.put(slot, id0=id0, id1=id1, id2=id2, closed=NEVER, asleep_until=NEVER, touched=0)
        self.put(slot, revision=-1, version=0, level=0, offset=-1, entry=-1, partition=-1, score=0.0)
        self.name(slot, disposition="", by="", assignee="", case="")
        self.say(slot, "", {})
        return slot

    def remove(self, slot: int) -> None:
        """Let a row go."""
        id = self.ids[slot]
        del self.slots[id]
        self.ids[slot], self.held[slot] = "", False
        alert = self.alerts.pop(id, None)
        if alert is not None:
            self._again[alert].remove(id)
            if not self._again[alert]:
                del self._again[alert]
        self.texts.drop(slot)
        self._open.discard(slot)
        self._free.append(slot)

    def follow(self, id: str, alert: str) -> None:
        """Say of which alert a row is, where that is not its id."""
        self.alerts[id] = alert
        self._again.setdefault(alert, []).append(id)

    def of_alert(self, alert: str) -> list[int]:
        """The rows of an alert: one, but where it was raised again."""
        ids = (alert, *self._again.get(alert, ()))
        return [slot for id in ids if (slot := self.slots.get(id)) is not None]

    def put(self, slot: int, **values: float) -> None:
        """Numbers of a row."""
        for name, value in values.items():
            self.numbers[name][slot] = value

    def name(self, slot: int, **values: str) -> None:
        """Names of a row."""
        for name, value in values.items():
            self.coded[name][slot] = value

    def stand(self, slot: int, standing: str) -> None:
        """Where people are with a row."""
        self.coded["standing"][slot] = standing
        if standing == "closed":
            self._open.discard(slot)
        else:
            self._open.add(slot)

    @property
    def few_open(self) -> bool:
        """Whether those that are not closed are so few that they are sooner looked at alone."""
        return len(self._open) * 8 <= len(self.slots)

    def not_closed(self) -> NDArray[np.int64]:
        """The slots of those that are not closed, in their order."""
        slots = np.fromiter(self._open, np.int64, len(self._open))
        slots.sort()
        return slots

    def say(self, slot: int, summary: str, keys: Mapping[str, str]) -> None:
        """A row's sentence and keys, none of which may be personal data."""
        for kind in keys:
            if kind not in self.kinds and len(self.kinds) < MOST_KINDS:
                self.kinds[kind] = np.zeros(self.room, dtype=np.int64)
        parts = [clean(summary, MOST_TEXT)]
        for kind, column in self.kinds.items():
            key = keys.get(kind)
            column[slot] = 0 if key is None else hash_of(key)
            if key is not None:
                parts.append(clean(key, MOST_KEY))
        self.texts.put(slot, _SPLIT.join(parts))

    def said(self, slot: int) -> tuple[str, dict[str, str]]:
        """The sentence and the keys as they were said."""
        summary, *keys = self.texts.text(slot).split(_SPLIT)
        kinds = [kind for kind, column in self.kinds.items() if column[slot]]
        return summary, dict(zip(kinds, keys, strict=True))

    def copy_facts(self, slot: int, other: int) -> None:
        """Give a row what the engine says of an alert, as another row of the same alert has it."""
        for name in ("revision", "score", "offset", "partition"):
            self.numbers[name][slot] = self.numbers[name][other]
        self.say(slot, *self.said(other))

    def oldest(self, many: int) -> NDArray[np.int64]:
        """The rows that go first: the oldest that are closed, then the oldest; by when they were raised, then by id."""
        slots = np.flatnonzero(self.held)
        left, gone = many, []
        closed = self.coded["standing"].among(["closed"])(slots)
        for some in (slots[closed], slots[~closed]):
            since = self.numbers["since"][some]
            if left < len(some):
                some = some[since <= np.partition(since, left - 1)[left - 1]] if left else some[:0]
            order = np.lexsort([self.numbers[name][some] for name in ("id2", "id1", "id0", "since")])
            gone.append(some[order][:left])
            left -= len(gone[-1])
        return np.concatenate(gone)

    def tidy(self) -> None:
        """Forget names that no row has any more."""
        for column in self.coded.values():
            column.tidy(len(self.slots))

    def _grow(self) -> None:
        room = self.room * 2
        self.numbers = {name: grown(column, room) for name, column in self.numbers.items()}
        self.kinds = {kind: grown(column, room) for kind, column in self.kinds.items()}
        for coded in self.coded.values():
            coded.codes = grown(coded.codes, room)
        self.held = grown(self.held, room)
        self.ids += [""] * self.room
        self._free = list(range(room - 1, self.room - 1, -1))
        self.room = room


def hash_of(key: str) -> int:
    """A key as it is compared: 64 bits, not 0."""
    return hash(clean(key, MOST_KEY)) or 1
