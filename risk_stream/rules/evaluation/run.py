"""What programs are run over: some events as columns, and the values that were computed of them so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from risk_stream.rules.language.meaning import Value

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Array", "Compiled", "Mask", "Run", "View"]

Array: TypeAlias = "NDArray[Any]"
Mask: TypeAlias = "NDArray[np.bool_]"


class View(Protocol):
    """Some events at a hop: fields by name and aggregates by id, as arrays of `n` values."""

    n: int

    def number(self, name: str) -> NDArray[np.float64]:
        """A field in natural units, NaN where missing."""

    def hashes(self, name: str) -> NDArray[np.int64]:
        """A text field's hashes, 0 where missing."""

    def aggregate(self, id: str) -> NDArray[np.float64]:
        """An aggregate, NaN where unknown; a text's hash in the same bytes."""

    def inexact(self, id: str) -> Mask | None:
        """Where an aggregate is only a bound; None where it is exact everywhere."""

    def warming(self, id: str, row: int) -> bool:
        """Whether an aggregate is a bound on one row as its window reaches back behind a change of rules."""

    def listed(self, list_name: str, hashes: NDArray[np.int64], /) -> NDArray[np.float64]:
        """1 where a text is on a list of the house as of the event, 0 where it is not, NaN where there is no text."""

    def closest(self, list_name: str, names: Sequence[str | None], /) -> list[tuple[float, str] | None]:
        """(how alike, the member) of whoever on a list as of the event is most like a name of each row, if anybody."""

    def value(self, name: str, row: int) -> Any:
        """A field of one row in natural units, None where missing."""

    def texts(self, name: str, rows: Sequence[int]) -> list[str | None]:
        """A text field of some rows, None where missing."""

    def text_of(self, hashed: int, /) -> str | None:
        """The text that has a hash, where it was kept."""


class Compiled(Protocol):
    """The values of a program: each has a slot, and what computes it stands there."""

    values: list[Callable[[Run], Any]]

    def value(self, value: Value, /) -> int:
        """The slot of a value, compiled where it was not yet."""


class Run:
    """The values and masks of one program over one view, each computed when it is first asked for."""

    __slots__ = ("_distinct", "_values", "closest", "program", "view")

    def __init__(self, program: Compiled, view: View) -> None:
        self.program, self.view = program, view
        self._values: list[Any] = [None] * len(program.values)
        self._distinct: dict[int, tuple[list[int], list[int], NDArray[np.intp]]] = {}
        #: (slot, list) -> who on the list is most like the text of each row, as `text_columns.closest_in` finds it
        self.closest: dict[tuple[int, str], list[tuple[float, str] | None]] = {}

    def value(self, slot: int) -> Any:
        """A value: an array of n, or a number that is the same for all."""
        found = self._values[slot]
        if found is None:
            found = self._values[slot] = self.program.values[slot](self)
        return found

    def column(self, slot: int) -> Array:
        """A value as an array of n."""
        found = self.value(slot)
        return found if isinstance(found, np.ndarray) and found.ndim else np.full(self.view.n, found)

    def of(self, value: Value) -> Array:
        """A value that the program has compiled, as an array of n."""
        return self.column(self.program.value(value))

    def distinct(self, slot: int) -> tuple[list[int], list[int], NDArray[np.intp]]:
        """(the hashes in a column of texts, a row that has each, which of them each row has)."""
        found = self._distinct.get(slot)
        if found is None:
            hashes, rows, which = np.unique(self.column(slot), return_index=True, return_inverse=True)
            found = self._distinct[slot] = hashes.tolist(), rows.tolist(), which
        return found

    def unlearnt(self, slot: int) -> Mask:
        """Where a text of an aggregate is known by its hash alone."""
        hashes, _, which = self.distinct(slot)
        return np.array([hashed != 0 and self.view.text_of(hashed) is None for hashed in hashes], np.bool_)[which]
