"""The names that ever stood on one list, found by the letter pairs that they share with another name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler

from risk_stream.screening.names import Name, folded
from risk_stream.screening.score import LEAST, SHARED, SHARED_PARTS, of_parts, turns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Hit", "Index"]

#: Names looked for of which is kept who is like them, about 10 KB each; when there are more it begins anew.
_MOST_KEPT = 1_000
#: Members whose pairs are counted in one array; those that were added since are counted apart until there are as many.
_FEW = 256


class Hit(NamedTuple):
    """A member that is like a name: how much, and the member as it is written."""

    score: float
    member: str


class _Like(NamedTuple):
    """Who is like a name: scores, the highest first, and the place of each one's member."""

    scores: NDArray[np.float64]
    places: NDArray[np.intp]


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
        self._found: dict[str, NDArray[np.intp]] = {}  # of all before them
        self._counted = 0
        self._kept: dict[str, _Like] = {}

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

    def like(self, text: str) -> Iterator[Hit]:
        """The members that are like a name, the likest first; equally like ones in the order of their texts.

        Hits are made as they are asked for, since mostly the first will do of hundreds.
        """
        found = self._kept.get(text)
        if found is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            found = self._kept[text] = self._look(folded(text))
        at = 0
        while at < len(found.scores):
            score = float(found.scores[at])
            stop = at + int(np.searchsorted(-found.scores[at:], -score, side="right"))
            for member in sorted(self._members[place] for place in found.places[at:stop].tolist()):
                yield Hit(score, member)
            at = stop

    def _look(self, name: Name) -> _Like:
        shared = self._shared(name)
        sizes, own = self._sizes[: len(shared)], len(name.pairs)
        places = np.flatnonzero(shared >= np.maximum(SHARED * np.minimum(sizes, own), 1.0))
        if len(places) == 0:
            return _Like(np.empty(0), places)
        theirs = list(map(self._joined.__getitem__, places.tolist()))
        scores = process.cdist(turns(name), theirs, scorer=JaroWinkler.similarity, dtype=np.float64).max(axis=0)
        by_parts = (shared[places] >= SHARED_PARTS * np.maximum(sizes[places], own)) & (scores < 1.0)
        for i in np.flatnonzero(by_parts).tolist():
            scores[i] = max(scores[i], of_parts(name.parts, self._names[places[i]].parts))
        like = np.flatnonzero(scores >= LEAST)
        like = like[np.argsort(-scores[like], kind="stable")]
        return _Like(scores[like], places[like])

    def _shared(self, name: Name) -> NDArray[np.intp]:
        """How many letter pairs each member shares with a name."""
        if len(self._members) - self._counted > _FEW + self._counted // 16:
            self._count()
        lists = [self._found[pair] for pair in name.pairs if pair in self._found]
        lists += [np.array(self._new[pair], np.intp) for pair in name.pairs if pair in self._new]
        return np.bincount(np.concatenate(lists) if lists else np.zeros(0, np.intp), minlength=len(self._members))

    def _count(self) -> None:
        """Put those that were added last with all others."""
        for pair, places in self._new.items():
            before = self._found.get(pair)
            added = np.array(places, np.intp)
            self._found[pair] = added if before is None else np.concatenate((before, added))
        self._new.clear()
        self._counted = len(self._members)
