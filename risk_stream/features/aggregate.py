"""What a windowed aggregate is: an operation over the events of a key that match, within a window that ends now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from typing import TypeAlias

import numpy as np

from risk_stream.features._jit import Ints

__all__ = ["Aggregate", "Bit", "Op", "Periods"]

Bit: TypeAlias = tuple[str, str]
"""An event type and the canonical text of a condition on its events, "" for none."""


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
    SEQUENCE = "sequence"  # how many sequences of steps are complete; 0
    QUANTILE = "quantile"  # the least value that a share of all values does not exceed; missing
    ZSCORE = "zscore"  # of the present event's value among those before it; missing
    PERCENTILE = "percentile"  # of the values before the present event's those below its own, per cent; missing
    SEEN = "seen"  # which of some texts came before the present event, a bit for each; none
    DAYS_PAST_DUE = "days_past_due"  # since the oldest instalment that payments do not settle was due; 0
    AMOUNT_PAST_DUE = "amount_past_due"  # what payments do not settle of the instalments due before today; 0
    SCORE = "score"  # what a model says of the event at its first judgement; missing

    @property
    def needs_field(self) -> bool:
        """Whether the operation works on a field's values; count, since and sequence work on the events themselves."""
        return self not in {Op.COUNT, Op.SINCE, Op.SEQUENCE, Op.SCORE}

    @property
    def is_baseline(self) -> bool:
        """Whether the operation compares the present event's own value with those before it."""
        return self in {Op.ZSCORE, Op.PERCENTILE}

    @property
    def is_score(self) -> bool:
        """Whether a model gives it, and no window."""
        return self is Op.SCORE

    @property
    def is_arrears(self) -> bool:
        """Whether the operation sets payments against instalments."""
        return self in {Op.DAYS_PAST_DUE, Op.AMOUNT_PAST_DUE}


class Periods:
    """What a calendar window is: time cut into periods one after another, such as the months of one time zone.

    `starts` are the ms at which they begin, ascending; an event is in the one that began last. Periods are equal where
    all their beginnings are; `version` stands for these, `unit` and `calendar` are for people. Raises `ValueError` for
    fewer than two.
    """

    __slots__ = ("calendar", "longest_ms", "starts", "unit", "version")

    def __init__(self, unit: str, starts: Iterable[int] | Ints, calendar: str = "") -> None:
        self.unit, self.calendar = unit, calendar
        self.starts: Ints = np.unique(np.asarray(starts, np.int64))
        if len(self.starts) < 2:
            raise ValueError(f"{unit} has {len(self.starts)} beginnings of periods, and needs two or more")
        self.longest_ms = int(np.diff(self.starts).max())
        self.version = blake2b(self.starts.tobytes(), digest_size=6).hexdigest()

    def next_start(self, time: int) -> int:
        """When the first period begins that begins after `time`."""
        place = int(np.searchsorted(self.starts, time, side="right"))
        return int(self.starts[place]) if place < len(self.starts) else time + self.longest_ms

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Periods) and self.version == other.version

    def __hash__(self) -> int:
        return int(self.version, 16)

    def __repr__(self) -> str:
        return f"Periods({self.unit!r}, {len(self.starts)} from {self.starts[0]}, {self.calendar!r})"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One windowed aggregate of a key, as of an event at time t: over matching events with time in (t - window, t].

    With `periods`, over those from the start of t's period to t; `window_ms` is then the longest period.

    With `steps` its events are the completions of a sequence: an event of each step after one of the step before, in
    the order of (time, id), the first less than `within_ms` before the last. No sequence begins before the one before
    it is complete, and each is complete as early as can be; so there are as many as can be.

    Of arrears `steps` are the instalments, the payments, and what was returned of these, all with `field` as amount.
    What was paid settles instalments the oldest first, by the field `due` of the instalment, or its time where it has
    none. Days are those of `days`; the day on which an instalment is due is none past due.
    """

    id: str  # content hash
    op: Op
    of: tuple[str, ...]  # event types
    where: str  # canonical text of a condition on the event, "" for none
    by: str  # kind of key
    window_ms: int
    field: str | None = None
    decimals: int = 0  # of the field: its fixed-point value is value * 10**decimals
    text: bool = False  # the result is a text's hash: first or last of a text field
    periods: Periods | None = None  # of a calendar window
    steps: tuple[tuple[Bit, ...], ...] = ()  # of a sequence: which events each of its steps can be; of arrears
    within_ms: int = 0  # of a sequence
    share: int = 0  # of a quantile, in millionths
    least: int = 1  # of a baseline: with fewer values before the present event it is missing
    values: tuple[str, ...] = ()  # of seen: the texts looked for, one bit each; of a score: the model, what of it
    due: str | None = None  # of arrears: the field that says when an instalment is due, ms
    days: Periods | None = None  # of arrears: the days of a calendar
    before: bool = False  # of arrears: as they were before the present event

    @property
    def bits(self) -> tuple[Bit, ...]:
        """Which events it looks at."""
        if self.steps:
            return tuple(dict.fromkeys(bit for step in self.steps for bit in step))
        return tuple((event, self.where) for event in self.of)
