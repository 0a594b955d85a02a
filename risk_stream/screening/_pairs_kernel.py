"""Kernels that count the letter pairs which the names of an index share with one name, and choose those with enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from risk_stream.catalogue.kernel import njit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Places = NDArray[np.int32]

__all__ = ["choose", "count"]


@njit(nogil=True, cache=True)
def count(places: Places, spans: NDArray[np.int64], counts: Places) -> None:
    """Add 1 to the count of each member that stands in spans [k, 2] of `places`: from where to before where."""
    for k in range(spans.shape[0]):
        for i in range(spans[k, 0], spans[k, 1]):
            counts[places[i]] += 1


@njit(nogil=True, cache=True)
def choose(counts: Places, sizes: Places, enough: Places, chosen: Places, shared: Places) -> Any:
    """Put members that share enough into `chosen`, how many pairs into `shared`, and 0 into all counts; -> how many.

    A member of so many pairs as its `sizes` says shares enough where it shares `enough` of that place, or of the last.
    """
    found, last = 0, enough.size - 1
    for place in range(counts.size):
        if counts[place] >= enough[min(sizes[place], last)]:
            chosen[found] = place
            shared[found] = counts[place]
            found += 1
    counts[:] = 0
    return found
