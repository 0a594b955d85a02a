"""Events and outcomes as one history in the order of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from risk_stream.catalogue import Catalogue, EventBatch

__all__ = ["with_outcomes"]


def with_outcomes(
    batches: Iterable[EventBatch], outcomes: Sequence[EventBatch], catalogue: Catalogue
) -> Iterator[EventBatch]:
    """Batches in the order of time, with outcomes of any order put in where they were known; of equals events first."""
    told = EventBatch.concat(outcomes) if outcomes else EventBatch.empty(catalogue)
    told = told.take(np.argsort(told.times, kind="stable"))
    begin = 0
    for batch in batches:
        if len(batch) == 0:
            continue
        end = int(np.searchsorted(told.times, batch.times.max(), side="right"))
        if end > begin:
            both = EventBatch.concat([batch, told.take(np.arange(begin, end))])
            batch, begin = both.take(np.argsort(both.times, kind="stable")), end
        yield batch
    if begin < len(told):
        yield told.take(np.arange(begin, len(told)))
