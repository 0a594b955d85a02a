"""What a hop knows beside its windows: the texts behind hashes, who owns a key, and the house's lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import numpy as np

from risk_stream.catalogue import MISSING
from risk_stream.engine.lists import Change, Lists

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Longs = NDArray[np.int64]

__all__ = ["CHUNKS", "MOST_OWNERS", "MOST_TEXTS", "PART_BYTES", "Lexicon", "Owner", "packed", "taken_upto"]

#: Texts that one hop keeps for the alerts of `first` and `last`, and owners; what comes later is unknown to it.
MOST_TEXTS, MOST_OWNERS = 1_000_000, 4_000_000
#: Parts in which a full image of it is made.
CHUNKS = 256
_TEXTS_PER_CHUNK = -(-MOST_TEXTS // CHUNKS)
#: Bytes of a part of a checkpoint, at most.
PART_BYTES = 900_000

#: Who owns a key, and from which event on (time in ms, id hash).
Owner: TypeAlias = tuple[str, int, int]


class Lexicon:
    """Texts by hash, owners by the hash of their key and lists, which can be saved as changes and as a whole."""

    def __init__(self, *, journal: bool = False) -> None:
        self.texts: dict[int, str] = {}
        self._order: list[int] = []  # their hashes as they were learnt
        self.owners = 0
        self.lists = Lists()
        self._parted: tuple[Lists | None, dict[int, list[Change]]] = (None, {})
        self._owners: list[dict[int, Owner]] = [{} for _ in range(CHUNKS)]
        self._journal: list[tuple[int, list[Any]]] | None = [] if journal else None

    def learn(self, hashes: Longs, text: Callable[[int], str | None], position: int) -> None:
        """Keep the texts of hashes not seen before; `text(i)` gives the i-th."""
        if len(self.texts) >= MOST_TEXTS:
            return
        found, first = np.unique(hashes, return_index=True)
        for hashed, i in zip(found.tolist(), first.tolist(), strict=True):
            if hashed and hashed not in self.texts and (said := text(i)) is not None:
                self._keep(hashed, said)
                if self._journal is not None:
                    self._journal.append((position, ["t", hashed, said]))

    def _keep(self, hashed: int, text: str) -> None:
        if hashed not in self.texts:
            self._order.append(hashed)
            self.texts[hashed] = text

    def owner(self, key: int) -> Owner | None:
        """The owner of the key with this hash."""
        return self._owners[key & (CHUNKS - 1)].get(key)

    def set_owner(self, key: int, owner: Owner, position: int) -> None:
        """Keep an owner, unless there are too many."""
        chunk = self._owners[key & (CHUNKS - 1)]
        if key not in chunk:
            if self.owners >= MOST_OWNERS:
                return
            self.owners += 1
        chunk[key] = owner
        if self._journal is not None:
            self._journal.append((position, ["o", key, *owner]))

    def change_lists(self, changes: Iterable[Change], floor: int, position: int) -> list[Change]:
        """Take in changes of lists; -> those that were new. What holds below `floor`, ms, is forgotten."""
        self.lists, new = self.lists.with_changes(changes, floor)
        if self._journal is not None:
            self._journal += [(position, ["l", change.member, *change]) for change in new]
        return new

    # As bytes

    def take_journal(self, upto: int) -> list[bytes]:
        """What was learnt at positions up to `upto` and not taken yet."""
        if not self._journal:
            return []
        return list(packed(taken_upto(self._journal, upto)))

    def image(self, chunk: int) -> list[bytes]:
        """All that is known of one of `CHUNKS` parts."""
        order = self._order[chunk * _TEXTS_PER_CHUNK : (chunk + 1) * _TEXTS_PER_CHUNK]
        texts = [["t", hashed, self.texts[hashed]] for hashed in order]
        lists = [["l", c.member, *c] for c in self._changes_in(chunk)]
        return list(packed([*texts, *(["o", key, *owner] for key, owner in self._owners[chunk].items()), *lists]))

    def _changes_in(self, chunk: int) -> list[Change]:
        """The changes of lists in one part. They are told apart once, not for each part of each image."""
        if self._parted[0] is not self.lists:
            parts: dict[int, list[Change]] = {}
            for change in self.lists:
                parts.setdefault(change.member & (CHUNKS - 1), []).append(change)
            self._parted = self.lists, parts
        return self._parted[1].get(chunk, [])

    def load(self, part: bytes) -> None:
        """Take in what a journal or an image holds; parts in the order in which they were made."""
        changes = []
        for what, hashed, *said in msgspec.msgpack.decode(part):
            if what == "t":
                self._keep(hashed, said[0])
                continue
            if what == "l":
                changes.append(Change(*said))
                continue
            chunk = self._owners[hashed & (CHUNKS - 1)]
            self.owners += hashed not in chunk
            chunk[hashed] = (said[0], said[1], said[2])
        self.lists, _ = self.lists.with_changes(changes, MISSING)


def taken_upto(journal: list[tuple[int, list[Any]]], upto: int) -> list[list[Any]]:
    """Take the entries at positions up to `upto` out of a journal."""
    taken = [entry for position, entry in journal if position <= upto]
    journal[:] = [kept for kept in journal if kept[0] > upto]
    return taken


def packed(entries: Sequence[list[Any]]) -> Iterator[bytes]:
    """Entries as parts that are not too large."""
    if not entries:
        return
    part: bytes = msgspec.msgpack.encode(entries)
    if len(part) <= PART_BYTES or len(entries) == 1:
        yield part
        return
    middle = len(entries) // 2
    yield from packed(entries[:middle])
    yield from packed(entries[middle:])
