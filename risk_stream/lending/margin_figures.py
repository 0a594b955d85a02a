"""How a book of margin accounts stands as a whole: accounts, assets and debts by band, by entity and by ratio.

Sums only: whoever divides them adds up first, over entities or over bands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from risk_stream.lending.margin_book import PRICE_UNITS, STANDINGS, UNKNOWN, MarginBook

__all__ = ["NO_DEBT", "RATIOS", "UNTOLD", "MarginSums", "band_sums", "ratio_sums"]

#: The band of accounts whose ratio nobody can tell, and the ratio of those that owe nothing.
UNTOLD, NO_DEBT = "unknown", "none"

#: Where classes of ratios begin; the last has no end. Narrow around the lines that a house draws.
_EDGES = (0.0, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2.0, 2.5, 3.0, 5.0)
#: Their names, in ascending order: an account on an edge is in the class that begins there.
RATIOS = (*(f"{low:.1f}-{high:.1f}" for low, high in pairwise(_EDGES)), f"{_EDGES[-1]:.1f}-")


@dataclass(frozen=True, slots=True)
class MarginSums:
    """What some accounts come to together; money in major units, as near as a float is."""

    accounts: int
    assets: float
    debts: float
    concentrated: int


def band_sums(book: MarginBook, entities: Sequence[str]) -> dict[tuple[str, str], MarginSums]:
    """By (band, entity), where there is an account; `entities` says the one of each account of the book.

    A band is one of `STANDINGS`, or `UNTOLD`: then what has no price is in neither sum.
    """
    codes: dict[str, int] = {}
    entity = np.array([codes.setdefault(name, len(codes)) for name in entities], np.int64)
    bands = (*STANDINGS, UNTOLD)
    place = np.where(book.bands == UNKNOWN, len(STANDINGS), book.bands)
    found = _sums(book, entity * len(bands) + place, len(codes) * len(bands))
    names = [(band, name) for name in codes for band in bands]
    return {name: sums for name, sums in zip(names, found, strict=True) if sums.accounts}


def ratio_sums(book: MarginBook) -> dict[str, MarginSums]:
    """By class of ratio, all of `RATIOS`, then `NO_DEBT`; without accounts whose ratio nobody can tell."""
    debts = book.debts
    ratios = book.assets / np.where(debts == 0, 1, debts)
    place = np.where(debts == 0, len(RATIOS), np.searchsorted(_EDGES, ratios, side="right") - 1)
    found = _sums(book, place, len(RATIOS) + 1, book.bands != UNKNOWN)
    return dict(zip((*RATIOS, NO_DEBT), found, strict=True))


def _sums(
    book: MarginBook, place: NDArray[np.int64], places: int, counted: NDArray[np.bool_] | None = None
) -> list[MarginSums]:
    """The sums of the accounts at each of so many places."""
    ones = np.ones(book.accounts) if counted is None else counted.astype(np.float64)
    columns = (ones, ones * book.assets / PRICE_UNITS, ones * book.debts / PRICE_UNITS, ones * book.concentrated)
    added = [np.bincount(place, column, places).tolist() for column in columns]
    return [MarginSums(int(n), assets, debts, int(many)) for n, assets, debts, many in zip(*added, strict=True)]
