"""Who owns each key of one kind, learnt from events; and who taught another owner than the one that holds."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import numpy as np

from risk_stream.catalogue import Catalogue, EventBatch
from risk_stream.engine.lexicon import CHUNKS, Lexicon, packed, taken_upto
from risk_stream.engine.view import Mask, Rows, has_key

__all__ = ["MOST_SAID", "Contradiction", "Contradictions", "Owners", "lost_owner"]

#: Pairs of key and owner that one hop says; what contradicts beyond is only counted.
MOST_SAID = 100_000


class Contradiction(NamedTuple):
    """An event that taught another owner of a key than the one that is held; `time` is the event's, ms."""

    key: str
    held: str
    said: str
    event: str
    time: int


class Contradictions:
    """Those of one hop, as a function of its log: `add` says whether one is news, `take_news` gives those that were."""

    def __init__(self, *, journal: bool = False) -> None:
        self._said: dict[int, dict[str, None]] = {}  # hash of the key -> owners that were said
        self._pairs = 0
        self._news: list[Contradiction] = []
        self._journal: list[tuple[int, list[Any]]] | None = [] if journal else None

    def add(self, key: int, one: Contradiction, position: int) -> bool:
        """Say it, unless it was said, or too many were; -> whether it is said. `key` is the hash of its key."""
        if self._pairs >= MOST_SAID or not self._keep(key, one.said):
            return False
        self._news.append(one)
        if self._journal is not None:
            self._journal.append((position, [key, one.said]))
        return True

    def take_news(self) -> list[Contradiction]:
        """What was said since this was last asked."""
        if not self._news:
            return []
        news, self._news = self._news, []
        return news

    def _keep(self, key: int, owner: str) -> bool:
        owners = self._said.setdefault(key, {})
        if owner in owners:
            return False
        owners[owner] = None
        self._pairs += 1
        return True

    # As bytes

    def take_journal(self, upto: int) -> list[bytes]:
        """What was said at positions up to `upto` and not taken yet."""
        return list(packed(taken_upto(self._journal, upto))) if self._journal else []

    def image(self, chunk: int) -> list[bytes]:
        """All that was said of one of `CHUNKS` parts of the keys."""
        if not self._said:
            return []
        mine = ((key, owners) for key, owners in self._said.items() if key & (CHUNKS - 1) == chunk)
        return list(packed([[key, owner] for key, owners in mine for owner in owners]))

    def load(self, part: bytes) -> None:
        """Take in what a journal or an image holds; it is no news."""
        for key, owner in msgspec.msgpack.decode(part):
            self._keep(key, owner)


def lost_owner(had: EventBatch, has: EventBatch) -> Mask:
    """bool[n]: where rows lack an owner that the same events' rows before them had: they were said earlier."""
    lost = np.zeros(len(has), np.bool_)
    for kind in {k.belongs_to for k in has.catalogue.kinds if k.belongs_to is not None}:
        lost |= has_key(had, kind) & ~has_key(has, kind)
    return lost


class Owners:
    """Who owns each key of one kind, learnt from events that say so, to fill in the parent key where it is missing.

    A key's owner is the one that was taught first, and holds for events from the earliest that taught it on, in order
    of (time, id), whenever they came. One who teaches another owner is not believed, but counted in `contradicted` and
    said in `contradictions`.
    """

    def __init__(self, catalogue: Catalogue, kind: str, lexicon: Lexicon, *, journal: bool = False) -> None:
        declared = catalogue.kind(kind)
        self.kind, self.parent, self.lexicon = kind, declared.belongs_to, lexicon
        self.contradicted = 0
        self.contradictions = Contradictions(journal=journal)
        self._teaches = np.array([t.name in declared.learnt_from for t in catalogue.types])  # by type code

    def learn(self, batch: EventBatch, position: int, among: Mask | None = None) -> Rows:
        """Learn from a batch, or some of its rows; -> those after which more events have an owner than before."""
        none = np.zeros(0, np.intp)
        if self.parent is None or not self._teaches.any():
            return none
        teaching = self._teaches[batch.types]
        if not teaching.any():
            return none
        teaching = teaching & has_key(batch, self.kind) & has_key(batch, self.parent)
        if among is not None:
            teaching &= among
        keys, times, ids = batch.hashes(self.kind), batch.times, batch.hashes("id")
        extended = []
        rows = np.flatnonzero(teaching)
        for i in rows[np.lexsort((ids[rows], times[rows]))].tolist():
            owner = batch.text(self.parent, i) or ""
            key, since = int(keys[i]), (int(times[i]), int(ids[i]))
            before = self.lexicon.owner(key)
            if before is not None and before[0] != owner:
                self.contradicted += 1
                event = batch.text("id", i) or ""
                contradiction = Contradiction(batch.text(self.kind, i) or "", before[0], owner, event, since[0])
                self.contradictions.add(key, contradiction, position)
            elif before is None or since < before[1:]:
                self.lexicon.set_owner(key, (owner, *since), position)
                extended.append(i)
        return np.array(extended, np.intp)

    def fill(self, batch: EventBatch) -> EventBatch:
        """The batch with the owners that are known where they are missing; an unknown one stays missing."""
        if self.parent is None or not self.lexicon.owners:
            return batch
        lacks = self.lacking(batch)
        if not lacks.any():
            return batch
        keys, times, ids = batch.hashes(self.kind), batch.times, batch.hashes("id")
        changed: dict[int, str] = {}
        rows = np.flatnonzero(lacks)
        for i, key in zip(rows.tolist(), keys[rows].tolist(), strict=True):
            owner = self.lexicon.owner(key)
            if owner is not None and (times[i], ids[i]) >= owner[1:]:
                changed[i] = owner[0]
        if not changed:
            return batch
        parents = batch.table.column(self.parent).to_pylist() if batch.has(self.parent) else [None] * len(batch)
        for i, said in changed.items():
            parents[i] = said
        return batch.with_columns({self.parent: parents})

    def lacking(self, batch: EventBatch) -> Mask:
        """bool[n]: the events with a key of this kind and without its owner's."""
        if self.parent is None:
            return np.zeros(len(batch), np.bool_)
        return has_key(batch, self.kind) & ~has_key(batch, self.parent)
