"""Which rows a query finds, in which order they stand, and how one is shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_stream.access import Scope
from risk_stream.console.index.columns import NEVER, Coded
from risk_stream.console.index.query import SORTS, Query, QueryError, Row
from risk_stream.console.index.rows import Rows, hash_of
from risk_stream.console.index.texts import fold
from risk_stream.console.index.window import Key

__all__ = ["matching", "order_of", "row_of"]

#: So few rows are looked into one by one.
FEW = 500


def matching(rows: Rows, query: Query, scope: Scope, among: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
    """Of each slot, or of each of some, whether it is a row that a query finds and a scope sees."""
    mask = rows.held.copy()
    if scope.entities is not None:
        mask &= rows.coded["entity"].among({entity for entity in scope.entities if entity})
    for name, values in query.one_of.items():
        if name in {"id", "alert"}:
            mask &= _named(rows, values, by_alert=name == "alert")
        else:
            mask &= rows.coded[name].among(values)
    for kind, key in query.keys.items():
        column = rows.kinds.get(kind)
        mask &= False if column is None else column == hash_of(key)
    if query.begins is not None:
        mask &= rows.numbers["time"] >= query.begins
    if query.ends is not None:
        mask &= rows.numbers["time"] < query.ends
    if query.awake_at is not None:
        mask &= rows.numbers["asleep_until"] <= query.awake_at
    if query.asleep_at is not None:
        mask &= rows.numbers["asleep_until"] > query.asleep_at
    for word in sorted(query.words.split(), key=len, reverse=True):
        mask = _holding(rows, word, mask)
    return mask if among is None else mask[among]


def _holding(rows: Rows, word: str, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Those of a mask that have a word in their text or their rule's name, or for their id."""
    found: NDArray[np.bool_] = mask & rows.coded["rule"].naming(word)
    slot = rows.slots.get(word)
    if slot is not None and mask[slot]:
        found[slot] = True
    left = mask & ~found
    slots = np.flatnonzero(left)
    if len(slots) > FEW:
        return found | rows.texts.find(word, left)
    folded = fold(word)
    found[[slot for slot in slots.tolist() if rows.texts.holds(slot, folded)]] = True
    return found


def _named(rows: Rows, ids: Iterable[str], *, by_alert: bool) -> NDArray[np.bool_]:
    mask = np.zeros(rows.room, dtype=bool)
    slots = [
        slot for id in ids for slot in (rows.of_alert(id) if by_alert else [rows.slots[id]] if id in rows.slots else [])
    ]
    mask[slots] = True
    return mask


def order_of(rows: Rows, sort: str) -> list[Key]:
    """What rows are ordered by, by the name of a sort. Raises `QueryError`."""
    name, down = sort.removeprefix("-"), sort.startswith("-")
    if name not in SORTS:
        raise QueryError(
            f"there is no order {sort!r}; there are {', '.join(SORTS)}, each with a minus for the other way"
        )
    ids = [_by(rows.numbers[part], down=down and name == "id") for part in ("id0", "id1", "id2")]
    if name == "id":
        return ids
    coded = rows.coded.get(name)
    return [_by(rows.numbers[name], down=down) if coded is None else _by_name(coded, down=down), *ids]


def _by(column: NDArray[Any], *, down: bool) -> Key:
    if column.dtype == np.float64:
        return lambda slots: -column[slots] if down else column[slots]
    return lambda slots: ~column[slots] if down else column[slots]


def _by_name(column: Coded, *, down: bool) -> Key:
    ranks = -column.ranks() if down else column.ranks()
    return lambda slots: ranks[column.codes[slots]]


def row_of(rows: Rows, slot: int) -> Row:
    """A row as it is shown."""
    numbers, coded = rows.numbers, rows.coded
    summary, keys = rows.said(slot)
    id = rows.ids[slot]
    row: Row = {"id": id, "alert": rows.alerts.get(id, id)}
    for name in ("rule", "stage", "severity", "entity", "owner", "state", "standing", "assignee", "case", "by"):
        row[name] = coded[name][slot]
    row["disposition"] = coded["disposition"][slot] or None
    for name in ("time", "since", "changed", "version", "level"):
        row[name] = int(numbers[name][slot])
    for name in ("closed", "asleep_until"):
        time = int(numbers[name][slot])
        row[name] = None if time == NEVER else time
    return {**row, "score": float(numbers["score"][slot]), "summary": summary, "keys": keys}
