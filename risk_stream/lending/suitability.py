"""Who may buy what: the match of an investor's class and a product's level of risk."""

from __future__ import annotations

from enum import Enum

from risk_stream.lending.errors import LendingError

__all__ = ["Match", "suitability"]

_LEVELS = 5


class Match(Enum):
    """Whether a sale is open."""

    ALLOWED = "1"
    WARNED = "W"  # on the client's own initiative only, after a special written warning that is recorded
    FORBIDDEN = "0"


def suitability(investor: int, product: int, *, lowest: bool = False, professional: bool = False) -> Match:
    """The match of an investor C1 to C5 and a product R1 to R5 (both by number), `lowest` being the lowest class in C1.

    证券期货投资者适当性管理办法, in force since 2017-07-01: Cn may buy R1 to Rn; above that never actively offered, and
    the lowest class never, warning or not. A professional investor, once verified, may buy any of them.
    """
    if not 1 <= investor <= _LEVELS or not 1 <= product <= _LEVELS:
        raise LendingError(f"investors are C1 to C{_LEVELS} and products R1 to R{_LEVELS}")
    if lowest and (investor != 1 or professional):
        raise LendingError("the lowest class of investors lies inside C1, and no professional is of it")
    if product <= investor or professional:
        return Match.ALLOWED
    return Match.FORBIDDEN if lowest else Match.WARNED
