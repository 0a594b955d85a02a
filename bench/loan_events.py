"""The events of a simulated book of loans as a house would have sent them: contracts, payments, reversals, findings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.loans import FAR, World
from risk_stream.catalogue import MISSING, Catalogue, EventBatch
from risk_stream.lending import ORDERS, Class, load_class_rules

__all__ = ["events_of", "loan_name"]

_DAY_MS = 86_400_000
#: Events are said to happen at this hour of their day, in the zone of the calendar china: 12:00 is 04:00 UTC.
_NOON_MS = 4 * 3_600_000


def loan_name(number: int) -> str:
    """The name of a loan of the world."""
    return f"L{number:07d}"


def events_of(made: World, catalogue: Catalogue, seed: int = 1) -> list[EventBatch]:
    """All that became known of a world's loans, each type in an order that has nothing to do with time."""
    rng = np.random.default_rng(seed)
    batches = [_contracts(made, catalogue), _payments(made, catalogue), _reversals(made, catalogue)]
    batches += [_changes(made, catalogue), _reviews(made, catalogue), _reports(made, catalogue)]
    return [batch.take(rng.permutation(len(batch))) for batch in batches]


def _batch(
    catalogue: Catalogue, name: str, ids: list[str] | pa.Array, day: NDArray[np.datetime64], **columns: Any
) -> EventBatch:
    code = np.full(len(day), catalogue.code(name), np.int16)
    columns = {"id": ids, "type": code, "time": _ms(day) + _NOON_MS, **columns}
    return EventBatch.of_columns(catalogue, columns)


def _ms(day: NDArray[np.datetime64]) -> NDArray[np.int64]:
    return day.astype("datetime64[D]").astype(np.int64) * _DAY_MS


def _names(prefix: str, numbers: NDArray[np.int64]) -> pa.Array:
    return pa.array(np.char.add(prefix, np.char.zfill(numbers.astype(str), 7)).tolist(), pa.utf8())


def _texts(values: list[str], which: NDArray[np.int64]) -> pa.Array:
    return pa.array(values, pa.utf8()).take(pa.array(which))


def _contracts(made: World, catalogue: Catalogue) -> EventBatch:
    rows = np.arange(len(made.start))
    of = made.template
    terms = made.terms

    def whole(values: list[int]) -> NDArray[np.int64]:
        return np.array(values, np.int64)[of]

    first = np.array([one.first_due for one in terms], "datetime64[D]")[of]
    products, entities = ["consumer", "sme"], ["HQ", "East", "West"]
    return _batch(
        catalogue,
        "loan",
        _names("N", rows),
        made.start,
        loan=_names("L", rows),
        customer=_names("C", made.debtor),
        entity=_texts(entities, made.debtor % 3),
        product=_texts(products, (~made.retail).astype(np.int64)),
        principal=whole([one.principal for one in terms]),
        annual_rate=whole([int(str(one.annual_rate)[2:]) * 10**5 for one in terms]),
        instalments=whole([one.instalments for one in terms]),
        first_due=_ms(first),
        start_date=_ms(made.start),
        end_of_month=whole([one.end_of_month for one in terms]),
        method=_texts([one.method.value for one in terms], of),
        payment_order=_texts(list(ORDERS), made.order),
        class_lines=_texts(list(load_class_rules().products), made.product),
        debtor_kind=_texts(["non_retail", "retail"], made.retail.astype(np.int64)),
    )


def _payments(made: World, catalogue: Catalogue) -> EventBatch:
    rows = np.arange(len(made.payer))
    return _batch(
        catalogue,
        "repayment",
        _names("P", rows),
        made.booked,
        loan=_names("L", made.payer),
        amount=made.paid,
        value_date=_ms(made.value),
    )


def _reversals(made: World, catalogue: Catalogue) -> EventBatch:
    rows = np.flatnonzero(made.reversed_on < FAR)
    return _batch(
        catalogue,
        "repayment_reversal",
        _names("R", rows),
        made.reversed_on[rows],
        loan=_names("L", made.payer[rows]),
        repayment=_names("P", rows),
        amount=made.paid[rows],
    )


def _changes(made: World, catalogue: Catalogue) -> EventBatch:
    loan, number = np.nonzero(made.restructured < FAR)
    return _batch(
        catalogue,
        "restructuring",
        _names("S", loan * 2 + number),
        made.restructured[loan, number],
        loan=_names("L", loan),
        in_difficulty=np.ones(len(loan), np.int64),
        first_due=_ms(made.observed_from[loan, number]),
    )


def _reviews(made: World, catalogue: Catalogue) -> EventBatch:
    """A review of every loan of which something changes from one month's end to the next."""
    said = np.stack((made.floor, made.increased, ~made.solved, ~made.able), axis=2).astype(np.int64)
    before = np.concatenate((np.zeros_like(said[:1]), said[:-1]))
    month, loan = np.nonzero((said != before).any(axis=2))
    found = said[month, loan]
    return _batch(
        catalogue,
        "loan_review",
        _names("V", month * len(made.start) + loan),
        made.ends[month],
        loan=_names("L", loan),
        class_at_least=_texts([one.name.lower() for one in Class], found[:, 0]),
        risk_increased=found[:, 1],
        difficulty_unsolved=found[:, 2],
        not_able=found[:, 3],
    )


def _reports(made: World, catalogue: Catalogue) -> EventBatch:
    """What banks elsewhere are owed, in the month in which it changes."""
    said = np.stack((made.other_debt, made.other_late), axis=2)
    before = np.concatenate((np.zeros_like(said[:1]), said[:-1]))
    month, debtor = np.nonzero((said != before).any(axis=2))
    return _batch(
        catalogue,
        "bureau_report",
        _names("B", month * said.shape[1] + debtor),
        made.ends[month],
        customer=_names("C", debtor),
        score=np.full(len(month), MISSING),
        debt_elsewhere=said[month, debtor, 0],
        late_elsewhere=said[month, debtor, 1],
    )
