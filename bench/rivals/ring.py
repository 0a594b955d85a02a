"""What the Python rivals share: the ten minutes of one customer, and the three rules on them."""

from __future__ import annotations

from collections import deque
from typing import Any

import orjson

__all__ = ["Ring", "judge"]

WINDOW_MS = 600_000


class Ring:
    """The payments of (t - 10 minutes, t] with their running sum."""

    __slots__ = ("rows", "total")

    def __init__(self) -> None:
        self.rows: deque[tuple[int, float]] = deque()
        self.total = 0.0

    def __copy__(self) -> Ring:
        twin = Ring()
        twin.rows, twin.total = self.rows.copy(), self.total
        return twin

    def add(self, time: int, amount: float) -> tuple[int, float]:
        """(count, sum) as of this payment, it included."""
        rows = self.rows
        rows.append((time, amount))
        total = self.total + amount
        horizon = time - WINDOW_MS
        while rows[0][0] <= horizon:
            total -= rows.popleft()[1]
        self.total = total
        return len(rows), total


def judge(payment: dict[str, Any], count: int, total: float, threshold: float) -> bytes | None:
    """The alert as JSON, if a rule fires."""
    many, much, large = count > 150, total > threshold, payment["quantity"] > 120
    if not (many or much or large):
        return None
    said = {"id": payment["id"], "count_10m": count, "sum_10m": total, "many": many, "much": much, "large": large}
    return orjson.dumps(said)
