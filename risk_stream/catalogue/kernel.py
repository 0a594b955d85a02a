"""What makes a kernel of a function, in every room: numba, without SciPy's linear algebra, which none of them uses.

When the first kernel of a process is loaded, numba imports `scipy.linalg` wherever SciPy is installed, to know whether
`np.dot` could be compiled: a quarter of a second and 30 MiB of every worker, spare and command. It takes an import that
fails for "no", which is asked here once, for it.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import Any, Final

import numba

__all__ = ["njit"]

#: What numba imports to see whether there is linear algebra, and where it does so.
_ASKED: Final = "scipy.linalg.cython_blas"
_ASKING: Final = "numba.np.arraymath"


def _leave_out_blas() -> None:
    """Have numba ask while the answer is no; where somebody has imported it already, nothing is left out."""
    if _ASKED in sys.modules or _ASKING in sys.modules:
        return
    sys.modules[_ASKED] = None  # type: ignore[assignment]  # as Python has it: the import of such a name fails
    try:
        with contextlib.suppress(ImportError):  # a numba that has it elsewhere asks by itself, later
            importlib.import_module(_ASKING)
    finally:
        del sys.modules[_ASKED]


_leave_out_blas()

njit: Any = numba.njit
