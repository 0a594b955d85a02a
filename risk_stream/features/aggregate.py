"""What a windowed aggregate is: an operation over the events of a key that match, within a sliding window."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["Aggregate", "Op"]


class Op(str, Enum):
    """The operations; the comment says what an empty window gives."""

    COUNT = "count"  # 0
    SUM = "sum"  # 0
    MEAN = "mean"  # missing
    MIN = "min"  # missing
    MAX = "max"  # missing
    STD = "std"  # of the whole window, not of a sample; missing
    DISTINCT = "distinct"  # 0
    FIRST = "first"  # missing
    LAST = "last"  # the one before the present event; missing
    SINCE = "since"  # seconds since the one before the present event; missing

    @property
    def needs_field(self) -> bool:
        """Whether the operation works on a field's values; count and since work on the events themselves."""
        return self not in {Op.COUNT, Op.SINCE}


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One windowed aggregate of a key, as of an event at time t: over matching events with time in (t - window, t]."""

    id: str  # content hash
    op: Op
    of: tuple[str, ...]  # event types
    where: str  # canonical text of a condition on the event, "" for none
    by: str  # kind of key
    window_ms: int
    field: str | None = None
    decimals: int = 0  # of the field: its fixed-point value is value * 10**decimals
    text: bool = False  # the result is a text's hash: first or last of a text field
