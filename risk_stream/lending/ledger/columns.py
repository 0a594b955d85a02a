"""Amounts due and payments of many loans as the columns of a `Book`, and the exchange of those of some loans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_stream.lending.day_count import Dates
from risk_stream.lending.ledger.changes import Version
from risk_stream.lending.ledger.lines import Lines, starts
from risk_stream.lending.past_due import Book
from risk_stream.lending.payments import ORDERS, Due, Kind, sequence

__all__ = ["Columns", "columns_of", "due_of_loan"]

_NAMES = tuple(ORDERS)
#: The orders in which the interest of all lines goes before the principal of all, principal before interest, and those
#: that settle one line after the other.
_INTEREST_FIRST, _PRINCIPAL_FIRST = _NAMES.index("cn561"), _NAMES.index("principal_first")


@dataclass(frozen=True)
class Columns:
    """What the contracts make due and what was paid, as the columns of a `Book` have it."""

    item_at: NDArray[np.int64]
    due: NDArray[np.int64]
    kind: NDArray[np.int64]
    amount: NDArray[np.int64]
    by: NDArray[np.int64]
    pay_at: NDArray[np.int64]
    value: NDArray[np.int64]
    paid: NDArray[np.int64]

    def book(self, start: Dates, changed: Mapping[int, Version], order: NDArray[np.int64]) -> Book:
        """The book, with some loans as a version of them is."""
        items = self.item_at, (self.due, self.kind, self.amount, self.by)
        payments = self.pay_at, (self.value, self.paid)
        if changed:
            numbers = sorted(changed)
            dues = [changed[number].due for number in numbers]
            items = _exchanged(
                *items,
                numbers,
                [
                    (
                        one.due.astype(np.int64),
                        one.kind.astype(np.int64),
                        one.amount,
                        sequence(one, ORDERS[_NAMES[int(order[number])]]),
                    )
                    for number, one in zip(numbers, dues, strict=True)
                ],
            )
            moneys = [changed[number].paid for number in numbers]
            payments = _exchanged(*payments, numbers, [(day.astype(np.int64), amount) for day, amount in moneys])
        item_at, (due, kind, amount, by) = items
        pay_at, (value, paid) = payments
        found = Book(start, item_at, due, kind, amount, by, pay_at, value, paid)
        early = [(loan, day) for loan, one in changed.items() for day in one.early.astype(np.int64).tolist()]
        if not early:
            return found
        loans, days = np.array(early, np.int64).T
        return replace(found, early_loan=loans, early=days)


def columns_of(
    lines: Lines, order: NDArray[np.int64], loan: NDArray[np.int64], value: Dates, paid: NDArray[np.int64]
) -> Columns:
    """The columns of contracts with payments that are sorted by loan and value date.

    Each line is an amount of interest and one of principal; the order of payment follows from that, as `sequence` has
    it.
    """
    count = 2 * np.diff(lines.at)
    item_at = starts(count)
    size = int(item_at[-1])
    at = np.arange(size) - np.repeat(item_at[:-1], count)
    half, way = np.repeat(count // 2, count), np.repeat(order, count)
    second = at >= half
    pairs = 2 * (at - np.where(second, half, 0))
    by = np.where(
        way == _INTEREST_FIRST, pairs + second, np.where(way == _PRINCIPAL_FIRST, pairs + 1 - second, at)
    ).astype(np.int64)
    return Columns(
        item_at,
        np.repeat(lines.due.astype(np.int64), 2),
        np.tile(np.array([Kind.INTEREST, Kind.PRINCIPAL], np.int64), len(lines.due)),
        np.stack((lines.interest, lines.principal), axis=1).reshape(-1),
        by,
        np.searchsorted(loan, np.arange(len(order) + 1)),
        value.astype(np.int64),
        paid,
    )


def due_of_loan(columns: Columns, loan: int) -> Due:
    """What the contract of one loan makes due."""
    place = slice(columns.item_at[loan], columns.item_at[loan + 1])
    return Due(
        columns.due[place].astype("datetime64[D]"), columns.kind[place].astype(np.int8), columns.amount[place].copy()
    )


def _exchanged(at: NDArray[np.int64], columns: tuple[Any, ...], numbers: list[int], rows: list[tuple[Any, ...]]) -> Any:
    """Columns of runs with those of some numbers exchanged."""
    sizes = np.array([len(row[0]) for row in rows], np.int64)
    begin, count = at[:-1].copy(), np.diff(at)
    begin[numbers] = at[-1] + starts(sizes)[:-1]
    count[numbers] = sizes
    new = starts(count)
    place = np.repeat(begin - new[:-1], count) + np.arange(int(new[-1]))
    parts = zip(*rows, strict=True)
    return new, tuple(np.concatenate((column, *part))[place] for column, part in zip(columns, parts, strict=True))
