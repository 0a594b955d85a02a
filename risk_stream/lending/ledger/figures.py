"""What a closed book says as a whole: buckets, classes, stages, losses, rolls and vintages, as data to report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from risk_stream.catalogue import text_hash
from risk_stream.lending.classification import Class
from risk_stream.lending.ledger.allowances import PRODUCTS
from risk_stream.lending.ledger.closing import Closing, months_on_book
from risk_stream.lending.ledger.faults import Fault
from risk_stream.lending.ledger.openings import CLASSES
from risk_stream.lending.money import Amounts
from risk_stream.lending.past_due import BUCKETS, bucket
from risk_stream.lending.portfolio import Quality, quality, roll_rates, vintages

__all__ = ["GONE", "Band", "Figures", "Part", "Ratios", "Rolls", "Since", "Vintage", "figures"]

#: Where loans of the month before may have gone beside a bucket.
GONE = ("repaid", "written off")
#: Entities that gauges tell apart: it bounds their number.
MOST_ENTITIES = 50


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the loans; money in minor units."""

    name: str
    loans: int
    outstanding: int
    past_due: int
    non_performing: int  # of what is outstanding
    expected_loss: int


@dataclass(frozen=True, slots=True)
class Ratios:
    """Shares of a book; None where there is nothing to take one of."""

    npl: float | None
    special_mention: float | None
    coverage: float | None
    provision: float | None


@dataclass(frozen=True, slots=True)
class Rolls:
    """Of the loans of each bucket a month before, the share (by number) that is in each state now."""

    since: str
    states: tuple[str, ...]  # the buckets, then `GONE`
    loans: tuple[int, ...]  # in each bucket a month before
    counts: tuple[tuple[int, ...], ...]
    rates: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Band:
    """The loans of one entity, product, bucket, class and stage; money in minor units."""

    entity: str
    product: str
    bucket: str
    classification: str
    stage: int
    loans: int
    outstanding: int
    past_due: int
    expected_loss: int


@dataclass(frozen=True, slots=True)
class Vintage:
    """Loans that began in one month: the share of what they lent that was ever over 90 days late, by months on book."""

    month: str
    loans: int
    lent: int  # minor units
    bad: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Since:
    """Loans whose history is known from an opening on only."""

    loans: int
    outstanding: int
    from_day: str


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one currency of a book at the end of a day; money in minor units."""

    as_of: str
    currency: str
    events: int
    all: Part
    buckets: tuple[Part, ...]
    classes: tuple[Part, ...]
    stages: tuple[Part, ...]
    products: tuple[Part, ...]
    entities: tuple[Part, ...]
    cells: tuple[tuple[str, Part], ...]  # by entity (first) and product
    bands: tuple[Band, ...]  # those that hold a loan
    ratios: Ratios
    rolls: Rolls | None
    vintages: tuple[Vintage, ...]
    restructured: Part  # in their observation period
    written_off: int
    recovered: int
    since_opening: Since | None
    other_currencies: int  # loans of which no figure is here
    faults: dict[str, int]
    told: tuple[Fault, ...]


def figures(closing: Closing, currency: str = "CNY") -> Figures:
    """The figures of a closing, of its loans in one currency."""
    contracts, late = closing.ledger.contracts, closing.late
    mine = contracts.currency == text_hash(currency)
    held = closing.held & mine
    reported, stage = closing.state.classes.reported, closing.state.stages.stage
    entity = np.array([text or "" for text in contracts.batch.texts("entity", range(len(contracts)))], object)
    entities = sorted(set(entity[held].tolist()))
    part = _Parts(closing, held)
    bad = quality(reported[held], late.outstanding[held], int(closing.allowance[held].sum()))
    written, _ = closing.ledger.written_off(closing.as_of)
    opened = closing.since_opening & held
    return Figures(
        as_of=str(closing.as_of),
        currency=currency,
        events=closing.ledger.read,
        all=part.of("all", held),
        buckets=part.each(BUCKETS, bucket(late.days)),
        classes=part.each(CLASSES, reported),
        stages=part.each(["stage 1", "stage 2", "stage 3"], stage - 1),
        products=part.each(PRODUCTS, closing.product, empty=False),
        entities=tuple(part.of(name or "none", held & (entity == name)) for name in entities),
        cells=tuple(
            (name or "none", one)
            for name in entities
            for one in part.each(PRODUCTS, np.where(entity == name, closing.product, -1), empty=False)
        ),
        bands=_bands(closing, held, entity),
        ratios=_ratios(bad),
        rolls=_rolls(closing, mine),
        vintages=_vintages(closing, mine),
        restructured=part.of("restructured", held & closing.state.classes.observing),
        written_off=int(written[mine].sum()),
        recovered=int(closing.ledger.recoveries(closing.as_of)[mine].sum()),
        since_opening=_since(closing, opened),
        other_currencies=int((closing.held & ~mine).sum()),
        faults=dict(sorted(closing.ledger.faults.count.items())),
        told=tuple(closing.ledger.faults.told),
    )


def _ratios(found: Quality) -> Ratios:
    shares = (found.npl, found.special_mention, found.coverage, found.provision)
    return Ratios(*(None if one is None else round(float(one), 6) for one in shares))


@dataclass(frozen=True, slots=True)
class _Parts:
    """Adds up loans of a closing."""

    closing: Closing
    held: NDArray[np.bool_]

    def of(self, name: str, which: NDArray[np.bool_]) -> Part:
        """The sums of some loans that are on the book."""
        closing, rows = self.closing, which & self.held
        bad = rows & (closing.state.classes.reported >= Class.SUBSTANDARD)

        def total(amounts: Amounts, of: NDArray[np.bool_]) -> int:
            return int(amounts[of].sum())

        late = closing.late
        return Part(
            name,
            int(rows.sum()),
            total(late.outstanding, rows),
            total(late.amount, rows),
            total(late.outstanding, bad),
            total(closing.allowance, rows),
        )

    def each(self, names: Sequence[str], code: NDArray[np.int64], *, empty: bool = True) -> tuple[Part, ...]:
        """The sums of the loans of each name; without those that have none, unless `empty`."""
        found = [self.of(name, code == number) for number, name in enumerate(names)]
        return tuple(one for one in found if empty or one.loans)


def _rolls(closing: Closing, mine: NDArray[np.bool_]) -> Rolls | None:
    """Where the loans on the book a month before are now; those that were not known then are left out."""
    before = closing.before
    if before is None:
        return None
    was = mine & (before.outstanding > 0)
    _, ended = closing.ledger.written_off(closing.as_of)
    now = np.where(closing.held, bucket(closing.late.days), len(BUCKETS) + ended)
    start = bucket(before.days)[was]
    states = len(BUCKETS) + len(GONE)
    counts = np.zeros((len(BUCKETS), states), np.int64)
    np.add.at(counts, (start, now[was]), 1)
    rates = roll_rates(start, now[was], states)[: len(BUCKETS)]
    return Rolls(
        str(before.as_of),
        (*BUCKETS, *GONE),
        tuple(counts.sum(axis=1).tolist()),
        tuple(tuple(row) for row in counts.tolist()),
        tuple(tuple(round(float(one), 6) for one in row) for row in rates),
    )


def _bands(closing: Closing, held: NDArray[np.bool_], entity: NDArray[np.object_]) -> tuple[Band, ...]:
    """The loans by everything that a gauge may be asked by; entities behind the first `MOST_ENTITIES` are one."""
    late, names = closing.late, sorted(set(entity[held].tolist()))
    number = {name: min(at, MOST_ENTITIES) for at, name in enumerate(names)}
    rows = np.flatnonzero(held)
    codes = np.stack(
        (
            np.array([number[name] for name in entity[rows].tolist()], np.int64),
            closing.product[rows],
            bucket(late.days[rows]),
            closing.state.classes.reported[rows],
            closing.state.stages.stage[rows],
        ),
        axis=1,
    )
    bands, of = np.unique(codes, axis=0, return_inverse=True)
    sums = np.zeros((len(bands), 4), np.int64)
    amounts = (np.ones(len(rows), np.int64), late.outstanding[rows], late.amount[rows], closing.allowance[rows])
    np.add.at(sums, of.reshape(-1), np.stack(amounts, axis=1))
    return tuple(
        Band(
            "other" if at == MOST_ENTITIES else names[at] or "none",
            PRODUCTS[product],
            BUCKETS[late_by],
            CLASSES[reported],
            stage,
            *total,
        )
        for (at, product, late_by, reported, stage), total in zip(bands.tolist(), sums.tolist(), strict=True)
    )


def _vintages(closing: Closing, mine: NDArray[np.bool_]) -> tuple[Vintage, ...]:
    """By the month in which loans began; those known from an opening on have no history to count, and are left out."""
    contracts = closing.ledger.contracts
    chosen = np.flatnonzero(mine & ~contracts.is_opened & (contracts.start <= closing.as_of))
    if not len(chosen):
        return ()
    months, cohort = np.unique(contracts.start[chosen].astype("datetime64[M]"), return_inverse=True)
    cohort = cohort.reshape(-1)
    lent = np.array([contracts.terms[loan].principal for loan in chosen.tolist()], np.int64)
    originated = np.zeros(len(months), np.int64)
    np.add.at(originated, cohort, lent)
    old = months_on_book(months.astype("datetime64[D]"), closing.as_of)
    rates = vintages(cohort, closing.turned_bad[chosen], lent, originated, old)
    count = np.bincount(cohort, minlength=len(months))
    return tuple(
        Vintage(
            str(month),
            int(count[number]),
            int(originated[number]),
            tuple(round(float(one), 6) for one in rates[number, : int(old[number]) + 1]),
        )
        for number, month in enumerate(months)
    )


def _since(closing: Closing, opened: NDArray[np.bool_]) -> Since | None:
    if not opened.any():
        return None
    first = closing.ledger.contracts.opened[opened].min()
    return Since(int(opened.sum()), int(closing.late.outstanding[opened].sum()), str(first))
