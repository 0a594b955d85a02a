"""A book of margin accounts as prices tick: who holds what, every account's ratio, band and concentration, exactly.

Accounts and instruments are numbers from 0 on. Positions are columns, one row for each account and instrument, found by
either. Values are int64 in ten-thousandths of a major unit (`PRICE_UNITS`), so that prices with four decimals lose
nothing; figures of one account come out as exact fractions of minor units. Ratio and band are unknown until the account
was stated and all that it holds has a price.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from risk_stream.lending import _margin_kernel as kernel
from risk_stream.lending._ragged import Ragged, grown
from risk_stream.lending.errors import LendingError
from risk_stream.lending.margin_rules import MarginRules
from risk_stream.lending.money import amounts

__all__ = ["PRICE_UNITS", "STANDINGS", "UNKNOWN", "MarginBook", "Position", "Standing", "Statement"]

#: From the best to the worst: over the line of withdrawals, then as in `BANDS`. An account on a line is not beyond it.
STANDINGS = ("surplus", "normal", "warning", "call", "forced_sale")
#: The band of an account whose ratio nobody can tell.
UNKNOWN = -1
#: A price is a whole number of these in a major unit; so many of them are a minor unit.
PRICE_UNITS, _MINOR = 10**4, 100

#: What one position and what all positions of an account may be worth at most, in minor units: with `MAX_MINOR` for
#: each stated amount, no sum leaves int64, nor does the product of a line and a debt.
_MOST_POSITION, _MOST_TOGETHER = 10**14, 10**16
_TOO_MUCH = f"the positions of an account are worth more than {_MOST_TOGETHER:,} minor units"

#: Of a row: account, instrument, pieces held and sold short; then, in no ratio, pieces financed, for, and sold for.
_ROW_WORDS = 7

Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Statement:
    """An account's money in minor units: cash with the proceeds of short sales, debt, interest and fees, the rest."""

    cash: int = 0
    debt: int = 0
    interest: int = 0
    other: int = 0


@dataclass(frozen=True, slots=True)
class Position:
    """One instrument in one account: pieces of each sort, and in minor units what was financed and sold for."""

    collateral: int = 0
    financed: int = 0
    financed_for: int = 0
    short: int = 0
    sold_for: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands; money in exact fractions of minor units, `ratio` None where nothing is owed."""

    band: str
    concentrated: bool
    assets: Fraction
    debts: Fraction
    ratio: Fraction | None
    largest: int | None  # the instrument with the largest share in the assets
    largest_share: Fraction
    available: int  # margin, minor units, rounded down; negative where margin is missing
    withdrawable: int

    def cash_to(self, line: Fraction) -> int:
        """Cash in minor units that lifts it to a line, rounded up: t D - A."""
        return max(ceil(line * self.debts - self.assets), 0)

    def sale_to(self, line: Fraction) -> int | None:
        """What is to be sold to repay debt, rounded up: (t D - A) / (t - 1); None where no sale reaches the line."""
        sale = max(ceil((line * self.debts - self.assets) / (line - 1)), 0)
        return sale if sale <= min(self.debts, self.assets) else None


class MarginBook:
    """All margin accounts of a house by one table of rules; every change says whose band or concentration changed."""

    def __init__(self, rules: MarginRules) -> None:
        self.rules = rules
        asked = (rules.concentration_below, rules.concentration_share)
        lines = (rules.withdrawal, rules.warning, rules.call, rules.forced_sale, *asked)
        self._lines = np.array([line.as_integer_ratio() for line in lines], np.int64)
        self._accounts = np.zeros((0, kernel.ACCOUNT_WORDS), np.int64)
        self._rows = np.zeros((0, _ROW_WORDS), np.int64)
        self._cash, self._interest = np.zeros(0, np.int64), np.zeros(0, np.int64)  # by account, minor units
        self._prices, self._priced, self._most = (np.zeros(0, np.int64) for _ in range(3))  # by instrument
        self._haircuts: list[Fraction] = []
        self._row_of: dict[tuple[int, int], int] = {}
        self._of_account, self._of_instrument = Ragged(), Ragged()
        self._out = np.zeros(16, np.int64)
        self.accounts = self.instruments = 0

    @property
    def positions(self) -> int:
        """Pairs of an account and an instrument that it holds or held."""
        return len(self._row_of)

    @property
    def bands(self) -> Longs:
        """int64[accounts]: the place in `STANDINGS`, or `UNKNOWN`."""
        return self._accounts[: self.accounts, kernel.BAND].copy()

    @property
    def concentrated(self) -> NDArray[np.bool_]:
        """bool[accounts]: whether one title is more of the assets than the house wants at such a ratio."""
        return np.asarray(self._accounts[: self.accounts, kernel.CONCENTRATED] != 0)

    @property
    def unpriced(self) -> list[int]:
        """Instruments that an account holds or sold short and that have no price yet, ascending."""
        without = np.flatnonzero(self._priced[: self.instruments] == 0).tolist()
        open_ = (self._rows[self._of_instrument.of(one), kernel.R_LONG : kernel.R_SHORT + 1] for one in without)
        return [one for one, pieces in zip(without, open_, strict=True) if pieces.any()]

    @property
    def assets(self) -> Longs:
        """int64[accounts]: cash, other collateral and what is held, in `PRICE_UNITS`; titles without a price add 0."""
        words = self._accounts[: self.accounts]
        return np.asarray(words[:, kernel.OWNED] + words[:, kernel.LONGS])

    @property
    def debts(self) -> Longs:
        """int64[accounts]: debt, interest, fees and what is sold short, in `PRICE_UNITS`; likewise."""
        words = self._accounts[: self.accounts]
        return np.asarray(words[:, kernel.OWED] + words[:, kernel.SHORTS])

    def add_account(self) -> int:
        """The number of a new account, of which nothing is known."""
        account = self.accounts
        self.accounts += 1
        self._accounts = grown(self._accounts, self.accounts)
        self._cash, self._interest = grown(self._cash, self.accounts), grown(self._interest, self.accounts)
        self._of_account.add_key(account)
        self._accounts[account, kernel.BAND] = UNKNOWN
        return account

    def add_instrument(self, haircut: Fraction = Fraction(0)) -> int:
        """The number of a new instrument, without a price. Raises `LendingError` as `set_haircut` does."""
        instrument = self.instruments
        self._haircuts.append(Fraction(0))
        self.set_haircut(instrument, haircut)
        self.instruments += 1
        self._prices, self._priced, self._most = (
            grown(column, self.instruments) for column in (self._prices, self._priced, self._most)
        )
        self._of_instrument.add_key(instrument)
        return instrument

    def set_haircut(self, instrument: int, haircut: Fraction) -> None:
        """The share of an instrument's value that counts as margin; no ratio depends on it.

        Raises:
            LendingError: it is not from 0 to 1.
        """
        if not 0 <= haircut <= 1:
            raise LendingError(f"a haircut of {float(haircut):g} is not from 0 to 1: it is the share that counts")
        self._haircuts[instrument] = haircut

    # What changes an account.

    def state(self, account: int, stated: Statement) -> Longs:
        """Take an account's statement; -> the account, where it stands otherwise now.

        Raises:
            LendingError: an amount is negative or over `MAX_MINOR`; the book is as it was.
        """
        amounts([stated.cash, stated.debt, stated.interest, stated.other], "an account's cash, debt, interest and rest")
        words = self._accounts[account]
        words[kernel.OWNED] = (stated.cash + stated.other) * _MINOR
        words[kernel.OWED] = (stated.debt + stated.interest) * _MINOR
        words[kernel.STATED] = 1
        self._cash[account], self._interest[account] = stated.cash, stated.interest
        return self._judge(account)

    def hold(self, account: int, instrument: int, held: Position) -> Longs:
        """Take what an account holds of an instrument from now on; -> the account, where it stands otherwise now.

        Raises:
            LendingError: a figure is negative or too large; the book is as it was.
        """
        pieces = held.collateral + held.financed
        if min(held.collateral, held.financed, held.financed_for, held.short, held.sold_for) < 0:
            raise LendingError("a position has no negative figure")
        if max(held.financed_for, held.sold_for) > _MOST_POSITION:
            raise LendingError(f"one position is financed or sold for more than {_MOST_POSITION:,} minor units")
        price = int(self._prices[instrument])
        _must_fit(max(pieces, held.short), price)
        at = self._row_of.get((account, instrument))
        was_long, was_short = (0, 0) if at is None else self._rows[at, kernel.R_LONG : kernel.R_SHORT + 1].tolist()
        words = self._accounts[account]
        longs = int(words[kernel.LONGS]) + (pieces - was_long) * price
        shorts = int(words[kernel.SHORTS]) + (held.short - was_short) * price
        if max(longs, shorts) > _MOST_TOGETHER * _MINOR:
            raise LendingError(_TOO_MUCH)
        if at is None:
            at = self._add_row(account, instrument)
        words[kernel.LONGS], words[kernel.SHORTS] = longs, shorts
        if not self._priced[instrument]:
            words[kernel.UNPRICED] += int(pieces + held.short > 0) - int(was_long + was_short > 0)
        self._rows[at] = account, instrument, pieces, held.short, held.financed, held.financed_for, held.sold_for
        self._most[instrument] = max(int(self._most[instrument]), pieces, held.short)
        return self._judge(account)

    def tick(self, instrument: int, price: int) -> Longs:
        """Take an instrument's price, in `PRICE_UNITS`; -> the accounts that stand otherwise now, ascending.

        Raises:
            LendingError: a price is negative, or makes positions too large; the book is as it was.
        """
        if price < 0:
            raise LendingError(f"a price of {price} is below 0")
        _must_fit(int(self._most[instrument]), price)
        holders = self._of_instrument.of(instrument)
        changed = 0
        if len(holders):
            self._out = grown(self._out, len(holders))
            changed = kernel.move(
                holders,
                price - int(self._prices[instrument]),
                not self._priced[instrument],
                _MOST_TOGETHER * _MINOR,
                self._accounts,
                self._rows,
                self._prices,
                self._of_account.flat,
                self._of_account.starts,
                self._of_account.counts,
                self._lines,
                self._out,
            )
            if changed < 0:
                raise LendingError(_TOO_MUCH)
        self._prices[instrument], self._priced[instrument] = price, 1
        return np.sort(self._out[:changed])

    # How an account stands.

    def stands(self, account: int) -> tuple[int, bool]:
        """(the place of its band in `STANDINGS` or `UNKNOWN`, whether it is concentrated)."""
        return int(self._accounts[account, kernel.BAND]), bool(self._accounts[account, kernel.CONCENTRATED])

    def standing(self, account: int) -> Standing | None:
        """The figures of an account; None where its ratio is unknown."""
        words = self._accounts[account]
        band = int(words[kernel.BAND])
        if band == UNKNOWN:
            return None
        assets = Fraction(int(words[kernel.OWNED] + words[kernel.LONGS]), _MINOR)
        debts = Fraction(int(words[kernel.OWED] + words[kernel.SHORTS]), _MINOR)
        rows = self._rows[self._of_account.of(account)]
        worth = rows[:, kernel.R_LONG] * self._prices[rows[:, kernel.R_INSTRUMENT]]
        best = int(np.argmax(worth)) if len(rows) and worth.max() > 0 else None
        available = self._available(account, rows.tolist())
        return Standing(
            band=STANDINGS[band],
            concentrated=bool(words[kernel.CONCENTRATED]),
            assets=assets,
            debts=debts,
            ratio=assets / debts if debts else None,
            largest=None if best is None else int(rows[best, kernel.R_INSTRUMENT]),
            largest_share=Fraction(0) if best is None else Fraction(int(worth[best]), _MINOR) / assets,
            available=available,
            withdrawable=max(min(floor(assets - self.rules.withdrawal * debts), available), 0),
        )

    def _available(self, account: int, rows: list[list[int]]) -> int:
        """The margin available, as `available_margin` has it, of values that need not be whole minor units."""
        margin = Fraction(int(self._cash[account]) - int(self._interest[account]))
        for _, instrument, pieces, short, financed, financed_for, sold_for in rows:
            haircut, price = self._haircuts[instrument], Fraction(int(self._prices[instrument]), _MINOR)
            margin += (pieces - financed) * price * haircut
            for gain in (financed * price - financed_for, sold_for - short * price):
                margin += gain * (haircut if gain > 0 else 1)
            margin -= financed_for * self.rules.financing_ratio
            margin -= sold_for + short * price * self.rules.short_ratio
        return floor(margin)

    def _add_row(self, account: int, instrument: int) -> int:
        row = self._row_of[account, instrument] = len(self._row_of)
        self._rows = grown(self._rows, row + 1)
        self._of_account.append(account, row)
        self._of_instrument.append(instrument, row)
        return row

    def _judge(self, account: int) -> Longs:
        own = self._of_account.of(account)
        changed = kernel.judge(account, self._accounts, self._rows, self._prices, own, 0, len(own), self._lines)
        return np.array([account] if changed else [], np.int64)


def _must_fit(pieces: int, price: int) -> None:
    if pieces * max(price, 1) > _MOST_POSITION * _MINOR:
        raise LendingError(f"one position is worth more than {_MOST_POSITION:,} minor units")
