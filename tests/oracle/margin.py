"""The slow truth of margin accounts: every ratio anew from all that is held, in exact fractions of major units.

It shares no code with `risk_stream.lending` and reads none of its tables: the numbers of the rules stand here again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

__all__ = ["Account", "Slow"]

CENT = Fraction(1, 100)


@dataclass
class Account:
    """Money in minor units; of each title (pieces as collateral, financed, for, short, for)."""

    money: tuple[int, int, int, int] | None = None  # cash, debt, interest and fees, other
    holds: dict[int, tuple[int, int, int, int, int]] = field(default_factory=dict)


@dataclass
class Slow:
    """Accounts, and what titles trade at, in major units."""

    accounts: dict[int, Account] = field(default_factory=dict)
    prices: dict[int, Fraction] = field(default_factory=dict)
    haircuts: dict[int, Fraction] = field(default_factory=dict)

    def worth(self, account: int) -> tuple[Fraction, Fraction] | None:
        """Assets and debts; None where they cannot be known."""
        one = self.accounts[account]
        if one.money is None:
            return None
        cash, debt, interest, other = one.money
        assets, debts = (cash + other) * CENT, (debt + interest) * CENT
        for title, (own, financed, _, short, _) in one.holds.items():
            if own + financed + short == 0:
                continue
            if title not in self.prices:
                return None
            assets += (own + financed) * self.prices[title]
            debts += short * self.prices[title]
        return assets, debts

    def band(self, account: int) -> str | None:
        """The band, None where it cannot be known."""
        found = self.worth(account)
        if found is None:
            return None
        assets, debts = found
        if assets > 3 * debts:
            return "surplus"
        for name, line in (("forced_sale", Fraction(13, 10)), ("call", Fraction(7, 5)), ("warning", Fraction(3, 2))):
            if assets < line * debts:
                return name
        return "normal"

    def largest(self, account: int) -> Fraction:
        """The value of the largest title that is held."""
        holds = self.accounts[account].holds
        return max((self.prices.get(t, Fraction(0)) * (h[0] + h[1]) for t, h in holds.items()), default=Fraction(0))

    def concentrated(self, account: int) -> bool:
        """Over 60 % in one title, at a ratio below 180 %."""
        found = self.worth(account)
        if found is None or found[0] == 0:
            return False
        return found[0] < Fraction(9, 5) * found[1] and self.largest(account) > Fraction(3, 5) * found[0]

    def available(self, account: int) -> int:
        """The margin available in minor units, rounded down; of an account that is known."""
        one = self.accounts[account]
        assert one.money is not None
        margin = (one.money[0] - one.money[2]) * CENT
        for title, (own, financed, financed_for, short, sold_for) in one.holds.items():
            haircut, price = self.haircuts[title], self.prices.get(title, Fraction(0))
            margin += own * price * haircut
            for gain in (financed * price - financed_for * CENT, sold_for * CENT - short * price):
                margin += gain * haircut if gain > 0 else gain
            margin -= financed_for * CENT + sold_for * CENT + short * price
        return floor(margin / CENT)
