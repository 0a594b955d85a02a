"""What the rows of one living state mean, over all the layouts it has had, and a layout as data for the kernels.

A layout numbers its bits and columns by itself. A state that takes on a new layout keeps its rows: what the new
layout asks for and the rows already say keeps its place, what is new is added behind, and is known since then only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from risk_stream.catalogue import text_hash
from risk_stream.features._jit import Bools, Ints
from risk_stream.features._words import (
    A_WINDOWS,
    C_WORDS,
    CELL,
    D_BEFORE,
    D_DAYS,
    D_DUE,
    D_PAID,
    D_RETURNED,
    D_WHEN,
    D_WORDS,
    F_GIVEN,
    F_STARTS,
    F_WORDS,
    G_WORDS,
    HEADER,
    NEED_EXTREMES,
    NEED_ROWS,
    NEED_SET,
    NEED_SQUARES,
    NEED_SUM,
    NEVER,
    OP_COMPLETED,
    P_BLOCK,
    P_CAP,
    P_CELL_LINES,
    P_CELLS,
    P_CELLS_AT,
    P_COLUMNS,
    P_EPOCH,
    P_GONE,
    P_GROUPS_AT,
    P_KEEP,
    P_LONGEST,
    P_OUTPUT_LINES,
    P_OUTPUTS,
    P_ROW,
    P_SCAN,
    P_SHIFT,
    P_SLOTS,
    P_SOURCES,
    P_STARTS,
    P_TABLES,
    P_TABLES_AT,
    P_TEXTS,
    P_WINDOW_LINES,
    P_WINDOWS,
    P_WORDS,
    R_TIME,
    R_VALUES,
)
from risk_stream.features.aggregate import Aggregate, Bit, Op, Periods
from risk_stream.features.layout import MOST_BITS, KindLayout

__all__ = ["Schema", "compile_plan", "first_class"]

_NEED: Final = {
    Op.COUNT: 0,
    Op.SUM: NEED_SUM,
    Op.MEAN: NEED_SUM,
    Op.MIN: NEED_EXTREMES,
    Op.MAX: NEED_EXTREMES,
    Op.STD: NEED_SUM | NEED_SQUARES,
    Op.DISTINCT: NEED_SET,
    Op.FIRST: NEED_ROWS,
    Op.LAST: NEED_ROWS,
    Op.SINCE: 0,
    Op.SEQUENCE: 0,
    Op.QUANTILE: 0,
    Op.ZSCORE: NEED_SUM | NEED_SQUARES,
    Op.PERCENTILE: 0,
    Op.SEEN: 0,
    Op.DAYS_PAST_DUE: 0,
    Op.AMOUNT_PAST_DUE: 0,
}
_OPS: Final = tuple(Op)
_IN_PANES: Final = {Op.COUNT, Op.SUM, Op.MEAN, Op.MIN, Op.MAX}
#: A column for groups that only count: a word of the row that is never missing.
_NO_COLUMN: Final = R_TIME

_Column = tuple[str, int, bool]  # field, decimals, whether text
_Group = tuple[int, int, bool, str]  # mask, word of the row, whether distinct values are counted, a calendar's periods
_Cell = tuple[_Group, int]  # ms of its window
_Ring = tuple[tuple[int, int, bool], int]  # group without periods, ms: panes are the same for whatever is so long
_Window = tuple[str, int]  # periods, "" for a sliding window; ms


def _due_column(name: str) -> _Column:
    return name, 0, False


def _columns_of(layout: KindLayout) -> list[_Column]:
    return [(name, layout.decimals[name], name in layout.text_columns) for name in layout.columns]


@dataclass
class Schema:
    """Which bit and which column of a row means what, and since when; columns are never used for another meaning."""

    bits: dict[Bit, int] = field(default_factory=dict)
    columns: dict[_Column, int] = field(default_factory=dict)
    rings: dict[_Ring, int] = field(default_factory=dict)
    bits_since: dict[Bit, int] = field(default_factory=dict)
    columns_since: dict[_Column, int] = field(default_factory=dict)
    kept_since: int = NEVER
    longest_ms: int = 0
    most_cap: int = 0  # the largest cap so far: a key may have as many rows
    gone_until: int = NEVER  # rows up to this time some run of the same log has let go of, and another may have not

    def retired(self, layout: KindLayout) -> list[Bit]:
        """The bits that must be taken from the rows, for `layout` to have room for its own; most often none."""
        new = [bit for bit in layout.bits if bit not in self.bits]
        if len(self.bits) + len(new) <= MOST_BITS:
            return []
        return [bit for bit in self.bits if bit not in set(layout.bits)]

    def forget(self, bits: list[Bit]) -> None:
        """Free the numbers of bits that no row has any more."""
        for bit in bits:
            place = 1 << self.bits.pop(bit)
            self.bits_since.pop(bit, None)
            self.rings = {of: ring for of, ring in self.rings.items() if not of[0][0] & place}

    def need_ring(self, cell: _Cell) -> None:
        """Give the cell a ring of panes if it has none."""
        of = _ring_of(cell)
        if of not in self.rings:
            used = set(self.rings.values())
            self.rings[of] = next(n for n in range(len(used) + 1) if n not in used)

    def ring(self, cell: _Cell) -> int:
        """The cell's ring of panes, -1 for none."""
        return self.rings.get(_ring_of(cell), -1)

    def stays(self) -> Bools:
        """For each ring whether it is still some cell's."""
        stays = np.zeros(1 + max(self.rings.values(), default=-1), np.bool_)
        stays[list(self.rings.values())] = True
        return stays

    @property
    def row_words(self) -> int:
        """Words of a row that has every column."""
        return R_VALUES + len(self.columns)

    def to_json(self) -> dict[str, Any]:
        """All of it as lists, texts and whole numbers."""
        return {
            "bits": [[*bit, place, self.bits_since.get(bit)] for bit, place in self.bits.items()],
            "columns": [[*column, place, self.columns_since.get(column)] for column, place in self.columns.items()],
            "rings": [[*group, window, ring] for (group, window), ring in self.rings.items()],
            "kept_since": self.kept_since,
            "gone_until": self.gone_until,
            "longest_ms": self.longest_ms,
            "most_cap": self.most_cap,
        }

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Schema:
        """What `to_json` gave."""
        bits = [((event, where), place, since) for event, where, place, since in said["bits"]]
        columns = [((name, decimals, text), place, since) for name, decimals, text, place, since in said["columns"]]
        return cls(
            {bit: place for bit, place, _ in bits},
            {column: place for column, place, _ in columns},
            {((mask, column, distinct), window): ring for mask, column, distinct, window, ring in said["rings"]},
            {bit: since for bit, _, since in bits if since is not None},
            {column: since for column, _, since in columns if since is not None},
            said["kept_since"],
            said["longest_ms"],
            said["most_cap"],
            said.get("gone_until", NEVER),
        )

    def take(self, layout: KindLayout, since: int, lateness_ms: int, let_go_at: int) -> None:
        """Give the layout's bits and columns their places; those it did not have so far are known after `since`.

        Rows were let go as of `let_go_at`, which can be long before.
        """
        free = iter(sorted(set(range(MOST_BITS)) - set(self.bits.values())))
        for bit in layout.bits:
            if bit not in self.bits:
                self.bits[bit] = next(free)
            self.bits_since.setdefault(bit, since)
        for column in _columns_of(layout):
            self.columns.setdefault(column, len(self.columns))
            self.columns_since.setdefault(column, since)
        # What the layout does not ask for is not written from now on: a later layout that does starts anew.
        self.bits_since = {bit: self.bits_since[bit] for bit in layout.bits}
        self.columns_since = {column: self.columns_since[column] for column in _columns_of(layout)}
        if layout.longest_ms > self.longest_ms and since != NEVER:
            self.kept_since = max(self.kept_since, since - self.longest_ms - lateness_ms)
            self.gone_until = max(self.gone_until, let_go_at - self.longest_ms - 2 * lateness_ms)
        self.longest_ms = layout.longest_ms
        self.most_cap = max(self.most_cap, layout.cap)

    def bit_map(self, layout: KindLayout) -> Ints | None:
        """The state's bit for each of the layout's; None where they are the same."""
        places = [self.bits[bit] for bit in layout.bits]
        return None if places == list(range(len(places))) else np.array(places, np.int64)

    def columns_at(self, layout: KindLayout) -> tuple[int, ...]:
        """The state's column for each of the layout's."""
        return tuple(self.columns[column] for column in _columns_of(layout))

    def known_until(self, layout: KindLayout) -> dict[str, int]:
        """Of each aggregate when its window no longer reaches back before what is known, ms."""
        draft = _Draft(self, layout)
        return {a.id: _whole_at(a, self.known_since(a, draft.column(a))) for a in layout.aggregates}

    def known_since(self, aggregate: Aggregate, column: _Column | None) -> int:
        """The time after which nothing that this aggregate is made of went by unseen."""
        sinces = [self.bits_since[bit] for bit in aggregate.bits]
        if column is not None:
            sinces.append(self.columns_since[column])
        if aggregate.due is not None:
            sinces.append(self.columns_since[_due_column(aggregate.due)])
        return max(self.kept_since, *sinces)

    def covers_all(self, mask: int) -> bool:
        """Whether every row has one of these bits: for each (type, where), itself or (type, "") is among them."""
        return all(
            mask >> place & 1 or mask >> self.bits.get((event, ""), place) & 1
            for (event, _), place in self.bits.items()
        )


def _ring_of(cell: _Cell) -> _Ring:
    (mask, column, distinct, _), ms = cell
    return (mask, column, distinct), ms


def _whole_at(a: Aggregate, since: int) -> int:
    """From when on an aggregate's window does not reach back to `since`, ms."""
    return since + a.window_ms if a.periods is None or since == NEVER else a.periods.next_start(since)


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


@dataclass
class _Draft:
    """Groups and cells of a layout while they are collected."""

    schema: Schema
    layout: KindLayout
    groups: dict[_Group, None] = field(default_factory=dict)
    cells: dict[_Cell, int] = field(default_factory=dict)  # -> what it must know

    def mask(self, a: Aggregate) -> int:
        return self.mask_of(a.bits)

    def mask_of(self, bits: Iterable[Bit]) -> int:
        """The bits of a row's mask that stand for these."""
        return sum(1 << self.schema.bits[bit] for bit in set(bits))

    def column(self, a: Aggregate) -> _Column | None:
        if a.field is None or not a.op.needs_field:
            return None
        return a.field, a.decimals, a.field in self.layout.text_columns

    def group(self, a: Aggregate) -> _Group:
        """Where an aggregate is computed: one that only counts joins any pass over the same rows."""
        mask = self.mask(a)
        column = self.column(a)
        # Within a group each window holds the one before it. That of a calendar window it only does for itself.
        periods = "" if a.periods is None else a.periods.version
        if column is not None:
            return _signed(mask), R_VALUES + self.schema.columns[column], a.op is Op.DISTINCT, periods
        if not self.schema.covers_all(mask):
            for group in sorted(self.groups, key=lambda g: g[2]):
                if (group[0], group[3]) == (_signed(mask), periods):
                    return group
        return _signed(mask), _NO_COLUMN, False, periods

    def collect(self) -> dict[str, _Cell]:
        """All aggregates' cells, those with values first; -> aggregate id -> cell."""
        found: dict[str, _Cell] = {}
        for a in sorted(self.layout.aggregates, key=lambda a: not a.op.needs_field):
            group = self.group(a)
            self.groups.setdefault(group)
            cell = (group, a.window_ms)
            self.cells[cell] = self.cells.get(cell, 0) | _NEED[a.op]
            if a.op in _IN_PANES:
                self.schema.need_ring(cell)
            found[a.id] = cell
        return found

    def whole(self, group: _Group) -> bool:
        mask, column, _, _ = group
        return column == _NO_COLUMN and self.schema.covers_all(mask)


def compile_plan(
    schema: Schema, layout: KindLayout, *, epoch: int, scan_below: int, keep_ms: int, gone_until: int, shift: int
) -> Ints:
    """A layout as data for the kernels, in the places the schema gave it. Takes milliseconds: no code is compiled."""
    draft = _Draft(schema, layout)
    found = draft.collect()
    periods = {a.periods.version: a.periods for a in layout.aggregates if a.periods is not None}
    windows = sorted({("" if a.periods is None else a.periods.version, a.window_ms) for a in layout.aggregates})
    groups = list(draft.groups)
    order = sorted(draft.cells, key=lambda cell: (groups.index(cell[0]), cell[1]))
    group_need = dict.fromkeys(groups, 0)
    for (group, _), need in draft.cells.items():
        group_need[group] |= need

    cells = np.zeros((len(order), C_WORDS), np.int64)
    filled: set[int] = set()  # a ring of several cells is filled by the first
    for c, (group, window_ms) in enumerate(order):
        ring = schema.ring((group, window_ms))
        cells[c] = (
            windows.index((group[3], window_ms)),
            groups.index(group),
            group[0],
            group[1],
            draft.cells[group, window_ms],
            group_need[group],
            draft.whole(group),
            -1 if ring in filled else ring,
            window_ms,
            sum(g == group and ms >= window_ms for g, ms in order),
        )
        filled.add(ring)
    outputs = np.zeros((len(layout.aggregates), F_WORDS), np.int64)
    for f, a in enumerate(layout.aggregates):
        cell = found[a.id]
        outputs[f] = (
            OP_COMPLETED if a.op is Op.SINCE and a.steps else _OPS.index(a.op),
            order.index(cell),
            cell[0][1],
            a.window_ms,
            a.text and a.op in {Op.FIRST, Op.LAST},
            schema.ring(cell) if a.op in _IN_PANES else -1,
            schema.known_since(a, draft.column(a)),
            10**a.decimals if a.op.needs_field else 1,
            0,
            a.share if a.op is Op.QUANTILE else a.least,
        )
    sources = np.full(len(schema.columns), -1, np.int64)
    for v, column in enumerate(_columns_of(layout)):
        sources[schema.columns[column]] = v
    texts = np.array([text for _, _, text in schema.columns], np.int64)
    head = _head(schema, layout, windows, groups, order, group_need)
    head[[P_EPOCH, P_SCAN, P_KEEP, P_GONE, P_SHIFT]] = epoch, scan_below, keep_ms, gone_until, shift
    parts = [np.array([ms for _, ms in windows], np.int64), cells.ravel(), outputs.ravel(), sources, texts]
    for word, part in zip((P_WINDOW_LINES, P_CELL_LINES, P_OUTPUT_LINES, P_SOURCES, P_TEXTS), parts, strict=True):
        head[word] = len(head)
        head = np.concatenate([head, part])
    head[P_STARTS] = len(head)
    stepped = _with_steps(_with_periods(head, layout, windows, periods), layout, draft)
    return _with_arrears(_with_values(stepped, layout), layout, draft)


def _with_periods(plan: Ints, layout: KindLayout, windows: list[_Window], periods: dict[str, Periods]) -> Ints:
    """The plan with the periods of its calendar windows behind it, and where they stand in the lines that need them."""
    outputs = plan[P_OUTPUT_LINES] + F_WORDS * np.arange(len(layout.aggregates))
    for w, (version, longest) in enumerate(windows):
        if version:
            plan[plan[P_WINDOW_LINES] + w] = -len(plan)
            for f, a in enumerate(layout.aggregates):
                if a.periods == periods[version]:
                    plan[outputs[f] + F_STARTS] = len(plan)
            starts = periods[version].starts
            plan = np.concatenate([plan, [len(starts), longest], starts])
    return plan


def _with_steps(plan: Ints, layout: KindLayout, draft: _Draft) -> Ints:
    """The plan with the steps of its sequences behind it: how many, the ms within which they come, a mask of each."""
    for f, a in enumerate(layout.aggregates):
        if a.steps and not a.op.is_arrears:
            plan[plan[P_OUTPUT_LINES] + f * F_WORDS + F_GIVEN] = len(plan)
            masks = [_signed(draft.mask_of(step)) for step in a.steps]
            plan = np.concatenate([plan, np.array([len(masks), a.within_ms, *masks], np.int64)])
    return plan


def _with_values(plan: Ints, layout: KindLayout) -> Ints:
    """The plan with the values looked for behind it: how many, their hashes in order, the place of each in its list."""
    for f, a in enumerate(layout.aggregates):
        if a.op is Op.SEEN:
            plan[plan[P_OUTPUT_LINES] + f * F_WORDS + F_GIVEN] = len(plan)
            hashes = np.array([text_hash(value) for value in a.values], np.int64)
            order = np.argsort(hashes)
            plan = np.concatenate([plan, [len(hashes)], hashes[order], order.astype(np.int64)])
    return plan


def _with_arrears(plan: Ints, layout: KindLayout, draft: _Draft) -> Ints:
    """The plan with the words of its arrears behind it, and the days that they go by."""
    days_at: dict[str, int] = {}
    for f, a in enumerate(layout.aggregates):
        if a.days is None:
            continue
        if a.days.version not in days_at:
            days_at[a.days.version] = len(plan)
            plan = np.concatenate([plan, [len(a.days.starts), a.days.longest_ms], a.days.starts])
        plan[plan[P_OUTPUT_LINES] + f * F_WORDS + F_GIVEN] = len(plan)
        words = np.zeros(D_WORDS, np.int64)
        words[[D_DUE, D_PAID, D_RETURNED]] = [_signed(draft.mask_of(step)) for step in a.steps]
        words[D_WHEN] = R_TIME if a.due is None else R_VALUES + draft.schema.columns[_due_column(a.due)]
        words[[D_DAYS, D_BEFORE]] = days_at[a.days.version], a.before
        plan = np.concatenate([plan, words])
    return plan


def _head(
    schema: Schema,
    layout: KindLayout,
    windows: list[_Window],
    groups: list[_Group],
    order: list[_Cell],
    group_need: dict[_Group, int],
) -> Ints:
    """The plan's head words that follow from its parts."""
    row = schema.row_words
    groups_at = A_WINDOWS + len(windows)
    cells_at = groups_at + len(groups) * G_WORDS
    tables_at = cells_at + len(order) * CELL
    words = {
        P_WINDOWS: len(windows),
        P_CELLS: len(order),
        P_OUTPUTS: len(layout.aggregates),
        P_ROW: row,
        P_CAP: layout.cap,
        P_GROUPS_AT: groups_at,
        P_CELLS_AT: cells_at,
        P_TABLES_AT: tables_at,
        P_TABLES: sum(need & NEED_SET != 0 for need in group_need.values()),
        P_LONGEST: layout.longest_ms,
        P_SLOTS: len(schema.stays()),
        P_BLOCK: first_class(row),
        P_COLUMNS: len(schema.columns),
    }
    head = np.zeros(P_WORDS, np.int64)
    for word, value in words.items():
        head[word] = value
    return head


def first_class(row: int) -> int:
    """The size class of a new key's block: room for its header and two rows."""
    words, size_class = 24, 0
    while words < HEADER + 2 * row:
        size_class += 1
        words = (24 << (size_class >> 1)) if size_class & 1 == 0 else (32 << (size_class >> 1))
    return size_class
