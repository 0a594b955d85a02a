"""What changes a contract on its way: restructuring, money paid early, write-off; each makes its amounts due anew.

A loan that was changed has several versions of its amounts due, each from a day on. What a change clears without money
(arrears that become part of a new schedule, a debt that is written off) is settled by a clearing: it counts like a
payment of that day, and nobody paid it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from risk_stream.lending.day_count import Dates
from risk_stream.lending.errors import LendingError
from risk_stream.lending.money import Amounts, half_up
from risk_stream.lending.payments import Due, Kind, Order, due_of, sequence, settle
from risk_stream.lending.schedules import Terms, periods, schedule

__all__ = ["Change", "Early", "Restructured", "Version", "WrittenOff", "versions"]


@dataclass(frozen=True, slots=True)
class Restructured:
    """New terms from a day on; the start and, where `principal` is None, the principal are found from the account."""

    day: np.datetime64
    terms: Terms
    principal: int | None


@dataclass(frozen=True, slots=True)
class Early:
    """Money of this day, of which what is over all that is due repays principal that is not yet due."""

    day: np.datetime64


@dataclass(frozen=True, slots=True)
class WrittenOff:
    """A debt that leaves the book on a day: so much of it, or all."""

    day: np.datetime64
    amount: int | None


Change: TypeAlias = Restructured | Early | WrittenOff


@dataclass(frozen=True)
class Version:
    """A loan from a day on: what is due, what is paid with the clearings, and what was written off.

    `early` are the days with amounts due that no contract made due: those of money that was paid early.
    """

    since: np.datetime64
    due: Due
    paid: tuple[Dates, Amounts]
    early: Dates
    written_off: int = 0
    ended: bool = False  # written off as a whole: money that comes now is a recovery


@dataclass
class _Account:
    """A loan while its changes are gone through in their order."""

    terms: Terms
    start: np.datetime64
    order: Order
    money: tuple[Dates, Amounts]  # that came in
    due: Due
    cleared: list[tuple[np.datetime64, int]]
    early: list[np.datetime64] = field(default_factory=list)  # days as of `Version`
    written_off: int = 0
    ended: np.datetime64 | None = None

    def paid(self) -> tuple[Dates, Amounts]:
        """Money and clearings in the order of their days; none behind the end."""
        value, amount = self.money
        if self.ended is not None:
            kept = value <= self.ended
            value, amount = value[kept], amount[kept]
        days = np.concatenate((value, np.array([day for day, _ in self.cleared], "datetime64[D]")))
        sums = np.concatenate((amount, np.array([cleared for _, cleared in self.cleared], np.int64)))
        order = np.argsort(days, kind="stable")
        return days[order], sums[order]

    def left(self, until: np.datetime64) -> tuple[Amounts, int]:
        """What is unpaid of each amount, and money that waits, at the end of a day."""
        account = settle(self.due, sequence(self.due, self.order), self.paid(), self.start, until)
        return account.unpaid, account.credit

    def version(self, day: np.datetime64) -> Version:
        early = np.array(self.early, "datetime64[D]")
        return Version(day, self.due, self.paid(), early, self.written_off, self.ended is not None)


def versions(
    terms: Terms,
    start: np.datetime64,
    due: Due,
    order: Order,
    money: tuple[Dates, Amounts],
    changes: list[Change],
) -> tuple[list[Version], dict[int, str]]:
    """The versions of a loan after each of its changes, which are in the order of their days; why others cannot be."""
    account = _Account(terms, start, order, money, due, [])
    found: list[Version] = []
    faults: dict[int, str] = {}
    for number, change in enumerate(changes):
        try:
            if account.ended is not None:
                raise LendingError(f"it was written off on {account.ended}: correct that first")
            _apply(account, change)
        except LendingError as error:
            faults[number] = str(error)
        else:
            found.append(account.version(change.day))
    return found, faults


def _apply(account: _Account, change: Change) -> None:
    if isinstance(change, Restructured):
        _restructure(account, change)
    elif isinstance(change, Early):
        _repay_early(account, change.day)
    else:
        _write_off(account, change)


def _restructure(account: _Account, change: Restructured) -> None:
    """What the day's payments leave of what is due is cleared, what would come is replaced by the new schedule."""
    unpaid, _ = account.left(change.day)
    before = account.due.due <= change.day
    principal = change.principal
    if principal is None:
        principal = int(unpaid[before].sum() + unpaid[~before & (account.due.kind == Kind.PRINCIPAL)].sum())
    if principal == 0:
        raise LendingError("nothing is owed that could be restructured: look whether its payments are right")
    terms = replace(change.terms, principal=principal, start=change.day)
    new = due_of(schedule(terms))
    if arrears := int(unpaid[before].sum()):
        account.cleared.append((change.day, arrears))
    account.due = _joined(_some(account.due, before), new)
    account.terms = terms


def _repay_early(account: _Account, day: np.datetime64) -> None:
    """Money over what is due repays principal with the interest on it to the day; the rest of the schedule shrinks.

    The interest on what is repaid is the share of the running period's that its days have passed.
    """
    unpaid, waiting = account.left(day)
    due = account.due
    coming = due.due > day
    rest = int(unpaid[coming & (due.kind == Kind.PRINCIPAL)].sum())
    if waiting == 0 or rest == 0:
        return
    following = np.unique(due.due[coming])
    of_terms = periods(account.terms)
    number = int(np.searchsorted(of_terms.due, day, side="right"))
    running = int(due.amount[(due.due == following[0]) & (due.kind == Kind.INTEREST)].sum())
    share = Fraction(running, rest) * of_terms.passed(number, day)
    repaid = min(rest, int(waiting / (1 + share)))
    interest = half_up(repaid * share)
    repaid = min(repaid, waiting - interest)
    if repaid <= 0:
        return
    now = Due(
        np.array([day, day]), np.array([Kind.INTEREST, Kind.PRINCIPAL], np.int8), np.array([interest, repaid], np.int64)
    )
    if day not in due.due:
        account.early.append(day)
    kept = _joined(_some(due, ~coming), now)
    if repaid < rest:
        terms = replace(account.terms, principal=rest - repaid, instalments=len(following))
        kept = _joined(kept, due_of(of_terms.spread(terms, number)))
    account.due = kept


def _write_off(account: _Account, change: WrittenOff) -> None:
    """All that is owed leaves the book; of a part, principal that is due last goes first."""
    unpaid, waiting = account.left(change.day)
    due = account.due
    coming = due.due > change.day
    later = coming & (due.kind == Kind.PRINCIPAL)
    owed = int(unpaid[~coming].sum() + unpaid[later].sum()) - waiting
    amount = owed if change.amount is None else change.amount
    if not 0 < amount <= owed:
        raise LendingError(f"{amount / 100:,.2f} cannot be written off where {max(owed, 0) / 100:,.2f} is owed")
    account.written_off += amount
    if amount == owed:
        arrears = int(unpaid[~coming].sum())
        if arrears:
            account.cleared.append((change.day, arrears))
        account.due = _some(due, ~coming)
        account.ended = change.day
        return
    amounts = due.amount.copy()
    for at in np.flatnonzero(later)[::-1].tolist():
        part = min(amount, int(amounts[at]))
        amounts[at] -= part
        amount -= part
    if amount:
        account.cleared.append((change.day, amount))
    account.due = Due(due.due, due.kind, amounts)


def _some(due: Due, which: Any) -> Due:
    return Due(due.due[which], due.kind[which], due.amount[which])


def _joined(first: Due, second: Due) -> Due:
    """Amounts due of both, the oldest first."""
    day = np.concatenate((first.due, second.due))
    kind = np.concatenate((first.kind, second.kind))
    amount = np.concatenate((first.amount, second.amount))
    order = np.lexsort((kind, day))
    return Due(day[order], kind[order], amount[order])
