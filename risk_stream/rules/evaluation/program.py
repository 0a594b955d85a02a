"""Conditions compiled for a kernel, values to steps over numpy arrays; equal parts of rules are computed once.

A condition is true (not merely "not false") where its mask is set: every comparison is false where an operand is
unknown, and conditions hold no `not` (see `meaning`). Values are float64 with NaN for unknown; texts are int64 hashes
with 0 for unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from risk_stream.catalogue import text_hash
from risk_stream.rules.evaluation._masks import (
    ALL,
    ANY,
    COLUMNS,
    IN,
    MISSING,
    NOT_IN,
    OPERATORS,
    PRESENT,
    TEXT,
    WORDS,
    fill,
)
from risk_stream.rules.evaluation.run import Array, Mask, Run, View
from risk_stream.rules.evaluation.text_columns import ClosestColumn, TextColumn
from risk_stream.rules.language.arithmetic import compute
from risk_stream.rules.language.clocked import compute_clocked
from risk_stream.rules.language.meaning import (
    TEXT_FUNCTIONS,
    AggregateValue,
    Binned,
    ByCase,
    Chosen,
    Clocked,
    Comparison,
    Computed,
    Condition,
    Constant,
    Either,
    Every,
    FieldValue,
    Listing,
    Membership,
    Presence,
    Resembling,
    Truth,
    Value,
    leaves,
    opposite,
    texts_read,
)

__all__ = ["Program"]

_MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_EQUAL = OPERATORS.index("==")
_NAN_BITS = int(np.array(np.nan).view(np.int64))


class Program:
    """A list of conditions, compiled; `masks(view)` gives a row of truths for each. `value(...)` compiles values too.

    Conditions become instructions for one kernel, each of which fills a row of a table of truths; equal parts of
    different rules share a row.
    """

    def __init__(self) -> None:
        self.values: list[Callable[[Run], Any]] = []
        self._asks: list[tuple[str, ...]] = []  # the aggregates that each value asks
        self._value_slots: dict[tuple[object, ...], int] = {}
        self._parts: list[_Part] = []
        self._part_slots: dict[_Part, int] = {}
        self._wanted: list[int] = []
        self._code: _Code | None = None

    # Compiling

    def add(self, condition: Condition, *, approximate: bool = False, reads: bool = True) -> int:
        """Compile a condition; -> its row in what `masks` returns. `reads`: a function may read a text in it."""
        self._code = None
        self._wanted.append(self._condition(condition, approximate, reads))
        return len(self._wanted) - 1

    def value(self, value: Value) -> int:
        """Compile a value; -> its slot, for `Run.value` and `Run.column`."""
        key: tuple[object, ...]
        asks: tuple[str, ...] = ()
        slots: list[int] = []
        match value:
            case FieldValue(kind, name):
                key = (FieldValue, kind.is_text, name)
            case AggregateValue(kind, aggregate):
                key, asks = (AggregateValue, kind.is_text, aggregate.id), (aggregate.id,)
            case Constant(kind, written):
                key = (Constant, kind.is_text, written)
            case Computed(kind, op, parts):
                slots = [self.value(part) for part in parts]
                key, asks = (Computed, kind.is_text, op, *slots), self._asked(slots)
            case Clocked(_, op, part, calendar):
                slots = [self.value(part)]
                key, asks = (Clocked, op, calendar, *slots), self._asked(slots)
            case Chosen(kind, condition, first, other):
                slots = [self.value(first), self.value(other)]
                decide = (leaf.aggregate.id for leaf in leaves(condition) if isinstance(leaf, AggregateValue))
                key, asks = (Chosen, kind.is_text, condition, *slots), (*self._asked(slots), *decide)
            case ByCase(kind, by, cases, otherwise):
                slots = [self.value(by)]
                key, asks = (ByCase, kind.is_text, (cases, otherwise), *slots), self._asked(slots)
            case Binned(_, part, edges, values, missing):
                slots = [self.value(part)]
                key, asks = (Binned, edges, values, missing, *slots), self._asked(slots)
            case Resembling(kind, part, list_name):
                slots = [self.value(part)]
                key, asks = (Resembling, kind.is_text, list_name, *slots), self._asked(slots)
        slot = self._value_slots.get(key)
        if slot is None:
            slot = self._put(key, _maker(value, slots), asks)
        return slot

    def _put(self, key: tuple[object, ...], maker: Callable[[Run], Any], asks: tuple[str, ...]) -> int:
        slot = self._value_slots[key] = len(self.values)
        self.values.append(maker)
        self._asks.append(asks)
        return slot

    def _asked(self, slots: Iterable[int]) -> tuple[str, ...]:
        """The aggregates that some values ask."""
        return tuple(dict.fromkeys(id for slot in slots for id in self._asks[slot]))

    def _condition(self, condition: Condition, approximate: bool, reads: bool) -> int:
        if isinstance(condition, Every | Either):
            part = self._join(condition, approximate, reads)
        else:
            part = self._leaf(condition)
            if approximate:
                part = part._replace(unsure=())
            elif reads:
                part = part._replace(reads=tuple(dict.fromkeys(map(self.value, texts_read(condition)))))
        slot = self._part_slots.get(part)
        if slot is None:
            slot = self._part_slots[part] = len(self._parts)
            self._parts.append(part)
        return slot

    def _join(self, condition: Every | Either, approximate: bool, reads: bool) -> _Part:
        of = tuple(dict.fromkeys(self._condition(part, approximate, reads) for part in condition.parts))
        level = 1 + max(self._parts[slot].level for slot in of)
        return _Part(ALL if isinstance(condition, Every) else ANY, level=level, of=of)

    def _leaf(self, leaf: Condition) -> _Part:
        match leaf:
            case Comparison(op, left, right):
                return self._comparison(op, left, right)
            case Membership(value, constants, negated):
                return self._membership(value, constants, negated=negated)
            case Listing(value, list_name, negated):
                return self._of_one(_EQUAL, self._listing(value, list_name), limit=0.0 if negated else 1.0)
            case Presence(value, missing):
                op_code = (MISSING if missing else PRESENT) + TEXT * value.kind.is_text
                return self._of_one(op_code, self.value(value))
            case Truth(value, wanted):
                part = self._of_one(_EQUAL, self.value(value), limit=1.0 if wanted else 0.0)
                # What a cap loses can only make fewer texts seen: one that was, was.
                return part._replace(unsure=()) if wanted and _is_seen(value) else part
        raise AssertionError(leaf)

    def _of_one(self, op: int, slot: int, *, limit: float = 0.0, members: tuple[int, ...] | None = None) -> _Part:
        return _Part(op, (slot,), limit, members, unsure=self._asks[slot])

    def _listing(self, value: Value, list_name: str) -> int:
        """Compile whether a text is on a list of the house; -> its slot."""
        text = self.value(value)
        key = (Listing, text, list_name)
        slot = self._value_slots.get(key)
        if slot is None:
            slot = self._put(key, lambda run: run.view.listed(list_name, run.column(text)), self._asks[text])
        return slot

    def _comparison(self, op: str, left: Value, right: Value) -> _Part:
        """A bound that already lies beyond a limit decides: what only grows need not be exact to be above it."""
        if isinstance(left, Constant):
            op, left, right = _MIRRORED[op], right, left
        if isinstance(right, Constant) and isinstance(right.value, str):
            return self._membership(left, (right.value,), negated=op == "!=")
        code, a = OPERATORS.index(op), self.value(left)
        left_decides = op in (">", ">=") and isinstance(left, AggregateValue) and left.grows
        if isinstance(right, Constant):
            assert not isinstance(right.value, str)
            return _Part(code, (a,), right.value, unsure=() if left_decides else self._asks[a])
        b = self.value(right)
        right_decides = op in ("<", "<=") and isinstance(right, AggregateValue) and right.grows
        unsure = self._asked((b,) if left_decides else (a,) if right_decides else (a, b))
        return _Part(code + COLUMNS + TEXT * left.kind.is_text, (a, b), unsure=unsure)

    def _membership(self, value: Value, constants: tuple[float | str, ...], *, negated: bool) -> _Part:
        op = (NOT_IN if negated else IN) + (TEXT if value.kind.is_text else 0)
        members = np.sort([text_hash(c) if isinstance(c, str) else c for c in constants])
        return self._of_one(op, self.value(value), members=tuple(members.view(np.int64).tolist()))

    def compile(self) -> _Code:
        """Make the instructions now, not when it first runs."""
        if self._code is None:
            self._code = _Code(self._parts, self._wanted)
        return self._code

    # Running

    def masks(self, view: View) -> tuple[Run, Mask]:
        """(run, bool[conditions added, n])."""
        code = self.compile()
        run = Run(self, view)
        numbers = np.empty((len(code.columns), view.n))
        texts = numbers.view(np.int64)
        table = np.empty((len(self._parts), view.n), np.bool_)
        with np.errstate(all="ignore"):
            for row, (slot, is_text) in enumerate(code.columns):
                (texts if is_text else numbers)[row] = run.value(slot)
        fill(code.words, code.limits, code.pool, numbers, texts, table, 0, code.joins_from)
        for id, rows in code.guards.items():
            # A comparison with a value that is only a bound is unknown, unless the bound decides it.
            unsure = view.inexact(id)
            if unsure is not None:
                table[rows] &= ~unsure
        for slot, rows in code.texts.items():
            table[rows] &= ~run.unlearnt(slot)
        fill(code.words, code.limits, code.pool, numbers, texts, table, code.joins_from, len(self._parts))
        return run, table[code.wanted]


def _is_seen(value: Value) -> bool:
    """Whether it asks for one of the texts that were seen."""
    return isinstance(value, Computed) and value.op == "has"


def _maker(value: Value, slots: Sequence[Any]) -> Callable[[Run], Any]:
    """What computes a value; `slots` are those of the parts of one that is computed."""
    match value:
        case Constant(_, written):
            constant = np.int64(text_hash(written)) if isinstance(written, str) else np.float64(written)
            return lambda _run: constant
        case FieldValue(kind, name):
            return (lambda run: run.view.hashes(name)) if kind.is_text else (lambda run: run.view.number(name))
        case AggregateValue(kind, aggregate):
            id = aggregate.id
            return (lambda run: _text(run.view.aggregate(id))) if kind.is_text else (lambda run: run.view.aggregate(id))
        case Computed(_, "has", (AggregateValue(_, aggregate), *sought)):
            texts = [one.value for one in sought if isinstance(one, Constant)]
            return _any_of(sum(1 << aggregate.values.index(str(text)) for text in texts), slots[0])
        case Computed(_, op, _) if op in TEXT_FUNCTIONS:
            return TextColumn(value, slots[0])
        case Clocked(_, op, _, calendar):
            return lambda run: compute_clocked(op, calendar, run.value(slots[0]))
        case Chosen():
            return _choice(value, *slots)
        case Resembling():
            return ClosestColumn(value, slots[0])
        case Computed(kind, op, _):
            return _first_of(*slots) if kind.is_text else lambda run: compute(op, [run.value(slot) for slot in slots])
        case ByCase() | Binned():
            return _by_case(value, *slots) if isinstance(value, ByCase) else _bins(value, *slots)


def _any_of(bits: int, slot: int) -> Callable[[Run], Any]:
    """Whether a number, which is NaN or as many bits as a float64 holds, has one of some bits."""

    def found(run: Run) -> Any:
        seen = run.value(slot)
        return np.where(np.isnan(seen), seen, (np.nan_to_num(seen).astype(np.int64) & bits) != 0)

    return found


def _first_of(first: int, other: int) -> Callable[[Run], Any]:
    """A text, or another where it is missing."""
    return lambda run: np.where(run.value(first) == 0, run.value(other), run.value(first))


def _choice(chosen: Chosen, first: int, other: int) -> Callable[[Run], Array]:
    """A value or another. Bounds are taken as they are: what compares the choice is unknown where one is in it."""
    decides, unknown = Program(), np.int64(0) if chosen.kind.is_text else np.float64(np.nan)
    for condition in (chosen.condition, opposite(chosen.condition)):
        decides.add(condition, approximate=True)

    def choose(run: Run) -> Array:
        _, (holds, fails) = decides.masks(run.view)
        return np.where(holds, run.value(first), np.where(fails, run.value(other), unknown))

    return choose


def _by_case(value: ByCase, slot: int) -> Callable[[Run], Array]:
    """The written value of each row's text, which has the slot; unknown where the text is or no case is its own."""
    written = [*(case for _, case in value.cases), value.otherwise]
    if value.kind.is_text:
        values = np.array([text_hash(case) if isinstance(case, str) else 0 for case in written], np.int64)
    else:
        values = np.array([np.nan if case is None else case for case in written], np.float64)
    texts = np.array([text_hash(text) for text, _ in value.cases], np.int64)
    order = np.argsort(texts)
    texts, of_texts, otherwise = texts[order], values[order], values[-1]
    unknown = 0 if value.kind.is_text else np.nan

    def chosen(run: Run) -> Array:
        column = run.column(slot)
        at = np.searchsorted(texts, column).clip(max=len(texts) - 1)
        return np.where(column == 0, unknown, np.where(texts[at] == column, of_texts[at], otherwise))

    return chosen


def _bins(value: Binned, slot: int) -> Callable[[Run], Array]:
    """The written value of the range that each row's number, which has the slot, lies in."""
    edges, values = np.array(value.edges), np.array(value.values)
    missing = np.nan if value.missing is None else value.missing

    def binned(run: Run) -> Array:
        column = run.column(slot)
        return np.where(np.isnan(column), missing, values[np.searchsorted(edges, column, side="right")])

    return binned


class _Part(NamedTuple):
    """A leaf or a join of a program; those that are equal are the same."""

    op: int
    values: tuple[int, ...] = ()  # slots of the values it compares
    limit: float = 0.0
    members: tuple[int, ...] | None = None  # constants, sorted, as int64
    level: int = 0
    of: tuple[int, ...] = ()  # parts that it joins
    unsure: tuple[str, ...] = ()  # aggregates that must be exact for it to be known
    reads: tuple[int, ...] = ()  # slots of aggregates of which it needs the text


class _Code:
    """The parts of a program as the kernel's instructions: leaves first, then joins from the inside out."""

    def __init__(self, parts: Sequence[_Part], wanted: Sequence[int]) -> None:
        order = sorted(range(len(parts)), key=lambda slot: parts[slot].level)
        row_of = {slot: row for row, slot in enumerate(order)}
        columns: dict[tuple[int, bool], int] = {}
        words, pool = list[tuple[int, ...]](), list[int]()
        for slot in order:
            part = parts[slot]
            is_text = TEXT <= part.op < ALL
            places = [columns.setdefault((value, is_text), len(columns)) for value in part.values]
            listed = [row_of[inner] for inner in part.of] if part.members is None else part.members
            first, second = (*places, 0)[0], places[1] if len(places) > 1 else len(pool)
            words.append((part.op, first, second, len(listed)))
            pool += listed
        self.words, self.pool = np.array(words, np.int64).reshape(-1, WORDS), np.array(pool, np.int64)
        self.limits = np.array([parts[slot].limit for slot in order], np.float64)
        self.columns = list(columns)
        self.joins_from = sum(not part.of for part in parts)
        self.wanted = np.array([row_of[slot] for slot in wanted], np.intp)
        guarded: dict[str, list[int]] = {}
        read: dict[int, list[int]] = {}
        for slot, part in enumerate(parts):
            for id in part.unsure:
                guarded.setdefault(id, []).append(row_of[slot])
            for text in part.reads:
                read.setdefault(text, []).append(row_of[slot])
        self.texts = {text: np.array(rows, np.intp) for text, rows in read.items()}
        self.guards = {id: np.array(rows, np.intp) for id, rows in guarded.items()}


def _text(column: Array) -> Array:
    hashes = column.view(np.int64)
    return np.where(hashes == _NAN_BITS, 0, hashes)
