"""How many alerts stand where, and since when: sums over all lives, kept as lives change instead of counted anew."""

from __future__ import annotations

from collections import Counter, defaultdict
from heapq import heapify, heappop, heappush
from typing import TypeAlias

from risk_stream.alerts.life import Life

__all__ = ["Place", "Tally"]

#: Where an alert that is not closed stands: standing, severity, stage, entity.
Place: TypeAlias = tuple[str, str, str, str]

#: Entries of a heap above twice those that count, from which on it is made anew.
SLACK = 1_000


class Tally:
    """Told of each change of a life; time is ms."""

    def __init__(self) -> None:
        self.standing: Counter[Place] = Counter()  # of those that are not closed
        self.asleep = self.inhibited = 0
        self.dispositions: dict[str, Counter[str]] = defaultdict(Counter)  # rule -> how people closed its alerts
        self._open: dict[str, dict[str, int]] = defaultdict(dict)  # severity -> id -> since
        self._heaps: dict[str, list[tuple[int, str]]] = defaultdict(list)

    def change(self, before: Life | None, after: Life) -> None:
        """A life is another one now, or is new."""
        for one, by in ((before, -1), (after, 1)):
            if one is None:
                continue
            if one.standing != "closed":
                place = one.standing, one.severity, one.stage, one.entity
                self.standing[place] += by
                if not self.standing[place]:
                    del self.standing[place]
                self.asleep += by * (one.asleep_until is not None)
                self.inhibited += by * bool(one.inhibited_by)
            if one.disposition not in (None, "withdrawn"):
                self.dispositions[one.rule][str(one.disposition)] += by
        if before is not None and before.standing == "open":
            del self._open[before.severity][before.id]
        if after.standing == "open":
            self._opened(after)

    def oldest(self, severity: str) -> int | None:
        """Since when the oldest open alert of a severity is open, that nobody has acknowledged; None without one."""
        opened, heap = self._open[severity], self._heaps[severity]
        while heap and opened.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def _opened(self, life: Life) -> None:
        opened, heap = self._open[life.severity], self._heaps[life.severity]
        opened[life.id] = life.since
        heappush(heap, (life.since, life.id))
        if len(heap) > 2 * len(opened) + SLACK:
            heap[:] = [(since, id) for id, since in opened.items()]
            heapify(heap)
