"""Conditions and values compiled to steps over numpy arrays; equal parts of different rules are computed once.

A condition is true (not merely "not false") where its mask is set: every comparison is false where an operand is
unknown, and conditions hold no `not` (see `meaning`). Values are float64 with NaN for unknown; texts are int64 hashes
with 0 for unknown. Comparisons of one value with many constants are done by one call.
"""

from __future__ import annotations

from collections.abc import Callable
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

    def text_of(self, hash: int) -> str | None:
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
    """A list of conditions, compiled; `masks(view)` gives one mask each. `value(...)` compiles values beside them."""

    def __init__(self) -> None:
        self.values: list[Callable[[Run], Any]] = []
        self._value_slots: dict[str, int] = {}
        self._leaves: list[Callable[[Run, list[Any]], None]] = []
        self._leaf_slots: dict[tuple[str, bool], int] = {}
        self._grouped: dict[tuple[int, str], list[tuple[float, int]]] = {}
        self._guards: list[tuple[int, tuple[str, ...]]] = []
        self._logic: list[tuple[Any, int, tuple[int, ...]]] = []
        self._masks = 0
        self._wanted: list[int] = []

    # Compiling

    def add(self, condition: Condition, *, approximate: bool = False) -> int:
        """Compile a condition; -> its place in what `masks` returns."""
        self._wanted.append(self._condition(condition, approximate))
        return len(self._wanted) - 1

    def value(self, value: Value) -> int:
        """Compile a value; -> its slot, for `Run.value` and `Run.column`."""
        key = wording(value)
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
                return lambda run: hashed
            case Constant(_, number):
                constant = np.float64(number)
                return lambda run: constant
            case FieldValue(kind, name):
                return (lambda run: run.view.hashes(name)) if kind.is_text else (lambda run: run.view.number(name))
            case AggregateValue(kind, aggregate):
                id = aggregate.id
                return (lambda run: _text(run.view.aggregate(id))) if kind.is_text else (lambda run: run.view.aggregate(id))
            case Computed(kind, op, parts):
                slots = [self.value(part) for part in parts]
                if kind.is_text:
                    first, other = slots
                    return lambda run: np.where(run.value(first) == 0, run.value(other), run.value(first))
                return lambda run: compute(op, [run.value(slot) for slot in slots])

    def _new_mask(self) -> int:
        self._masks += 1
        return self._masks - 1

    def _condition(self, condition: Condition, approximate: bool) -> int:
        key = (wording(condition), approximate)
        slot = self._leaf_slots.get(key)
        if slot is not None:
            return slot
        if isinstance(condition, Every | Either):
            parts = tuple(dict.fromkeys(self._condition(part, approximate) for part in condition.parts))
            slot = self._new_mask()
            self._logic.append((np.logical_and if isinstance(condition, Every) else np.logical_or, slot, parts))
        else:
            slot = self._new_mask()
            self._leaf(condition, slot)
            unsure = () if approximate else _unsure(condition)
            if unsure:
                self._guards.append((slot, unsure))
        self._leaf_slots[key] = slot
        return slot

    def _leaf(self, leaf: Comparison | Membership | Presence | Truth, slot: int) -> None:
        match leaf:
            case Comparison(op, left, right):
                self._comparison(op, left, right, slot)
            case Membership(value, constants, negated):
                self._leaves.append(_membership(self.value(value), value.kind.is_text, constants, negated, slot))
            case Presence(value, missing):
                self._leaves.append(_presence(self.value(value), value.kind.is_text, missing, slot))
            case Truth(value, wanted):
                self._leaves.append(_truth(self.value(value), wanted, slot))

    def _comparison(self, op: str, left: Value, right: Value, slot: int) -> None:
        if isinstance(left, Constant):
            op, left, right = _MIRRORED[op], right, left
        a, text = self.value(left), left.kind.is_text
        if isinstance(right, Constant) and isinstance(right.value, float) and op != "!=":
            self._grouped.setdefault((a, op), []).append((right.value, slot))
            return
        b = self.value(right)
        self._leaves.append(_unequal(a, b, text, slot) if op == "!=" else _compared(_COMPARE[op], a, b, text, slot))

    # Running

    def masks(self, view: View) -> tuple[Run, list[Mask]]:
        """(run, the mask of each condition added), each bool[n]."""
        run = Run(self, view)
        masks: list[Any] = [None] * self._masks
        with np.errstate(all="ignore"):
            for (slot, op), limits in self._grouped.items():
                column = run.column(slot)
                if len(limits) == 1:
                    masks[limits[0][1]] = _COMPARE[op](column, limits[0][0])
                    continue
                table = _COMPARE[op](column, np.array([[limit] for limit, _ in limits]))
                for row, (_, target) in zip(table, limits, strict=True):
                    masks[target] = row
            for leaf in self._leaves:
                leaf(run, masks)
            self._apply_guards(view, masks)
            for join, slot, parts in self._logic:
                joined = masks[parts[0]]
                for part in parts[1:]:
                    joined = join(joined, masks[part])
                masks[slot] = joined
        return run, [masks[slot] for slot in self._wanted]

    def _apply_guards(self, view: View, masks: list[Any]) -> None:
        """A comparison with a value that is only a bound is unknown, unless the bound decides it."""
        flagged: dict[str, Mask | None] = {}
        for slot, ids in self._guards:
            for id in ids:
                if id not in flagged:
                    flagged[id] = view.inexact(id)
                unsure = flagged[id]
                if unsure is not None:
                    masks[slot] = masks[slot] & ~unsure


def _text(column: Array) -> Array:
    hashes = column.view(np.int64)
    return np.where(hashes == _NAN_BITS, 0, hashes)


def _unsure(leaf: Comparison | Membership | Presence | Truth) -> tuple[str, ...]:
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


def _compared(op: Callable[[Any, Any], Any], a: int, b: int, text: bool, slot: int) -> Callable[[Run, list[Any]], None]:
    def step(run: Run, masks: list[Any]) -> None:
        left, right = run.column(a), run.value(b)
        mask = op(left, right)
        masks[slot] = mask & (left != 0) if text else mask

    return step


def _unequal(a: int, b: int, text: bool, slot: int) -> Callable[[Run, list[Any]], None]:
    def step(run: Run, masks: list[Any]) -> None:
        left, right = run.column(a), run.value(b)
        if text:
            masks[slot] = (left != right) & (left != 0) & (right != 0)
        else:
            masks[slot] = (left < right) | (left > right)

    return step


def _membership(
    value: int, text: bool, constants: tuple[float | str, ...], negated: bool, slot: int
) -> Callable[[Run, list[Any]], None]:
    members = np.array([text_hash(c) if isinstance(c, str) else c for c in constants])

    def step(run: Run, masks: list[Any]) -> None:
        column = run.column(value)
        inside = column == members[0] if len(members) == 1 else np.isin(column, members)
        known = column != 0 if text else column == column
        masks[slot] = known & ~inside if negated else known & inside

    return step


def _presence(value: int, text: bool, missing: bool, slot: int) -> Callable[[Run, list[Any]], None]:
    def step(run: Run, masks: list[Any]) -> None:
        column = run.column(value)
        unknown = column == 0 if text else column != column
        masks[slot] = unknown if missing else ~unknown

    return step


def _truth(value: int, wanted: bool, slot: int) -> Callable[[Run, list[Any]], None]:
    def step(run: Run, masks: list[Any]) -> None:
        masks[slot] = run.column(value) == (1.0 if wanted else 0.0)

    return step
