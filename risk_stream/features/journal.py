"""What a state was given since it was last asked: kept by reference as it is given, put into parts when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, TypeAlias

import numpy as np

from risk_stream.features._jit import Bools, Ints
from risk_stream.features._parts import JOURNAL, MOST_BYTES, Head, Reader, make_part, plane, width_of

__all__ = ["FORGET", "PLAN", "ROWS", "Forget", "Journal", "Rows", "read_rows"]

#: Sections of a journal's part: rows to put in, bits to take from all rows, the plan by which rows are put in.
ROWS: Final = 1
FORGET: Final = 2
PLAN: Final = 3
#: Room in a part for its head, the heads of its planes and so on.
_ASIDE: Final = 4096


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
        keeps = [np.flatnonzero(e.present & (e.masks != 0)) for e in entries]
        counts = np.array([len(keep) for keep in keeps], np.int64)
        if counts.sum() == 0:
            return []
        keys = np.concatenate([e.keys[keep] for e, keep in zip(entries, keeps, strict=True)])
        columns = np.concatenate([e.columns[:, keep] for e, keep in zip(entries, keeps, strict=True)], axis=1)
        planes = [
            np.repeat([e.position for e in entries], counts),
            *np.ascontiguousarray(keys.T),
            *(
                np.concatenate([getattr(e, name)[keep] for e, keep in zip(entries, keeps, strict=True)])
                for name in ("times", "masks", "ids")
            ),
            *columns,
        ]
        plan, where = plane(entries[0].plan), plane(np.array(entries[0].columns_at, np.int64))
        room = MOST_BYTES - _ASIDE - len(plan) - 32 * len(planes)
        step = room // max(1, sum(width_of(p) for p in planes))
        parts = []
        for begin in range(0, len(keys), step):
            piece = [p[begin : begin + step] for p in planes]
            head = Head(JOURNAL, self.kind, int(piece[0][0]), int(piece[0][-1]))
            body = where + b"".join(plane(p) for p in piece)
            parts.append(make_part(head, [(PLAN, plan), (ROWS, body)]))
        return parts


def read_rows(body: Reader) -> tuple[Ints, Ints, list[Ints], Ints]:
    """A section ROWS: (the state's columns, keys [n, 3], [positions, times, masks, ids], columns [V, n])."""
    columns_at = body.plane()
    positions = body.plane()
    keys = np.stack([body.plane() for _ in range(3)], axis=1)
    times, masks, ids = body.plane(), body.plane(), body.plane()
    columns = [body.plane() for _ in columns_at]
    stacked = np.stack(columns) if columns else np.empty((0, len(times)), np.int64)
    return columns_at, keys, [positions, times, masks, ids], stacked
