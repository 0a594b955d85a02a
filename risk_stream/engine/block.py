"""What goes into a hop, and what comes out of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from risk_stream.catalogue import EventBatch
from risk_stream.engine.alert import Alert
from risk_stream.engine.decided import Decided
from risk_stream.engine.owners import Contradiction
from risk_stream.rules import Failures, Plan, RulesAt

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["INDEX_BITS", "MAX_INDEX", "REVISED", "TIMED", "Block", "Forward", "Result"]

#: A stamp is the position of a block in its hop's log and, in its low bits, an index.
INDEX_BITS = 20
MAX_INDEX = (1 << INDEX_BITS) - 1
#: The index of an event judged for the first time is its row's place in the block; revised ones have this bit.
REVISED = 1 << (INDEX_BITS - 1)
#: The index of all that a block says of events whose time has come. None of them travels on, so they share one; a block
#: has too few events for any of its own to have it.
TIMED = MAX_INDEX

NO_TIMES = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Block:
    """Fresh events of a hop's log: what is judged in one step.

    Each block has a position of its own, and they ascend. The `_stamp` of its events is that position << INDEX_BITS |
    the row's place in the block. `plan` is that under which they were admitted, `clock` the partition's clock after
    the block, ms. That clock is the lowest front of all senders, so nothing to come can be more than the allowed
    lateness behind the one before it. Where a block brings no event but time, the batch is empty and `at` says its
    position. `since` is the place in the log from which its events can be read again; without it, its position.
    """

    batch: EventBatch
    plan: Plan
    clock: int
    at: int = -1
    since: int = -1

    @property
    def position(self) -> int:
        """Its place among the blocks of the log."""
        return self.at if self.at >= 0 else int(self.batch.stamps[-1]) >> INDEX_BITS


@dataclass(frozen=True, slots=True)
class Forward:
    """Events that go on to the hop of `kind`, in the order of their `_stamp`, admitted under `plan_version`."""

    kind: str
    plan_version: str
    batch: EventBatch


@dataclass(slots=True)
class Result:
    """What a hop says of some blocks, or the engine of a batch."""

    alerts: list[Alert] = field(default_factory=list)  # of each block first judgements, then revisions
    stamps: list[int] = field(default_factory=list)  # of the events of `alerts`, side by side
    shadow: list[Alert] = field(default_factory=list)  # of rules in mode `shadow`: counted, never shown
    decisions: list[Decided] = field(default_factory=list)  # of tables that are live, in the order of `alerts`
    forwards: list[Forward] = field(default_factory=list)  # per kind of key in the order of stamps
    judged: int = 0  # events whose journey ended here
    ended: NDArray[np.int64] = field(default_factory=lambda: NO_TIMES)  # when the broker got them (`_at`), ms
    rule_errors: dict[str, Failures] = field(default_factory=dict)  # by rule id
    judged_by: Counter[RulesAt] = field(default_factory=Counter)  # events judged for the first time
    models: Counter[tuple[str, str]] = field(default_factory=Counter)  # (model, what): how often
    models_ns: Counter[str] = field(default_factory=Counter)  # what models took, where the hop has a stopwatch
    late: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))  # rows too late (the engine's only)
    behind: int = 0  # events put before newer ones of their key
    revised: int = 0  # events judged again
    copies: int = 0  # events that were known already, as they came
    dropped: int = 0  # revisions of events that nothing is known of any more
    timed: int = 0  # events judged some time after they happened
    plan_copies: list[tuple[str, str]] = field(default_factory=list)  # (event, plan kept) of copies under another plan
    contradictions: list[Contradiction] = field(default_factory=list)  # of owners, each key and owner said once
    plans_dropped: list[str] = field(default_factory=list)  # plans whose features found no room beside the new one's
