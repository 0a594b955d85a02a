"""What of a book's events could not be used, why, and how often: every one is counted, the first of a kind are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from risk_stream.catalogue import EventBatch

__all__ = ["KINDS", "TOLD", "Fault", "Faults"]

#: The kinds of fault, each with what it means.
KINDS = {
    "twice": "the same event came again: it counts once",
    "differs": "another event under an id that was used: the first counts",
    "terms": "a contract that makes no schedule: the loan is left out",
    "contract": "a second contract of a loan: the first counts",
    "opening": "an opening that does not add up: the loan is left out",
    "unknown_loan": "an event of a loan that has no contract which can be used: left out",
    "before_contract": "money or a change from before the contract: left out",
    "before_opening": "an event from before the opening, which holds it already: left out",
    "currency": "money in another currency than the contract's: left out",
    "amount": "an amount of nothing, below it, or too large to be one: left out",
    "value_date": "a payment that was booked before it counts: left out",
    "not_received": "a reversal of a payment that never came: left out",
    "reversal": "a reversal that does not fit its payment: left out",
    "change": "a change of terms that cannot be: left out",
    "schedule": "an instalment that is not the contract's: the contract holds",
    "written_off": "a payment on a loan that was written off: counted as a recovery",
    "not_written_off": "a recovery of a loan that was not written off: left out",
}
#: So many faults of a kind are told in a sentence each.
TOLD = 1_000


@dataclass(frozen=True, slots=True)
class Fault:
    """One event that could not be used as it is."""

    kind: str
    event: str  # its id
    loan: str
    time: int  # ms since 1970 UTC
    message: str


@dataclass
class Faults:
    """All that was found: `count` by kind is complete, `told` has the first of each kind in the order of time."""

    count: dict[str, int] = field(default_factory=dict)
    told: list[Fault] = field(default_factory=list)

    def say(self, kind: str, batch: EventBatch, rows: NDArray[np.int64], message: Callable[[int], str]) -> None:
        """Note the events of some rows; `message` makes the sentence of one."""
        if not len(rows):
            return
        before = self.count.get(kind, 0)
        self.count[kind] = before + len(rows)
        for row in rows[: max(TOLD - before, 0)].tolist():
            self.told.append(
                Fault(
                    kind,
                    batch.text("id", row) or "",
                    batch.text("loan", row) or "",
                    int(batch.times[row]),
                    message(row),
                )
            )

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.count.values())
