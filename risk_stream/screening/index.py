"""The names that ever stood on one list, found by the letter pairs that they share with another name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler

from risk_stream.screening.names import Name, folded
from risk_stream.screening.score import LEAST, SHARED, SHARED_PARTS, of_parts, turns

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Hit", "Index"]

#: Names looked for whose hits are kept; when there are more it begins anew.
_MOST_KEPT = 10_000
#: Members whose pairs are counted in one array; those that were added since are counted apart until there are as many.
_FEW = 256


class Hit(NamedTuple):
    """A member that is like a name: how much, and the member as it is written."""

    score: float
    member: str


class Index:
    """Finds which of its members are like a name. It only grows: those who left a list are for others to sort out.

    What it gives is `score.similarity`, whatever else it holds, and nothing below `score.LEAST`.
    """

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._members: list[str] = []
        self._names: list[Name] = []
        self._joined: list[str] = []
        self._sizes = np.zeros(_FEW, np.int32)  # how many pairs each has; room for those to come
        self._new: dict[str, list[int]] = {}  # members by pair, of those that were added last
        self._found: dict[str, NDArray[np.int32]] = {}  # of all before them
        self._counted = 0
        self._kept: dict[str, tuple[Hit, ...]] = {}

    def __len__(self) -> int:
        return len(self._members)

    def add(self, member: str) -> None:
        """Put a member in; one that is there changes nothing."""
        if member in self._known:
            return
        name, place = folded(member), len(self._members)
        self._known.add(member)
        self._members.append(member)
        self._names.append(name)
        self._joined.append(name.joined)
        if place == len(self._sizes):
            self._sizes = np.concatenate((self._sizes, np.zeros(place, np.int32)))
        self._sizes[place] = len(name.pairs)
        for pair in name.pairs:
            self._new.setdefault(pair, []).append(place)
        self._kept.clear()

    def like(self, text: str) -> tuple[Hit, ...]:
        """The members that are like a name, the likest first; equally like ones in the order of their texts."""
        hits = self._kept.get(text)
        if hits is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            hits = self._kept[text] = self._look(folded(text))
        return hits

    def _look(self, name: Name) -> tuple[Hit, ...]:
        shared = self._shared(name)
        sizes, own = self._sizes[: len(shared)], len(name.pairs)
        places = np.flatnonzero((shared > 0) & (shared >= SHARED * np.minimum(sizes, own)))
        if len(places) == 0:
            return ()
        theirs = [self._joined[place] for place in places.tolist()]
        scores = process.cdist(turns(name), theirs, scorer=JaroWinkler.similarity, dtype=np.float64).max(axis=0)
        for i in np.flatnonzero(shared[places] >= SHARED_PARTS * np.maximum(sizes[places], own)).tolist():
            if scores[i] < 1.0:
                scores[i] = max(scores[i], of_parts(name.parts, self._names[places[i]].parts))
        hits = [Hit(float(scores[i]), self._members[places[i]]) for i in np.flatnonzero(scores >= LEAST).tolist()]
        return tuple(sorted(hits, key=lambda hit: (-hit.score, hit.member)))

    def _shared(self, name: Name) -> NDArray[np.intp]:
        """How many letter pairs each member shares with a name."""
        if len(self._members) - self._counted > _FEW + self._counted // 16:
            self._count()
        lists = [self._found[pair] for pair in name.pairs if pair in self._found]
        lists += [np.array(self._new[pair], np.int32) for pair in name.pairs if pair in self._new]
        return np.bincount(np.concatenate(lists) if lists else np.zeros(0, np.int32), minlength=len(self._members))

    def _count(self) -> None:
        """Put those that were added last with all others."""
        for pair, places in self._new.items():
            before = self._found.get(pair)
            added = np.array(places, np.int32)
            self._found[pair] = added if before is None else np.concatenate((before, added))
        self._new.clear()
        self._counted = len(self._members)
