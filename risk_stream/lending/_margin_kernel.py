"""Kernels of the book of margin accounts: move what accounts hold by a price, and judge how they stand.

accounts  a line of words per account, a cache line; values in price units.
rows      a line of words per position: one account, one instrument.
lines     (numerator, denominator) of each line: withdrawal, warning, call, forced sale; then of concentration the ratio
          below which it is asked, and the share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numpy.typing import NDArray

from risk_stream.catalogue.kernel import njit

__all__ = ["ACCOUNT_WORDS", "BAND", "CONCENTRATED", "LONGS", "OWED", "OWNED", "R_ACCOUNT", "R_INSTRUMENT"]
__all__ += ["R_LONG", "R_SHORT", "SHORTS", "STATED", "UNPRICED", "judge", "move"]

#: Words of an account: cash and other collateral; debt, interest and fees; what is held and what is sold short are
#: worth; whether it was stated; open positions without a price; how it stands.
OWNED, OWED, LONGS, SHORTS, STATED, UNPRICED, BAND, CONCENTRATED = range(8)
ACCOUNT_WORDS = 8
#: The first words of a row.
R_ACCOUNT, R_INSTRUMENT, R_LONG, R_SHORT = range(4)

_UNKNOWN = -1

_F = TypeVar("_F", bound=Callable[..., Any])
_Ints = NDArray[Any]


def _compiled(function: _F) -> _F:
    return cast("_F", njit(nogil=True, cache=True, error_model="numpy")(function))


@_compiled
def _against(owned: int, owed: int, lines: _Ints, line: int) -> int:
    """-1, 0 or 1: owned beside a line times owed, exactly and within int64."""
    numerator, denominator = lines[line, 0], lines[line, 1]
    whole = owed // denominator
    above = owned - whole * numerator  # beside rest x numerator / denominator, which is from 0 to the numerator
    if above < 0:
        return -1
    if above >= numerator:
        return 1
    left, right = above * denominator, (owed - whole * denominator) * numerator
    return -1 if left < right else 1 if left > right else 0


@_compiled
def judge(
    account: int, accounts: _Ints, rows: _Ints, prices: _Ints, own: _Ints, start: int, stop: int, lines: _Ints
) -> Any:
    """Judge an account again, whose rows are own[start:stop]; whether it stands otherwise than before."""
    owned = accounts[account, OWNED] + accounts[account, LONGS]
    owed = accounts[account, OWED] + accounts[account, SHORTS]
    band, concentrated = _UNKNOWN, 0
    if accounts[account, STATED] and not accounts[account, UNPRICED]:
        band = 0 if _against(owned, owed, lines, 0) > 0 else 1
        while 0 < band < 4 and _against(owned, owed, lines, band) < 0:
            band += 1
        if band > 0 and owned > 0 and _against(owned, owed, lines, 4) < 0:
            most = 0
            for place in range(start, stop):
                row = own[place]
                most = max(most, rows[row, R_LONG] * prices[rows[row, R_INSTRUMENT]])
            concentrated = int(_against(most, owned, lines, 5) > 0)
    changed = band != accounts[account, BAND] or concentrated != accounts[account, CONCENTRATED]
    accounts[account, BAND], accounts[account, CONCENTRATED] = band, concentrated
    return changed


@_compiled
def move(
    holders: _Ints,
    moved: int,
    first: bool,
    most: int,
    accounts: _Ints,
    rows: _Ints,
    prices: _Ints,
    own: _Ints,
    starts: _Ints,
    counts: _Ints,
    lines: _Ints,
    out: _Ints,
) -> Any:
    """Move the accounts of rows `holders` by a price that moved; -> how many stand otherwise, written to `out`.

    -1, and nothing is changed, where what an account holds would be worth more than `most`. `own`, `starts` and
    `counts` are the rows of each account.
    """
    for row in holders:
        account = rows[row, R_ACCOUNT]
        longs = accounts[account, LONGS] + rows[row, R_LONG] * moved
        shorts = accounts[account, SHORTS] + rows[row, R_SHORT] * moved
        if max(longs, shorts) > most:
            return -1
    prices[rows[holders[0], R_INSTRUMENT]] += moved
    changed = 0
    for row in holders:
        account = rows[row, R_ACCOUNT]
        accounts[account, LONGS] += rows[row, R_LONG] * moved
        accounts[account, SHORTS] += rows[row, R_SHORT] * moved
        if first and rows[row, R_LONG] + rows[row, R_SHORT] > 0:
            accounts[account, UNPRICED] -= 1
        start = starts[account]
        if judge(account, accounts, rows, prices, own, start, start + counts[account], lines):
            out[changed] = account
            changed += 1
    return changed
