"""What is named of many: whom they are about, and a few of them, the same ones in each run."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from heapq import heappush, heapreplace
from typing import Generic, TypeVar

from risk_stream.engine import Alert

__all__ = ["EXAMPLES", "Examples", "about"]

#: Examples kept of each kind.
EXAMPLES = 5

_One = TypeVar("_One")


@dataclass(slots=True)
class Examples(Generic[_One]):
    """A few of what is added, drawn by a hash of their names: the same whatever order they come in."""

    _lowest: list[tuple[int, str, int, _One]] = field(default_factory=list)  # a heap of the lowest hashes, negated

    def add(self, name: str, time: int, one: _One) -> None:
        """Draw one, or not. No two have the same name."""
        drawn = -int.from_bytes(blake2b(name.encode(), digest_size=6).digest(), "big")
        if len(self._lowest) < EXAMPLES:
            heappush(self._lowest, (drawn, name, time, one))
        elif drawn > self._lowest[0][0]:
            heapreplace(self._lowest, (drawn, name, time, one))

    @property
    def drawn(self) -> tuple[_One, ...]:
        """Those drawn, by time."""
        return tuple(one for _, _, _, one in sorted(self._lowest, key=lambda entry: (entry[2], entry[1])))


def about(alert: Alert) -> str:
    """Who an alert or a decision is about: its customer, else the first key that it has."""
    return alert.keys.get("customer") or next(iter(alert.keys.values()), "")
