"""What is known of loans and debtors beside contracts and money: findings of officers, debts at other banks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_stream.catalogue import MISSING, EventBatch
from risk_stream.lending.day_count import Dates
from risk_stream.lending.ledger.contracts import Contracts
from risk_stream.lending.ledger.events import Events, coded, days_of, flagged
from risk_stream.lending.ledger.faults import Faults
from risk_stream.lending.ledger.openings import CLASSES
from risk_stream.lending.month_end import Holding

__all__ = ["Findings", "findings_of"]


@dataclass(frozen=True)
class Findings:
    """Reviews of loans and reports on debtors, each in the order of time."""

    loan: NDArray[np.int64]  # row of the contract, of each review
    reviewed: Dates
    floor: NDArray[np.int64]  # `Class`
    increased: NDArray[np.bool_]
    unsolved: NDArray[np.bool_]
    not_able: NDArray[np.bool_]
    debtor: NDArray[np.int64]  # of each report
    reported: Dates
    debt: NDArray[np.int64]  # minor units
    late: NDArray[np.int64]

    def holding(
        self,
        day: np.datetime64,
        contracts: Contracts,
        restructured: Dates,
        observed_from: Dates,
        changed_before: Dates,
    ) -> Holding:
        """What was known at the end of a day: the newest review of each loan, the newest report on each debtor."""
        loans, debtors = len(contracts), len(contracts.customer)
        row = _newest(self.loan, self.reviewed <= day, loans)
        report = _newest(self.debtor, self.reported <= day, debtors)
        return Holding(
            debtor=contracts.debtor,
            retail=contracts.retail,
            product=contracts.product,
            floor=_of(self.floor, row),
            restructured=restructured,
            observed_from=observed_from,
            changed_before=changed_before,
            solved=~_of(self.unsolved, row),
            able=~_of(self.not_able, row),
            increased=_of(self.increased, row),
            other_debt=_of(self.debt, report),
            other_late=_of(self.late, report),
        )


def findings_of(events: Events, contracts: Contracts, faults: Faults) -> Findings:
    """The reviews of known loans, and what reports say of their debtors' debts elsewhere."""
    batch, reports = events.of("loan_review"), events.of("bureau_report")
    loan = contracts.find(batch.hashes("loan"))
    faults.say(
        "unknown_loan",
        batch,
        np.flatnonzero(loan < 0),
        lambda row: f"review {batch.text('id', row)}: loan {batch.text('loan', row)} has no contract that can be used",
    )
    batch, loan = batch.take(np.flatnonzero(loan >= 0)), loan[loan >= 0]
    told = reports.fixed("debt_elsewhere") != MISSING
    reports = reports.take(np.flatnonzero(told))
    debtor = _debtors(contracts, reports)
    reports, debtor = reports.take(np.flatnonzero(debtor >= 0)), debtor[debtor >= 0]
    late = reports.fixed("late_elsewhere")
    return Findings(
        loan,
        days_of(batch.times, events.calendar),
        coded(batch, "class_at_least", CLASSES, 0),
        flagged(batch, "risk_increased"),
        flagged(batch, "difficulty_unsolved"),
        flagged(batch, "not_able"),
        debtor,
        days_of(reports.times, events.calendar),
        reports.fixed("debt_elsewhere"),
        np.where(late == MISSING, 0, late),
    )


def _debtors(contracts: Contracts, reports: EventBatch) -> NDArray[np.int64]:
    wanted, known = reports.hashes("customer"), contracts.customer
    if not len(known):
        return np.full(len(wanted), -1, np.int64)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[at] == wanted, at, -1)


def _newest(number: NDArray[np.int64], seen: NDArray[np.bool_], size: int) -> NDArray[np.int64]:
    """The last row of each number that is seen, -1 where there is none; rows are in the order of time."""
    found = np.full(size, -1, np.int64)
    rows = np.flatnonzero(seen)
    found[number[rows]] = rows
    return found


def _of(column: NDArray[Any], row: NDArray[np.int64]) -> NDArray[Any]:
    """The values of some rows; nothing (0, no) for -1."""
    padded = np.concatenate((column, np.zeros(1, column.dtype)))
    return padded[row]
