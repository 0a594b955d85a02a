"""How alike two names are, from 0 to 1."""

from __future__ import annotations

from itertools import permutations

from rapidfuzz.distance import JaroWinkler

from risk_stream.screening.names import Name, folded

__all__ = ["LEAST", "SHARED", "SHARED_PARTS", "of_parts", "similarity", "turns"]

#: Names less alike than this count as not alike at all: 0.
LEAST = 0.7
#: The share of letter pairs, of the name that has fewer, that two names have in common at least.
SHARED = 0.5
#: And of the one that has more, for their parts to be compared.
SHARED_PARTS = 0.6
#: Parts of a name of which every order is tried; of more, each takes the best that is left.
_MOST_PARTS = 4


def similarity(one: str, other: str) -> float:
    """How alike two names are: 1 where they differ in case, accents, the order of parts and how these are joined alone.

    The higher one of two: Jaro-Winkler of the whole names without anything between their parts, the first one begun
    with any of its parts; and, of names that share `SHARED_PARTS` of their letter pairs, of the parts, matched one to
    one in the best order and weighted by their length. 0 where that is below `LEAST`, or where the names share less
    than `SHARED` of their letter pairs.
    """
    left, right = folded(one), folded(other)
    shared, fewer, more = len(left.pairs & right.pairs), *sorted((len(left.pairs), len(right.pairs)))
    if fewer == 0 or shared < SHARED * fewer:
        return 0.0
    score = max(float(JaroWinkler.similarity(turn, right.joined)) for turn in turns(left))
    if shared >= SHARED_PARTS * more:
        score = max(score, of_parts(left.parts, right.parts))
    return score if score >= LEAST else 0.0


def turns(name: Name) -> list[str]:
    """A name begun with each of its parts: family name first, and given name first."""
    parts = name.parts
    return ["".join((*parts[i:], *parts[:i])) for i in range(len(parts))]


def of_parts(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    """Jaro-Winkler of the parts of two names in the best order, by length; a part without another counts as 0."""
    fewer, more = (one, other) if len(one) <= len(other) else (other, one)
    total = sum(map(len, one)) + sum(map(len, other))
    worth = [[(len(a) + len(b)) * float(JaroWinkler.similarity(a, b)) for b in more] for a in fewer]
    if len(more) <= _MOST_PARTS:
        orders = permutations(range(len(more)), len(fewer))
        return max(sum(worth[i][j] for i, j in enumerate(order)) for order in orders) / total
    left, found = set(range(len(more))), 0.0
    for row in worth:
        best = max(left, key=row.__getitem__)
        left.discard(best)
        found += row[best]
    return found / total
