"""What a borrower can bear: payment to income, debt to income, cover of debt service."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from risk_stream.lending.errors import LendingError
from risk_stream.lending.money import Rate, amounts, exact_rate

__all__ = ["AffordabilityLimits", "affordability_breaches", "debt_service_cover", "debt_to_income", "payment_to_income"]


@dataclass(frozen=True, slots=True)
class AffordabilityLimits:
    """Limits a house sets; defaults, those of the Chinese guideline on housing loans of 2004, and a usual floor."""

    payment_to_income: Rate = "0.5"
    debt_to_income: Rate = "0.55"
    debt_service_cover: Rate = "1.2"  # of a firm: at least


def payment_to_income(instalment: int, income: int) -> Fraction:
    """PTI: the new instalment / the income of the same period; minor units."""
    _check(income, instalment)
    return Fraction(instalment, income)


def debt_to_income(instalment: int, other: int, income: int) -> Fraction:
    """DTI, or DSR: the new instalment and the service of other debt / the income of the same period; minor units."""
    _check(income, instalment, other)
    return Fraction(instalment + other, income)


def debt_service_cover(ebitda: int, taxes: int, capex: int, principal: int, interest: int) -> Fraction:
    """DSCR: (EBITDA - taxes paid - capital expenditure for upkeep) / (principal + interest due); minor units."""
    service = int(amounts([principal, interest], "debt service").sum())
    if not service:
        raise LendingError("without debt to serve there is no cover of it")
    return Fraction(ebitda - taxes - capex, service)


def affordability_breaches(
    payment: Fraction, debt: Fraction, cover: Fraction | None = None, limits: AffordabilityLimits | None = None
) -> list[str]:
    """Which limits a borrower breaks, as sentences; none is good. `cover` is a firm's."""
    at_most = limits or AffordabilityLimits()
    pairs = (
        (payment, exact_rate(at_most.payment_to_income), "the instalment"),
        (debt, exact_rate(at_most.debt_to_income), "the service of all debt"),
    )
    found = []
    for share, top, what in pairs:
        if share > top:
            found.append(f"{what} is {float(share):.1%} of income, over {float(top):.1%}")
    least = exact_rate(at_most.debt_service_cover)
    if cover is not None and cover < least:
        found.append(f"debt service is covered {float(cover):.2f} times, under {float(least):.2f}")
    return found


def _check(income: int, *payments: int) -> None:
    amounts([income, *payments], "income and payments")
    if not income:
        raise LendingError("a ratio to income needs an income")
