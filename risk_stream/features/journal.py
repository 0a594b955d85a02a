"""What a state was given since it was last asked: kept by reference as it is given, put into parts when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, TypeAlias

import numpy as np

from risk_stream.features._jit import Bools, Ints
from risk_stream.features._parts import JOURNAL, MOST_BYTES, Head, Reader, make_part, plane

__all__ = ["FORGET", "PLAN", "ROWS", "Forget", "Journal", "Rows", "read_rows"]

#: Sections of a journal's part: rows to put in, bits to take from all rows, the plan by which rows are put in.
ROWS: Final = 1
FORGET: Final = 2
PLAN: Final = 3
#: Room in a part for its head, the heads of its planes and so on.
_ASIDE: Final = 4096
#: Words of a row on record besides its columns.
_PLANES: Final = 7


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Events as a state was given them: those with a key and a mask that is not 0 are put in."""

    position: int
    plan: Ints
    columns_at: tuple[int, ...]  # the state's column of each of `columns`
    keys: Ints
    present: Bools
    times: Ints
    masks: Ints
    columns: Ints
    ids: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Forget:
    """Bits that no row has from here on, and the rings of panes that stay."""

    position: int
    plan: Ints
    bits: int
    rings: Ints


Entry: TypeAlias = Rows | Forget


class Journal:
    """What was done to one state and not taken yet, oldest first."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: list[Entry] = []

    def add(self, entry: Entry) -> None:
        """Keep what was done. Its arrays are kept as they are: whoever gave them must not change them."""
        self._entries.append(entry)

    def take(self, upto: int) -> list[bytes]:
        """Parts with all that was done at positions up to `upto`, in order; it is kept no longer."""
        cut = 0
        while cut < len(self._entries) and self._entries[cut].position <= upto:
            cut += 1
        taken, self._entries = self._entries[:cut], self._entries[cut:]
        parts: list[bytes] = []
        for _, entries in groupby(taken, key=lambda e: (type(e), id(e.plan), getattr(e, "columns_at", ()))):
            alike = list(entries)
            rows = [e for e in alike if isinstance(e, Rows)]
            if rows:
                parts += self._of_rows(rows)
            else:
                parts += [self._of_forget(e) for e in alike if isinstance(e, Forget)]
        return parts

    def _of_forget(self, entry: Forget) -> bytes:
        body = plane(np.array([entry.bits, entry.position], np.int64)) + plane(entry.rings)
        return make_part(Head(JOURNAL, self.kind, entry.position, entry.position), [(FORGET, body)])

    def _of_rows(self, entries: Sequence[Rows]) -> list[bytes]:
        """Parts of rows that were put in by the same plan."""
        plan, where = plane(entries[0].plan), plane(np.array(entries[0].columns_at, np.int64))
        width = _PLANES + len(entries[0].columns)
        most = (MOST_BYTES - _ASIDE - len(plan) - 32 * width) // (8 * width)
        parts: list[bytes] = []
        waiting: list[list[Ints]] = []
        rows = 0
        for entry in entries:
            planes = _planes(entry)
            for begin in range(0, len(planes[0]), most):
                piece = [p[begin : begin + most] for p in planes]
                if rows + len(piece[0]) > most:
                    parts.append(self._part(plan, where, waiting))
                    waiting, rows = [], 0
                waiting.append(piece)
                rows += len(piece[0])
        if waiting:
            parts.append(self._part(plan, where, waiting))
        return parts

    def _part(self, plan: bytes, where: bytes, pieces: list[list[Ints]]) -> bytes:
        whole = [np.concatenate(planes) for planes in zip(*pieces, strict=True)]
        head = Head(JOURNAL, self.kind, int(whole[0][0]), int(whole[0][-1]))
        body = where + b"".join(plane(p) for p in whole)
        return make_part(head, [(PLAN, plan), (ROWS, body)])


def _planes(entry: Rows) -> list[Ints]:
    """An entry's rows: position, the key's three words, time, mask, id, columns."""
    keep = entry.present & (entry.masks != 0)
    planes = [*entry.keys.T, entry.times, entry.masks, entry.ids, *entry.columns]
    if not keep.all():
        planes = [p[keep] for p in planes]
    return [np.full(len(planes[0]), entry.position, np.int64), *planes]


def read_rows(body: Reader) -> tuple[Ints, Ints, list[Ints], Ints]:
    """A section ROWS: (the state's columns, keys [n, 3], [positions, times, masks, ids], columns [V, n])."""
    columns_at = body.plane()
    positions = body.plane()
    keys = np.stack([body.plane() for _ in range(3)], axis=1)
    times, masks, ids = body.plane(), body.plane(), body.plane()
    columns = [body.plane() for _ in columns_at]
    stacked = np.stack(columns) if columns else np.empty((0, len(times)), np.int64)
    return columns_at, keys, [positions, times, masks, ids], stacked
