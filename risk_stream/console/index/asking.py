"""Which rows a query finds, in which order they stand, and how one is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from risk_stream.access import Scope
from risk_stream.console.index.columns import NEVER, Coded
from risk_stream.console.index.query import SORTS, Query, QueryError, Row
from risk_stream.console.index.rows import Rows, hash_of
from risk_stream.console.index.texts import fold
from risk_stream.console.index.window import Key

__all__ = ["matching", "order_of", "row_of"]

#: Tells of some slots, or of all of them (`EACH`), which hold what is asked.
Test: TypeAlias = Callable[["NDArray[np.int64] | slice"], NDArray[np.bool_]]
EACH = slice(None)

#: So few rows are looked into one by one.
FEW = 500

_NOT_CLOSED = frozenset({"open", "acknowledged"})


def matching(rows: Rows, query: Query, scope: Scope, among: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """The slots of the rows, or of some of them, that a query finds and a scope sees.

    Rows that are not closed are few beside the others, and known: who asks for these alone has only them looked at.
    """
    tests = _tests(rows, query, scope)
    standings = query.one_of.get("standing")
    if among is None and standings is not None and _NOT_CLOSED.issuperset(standings) and rows.few_open:
        among = rows.not_closed()
    if among is None:
        mask = rows.held.copy()
        for test in tests:
            mask &= test(EACH)
        slots = np.flatnonzero(mask)
    else:
        slots = among
        for test in tests:
            slots = slots[test(slots)]
    return _holding(rows, query.words.split(), slots) if query.words else slots


def _tests(rows: Rows, query: Query, scope: Scope) -> list[Test]:
    tests = list[Test]()
    for name, values in query.one_of.items():
        if name in {"id", "alert"}:
            tests.append(_named(rows, values, by_alert=name == "alert"))
        else:
            tests.append(rows.coded[name].among(values))
    tests += [_keyed(rows, kind, key) for kind, key in query.keys.items()]
    time, asleep = rows.numbers["time"], rows.numbers["asleep_until"]
    begins, ends, awake, asleep_at = query.begins, query.ends, query.awake_at, query.asleep_at
    if begins is not None:
        tests.append(lambda at: time[at] >= begins)
    if ends is not None:
        tests.append(lambda at: time[at] < ends)
    if awake is not None:
        tests.append(lambda at: asleep[at] <= awake)
    if asleep_at is not None:
        tests.append(lambda at: asleep[at] > asleep_at)
    if scope.entities is not None:
        tests.append(rows.coded["entity"].among({entity for entity in scope.entities if entity}))
    return tests


def _keyed(rows: Rows, kind: str, key: str) -> Test:
    column, hashed = rows.kinds.get(kind), hash_of(key)
    if column is None:
        return lambda at: np.zeros(len(rows.held[at]), dtype=bool)
    return lambda at: column[at] == hashed


def _named(rows: Rows, ids: Iterable[str], *, by_alert: bool) -> Test:
    slots = [
        slot for id in ids for slot in (rows.of_alert(id) if by_alert else [rows.slots[id]] if id in rows.slots else [])
    ]
    mask = np.zeros(rows.room, dtype=bool)
    mask[slots] = True
    return lambda at: mask[at]


def _holding(rows: Rows, words: Sequence[str], slots: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of some slots that have each word in their text or their rule's name, or for their id."""
    rules = rows.coded["rule"]
    elsewhere = {word: rules.holding(word) for word in words if word in rows.slots or rules.holding(word).any()}
    slots = _texts(rows, [word for word in words if word not in elsewhere], slots)
    for word, table in elsewhere.items():
        found = table[rules.codes[slots]] | (slots == rows.slots.get(word, -1))
        slots = np.concatenate([slots[found], _texts(rows, [word], slots[~found])])
    return slots


def _texts(rows: Rows, words: Sequence[str], slots: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of some slots whose text has all the words."""
    if not words or not len(slots):
        return slots
    if len(slots) <= FEW:
        folded = [fold(word) for word in words]
        holds = rows.texts.holds
        return np.array([slot for slot in slots.tolist() if holds(slot, folded)], dtype=np.int64)
    mask = np.zeros(rows.room, dtype=bool)
    mask[slots] = True
    return np.flatnonzero(rows.texts.find(sorted(words, key=len, reverse=True), mask))


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
