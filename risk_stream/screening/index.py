"""The names that ever stood on one list, found by the letter pairs that they share with another name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler

from risk_stream.screening import _pairs_kernel as kernel
from risk_stream.screening.names import Name, folded
from risk_stream.screening.score import LEAST, SHARED, SHARED_PARTS, of_parts, turns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Places = NDArray[np.int32]

__all__ = ["Hit", "Index"]

#: Names looked for of which is kept who is like them, about 10 KB each; when there are more it begins anew.
_MOST_KEPT = 1_000
#: Members whose pairs are counted in one array; those that were added since are counted apart until there are as many.
_FEW = 256
_NO_PLACES = np.zeros(0, np.int32)


class Hit(NamedTuple):
    """A member that is like a name: how much, and the member as it is written."""

    score: float
    member: str


class _Like(NamedTuple):
    """Who is like a name: scores, the highest first, and the place of each one's member."""

    scores: NDArray[np.float64]
    places: Places


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
        self._places = _NO_PLACES  # the members of all pairs, of all before them, one pair after another
        self._spans: dict[str, tuple[int, int]] = {}  # from where to before where each pair's are
        self._counted = 0
        self._counts = self._chosen = self._shares = _NO_PLACES  # room for a search; the counts are 0 between two
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
        places, shared = self._sharing(name)
        if len(places) == 0:
            return _Like(np.empty(0), places)
        theirs = list(map(self._joined.__getitem__, places.tolist()))
        scores = process.cdist(
            turns(name), theirs, scorer=JaroWinkler.similarity, score_cutoff=LEAST, dtype=np.float64
        ).max(axis=0)
        more = np.maximum(self._sizes[places], len(name.pairs))
        by_parts = (shared >= SHARED_PARTS * more) & (scores < 1.0)
        for i in np.flatnonzero(by_parts).tolist():
            scores[i] = max(scores[i], of_parts(name.parts, self._names[places[i]].parts))
        like = np.flatnonzero(scores >= LEAST)
        like = like[np.argsort(-scores[like], kind="stable")]
        return _Like(scores[like], places[like])

    def _sharing(self, name: Name) -> tuple[Places, Places]:
        """(int32[n], int32[n]): the members that share enough letter pairs with a name, and how many they share."""
        if len(self._members) - self._counted > _FEW + self._counted // 16:
            self._count()
        n = len(self._members)
        if len(self._counts) < n:
            room = len(self._sizes)
            self._counts, self._chosen, self._shares = (np.zeros(room, np.int32) for _ in range(3))
        counts = self._counts[:n]
        spans = [self._spans[pair] for pair in name.pairs if pair in self._spans]
        kernel.count(self._places, np.array(spans, np.int64).reshape(-1, 2), counts)
        new = [place for pair in name.pairs for place in self._new.get(pair, ())]
        if new:
            kernel.count(np.array(new, np.int32), np.array([[0, len(new)]], np.int64), counts)
        fewer = np.arange(len(name.pairs) + 1)  # pairs of whoever has fewer
        enough = np.ceil(np.maximum(SHARED * fewer, 1.0)).astype(np.int32)
        found = kernel.choose(counts, self._sizes, enough, self._chosen, self._shares)
        return self._chosen[:found].copy(), self._shares[:found]

    def _count(self) -> None:
        """Put those that were added last with all others."""
        parts: list[Places] = []
        spans, begin = {}, 0
        for pair in self._spans.keys() | self._new.keys():
            start, stop = self._spans.get(pair, (0, 0))
            added = self._new.get(pair, ())
            parts += [self._places[start:stop], np.array(added, np.int32)]
            spans[pair] = begin, begin + stop - start + len(added)
            begin = spans[pair][1]
        self._places, self._spans = np.concatenate(parts), spans
        self._new.clear()
        self._counted = len(self._members)
