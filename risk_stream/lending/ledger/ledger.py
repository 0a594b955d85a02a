"""The ledger: a book of loans made of events in any order, and how it stands at the end of a day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from risk_stream.calendars import Calendar, shipped
from risk_stream.catalogue import MISSING, Catalogue, EventBatch
from risk_stream.lending.classification import ClassRules, load_class_rules
from risk_stream.lending.day_count import Dates, one_date
from risk_stream.lending.ledger.changes import Change, Early, Restructured, Version, WrittenOff, versions
from risk_stream.lending.ledger.columns import Columns, columns_of, due_of_loan
from risk_stream.lending.ledger.contracts import FAR, Contracts, contracts_of
from risk_stream.lending.ledger.events import Events, coded, collect, days_of, flagged
from risk_stream.lending.ledger.faults import Faults
from risk_stream.lending.ledger.findings import Findings, findings_of
from risk_stream.lending.ledger.money_in import Money, fitting, repayments, sums
from risk_stream.lending.money import Amounts
from risk_stream.lending.month_end import Holding
from risk_stream.lending.past_due import NEVER, Book
from risk_stream.lending.payments import ORDERS
from risk_stream.lending.schedules import Method

__all__ = ["Ledger", "ledger"]

_ORDERS = tuple(ORDERS.values())


@dataclass(frozen=True)
class Ledger:
    """A book as its events make it. Rows are loans, in the order of `contracts`."""

    contracts: Contracts
    columns: Columns
    changed: Mapping[int, list[Version]]  # loans with changes, each version since its day
    #: Loans restructured in difficulty: the day of each change, and the first due date agreed.
    marks: Mapping[int, list[tuple[np.datetime64, np.datetime64]]]
    findings: Findings
    recovered: tuple[NDArray[np.int64], Dates, Amounts]  # loan, day, minor units: money after a write-off
    faults: Faults
    read: int  # events there were

    def __len__(self) -> int:
        return len(self.contracts)

    def begins(self, as_of: np.datetime64) -> Dates:
        """The first day on which each loan is looked at for a judgement of `as_of`; far away before an opening."""
        contracts = self.contracts
        opened = np.where(contracts.opened > as_of, FAR, contracts.openings.clean_from)
        return np.where(contracts.is_opened, opened, contracts.start)

    def version(self, loan: int, as_of: np.datetime64) -> Version | None:
        """The version of a loan that holds on a day; None where nothing has changed its contract."""
        found = [one for one in self.changed.get(loan, ()) if one.since <= as_of]
        return found[-1] if found else None

    def book(self, as_of: object) -> Book:
        """Amounts due and payments of all loans, as they are on a day."""
        day = one_date(as_of)
        current = {loan: one for loan in self.changed if (one := self.version(loan, day)) is not None}
        return self.columns.book(self.begins(day), current, self.contracts.order)

    def held(self, as_of: object) -> Holding:
        """What a judgement of a day needs beside: the debtor, marks of restructuring, findings of officers."""
        day = one_date(as_of)
        contracts = self.contracts
        restructured, observed, before = (np.full(len(self), NEVER) for _ in range(3))
        for loan, marks in self.marks.items():
            seen = [mark for mark in marks if mark[0] <= day]
            if seen:
                restructured[loan], observed[loan] = seen[-1]
                before[loan] = max((mark[0] for mark in seen if mark[0] < seen[-1][0]), default=NEVER)
        opened = contracts.opened <= day
        openings = contracts.openings
        restructured = np.where(opened, np.maximum(restructured, openings.restructured), restructured)
        observed = np.where(opened, np.maximum(observed, openings.observed_from), observed)
        return self.findings.holding(day, contracts, restructured, observed, before)

    def written_off(self, as_of: object) -> tuple[Amounts, NDArray[np.bool_]]:
        """What was written off of each loan up to a day, and whether that ended it."""
        amount, ended = np.zeros(len(self), np.int64), np.zeros(len(self), np.bool_)
        for loan in self.changed:
            if (one := self.version(loan, one_date(as_of))) is not None:
                amount[loan], ended[loan] = one.written_off, one.ended
        return amount, ended

    def recoveries(self, as_of: object) -> Amounts:
        """What came in for each loan after its write-off, up to a day."""
        loan, day, amount = self.recovered
        seen = day <= one_date(as_of)
        return sums(loan[seen], amount[seen], len(self))


def ledger(
    batches: Iterable[EventBatch],
    catalogue: Catalogue,
    *,
    calendar: Calendar | None = None,
    calendars: Mapping[str, Calendar] | None = None,
    rules: ClassRules | None = None,
    currency: str = "CNY",
    known: object = None,
) -> Ledger:
    """The ledger of some events, which may come in any order, late, and more than once.

    `calendar` is the one whose days the house counts (`china` if left out), `calendars` those that contracts name,
    `currency` that of amounts which name none; `known` is the day by whose end an event must have happened to be seen.
    What cannot be used is in the ledger's `faults`.
    """
    clock = calendar or shipped()["china"]
    faults = Faults()
    seen = batches if known is None else (_known(batch, clock, one_date(known)) for batch in batches)
    events = collect(seen, catalogue, clock, faults)
    contracts = contracts_of(events, rules or load_class_rules(), calendars or shipped(), currency, faults)
    money = repayments(events, contracts, currency, faults)
    columns = columns_of(contracts.lines, contracts.order, money.loan, money.value, money.amount)
    changes, marks = _changes(events, contracts, money, currency, faults)
    changed = _versions(contracts, columns, money, changes, faults)
    recovered = _recovered(events, contracts, money, changed, currency, faults)
    _compare(events, contracts, faults)
    findings = findings_of(events, contracts, faults)
    return Ledger(contracts, columns, changed, marks, findings, recovered, faults, events.read)


def _known(batch: EventBatch, clock: Calendar, day: np.datetime64) -> EventBatch:
    return batch.take(np.flatnonzero(days_of(batch.times, clock) <= day))


@dataclass(frozen=True, slots=True)
class _Said:
    """A change, and the event that says it."""

    change: Change
    batch: EventBatch
    row: int


def _changes(
    events: Events, contracts: Contracts, money: Money, currency: str, faults: Faults
) -> tuple[dict[int, list[_Said]], dict[int, list[tuple[np.datetime64, np.datetime64]]]]:
    """The changes of each loan in the order of their days, and the marks of restructuring."""
    found: dict[int, list[_Said]] = {}
    marks: dict[int, list[tuple[np.datetime64, np.datetime64]]] = {}
    batch, loan, day, rows = _effective(events, "restructuring", contracts, currency, faults, pays=False)
    first, difficult = events.dates(batch, "first_due"), flagged(batch, "in_difficulty")
    for row in rows.tolist():
        number = int(loan[row])
        if difficult[row]:
            marks.setdefault(number, []).append((day[row], first[row]))
        if batch.fixed("instalments")[row] != MISSING:
            terms = _restructured(contracts, number, batch, row, day, first)
            found.setdefault(number, []).append(_Said(terms, batch, row))
    for row in np.flatnonzero(money.early).tolist():
        said = _Said(Early(money.value[row]), money.batch, int(money.row[row]))
        found.setdefault(int(money.loan[row]), []).append(said)
    batch, loan, day, rows = _effective(events, "write_off", contracts, currency, faults, pays=True)
    for row in rows.tolist():
        amount = int(batch.fixed("amount")[row])
        change = WrittenOff(day[row], None if amount == MISSING else amount)
        found.setdefault(int(loan[row]), []).append(_Said(change, batch, row))
    for one in found.values():
        one.sort(key=lambda said: said.change.day)
    for mark in marks.values():
        mark.sort()
    return found, marks


def _effective(
    events: Events, name: str, contracts: Contracts, currency: str, faults: Faults, *, pays: bool
) -> tuple[EventBatch, NDArray[np.int64], Dates, NDArray[np.int64]]:
    """Events of a change, their loans, the days on which they take effect, and the rows that can be used."""
    batch = events.of(name)
    booked = days_of(batch.times, events.calendar)
    given = events.dates(batch, "effective_date")
    loan, fits = fitting(batch, contracts, currency, faults, booked, pays=False)
    if pays:
        amount = batch.fixed("amount")
        wrong = fits & (amount != MISSING) & (amount <= 0)
        faults.say(
            "amount",
            batch,
            np.flatnonzero(wrong),
            lambda row: f"{name} {batch.text('id', row)} is of {batch.value('amount', row):,.2f}, which cannot be",
        )
        fits &= ~wrong
    day = np.where(np.isnat(given), booked, given)
    if len(contracts):
        early = fits & (day < contracts.start[loan])
        faults.say(
            "before_contract",
            batch,
            np.flatnonzero(early),
            lambda row: (
                f"{name} {batch.text('id', row)} takes effect on {day[row]}, before the contract of "
                f"{batch.text('loan', row)} on {contracts.start[loan[row]]}"
            ),
        )
        fits &= ~early
    return batch, loan, day, np.flatnonzero(fits)


def _restructured(
    contracts: Contracts, loan: int, batch: EventBatch, row: int, day: Dates, first: Dates
) -> Restructured:
    """The new terms that an event gives, with those of the contract for what it leaves out."""
    old = contracts.terms[loan]
    rate, months = int(batch.fixed("annual_rate")[row]), int(batch.fixed("period_months")[row])
    method = int(coded(batch.take([row]), "method", [m.value for m in Method], -1)[0])
    terms = replace(
        old,
        instalments=int(batch.fixed("instalments")[row]),
        first_due=first[row],
        annual_rate=old.annual_rate if rate == MISSING else Fraction(rate, 10**9),
        months=old.months if months == MISSING else months,
        method=old.method if method < 0 else list(Method)[method],
    )
    principal = int(batch.fixed("principal")[row])
    return Restructured(day[row], terms, None if principal == MISSING else principal)


def _versions(
    contracts: Contracts, columns: Columns, money: Money, changes: Mapping[int, list[_Said]], faults: Faults
) -> dict[int, list[Version]]:
    found: dict[int, list[Version]] = {}
    for loan, said in sorted(changes.items()):
        mine = slice(columns.pay_at[loan], columns.pay_at[loan + 1])
        made, wrong = versions(
            contracts.terms[loan],
            contracts.start[loan],
            due_of_loan(columns, loan),
            _ORDERS[int(contracts.order[loan])],
            (money.value[mine], money.amount[mine]),
            [one.change for one in said],
        )
        if made:
            found[loan] = made
        for number, why in wrong.items():
            one = said[number]
            _tell(faults, "change", one.batch, one.row, why)
    return found


def _tell(faults: Faults, kind: str, batch: EventBatch, row: int, why: str) -> None:
    def message(at: int) -> str:
        return f"{batch.text('type', at)} {batch.text('id', at)} of loan {batch.text('loan', at)}: {why}"

    faults.say(kind, batch, np.array([row]), message)


def _recovered(
    events: Events,
    contracts: Contracts,
    money: Money,
    changed: Mapping[int, list[Version]],
    currency: str,
    faults: Faults,
) -> tuple[NDArray[np.int64], Dates, Amounts]:
    """Money that came in after a write-off: what is said to be a recovery, and payments that are one."""
    ended = np.full(len(contracts), FAR)
    for number, made in changed.items():
        if made[-1].ended:
            ended[number] = made[-1].since
    batch = events.of("recovery")
    day = days_of(batch.times, events.calendar)
    loan, fits = fitting(batch, contracts, currency, faults, day)
    early = fits & (day < ended[loan]) if len(contracts) else fits
    faults.say(
        "not_written_off",
        batch,
        np.flatnonzero(early),
        lambda row: (
            f"recovery {batch.text('id', row)}: loan {batch.text('loan', row)} was not written off by {day[row]}: "
            f"send a repayment"
        ),
    )
    late = np.flatnonzero(money.value > ended[money.loan]) if len(contracts) else np.zeros(0, np.int64)
    faults.say(
        "written_off",
        money.batch,
        money.row[late],
        lambda row: (
            f"payment {money.batch.text('id', row)}: loan {money.batch.text('loan', row)} was written off before: "
            f"it counts as a recovery"
        ),
    )
    rows = np.flatnonzero(fits & ~early)
    return (
        np.concatenate((loan[rows], money.loan[late])),
        np.concatenate((day[rows], money.value[late])),
        np.concatenate((batch.fixed("amount")[rows], money.amount[late])),
    )


def _compare(events: Events, contracts: Contracts, faults: Faults) -> None:
    """Instalments that the house's books say fell due, beside those that the contract makes."""
    batch = events.of("instalment_due")
    loan = contracts.find(batch.hashes("loan"))
    number = batch.fixed("instalment")
    if not len(contracts):
        return
    many = np.diff(contracts.lines.at)[loan]
    known = (loan >= 0) & (number >= 1) & ~contracts.is_opened[loan]
    inside = known & (number <= many)
    at = np.where(inside, contracts.lines.at[:-1][loan] + number - 1, 0)
    if not len(contracts.lines.due):
        return
    asked = (contracts.lines.interest + contracts.lines.principal)[at]
    wrong = inside & (batch.fixed("amount") != asked)

    def message(row: int) -> str:
        said = f"instalment {number[row]} of loan {batch.text('loan', row)} is said to be of"
        if not inside[row]:
            return f"there is no instalment {number[row]} of loan {batch.text('loan', row)}: it has {many[row]}"
        return f"{said} {batch.value('amount', row):,.2f}, but the contract makes it {int(asked[row]) / 100:,.2f}"

    faults.say("schedule", batch, np.flatnonzero(wrong | (known & ~inside)), message)
