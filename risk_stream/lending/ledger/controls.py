"""Control totals of a book that is taken over: what its openings must add up to, by entity and product."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np

from risk_stream.catalogue import MISSING, EventBatch, Node
from risk_stream.lending._tables import Reader, table
from risk_stream.lending.day_count import dates
from risk_stream.lending.errors import LendingError
from risk_stream.lending.ledger.allowances import PRODUCTS

__all__ = ["Controls", "Total", "differences", "load_controls"]

_KEYS = ("business_date", "totals")
_ROW = ("entity", "product", "loans", "outstanding", "past_due")
#: In major units; no book adds up to so much.
_MOST = 10**16


@dataclass(frozen=True, slots=True)
class Total:
    """The openings of one entity and product: how many, and minor units."""

    loans: int = 0
    outstanding: int = 0
    past_due: int = 0


@dataclass(frozen=True, slots=True)
class Controls:
    """What the openings of a day must add up to."""

    business_date: str
    totals: dict[tuple[str, str], Total]  # by entity and product


def load_controls(path: Path) -> Controls:
    """Read control totals from YAML. Raises `TableError` with all its faults.

    business_date: 2026-06-30
    totals:
      - {entity: HQ, product: consumer, loans: 2, outstanding: "12345.67", past_due: "0.00"}
    """
    reader = table(path, _KEYS)
    root = reader.root
    day = reader.text(root, "business_date")
    try:
        dates(day)
    except LendingError as error:
        reader.report(root["business_date"], str(error))
    totals: dict[tuple[str, str], Total] = {}
    if not root["totals"].is_list:
        reader.report(root["totals"], f"totals are a list of rows with {', '.join(_ROW)}")
        reader.done()
    for row in root["totals"].value:
        if not reader.keys(row, _ROW):
            continue
        key = reader.text(row, "entity"), reader.choice(row, "product", PRODUCTS)
        if key in totals:
            reader.report(row, f"the totals of {' '.join(key)} stand here a second time")
        totals[key] = Total(
            reader.whole(row, "loans", 0, 10**9), _minor(reader, row, "outstanding"), _minor(reader, row, "past_due")
        )
    reader.done()
    return Controls(day, totals)


def _minor(reader: Reader, row: Node, key: str) -> int:
    """An amount with at most two decimals, in minor units."""
    found = row.get(key)
    if found is None:
        return 0
    try:
        amount = Decimal(found.raw or str(found.value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or abs(amount) >= _MOST:
        reader.report(found, f"{key} is an amount such as 12345.67, not {found.plain()!r}")
        return 0
    minor = amount * 100
    if minor != minor.to_integral_value():
        reader.report(found, f"{key} has more than two decimals: {found.plain()}")
    return int(minor)


def differences(openings: EventBatch, controls: Controls) -> list[str]:
    """In which entity and product some openings are not what the controls say, a sentence each; none where they are."""
    found: dict[tuple[str, str], Total] = {}
    size = range(len(openings))
    entities, products = openings.texts("entity", size), openings.texts("product", size)
    owed, late = (_known(openings, name) for name in ("outstanding", "amount_past_due"))
    keys = [(entity or "none", product or "other") for entity, product in zip(entities, products, strict=True)]
    for key, outstanding, past_due in zip(keys, owed, late, strict=True):
        before = found.get(key, Total())
        found[key] = Total(before.loans + 1, before.outstanding + outstanding, before.past_due + past_due)
    said = []
    for key in sorted({*found, *controls.totals}):
        mine, wanted = found.get(key, Total()), controls.totals.get(key, Total())
        where = f"{key[0]} {key[1]}"
        if mine.loans != wanted.loans:
            said.append(f"{where}: {mine.loans:,} in number, the control total is {wanted.loans:,}")
        for name in ("outstanding", "past_due"):
            one, other = getattr(mine, name), getattr(wanted, name)
            if one != other:
                words = name.replace("_", " ")
                said.append(
                    f"{where}: {one / 100:,.2f} {words}, the control total is {other / 100:,.2f} "
                    f"({(one - other) / 100:+,.2f})"
                )
    return said


def _known(batch: EventBatch, name: str) -> list[int]:
    found = batch.fixed(name)
    amounts: list[int] = np.where(found == MISSING, 0, found).tolist()
    return amounts
