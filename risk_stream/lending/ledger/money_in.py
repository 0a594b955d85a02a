"""The money that came in for the loans of a book: repayments that count, reversals, and recoveries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_stream.catalogue import EventBatch, text_hash
from risk_stream.lending.day_count import Dates
from risk_stream.lending.ledger.contracts import Contracts
from risk_stream.lending.ledger.events import Events, days_of, flagged
from risk_stream.lending.ledger.faults import Faults
from risk_stream.lending.money import MAX_MINOR, Amounts

__all__ = ["Money", "fitting", "repayments", "sums"]


@dataclass(frozen=True)
class Money:
    """Money as columns, a row per payment that counts, by loan and in the order of value dates; minor units."""

    batch: EventBatch
    row: NDArray[np.int64]  # of the event in the batch
    loan: NDArray[np.int64]  # row of the contract
    value: Dates
    amount: Amounts
    early: NDArray[np.bool_]  # what is over repays principal that is not yet due


def repayments(events: Events, contracts: Contracts, currency: str, faults: Faults) -> Money:
    """The repayments of known loans that were not reversed."""
    batch = events.of("repayment")
    booked = days_of(batch.times, events.calendar)
    written = events.dates(batch, "value_date")
    value = np.where(np.isnat(written), booked, written)
    loan, fits = fitting(batch, contracts, currency, faults, booked)
    fits &= _say(
        faults,
        "value_date",
        batch,
        fits & (value > booked),
        lambda row: (
            f"payment {batch.text('id', row)} counts from {value[row]}, but was booked on {booked[row]} already"
        ),
    )
    early = np.zeros(len(batch), np.bool_) if not len(contracts) else fits & (value < contracts.start[loan])
    fits &= _say(
        faults,
        "before_contract",
        batch,
        early,
        lambda row: (
            f"payment {batch.text('id', row)} counts from {value[row]}, before the contract of "
            f"{batch.text('loan', row)} on {contracts.start[loan[row]]}"
        ),
    )
    fits[_reversed(events, contracts, currency, faults, batch, fits)] = False
    rows = np.flatnonzero(fits)
    rows = rows[np.lexsort((batch.hashes("id")[rows], value[rows], loan[rows]))]
    return Money(batch, rows, loan[rows], value[rows], batch.fixed("amount")[rows], flagged(batch, "prepays")[rows])


def fitting(
    batch: EventBatch, contracts: Contracts, currency: str, faults: Faults, booked: Dates, *, pays: bool = True
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The contract of each event, and which events fit theirs: a loan there is, its currency, an amount that can be."""
    name = batch.text("type", 0) if len(batch) else ""
    loan = contracts.find(batch.hashes("loan"))
    fits = loan >= 0
    _say(
        faults,
        "unknown_loan",
        batch,
        ~fits,
        lambda row: f"{name} {batch.text('id', row)}: loan {batch.text('loan', row)} has no contract that can be used",
    )
    if not len(contracts):
        return loan, fits
    said = batch.hashes("currency")
    said = np.where(said == 0, text_hash(currency), said)
    fits &= _say(
        faults,
        "currency",
        batch,
        fits & (said != contracts.currency[loan]),
        lambda row: (
            f"{name} {batch.text('id', row)} is in {batch.text('currency', row) or currency}, but loan "
            f"{batch.text('loan', row)} is in {contracts.batch.text('currency', int(loan[row])) or currency}"
        ),
    )
    if pays:
        amount = batch.fixed("amount")
        fits &= _say(
            faults,
            "amount",
            batch,
            fits & ((amount <= 0) | (amount > MAX_MINOR)),
            lambda row: (
                f"{name} {batch.text('id', row)} is of {batch.value('amount', row):,.2f}, which cannot be: to take a "
                f"payment back send a repayment_reversal"
            ),
        )
    fits &= _say(
        faults,
        "before_opening",
        batch,
        fits & contracts.is_opened[loan] & (booked <= contracts.opened[loan]),
        lambda row: f"{name} {batch.text('id', row)} of {booked[row]} is in the opening of {batch.text('loan', row)}",
    )
    return loan, fits


def _say(
    faults: Faults, kind: str, batch: EventBatch, wrong: NDArray[np.bool_], message: Callable[[int], str]
) -> NDArray[np.bool_]:
    """Note what is wrong; what is not."""
    faults.say(kind, batch, np.flatnonzero(wrong), message)
    return ~wrong


def _reversed(
    events: Events,
    contracts: Contracts,
    currency: str,
    faults: Faults,
    paid: EventBatch,
    fits: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Rows of the payments that never were."""
    batch = events.of("repayment_reversal")
    _, sound = fitting(batch, contracts, currency, faults, days_of(batch.times, events.calendar))
    ids, wanted = paid.hashes("id"), batch.hashes("repayment")
    order = np.argsort(ids, kind="stable")
    if not len(ids):
        at, found = np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
    else:
        at = order[np.minimum(np.searchsorted(ids[order], wanted), len(ids) - 1)]
        found = ids[at] == wanted
    received = sound & _say(
        faults,
        "not_received",
        batch,
        sound & ~found,
        lambda row: f"payment {batch.text('repayment', row)} is reversed, but was never received",
    )
    if not len(ids):
        return at[received]

    def differs(row: int) -> str:
        one = int(at[row])
        return (
            f"reversal {batch.text('id', row)} takes back {batch.value('amount', row):,.2f} of loan "
            f"{batch.text('loan', row)}, but payment {paid.text('id', one)} was {paid.value('amount', one):,.2f} for "
            f"loan {paid.text('loan', one)}"
        )

    same = (batch.fixed("amount") == paid.fixed("amount")[at]) & (batch.hashes("loan") == paid.hashes("loan")[at])
    received &= _say(faults, "reversal", batch, received & ~same, differs)
    received &= _say(
        faults,
        "reversal",
        batch,
        received & ~fits[at],
        lambda row: (
            f"payment {batch.text('repayment', row)} is reversed, but was not counted here: it is in the opening of "
            f"loan {batch.text('loan', row)}, or was left out"
        ),
    )
    return at[received]


def sums(of: NDArray[np.int64], amount: Amounts, size: int) -> Amounts:
    """The amounts added up by number, exactly."""
    found: Any = np.zeros(size, np.int64)
    np.add.at(found, of, amount)
    return np.asarray(found)
