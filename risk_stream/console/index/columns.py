"""Columns of rows: numbers, and texts of which few are different."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NEVER", "Coded", "grown"]

#: A time that is none; in order it stands before all that are.
NEVER = int(np.iinfo(np.int64).min)


def grown(column: NDArray[Any], rows: int) -> NDArray[Any]:
    """A column with room for so many rows."""
    longer = np.zeros((rows, *column.shape[1:]), dtype=column.dtype)
    longer[: len(column)] = column
    return longer


class Coded:
    """Texts as small numbers: `codes` of each row, `names` of each code. "" is 0."""

    def __init__(self, rows: int, known: Collection[str] = ()) -> None:
        self.names: list[str] = ["", *known]
        self.codes = np.zeros(rows, dtype=np.int32)
        self._numbers = {name: code for code, name in enumerate(self.names)}
        self._ranks: NDArray[np.int32] | None = None
        self._ranked_by_code = bool(known)

    def __setitem__(self, row: int, name: str) -> None:
        code = self._numbers.get(name)
        if code is None:
            code = self._numbers[name] = len(self.names)
            self.names.append(name)
            self._ranks = None
        self.codes[row] = code

    def __getitem__(self, row: int) -> str:
        return self.names[int(self.codes[row])]

    def among(self, names: Collection[str]) -> Callable[[Any], NDArray[np.bool_]]:
        """Tells of some rows whether they have one of the names."""
        codes = [code for name in names if (code := self._numbers.get(name)) is not None]
        if len(codes) == 1:
            return lambda at: np.asarray(self.codes[at] == codes[0])
        table = np.zeros(len(self.names), dtype=bool)
        table[codes] = True
        return lambda at: table[self.codes[at]]

    def holding(self, word: str) -> NDArray[np.bool_]:
        """Of each code, whether its name has a word in it, in whatever letters."""
        return np.array([word.lower() in name.lower() for name in self.names])

    def ranks(self) -> NDArray[np.int32]:
        """Of each code, its place in the order of names; of a column whose names were known, in their order."""
        if self._ranks is None:
            codes = range(len(self.names))
            order = codes if self._ranked_by_code else sorted(codes, key=self.names.__getitem__)
            self._ranks = np.empty(len(self.names), dtype=np.int32)
            self._ranks[list(order)] = np.arange(len(self.names), dtype=np.int32)
        return self._ranks

    def tidy(self, rows: int) -> None:
        """Forget names that no row has, where those are most of them; `rows` is how many rows there are."""
        if self._ranked_by_code or len(self.names) <= 2 * rows + 1_024:
            return
        used = np.union1d([0], self.codes)
        moved = np.zeros(len(self.names), dtype=np.int32)
        moved[used] = np.arange(len(used), dtype=np.int32)
        self.codes = moved[self.codes]
        self.names = [self.names[code] for code in used]
        self._numbers = {name: code for code, name in enumerate(self.names)}
        self._ranks = None
