"""The house's lists as of any moment that can still be judged: who was on which list when.

Each change is a version, valid from a time on; of the versions that are valid at a moment the one with the highest
(time, id) as it was said holds. A version that comes too late is valid from what can still be judged on (it was raised
at admission), so nothing that is settled changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from risk_stream.catalogue import MISSING, EventBatch, text_hash
from risk_stream.screening import Index

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Longs = NDArray[np.int64]
    Floats = NDArray[np.float64]

__all__ = ["Change", "Lists", "changes_of"]


class Change(NamedTuple):
    """A member is on a list, or is not, from `raised` on. Times in ms; `member` and `id` are hashes of texts."""

    list_name: str
    member: int
    raised: int
    time: int
    id: int
    listed: bool
    text: str = ""  # the member as it is written; empty in what was saved before texts were kept


@dataclass(frozen=True, slots=True)
class _List:
    """One list: the versions of each member, and who is on it after all of them, sorted."""

    versions: dict[int, tuple[Change, ...]]
    members: Longs
    settled: int  # no version is valid from a later time on, ms


class Lists:
    """All lists. Immutable: a change gives another one, so that before and after can both be asked.

    What is alike is sought in indexes of all texts that ever were on a list, which those before and after share: they
    only grow, and who of them is on the list at a time is asked of the versions.
    """

    __slots__ = ("_indexes", "_lists")

    def __init__(self, lists: dict[str, _List] | None = None, indexes: dict[str, Index] | None = None) -> None:
        self._lists = lists or {}
        self._indexes = {} if indexes is None else indexes

    def __iter__(self) -> Iterator[Change]:
        for one in self._lists.values():
            for versions in one.versions.values():
                yield from versions

    def with_changes(self, changes: Iterable[Change], floor: int) -> tuple[Lists, list[Change]]:
        """(the lists after some changes, those that were new). What holds below `floor`, ms, is forgotten."""
        touched: dict[str, dict[int, tuple[Change, ...]]] = {}
        new: list[Change] = []
        for change in changes:
            versions = touched.get(change.list_name)
            if versions is None:
                one = self._lists.get(change.list_name)
                versions = touched[change.list_name] = {} if one is None else dict(one.versions)
            had = versions.get(change.member, ())
            same = next((v for v in had if (v.time, v.id) == (change.time, change.id)), None)
            if same is not None and same.raised <= change.raised:
                continue
            new.append(change)
            if change.text and change.list_name in self._indexes:
                self._indexes[change.list_name].add(change.text)
            kept = [v for v in had if v is not same]
            versions[change.member] = _pruned([*kept, change], floor)
        if not new:
            return self, new
        made = {name: _made(versions) for name, versions in touched.items()}
        return Lists({**self._lists, **made}, self._indexes), new

    def holds(self, list_name: str, members: Longs, times: Longs) -> Floats:
        """float64[n]: 1 where a member is on a list at a time, 0 where it is not, NaN where there is none (hash 0)."""
        held = np.zeros(len(members))
        one = self._lists.get(list_name)
        if one is not None:
            if len(one.members):
                at = np.minimum(np.searchsorted(one.members, members), len(one.members) - 1)
                held[one.members[at] == members] = 1.0
            for i in np.flatnonzero(times < one.settled).tolist():
                versions = one.versions.get(int(members[i]))
                if versions is not None:
                    held[i] = float(_at(versions, int(times[i])))
        held[members == 0] = np.nan
        return held

    def closest(self, list_name: str, name: str, time: int) -> tuple[float, str] | None:
        """(how alike, the member) of the one on a list at a time that is most like a name; None where nobody is."""
        one = self._lists.get(list_name)
        if one is None:
            return None
        for score, member in self._index(list_name, one).like(name):
            versions = one.versions.get(_hash_of(member))
            if versions is not None and _at(versions, time):
                return score, member
        return None

    def _index(self, list_name: str, one: _List) -> Index:
        index = self._indexes.get(list_name)
        if index is None:
            index = self._indexes[list_name] = Index()
            for versions in one.versions.values():
                for text in {version.text for version in versions if version.text}:
                    index.add(text)
        return index


#: Members are met again and again as the likest of other names.
_hash_of = lru_cache(maxsize=1 << 16)(text_hash)


def changes_of(batch: EventBatch) -> list[Change]:
    """The changes that events of type `list_entry` say."""
    raised = batch.fixed("_raised")
    raised = np.where(raised == MISSING, batch.times, raised)
    listed = batch.fixed("listed")
    names, members, ids = batch.table.column("list_name").to_pylist(), batch.hashes("member"), batch.hashes("id")
    texts = batch.texts("member", range(len(batch)))
    return [
        Change(
            names[i],
            int(members[i]),
            int(raised[i]),
            int(batch.times[i]),
            int(ids[i]),
            bool(listed[i] != 0),
            texts[i] or "",
        )
        for i in range(len(batch))
    ]


def _made(versions: dict[int, tuple[Change, ...]]) -> _List:
    last = [member for member, of in versions.items() if max(of, key=_rank).listed]
    settled = max(v.raised for of in versions.values() for v in of)
    return _List(versions, np.sort(np.array(last, np.int64)), settled)


def _rank(change: Change) -> tuple[int, int]:
    return change.time, change.id


def _at(versions: tuple[Change, ...], time: int) -> bool:
    valid = [v for v in versions if v.raised <= time]
    return bool(valid) and max(valid, key=_rank).listed


def _pruned(versions: list[Change], floor: int) -> tuple[Change, ...]:
    """Without versions that no moment from `floor` on can ask for: all below it but the best."""
    old = [v for v in versions if v.raised < floor]
    if len(old) < 2:
        return tuple(versions)
    best = max(old, key=_rank)
    return tuple(v for v in versions if v.raised >= floor or v is best)
