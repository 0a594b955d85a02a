"""Margin accounts as prices tick, on one core: what a tick costs that updates all who hold it; and is it right?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from bench.report import table
from risk_stream.lending import STANDINGS, MarginBook, Position, Statement, load_margin_rules
from tests.oracle.margin import Account, Slow

__all__ = ["run"]

ACCOUNTS, INSTRUMENTS = 50_000, 500
#: Seconds of a market in which every instrument ticks once a second.
SECONDS = 20
#: A tick moves a price by so much, one standard deviation: a rough market, in which bands change.
MOVE = 0.002


@dataclass(frozen=True)
class Market:
    """A book, what it was made of, and each instrument's price in ten-thousandths."""

    book: MarginBook
    slow: Slow
    prices: NDArray[np.int64]


def run(quick: bool) -> dict[str, float]:
    """Let every instrument tick once a second, and compare how all accounts stand with a computation from nothing."""
    accounts, seconds = (10_000, 5) if quick else (ACCOUNTS, SECONDS)
    rng = np.random.default_rng(14)
    made = _market(rng, accounts)
    book, prices = made.book, made.prices
    held = book.positions
    book.tick(0, int(prices[0]))  # compiled by now
    crossed, longest, spent = 0, 0.0, 0.0
    for _ in range(seconds):
        prices = np.maximum(np.rint(prices * np.exp(rng.normal(0, MOVE, INSTRUMENTS))).astype(np.int64), 1)
        given = list(enumerate(prices.tolist()))
        started = time.process_time()
        for instrument, price in given:
            began = time.perf_counter()
            crossed += len(book.tick(instrument, price))
            longest = max(longest, time.perf_counter() - began)
        spent += time.process_time() - started
    made.slow.prices.update({i: Fraction(price, 10_000) for i, price in enumerate(prices.tolist())})
    wrong = _mismatches(book, made.slow)
    ticks = seconds * INSTRUMENTS
    per_tick, updated = spent / ticks, held * seconds / spent
    head = ("", "holdings", "us a tick", "longest us", "ticks/s", "accounts updated/s", "share of a core", "mismatches")
    name = f"{accounts:,} accounts, {INSTRUMENTS} instruments"
    row = (name, held, per_tick * 1e6, longest * 1e6, 1 / per_tick, updated, spent / seconds, wrong)
    table(head, [row])
    print(f"{crossed:,} changes of a standing in {ticks:,} ticks; every instrument ticks once a second")
    return {
        "accounts": accounts,
        "instruments": INSTRUMENTS,
        "holdings": held,
        "us_per_tick": round(per_tick * 1e6, 1),
        "ticks_per_second": round(1 / per_tick),
        "accounts_per_second": round(updated),
        "core_share": round(spent / seconds, 4),
        "changes": crossed,
        "mismatches": wrong,
    }


def _market(rng: np.random.Generator, accounts: int) -> Market:
    """Accounts with 1 to 19 titles, popular ones more often, a tenth of them short, ratios from 1.1 to 4."""
    book, slow = MarginBook(load_margin_rules()), Slow()
    prices = np.rint(np.exp(rng.normal(2.7, 0.8, INSTRUMENTS)) * 100).astype(np.int64) * 100
    for instrument, price in enumerate(prices.tolist()):
        book.add_instrument(Fraction(7, 10))
        book.tick(instrument, price)
        slow.haircuts[instrument], slow.prices[instrument] = Fraction(7, 10), Fraction(price, 10_000)
    popular = 1 / np.arange(1, INSTRUMENTS + 1) ** 0.6
    popular /= popular.sum()
    for account in range(accounts):
        book.add_account()
        one = slow.accounts[account] = Account()
        titles = np.unique(rng.choice(INSTRUMENTS, int(rng.integers(1, 20)), p=popular))
        pieces = rng.integers(1, 400, len(titles)) * 100
        worth = 0
        for title, count in zip(titles.tolist(), pieces.tolist(), strict=True):
            short = count if rng.random() < 0.1 else 0
            held = (0, 0, 0, short, 0) if short else (count // 2, count - count // 2, 0, 0, 0)
            one.holds[title] = held
            book.hold(account, title, Position(*held))
            worth += 0 if short else count * int(prices[title]) // 100
        debt = int(worth / rng.uniform(1.1, 4))
        one.money = (worth // 20, debt, debt // 200, 0)
        book.state(account, Statement(*one.money))
    return Market(book, slow, prices)


def _mismatches(book: MarginBook, slow: Slow) -> int:
    """Accounts whose band or concentration is not that of a computation in exact fractions from nothing."""
    bands, concentrated = book.bands.tolist(), book.concentrated.tolist()
    return sum(
        (STANDINGS[bands[account]], concentrated[account]) != (slow.band(account), slow.concentrated(account))
        for account in slow.accounts
    )
