"""What is due, and what each payment settles of it, in the order that law or contract gives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from risk_stream.lending.day_count import Dates, dates, one_date
from risk_stream.lending.errors import LendingError
from risk_stream.lending.money import MAX_MINOR, Amounts, amounts
from risk_stream.lending.schedules import Schedule

__all__ = [
    "ORDERS",
    "Account",
    "Due",
    "Kind",
    "Order",
    "Payment",
    "Reversal",
    "advance",
    "allocate",
    "counted",
    "due_of",
    "opened",
    "sequence",
    "settle",
]


class Kind(IntEnum):
    """What an amount is owed for."""

    COSTS = 0  # of enforcing the claim
    PENALTY = 1  # overdue interest 罚息 and interest on it 复利
    INTEREST = 2
    PRINCIPAL = 3


#: Groups in the order in which they are settled; in a group the oldest due date first, then the kinds as they stand.
Order: TypeAlias = tuple[tuple[Kind, ...], ...]

#: The orders by name. The law ranks costs, interest and principal, but no penalty inside the interest: contracts do.
ORDERS: MappingProxyType[str, Order] = MappingProxyType(
    {
        # Civil Code of China, Art. 561: costs of enforcement, interest, principal debt, unless agreed otherwise.
        "cn561": ((Kind.COSTS,), (Kind.PENALTY,), (Kind.INTEREST,), (Kind.PRINCIPAL,)),
        # One instalment after the other; a contract's order, and what payments late by a few days are often booked by.
        "oldest_first": ((Kind.COSTS,), (Kind.INTEREST, Kind.PRINCIPAL), (Kind.PENALTY,)),
        # Instalments before any charge, as contracts of mortgages in the United States have it.
        "us_style": ((Kind.INTEREST, Kind.PRINCIPAL), (Kind.COSTS,), (Kind.PENALTY,)),
        # Principal before interest, as many Chinese banks book loans over 90 days past due.
        "principal_first": ((Kind.PRINCIPAL,), (Kind.INTEREST,), (Kind.PENALTY,), (Kind.COSTS,)),
    }
)


@dataclass(frozen=True, slots=True)
class Due:
    """Amounts that a contract makes due: a date, a `Kind` and minor units each, the oldest first."""

    due: Dates
    kind: NDArray[np.int8]
    amount: Amounts

    def __len__(self) -> int:
        return len(self.due)


@dataclass(frozen=True, slots=True)
class Payment:
    """Money received: it counts from its `value` date, and is known from the day on which it is `booked`."""

    id: str
    value: np.datetime64
    amount: int  # minor units
    booked: np.datetime64 | None = None  # if left out, the value date
    currency: str = "CNY"


@dataclass(frozen=True, slots=True)
class Reversal:
    """Says that a payment never was (a returned debit, a wrong booking), once it is `booked`."""

    payment: str
    booked: np.datetime64


@dataclass(frozen=True, slots=True)
class Account:
    """What is left of each amount due, and money that waits for the next one, at the end of the day `until`."""

    unpaid: Amounts
    credit: int
    until: np.datetime64


def due_of(lines: Schedule, more: Iterable[tuple[Any, Kind, int]] = ()) -> Due:
    """The interest and principal of a schedule, and charges beside it as (date, kind, minor units)."""
    charges = list(more)
    due = np.concatenate((lines.due, lines.due, dates([day for day, _, _ in charges]).reshape(-1)))
    kind = np.repeat([Kind.INTEREST, Kind.PRINCIPAL], len(lines)).tolist() + [kind for _, kind, _ in charges]
    amount = np.concatenate((lines.interest, lines.principal, amounts([a for _, _, a in charges], "charges")))
    order = np.lexsort((kind, due))
    return Due(due[order], np.array(kind, np.int8)[order], amount[order])


def sequence(items: Due, order: Order = ORDERS["cn561"]) -> NDArray[np.int64]:
    """Positions of amounts due in the order in which payments settle them. Raises `LendingError` for a missing kind."""
    place = {kind: (group, rank) for group, kinds in enumerate(order) for rank, kind in enumerate(kinds)}
    if set(place) != set(Kind) or len(place) != sum(map(len, order)):
        raise LendingError(f"an order of payment names each of {', '.join(k.name.lower() for k in Kind)} once")
    group, rank = np.array([place[kind] for kind in Kind], np.int64)[items.kind].T
    return np.lexsort((rank, items.due, group))


def allocate(paid: int, unpaid: Amounts, by: NDArray[np.int64]) -> tuple[Amounts, int]:
    """What of `paid` goes to each amount, and what is left over; together they are `paid`. `by` is from `sequence`."""
    if paid < 0:
        raise LendingError(f"a payment of {paid} is negative: send a reversal of the payment that was returned")
    asked = unpaid[by]
    taken = np.zeros_like(unpaid)
    taken[by] = np.clip(paid - (np.cumsum(asked) - asked), 0, asked)
    return taken, paid - int(taken.sum())


def counted(
    payments: Iterable[Payment],
    reversals: Iterable[Reversal] = (),
    *,
    start: Any,
    currency: str = "CNY",
    known: Any = None,
) -> tuple[Dates, Amounts]:
    """The payments that count, as value dates and amounts in order of value date; reversed ones never were.

    `known` is the day by whose end a booking must have been made to be seen: what a report of that day could know. A
    payment given twice counts once. Raises `LendingError` for a payment in another currency, before the contract, of
    no amount, or booked before its value date, and for a reversal of none.
    """
    found: dict[str, Payment] = {}
    first = one_date(start)
    for payment in payments:
        _check(payment, first, currency)
        if found.setdefault(payment.id, payment) != payment:
            raise LendingError(f"there are two payments {payment.id} that differ: give each an id of its own")
    gone = set()
    for reversal in reversals:
        if reversal.payment not in found:
            raise LendingError(f"payment {reversal.payment} is reversed, but was never received")
        if known is None or reversal.booked <= dates(known):
            gone.add(reversal.payment)
    kept = [p for id, p in found.items() if id not in gone and (known is None or _booked(p) <= dates(known))]
    kept.sort(key=lambda payment: (payment.value, payment.id))
    return dates([p.value for p in kept]).reshape(-1), amounts([p.amount for p in kept], "payments")


def _booked(payment: Payment) -> np.datetime64:
    return payment.value if payment.booked is None else payment.booked


def _check(payment: Payment, start: np.datetime64, currency: str) -> None:
    if payment.currency != currency:
        raise LendingError(
            f"payment {payment.id} is in {payment.currency}, but the contract is in {currency}:"
            " convert it where it is made"
        )
    if not 0 < payment.amount <= MAX_MINOR:
        raise LendingError(f"payment {payment.id} is of {payment.amount} minor units, not between 1 and {MAX_MINOR:,}")
    if payment.value < start:
        raise LendingError(f"payment {payment.id} has the value date {payment.value}, before the contract of {start}")
    if _booked(payment) < payment.value:
        raise LendingError(f"payment {payment.id} is booked on {payment.booked}, before its value date {payment.value}")


def opened(items: Due, start: Any) -> Account:
    """The account of a contract before its first day."""
    return Account(items.amount.copy(), 0, one_date(start) - np.timedelta64(1, "D"))


def advance(account: Account, items: Due, by: NDArray[np.int64], paid: tuple[Dates, Amounts], until: Any) -> Account:
    """The account at the end of `until`, after the payments since `account.until` (value dates and amounts, in order).

    Money settles what is due on its value date; the rest waits, and settles the next amount on the day it becomes due.
    A payment with an earlier value date cannot be added behind: begin again from an account before it.
    """
    end = one_date(until)
    value, amount = paid
    if len(value) and (value[0] <= account.until or value[-1] > end):
        raise LendingError(f"payments of {value[0]} to {value[-1]} do not lie after {account.until} and up to {end}")
    unpaid, credit = account.unpaid.copy(), account.credit
    new = items.due[(items.due > account.until) & (items.due <= end)]
    for day in np.unique(np.concatenate((new, value))):
        credit += int(amount[value == day].sum())
        taken, credit = allocate(credit, np.where(items.due <= day, unpaid, 0), by)
        unpaid -= taken
    return Account(unpaid, credit, end)


def settle(items: Due, by: NDArray[np.int64], paid: tuple[Dates, Amounts], start: Any, until: Any) -> Account:
    """The account at the end of `until` from the contract's first day, with the payments up to then."""
    value, amount = paid
    seen = value <= one_date(until)
    return advance(opened(items, start), items, by, (value[seen], amount[seen]), until)
