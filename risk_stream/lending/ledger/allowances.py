"""The allowance of a whole book: PD x LGD x EAD of every loan by a house's table, by stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from risk_stream.lending._tables import table
from risk_stream.lending.day_count import one_date
from risk_stream.lending.ledger import _losses_kernel as kernel
from risk_stream.lending.ledger.contracts import Contracts
from risk_stream.lending.losses import monthly_pd
from risk_stream.lending.money import Amounts
from risk_stream.lending.past_due import BUCKETS, Arrears, Book, bucket
from risk_stream.lending.payments import Kind
from risk_stream.lending.stages import significant_increase

__all__ = ["PRODUCTS", "LossRules", "allowances", "load_loss_rules", "risk_increased"]

_KEYS = ("name", "source", "pd", "lgd", "increase", "house")
#: The products of events, and what loans without one are.
PRODUCTS = ("consumer", "sme", "margin", "pledge", "other")
_YEAR = 12


@dataclass(frozen=True, slots=True)
class LossRules:
    """A table of losses, such as `tables/losses.yaml`."""

    name: str
    source: str
    pd: tuple[Fraction, ...]  # of a year, by bucket
    lgd: Mapping[str, Fraction]  # by product
    ratio: Fraction  # so many times the PD at the start is a significant increase,
    points: Fraction  # where it is so much over it too
    house: tuple[str, ...]


def load_loss_rules(path: Path | str = "losses") -> LossRules:
    """A table of losses by the name of a shipped one or by its path. Raises `TableError` with all its faults."""
    reader = table(path, _KEYS)
    root = reader.root
    for key, known in (("pd", BUCKETS), ("lgd", PRODUCTS), ("increase", ("ratio", "points"))):
        reader.keys(root[key], known)
    found = LossRules(
        reader.text(root, "name"),
        reader.text(root, "source"),
        tuple(reader.share(root["pd"], one) for one in BUCKETS),
        {one: reader.share(root["lgd"], one) for one in PRODUCTS},
        reader.number(root["increase"], "ratio"),
        reader.share(root["increase"], "points"),
        reader.names(root, "house"),
    )
    reader.done()
    return found


def risk_increased(contracts: Contracts, late: Arrears, rules: LossRules) -> NDArray[np.bool_]:
    """Whether the PD of each loan's bucket is significantly over the one that it had at the start, where that is known.

    The probabilities are those of a year: what is left of a life is not in the table.
    """
    then = contracts.pd_origin
    known = ~np.isnan(then)
    now = np.array([float(one) for one in rules.pd])[bucket(late.days)]
    grown = significant_increase(now, np.where(known, then, 1.0), ratio=float(rules.ratio), points=float(rules.points))
    return np.asarray(grown & known)


def allowances(
    contracts: Contracts,
    book: Book,
    late: Arrears,
    stage: NDArray[np.int64],
    rules: LossRules,
    product: NDArray[np.int64],
) -> Amounts:
    """The allowance of every loan in minor units: twelve months' losses in stage 1, lifetime ones in 2.

    The exposure of a month is what is owed less the principal that falls due before it, discounted at the contract's
    effective rate; what is left of the running month is a whole one. In stage 3 the loss is LGD of what is outstanding.
    `product` is each loan's position in `PRODUCTS`.
    """
    as_of = one_date(late.as_of)
    due = book.due.astype("datetime64[D]")
    apart = _months(due) - int(_months(np.array([as_of]))[0])
    apart += (_day_of_month(due) > _day_of_month(np.array([as_of]))[0]).astype(np.int64)
    to_come = (due > as_of) & (book.kind == Kind.PRINCIPAL)
    month = np.where(to_come, np.maximum(apart, 1), 0)
    pd = np.array([float(one) for one in rules.pd])[bucket(late.days)]
    table_lgd = np.array([float(rules.lgd[name]) for name in PRODUCTS])[product]
    lgd = np.where(np.isnan(contracts.lgd), table_lgd, contracts.lgd)
    rate = np.array([float(one.annual_rate) * one.months for one in contracts.terms]) / _YEAR
    period = np.array([one.months for one in contracts.terms], np.float64)
    out = np.zeros(len(contracts), np.float64)
    kernel.expected(
        book.item_at,
        month,
        book.amount,
        late.outstanding,
        monthly_pd(pd),
        lgd,
        (1.0 + rate) ** (-1.0 / period),
        np.where(stage == 1, _YEAR, np.iinfo(np.int64).max),
        out,
    )
    loss = np.where(stage == 3, lgd * late.outstanding, out)
    return np.asarray(np.floor(np.where(late.outstanding > 0, loss, 0.0) + 0.5 + 1e-6), np.int64)


def _months(days: NDArray[np.datetime64]) -> NDArray[np.int64]:
    return np.asarray(days.astype("datetime64[M]").astype(np.int64))


def _day_of_month(days: NDArray[np.datetime64]) -> NDArray[np.int64]:
    return np.asarray((days - days.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64))
