"""When a value of the engine is the oracle's."""

from __future__ import annotations

import math
from fractions import Fraction

__all__ = ["same"]


def same(got: object, want: object) -> bool:
    """Exactly, but for the rounding of floats."""
    if want is None or isinstance(want, str | bool):
        return got == want
    if isinstance(want, tuple):  # texts that were seen
        return got == (", ".join(want) or "none")
    assert isinstance(want, Fraction)
    return isinstance(got, int | float) and math.isclose(got, want, rel_tol=1e-9, abs_tol=1e-9)
