"""What the kernels' machine instructions mean where numba is told not to compile (NUMBA_DISABLE_JIT=1).

A plugin of pytest: with it the kernels are ordinary Python, so that coverage sees their branches and a mutant of one is
what runs, whatever machine code lies in numba's cache.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["pytest_configure"]


def _prefetch(_array: Any, _index: Any) -> None:
    """Nothing: a hint to the processor."""


def _mul_high(a: Any, b: Any) -> Any:
    return np.int64((int(a) * int(b)) >> 64)


def _peek(array: Any, index: Any) -> Any:
    assert index >= 0
    return array[index]


def _load_eight(data: Any, at: Any) -> Any:
    return data[at : at + 8].view(np.uint64)[0]


MEANINGS: dict[str, Callable[..., Any]] = {
    "_prefetch": _prefetch,
    "_mul_high": _mul_high,
    "_peek": _peek,
    "_load_eight": _load_eight,
}


def _call(self: Any, *args: Any) -> Any:
    """An intrinsic called from Python; one that is not listed here raises KeyError with its name."""
    return MEANINGS[self._name](*args)


def pytest_configure() -> None:
    """Let Python call the intrinsics, and take a word that overflows for what it is: arithmetic modulo 2**64."""
    if os.environ.get("NUMBA_DISABLE_JIT") != "1":
        return
    from numba.core.extending import _Intrinsic

    _Intrinsic.__call__ = _call
    np.seterr(over="ignore")
