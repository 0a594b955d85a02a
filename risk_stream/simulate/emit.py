"""From columns to JSON lines: tables of like events, each rendered by one template, merged in event-time order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from risk_stream.simulate.truth import Episode

__all__ = ["KEY_FIELD", "LEVELS", "TOPIC", "Row", "Slice", "Table", "render_day"]

#: type -> the kind of topic it travels on; the order is that of events of the same millisecond: causes before effects.
TOPIC = {
    "customer": "reference",
    "account": "reference",
    "instrument": "reference",
    "holding": "reference",
    "margin_account": "reference",
    "trading_phase": "trades",
    "price": "trades",
    "book_depth": "trades",
    "index_value": "trades",
    "login": "trades",
    "profile_change": "trades",
    "order": "trades",
    "trade": "trades",
    "order_cancel": "trades",
    "transfer": "trades",
    "application": "loans",
    "bureau_report": "loans",
    "decision": "loans",
    "drawdown": "loans",
    "loan": "loans",
    "loan_opening": "loans",
    "instalment_due": "loans",
    "repayment": "loans",
    "collateral_valuation": "loans",
    "financial_report": "loans",
    "process_step": "loans",
    "margin_status": "loans",
    "outcome": "reference",
}

#: type -> the field whose value is the record's key on Kafka: one account's or loan's events keep their order.
KEY_FIELD = {
    "customer": "customer",
    "account": "account",
    "instrument": "instrument",
    "holding": "account",
    "margin_account": "account",
    "trading_phase": "instrument",
    "price": "instrument",
    "book_depth": "instrument",
    "index_value": "board",
    "login": "customer",
    "profile_change": "customer",
    "order": "account",
    "trade": "account",
    "order_cancel": "account",
    "transfer": "account",
    "application": "loan",
    "bureau_report": "customer",
    "decision": "loan",
    "drawdown": "loan",
    "loan": "loan",
    "loan_opening": "loan",
    "instalment_due": "loan",
    "repayment": "loan",
    "collateral_valuation": "loan",
    "financial_report": "customer",
    "process_step": "loan",
    "margin_status": "account",
    "outcome": "of_event",
}

_RANK = {type: rank for rank, type in enumerate(TOPIC)}
#: type -> how its ids begin.
_PREFIX = {type: "".join(part[:3] for part in type.split("_")) for type in TOPIC} | {"trade": "trd", "transfer": "xfr"}
assert len(set(_PREFIX.values())) == len(TOPIC)

#: Levels of the order book that are said.
LEVELS = 5

#: Fields that are not text, and how a template writes them.
_FORMATS = {
    **dict.fromkeys(("quantity", "volume", "cancelled", "placed", "bid_depth", "ask_depth"), "%d"),
    **{f"{side}_quantity_{level}": "%d" for side in ("bid", "ask") for level in range(1, LEVELS + 1)},
    **{f"{side}_price_{level}": "%.2f" for side in ("bid", "ask") for level in range(1, LEVELS + 1)},
    **dict.fromkeys(("price", "previous_close", "limit_up", "limit_down"), "%.2f"),
    **dict.fromkeys(("amount", "turnover", "cancelled_amount", "index_level", "buy_turnover", "sell_turnover"), "%.2f"),
    **dict.fromkeys(("success", "taker"), "%s"),
}

#: Events rendered at a time: bounds the memory of a day of any size.
_BLOCK = 50_000


@dataclass(frozen=True, slots=True)
class Table:
    """Many events of one type with the same fields, in time order: a column per field, n rows each."""

    type: str
    times: NDArray[np.int64]
    columns: Mapping[str, NDArray[Any]]  # numbers in major units; text as object arrays

    def template(self, prefix: str) -> str:
        """The JSON of one event, with places for the number in its id, its time and its fields."""
        fields = ",".join(f'"{name}":' + _FORMATS.get(name, '"%s"') for name in self.columns)
        return f'{{"id":"{prefix}%d","type":"{self.type}","time":%d,{fields}}}'


@dataclass(slots=True)
class Row:
    """One event that is not part of a table; `episode` is the planted episode it belongs to."""

    time: int
    type: str
    fields: dict[str, Any]
    episode: Episode | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """A run of n events in the order of their times, ready for a topic or a file."""

    times: NDArray[np.int64]  # [n] event times, ms since 1970 UTC
    topics: list[str]  # trades, loans or reference
    keys: list[bytes]
    values: list[bytes]  # JSON

    def __len__(self) -> int:
        return len(self.values)

    def lines(self) -> bytes:
        """JSON lines, the last one ended too."""
        return b"\n".join(self.values) + b"\n" if self.values else b""

    def part(self, start: int, stop: int) -> Slice:
        """The events from `start` up to `stop`."""
        return Slice(self.times[start:stop], self.topics[start:stop], self.keys[start:stop], self.values[start:stop])


def render_day(stem: str, tables: Sequence[Table], rows: Sequence[Row], size: int) -> Iterator[Slice]:
    """The events of a day as slices of at most `size`; tells each planted event's id to its episode.

    The n-th event of its type in the day has the id `<type><stem>-<n>`, so an id says nothing of what was planted.
    """
    tables = sorted(tables, key=lambda table: _RANK[table.type])
    rows = sorted(rows, key=lambda row: (row.time, _RANK[row.type]))
    row_times = np.array([row.time for row in rows], np.int64)
    numbers, row_numbers = _number(tables, rows)
    for row, number in zip(rows, row_numbers, strict=True):
        if row.episode is not None:
            row.episode.add(f"{_PREFIX[row.type]}{stem}-{number}", row.time)
    everything = np.sort(np.concatenate([row_times, *(table.times for table in tables)]))
    edges = [*everything[::_BLOCK].tolist(), np.iinfo(np.int64).max]
    for low, high in pairwise(edges):
        times: list[NDArray[np.int64]] = []
        values: list[bytes] = []
        keys: list[bytes] = []
        topics: list[str] = []
        for table, count in zip(tables, numbers, strict=True):
            start, stop = np.searchsorted(table.times, (low, high)).tolist()
            if start < stop:
                times.append(table.times[start:stop])
                values += _render(table, count, f"{_PREFIX[table.type]}{stem}-", start, stop)
                keys += [key.encode() for key in table.columns[KEY_FIELD[table.type]][start:stop].tolist()]
                topics += [TOPIC[table.type]] * (stop - start)
        start, stop = np.searchsorted(row_times, (low, high)).tolist()
        times.append(row_times[start:stop])
        for row, number in zip(rows[start:stop], row_numbers[start:stop], strict=True):
            head = {"id": f"{_PREFIX[row.type]}{stem}-{number}", "type": row.type, "time": row.time}
            values.append(orjson.dumps(head | row.fields))
            keys.append(str(row.fields[KEY_FIELD[row.type]]).encode())
            topics.append(TOPIC[row.type])
        together = np.concatenate(times)
        order = np.argsort(together, kind="stable")
        together = together[order]
        at = order.tolist()
        for first in range(0, len(at), size):
            here = at[first : first + size]
            yield Slice(
                together[first : first + size],
                [topics[i] for i in here],
                [keys[i] for i in here],
                [values[i] for i in here],
            )


def _number(tables: Sequence[Table], rows: Sequence[Row]) -> tuple[list[NDArray[np.int64]], list[int]]:
    """Each event's number among those of its type in the day: by table, and for the rows."""
    numbers: list[NDArray[np.int64]] = [np.zeros(0, np.int64)] * len(tables)
    row_numbers = [0] * len(rows)
    for type in {table.type for table in tables} | {row.type for row in rows}:
        mine = [i for i, table in enumerate(tables) if table.type == type]
        loose = [i for i, row in enumerate(rows) if row.type == type]
        times = np.concatenate([*(tables[i].times for i in mine), np.array([rows[i].time for i in loose], np.int64)])
        rank = np.empty(len(times), np.int64)
        rank[np.argsort(times, kind="stable")] = np.arange(len(times))
        start = 0
        for i in mine:
            numbers[i] = rank[start : start + len(tables[i].times)]
            start += len(tables[i].times)
        for i, number in zip(loose, rank[start:].tolist(), strict=True):
            row_numbers[i] = number
    return numbers, row_numbers


def _render(table: Table, numbers: NDArray[np.int64], prefix: str, start: int, stop: int) -> list[bytes]:
    """The JSON of rows `start` to `stop` of a table."""
    template = table.template(prefix)
    columns = [column[start:stop].tolist() for column in table.columns.values()]
    rows = zip(numbers[start:stop].tolist(), table.times[start:stop].tolist(), *columns, strict=True)
    return [(template % row).encode() for row in rows]
