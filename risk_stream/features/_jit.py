"""How the kernels are compiled: without the GIL, once per machine, and anew when any kernel module changes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from risk_stream.catalogue.kernel import njit

__all__ = ["SOURCES", "Bools", "Floats", "Ints", "Word", "entry", "inner"]

Ints: TypeAlias = "NDArray[np.int64]"
Bools: TypeAlias = "NDArray[np.bool_]"
Floats: TypeAlias = "NDArray[np.float64]"

#: A word of such an array, an int64 to numba.
Word: TypeAlias = Any

_F = TypeVar("_F", bound=Callable[..., Any])

_ENTRY: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy"}
#: Inner kernels make no arrays, so that they need not count references either: 6 % of the time.
_INNER: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}


def inner(function: _F) -> _F:
    """Compile a function that only other kernels call; its machine code is part of theirs."""
    return cast("_F", njit(**_INNER)(function))


def entry(function: _F) -> _F:
    """Compile a function that Python calls, and keep its machine code on disk.

    numba's cache looks at the file of the entry alone. So an entry is a closure over `SOURCES`, which numba does look
    at: an edit of any kernel module compiles it anew.
    """
    return cast("_F", njit(**_ENTRY)(function))


def _fingerprint() -> int:
    digest = hashlib.blake2b(digest_size=4)
    for path in sorted(Path(__file__).parent.glob("_*.py")):
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest(), "big")


#: A hash over the source text of every kernel module.
SOURCES = _fingerprint()
