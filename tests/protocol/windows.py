"""The windows of one hop partition: rows and owners in chunks, a journal of operations, images of chunks."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import Any

from tests.protocol.world import BIG, Owner, hashed

__all__ = ["CHUNKS", "Windows"]

CHUNKS = 3
Row = tuple[int, int, int]  # t, id, amount


class Windows:
    """What a checkpoint keeps as operations and images. A position is that of the last block."""

    def __init__(self, mutant: str | None) -> None:
        self.mutant = mutant
        self.rows: list[dict[int, list[Row]]] = [{} for _ in range(CHUNKS)]
        self.owners: list[dict[int, Owner]] = [{} for _ in range(CHUNKS)]
        self.images = [-1] * CHUNKS  # position of the image that each chunk was loaded from
        self.journal: list[tuple[int, str, int, Any]] = []

    @staticmethod
    def chunk(key: int) -> int:
        return hashed("chunk", key) % CHUNKS

    def insert(self, key: int, row: Row, position: int) -> None:
        """Put a row in its place; nothing happens where it is there already."""
        rows = self.rows[self.chunk(key)].setdefault(key, [])
        if row not in rows:
            insort(rows, row)
            self.journal.append((position, "row", key, row))

    def owner(self, key: int) -> Owner | None:
        return self.owners[self.chunk(key)].get(key)

    def own(self, key: int, owner: Owner, position: int) -> None:
        self.owners[self.chunk(key)][key] = owner
        self.journal.append((position, "owner", key, owner))

    def evaluate(self, key: int, t: int, id: int, window: int) -> tuple[int, int]:
        """Count and sum over (t - window, (t, id)]."""
        rows = self.rows[self.chunk(key)].get(key, [])
        found = rows[bisect_left(rows, (t - window + 1, -1, 0)) : bisect_right(rows, (t, id, BIG))]
        return len(found), sum(row[2] for row in found)

    def forget(self, oldest: int) -> None:
        """Drop rows before a time."""
        for rows in self.rows:
            for of_key in rows.values():
                if of_key and of_key[0][0] < oldest:
                    del of_key[: bisect_left(of_key, (oldest, -1, 0))]

    def take_journal(self, upto: int) -> list[tuple[int, str, int, Any]]:
        """The operations up to a position; they are not kept here any longer."""
        taken = [op for op in self.journal if op[0] <= upto]
        self.journal = [op for op in self.journal if op[0] > upto]
        return taken

    def image(self, chunk: int, position: int) -> Any:
        """All of a chunk as it is now."""
        return position, {k: list(rows) for k, rows in self.rows[chunk].items()}, dict(self.owners[chunk])

    def load_image(self, chunk: int, image: Any) -> None:
        position, rows, owners = image
        self.images[chunk] = position
        self.rows[chunk] = {k: list(of_key) for k, of_key in rows.items()}
        self.owners[chunk] = dict(owners)

    def replay(self, operations: list[tuple[int, str, int, Any]]) -> None:
        """Operations newer than their chunk's image."""
        for position, what, key, value in operations:
            chunk = self.chunk(key)
            if position <= self.images[chunk] and self.mutant != "journal_ignores_image":
                continue
            if what == "owner":
                self.owners[chunk][key] = value
            else:
                insort(self.rows[chunk].setdefault(key, []), value)
