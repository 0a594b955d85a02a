"""Conditions and values compiled to steps over numpy arrays; equal parts of different rules are computed once.

A condition is true (not merely "not false") where its mask is set: every comparison is false where an operand is
unknown, and conditions hold no `not` (see `meaning`). Values are float64 with NaN for unknown; texts are int64 hashes
with 0 for unknown. Comparisons of one value with many constants are done by one call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from risk_stream.catalogue import text_hash
from risk_stream.rules.arithmetic import compute
from risk_stream.rules.meaning import (
    AggregateValue,
    Comparison,
    Computed,
    Condition,
    Constant,
    Either,
    Every,
    FieldValue,
    Kind,
    Meaning,
    Membership,
    Presence,
    Truth,
    Value,
    leaves,
    wording,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Program", "Run", "View"]

Array: TypeAlias = "NDArray[Any]"
Mask: TypeAlias = "NDArray[np.bool_]"

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": np.equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
_MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_NAN_BITS = int(np.array(np.nan).view(np.int64))


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

    def value(self, name: str, row: int) -> Any:
        """A field of one row in natural units, None where missing."""

    def text_of(self, hashed: int, /) -> str | None:
        """The text that has a hash, where it was kept."""


class Run:
    """The values and masks of one program over one view, each computed when it is first asked for."""

    __slots__ = ("_program", "_values", "view")

    def __init__(self, program: Program, view: View) -> None:
        self._program, self.view = program, view
        self._values: list[Any] = [None] * len(program.values)

    def value(self, slot: int) -> Any:
        """A value: an array of n, or a number that is the same for all."""
        found = self._values[slot]
        if found is None:
            found = self._values[slot] = self._program.values[slot](self)
        return found

    def column(self, slot: int) -> Array:
        """A value as an array of n."""
        found = self.value(slot)
        return found if isinstance(found, np.ndarray) and found.ndim else np.full(self.view.n, found)


class Program:
    """A list of conditions, compiled; `masks(view)` gives a row of truths for each. `value(...)` compiles values too.

    All masks of a run are rows of one table, placed so that comparisons of one value and joins of one shape stand side
    by side: a batch costs some dozens of calls, however many rules there are.
    """

    def __init__(self) -> None:
        self.values: list[Callable[[Run], Any]] = []
        self._value_slots: dict[tuple[Kind, str], int] = {}
        self._parts: list[_Part] = []
        self._part_slots: dict[tuple[str, bool], int] = {}
        self._wanted: list[int] = []
        self._layout: _Layout | None = None

    # Compiling

    def add(self, condition: Condition, *, approximate: bool = False) -> int:
        """Compile a condition; -> its row in what `masks` returns."""
        self._layout = None
        self._wanted.append(self._condition(condition, approximate))
        return len(self._wanted) - 1

    def value(self, value: Value) -> int:
        """Compile a value; -> its slot, for `Run.value` and `Run.column`."""
        key = (value.kind, wording(value))  # a time and a text may be written alike
        slot = self._value_slots.get(key)
        if slot is None:
            made = self._maker(value)
            slot = self._value_slots[key] = len(self.values)
            self.values.append(made)
        return slot

    def _maker(self, value: Value) -> Callable[[Run], Any]:
        match value:
            case Constant(_, str(text)):
                hashed = np.int64(text_hash(text))
                return lambda _run: hashed
            case Constant(_, number):
                constant = np.float64(number)
                return lambda _run: constant
            case FieldValue(kind, name):
                return (lambda run: run.view.hashes(name)) if kind.is_text else (lambda run: run.view.number(name))
            case AggregateValue(kind, aggregate):
                id = aggregate.id
                return (
                    (lambda run: _text(run.view.aggregate(id)))
                    if kind.is_text
                    else (lambda run: run.view.aggregate(id))
                )
            case Computed(kind, op, parts):
                slots = [self.value(part) for part in parts]
                if kind.is_text:
                    first, other = slots
                    return lambda run: np.where(run.value(first) == 0, run.value(other), run.value(first))
                return lambda run: compute(op, [run.value(slot) for slot in slots])

    def _condition(self, condition: Condition, approximate: bool) -> int:
        key = (wording(condition), approximate)
        slot = self._part_slots.get(key)
        if slot is not None:
            return slot
        part = self._join(condition, approximate) if isinstance(condition, Every | Either) else self._leaf(condition)
        if not approximate and not part.of:
            part.unsure = _unsure(condition)
        slot = self._part_slots[key] = len(self._parts)
        self._parts.append(part)
        return slot

    def _join(self, condition: Every | Either, approximate: bool) -> _Part:
        of = tuple(dict.fromkeys(self._condition(part, approximate) for part in condition.parts))
        level = 1 + max(self._parts[slot].level for slot in of)
        return _Part(("and" if isinstance(condition, Every) else "or", level, len(of)), level=level, of=of)

    def _leaf(self, leaf: Condition) -> _Part:
        match leaf:
            case Comparison(op, left, right):
                return self._comparison(op, left, right)
            case Membership(value, constants, negated):
                return _Part(("leaf",), step=_membership(self.value(value), value.kind.is_text, constants, negated))
            case Presence(value, missing):
                return _Part(("leaf",), step=_presence(self.value(value), value.kind.is_text, missing))
            case Truth(value, wanted):
                return _Part(("compare", self.value(value), "=="), limit=1.0 if wanted else 0.0)
        raise AssertionError(leaf)

    def _comparison(self, op: str, left: Value, right: Value) -> _Part:
        if isinstance(left, Constant):
            op, left, right = _MIRRORED[op], right, left
        a, text = self.value(left), left.kind.is_text
        if isinstance(right, Constant) and isinstance(right.value, float) and op != "!=":
            return _Part(("compare", a, op), limit=right.value)
        b = self.value(right)
        return _Part(("leaf",), step=_unequal(a, b, text) if op == "!=" else _compared(_COMPARE[op], a, b, text))

    # Running

    def masks(self, view: View) -> tuple[Run, Mask]:
        """(run, bool[conditions added, n])."""
        layout = self._layout
        if layout is None:
            layout = self._layout = _Layout(self._parts, self._wanted)
        run = Run(self, view)
        table = np.empty((len(self._parts), view.n), np.bool_)
        with np.errstate(all="ignore"):
            for start, stop, value, op, limits in layout.comparisons:
                op(run.column(value), limits, out=table[start:stop])
            for row, step in layout.leaves:
                table[row] = step(run)
            self._apply_guards(view, layout, table)
            for start, stop, join, of in layout.joins:
                join.reduce(table[of], axis=1, out=table[start:stop])
        return run, table[layout.wanted]

    @staticmethod
    def _apply_guards(view: View, layout: _Layout, table: Mask) -> None:
        """A comparison with a value that is only a bound is unknown, unless the bound decides it."""
        for id, rows in layout.guards.items():
            unsure = view.inexact(id)
            if unsure is not None:
                table[rows] &= ~unsure


@dataclass(slots=True)
class _Part:
    """A leaf or a join of a program. Parts of one `group` are computed together."""

    group: tuple[Any, ...]
    limit: float = 0.0
    step: Callable[[Run], Any] | None = None
    level: int = 0
    of: tuple[int, ...] = ()
    unsure: tuple[str, ...] = ()  # aggregates that must be exact for it to be known


class _Layout:
    """Where each part's mask stands in the table, and the calls that fill it, in order."""

    def __init__(self, parts: list[_Part], wanted: list[int]) -> None:
        order = sorted(range(len(parts)), key=lambda i: (parts[i].level, str(parts[i].group)))
        row = {slot: at for at, slot in enumerate(order)}
        self.comparisons: list[tuple[int, int, int, Any, Array]] = []
        self.leaves: list[tuple[int, Callable[[Run], Any]]] = []
        self.joins: list[tuple[int, int, Any, Array]] = []
        self.guards: dict[str, list[int]] = {}
        self.wanted = np.array([row[slot] for slot in wanted], np.intp)
        for group, members in groupby(order, key=lambda i: parts[i].group):
            slots = list(members)
            start, stop = row[slots[0]], row[slots[-1]] + 1
            if group[0] == "compare":
                limits = np.array([[parts[slot].limit] for slot in slots])
                self.comparisons.append((start, stop, group[1], _COMPARE[group[2]], limits))
            elif group[0] == "leaf":
                self.leaves += [(row[slot], step) for slot in slots if (step := parts[slot].step) is not None]
            else:
                of = np.array([[row[inner] for inner in parts[slot].of] for slot in slots], np.intp)
                self.joins.append((start, stop, np.logical_and if group[0] == "and" else np.logical_or, of))
        for slot, part in enumerate(parts):
            for id in part.unsure:
                self.guards.setdefault(id, []).append(row[slot])


def _text(column: Array) -> Array:
    hashes = column.view(np.int64)
    return np.where(hashes == _NAN_BITS, 0, hashes)


def _unsure(leaf: Condition) -> tuple[str, ...]:
    """The aggregates that must be exact for a leaf to be known. A bound that already lies beyond a limit decides."""
    meanings: tuple[Meaning, ...]
    match leaf:
        case Comparison(op, AggregateValue(grows=True), right) if op in (">", ">="):
            meanings = (right,)
        case Comparison(op, left, AggregateValue(grows=True)) if op in ("<", "<="):
            meanings = (left,)
        case _:
            meanings = (leaf,)
    found = [x.aggregate.id for meaning in meanings for x in leaves(meaning) if isinstance(x, AggregateValue)]
    return tuple(dict.fromkeys(found))


def _compared(op: Callable[[Any, Any], Any], a: int, b: int, text: bool) -> Callable[[Run], Any]:
    def step(run: Run) -> Any:
        left = run.column(a)
        mask = op(left, run.value(b))
        return mask & (left != 0) if text else mask

    return step


def _unequal(a: int, b: int, text: bool) -> Callable[[Run], Any]:
    def step(run: Run) -> Any:
        left, right = run.column(a), run.value(b)
        return (left != right) & (left != 0) & (right != 0) if text else (left < right) | (left > right)

    return step


def _membership(value: int, text: bool, constants: tuple[float | str, ...], negated: bool) -> Callable[[Run], Any]:
    members = np.array([text_hash(c) if isinstance(c, str) else c for c in constants])

    def step(run: Run) -> Any:
        column = run.column(value)
        inside = column == members[0] if len(members) == 1 else np.isin(column, members)
        known = column != 0 if text else ~np.isnan(column)
        return known & ~inside if negated else known & inside

    return step


def _presence(value: int, text: bool, missing: bool) -> Callable[[Run], Any]:
    def step(run: Run) -> Any:
        column = run.column(value)
        unknown = column == 0 if text else np.isnan(column)
        return unknown if missing else ~unknown

    return step
