"""Stock pledges 股票质押: performance ratio, prices at its lines, what brings it back, how much may be pledged."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

import numpy as np

from risk_stream.lending.errors import LendingError
from risk_stream.lending.money import Rate, amounts, exact_rate, half_up

__all__ = ["Pledge", "PledgeLines", "concentration", "pledge_breaches", "pledge_ratio"]


@dataclass(frozen=True, slots=True)
class PledgeLines:
    """Ratios below which a pledge is warned and sold: defaults, 150 and 130 % are as usual; the contract has them."""

    warning: Rate = "1.6"
    liquidation: Rate = "1.4"


@dataclass(frozen=True, slots=True)
class Pledge:
    """A loan against shares; `loan`, `dividends` (pledged too) and `price` in minor units, `days` since drawing."""

    loan: int
    annual_rate: Rate
    days: int
    shares: int
    price: int
    dividends: int = 0
    lines: PledgeLines = PledgeLines()

    def __post_init__(self) -> None:
        """Raise `LendingError` for figures that cannot be."""
        amounts([self.loan, self.dividends, self.price, self.shares, self.days], "a figure of the pledge")
        if not self.loan or not self.shares:
            raise LendingError("a pledge has a loan and shares")

    @property
    def payable(self) -> int:
        """The loan and its interest by days / 365, rounded half up."""
        return half_up(self.loan * (1 + exact_rate(self.annual_rate) * Fraction(self.days, 365)))

    @property
    def worth(self) -> int:
        """The pledged shares and dividends."""
        return self.shares * self.price + self.dividends

    @property
    def performance_ratio(self) -> Fraction:
        """履约保障比例: (pledged market value + pledged dividends) / amount payable."""
        return Fraction(self.worth, self.payable)

    @property
    def band(self) -> str:
        """normal, warning or liquidation; on a line it is not below it."""
        if self.performance_ratio < exact_rate(self.lines.liquidation):
            return "liquidation"
        return "warning" if self.performance_ratio < exact_rate(self.lines.warning) else "normal"

    def shares_to(self, line: Rate) -> int:
        """How many more shares bring the ratio to a line."""
        if not self.price:
            raise LendingError("shares without a price bring no pledge to a line")
        return max(ceil((exact_rate(line) * self.payable - self.worth) / self.price), 0)

    def repayment_to(self, line: Rate) -> int:
        """What must be repaid in minor units to bring the ratio to a line, rounded up."""
        return max(ceil(self.payable - self.worth / exact_rate(line)), 0)


def pledge_ratio(loan: int, shares: int, price: int) -> Fraction:
    """质押率: the loan / the market value of the shares."""
    if shares * price <= 0:
        raise LendingError("a pledge ratio needs shares and a price")
    return Fraction(loan, shares * price)


def pledge_breaches(ratio: Rate, of_company: Rate, of_broker: Rate, of_product: Rate = 0) -> list[str]:
    """Which limits of the exchanges' rules of March 2018 a pledge breaks, as sentences; none is good.

    At most 60 % of the market value may be lent; of one A share's capital at most 50 % may be pledged in all, 30 % to
    one broker and 15 % to one asset-management product.
    """
    limits = (
        (ratio, "0.6", "the loan is over 60 % of the market value"),
        (of_company, "0.5", "over 50 % of the company's shares are pledged"),
        (of_broker, "0.3", "over 30 % of the company's shares are pledged to this broker"),
        (of_product, "0.15", "over 15 % of the company's shares are pledged to this product"),
    )
    return [said for share, limit, said in limits if exact_rate(share) > exact_rate(limit)]


def concentration(values: list[int]) -> tuple[Fraction, Fraction]:
    """The largest share of some positions in their sum, and the Herfindahl index, the sum of the squared shares."""
    held = amounts(values, "positions").astype(object)
    total = int(np.sum(held)) if len(held) else 0
    if not total:
        raise LendingError("positions of nothing have no concentration")
    return Fraction(int(max(held)), total), Fraction(int(np.sum(held * held)), total * total)
