"""What of a hop's windows the events of each type may be judged by: what comes late changes no others.

A trade that comes behind prices of its instrument changes nothing that is said of them where no rule on prices counts
trades. So only those events are judged again whose rules, here or at a later hop, look at what the late one counts for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from risk_stream.features import KindLayout
from risk_stream.rules import Plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Longs = NDArray[np.int64]

__all__ = ["Stakes"]


@dataclass(frozen=True, slots=True)
class _Stake:
    """Of one plan, for each event type by code."""

    bits: Longs  # int64[types]: bits of a row's mask
    outputs: Longs  # int64[types]: bit f for output f


class Stakes:
    """Stakes under one layout, which may hold the features of several plans."""

    def __init__(self, layout: KindLayout) -> None:
        self.layout = layout
        self._by_plan: dict[str, _Stake] = {}

    def of(self, plan: Plan) -> _Stake:
        """Those of one plan."""
        found = self._by_plan.get(plan.version)
        if found is None:
            found = self._by_plan[plan.version] = self._find(plan)
        return found

    def _find(self, plan: Plan) -> _Stake:
        types = plan.catalogue.types
        places = {bit: b for b, bit in enumerate(self.layout.bits)}
        bits, outputs = np.zeros(len(types), np.uint64), np.zeros(len(types), np.uint64)
        for code, event_type in enumerate(types):
            for aggregate in plan.asked(event_type.name):
                f = self.layout.index.get(aggregate.id)
                if f is None or aggregate.by != self.layout.kind:
                    continue
                outputs[code] |= np.uint64(1 << f)
                for bit in aggregate.bits:
                    bits[code] |= np.uint64(1 << places[bit])
        return _Stake(bits.view(np.int64), outputs.view(np.int64))
