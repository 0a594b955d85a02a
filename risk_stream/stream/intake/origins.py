"""One origin as its owner sees it: a partition of a house topic, its clock, its plan, and what a commit of it says.

Plain decisions without I/O, for the worker and for the model of the protocol that the tests run. A *change* raises the
clock of a quiet origin, names another plan, or both. It holds from one offset on, in the one commit a new owner starts
from, in this order: every receiver has heard this generation (`missing` is empty); the log's end is asked (`stop_at`);
everything below it is read, and all that caused is stored; the change is committed (`propose`), and only when that is
accepted (`settle`) does it hold. So every owner judges what lies before the offset without it and the rest with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from risk_stream.catalogue import MISSING
from risk_stream.catalogue.formats import COMMITS
from risk_stream.engine import late

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Committed", "Origin"]


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit says: all that records below `offset` caused is stored; clock (ms) and plan are as of there."""

    offset: int
    clock: int = MISSING
    plan: str | None = None

    def metadata(self) -> str:
        """The text that is committed beside the offset."""
        clock = None if self.clock == MISSING else self.clock
        return orjson.dumps({"v": COMMITS.newest, "clock": clock, "plan": self.plan}).decode()

    @classmethod
    def read(cls, offset: int, metadata: str) -> Committed | None:
        """A commit as it was made; None where the text is none of ours. Raises `LaterFormatError`."""
        try:
            said: Any = orjson.loads(metadata)
            version, clock, plan = said["v"], said["clock"], said["plan"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return None
        COMMITS.check(version)
        return cls(offset, MISSING if clock is None else int(clock), None if plan is None else str(plan))


class Origin:
    """What its owner knows of one origin during one generation of the group, from what was `committed` before it.

    `position` is the next offset to admit, `clock` the highest event time below it (ms), raised by lifts; `front` is
    the clock as of all that was handed over for sending, and may be announced. `targets` are all that it may send to.
    """

    def __init__(
        self, channel: str, generation: int, committed: Committed, *, lateness_ms: int, targets: Iterable[Hashable] = ()
    ) -> None:
        self.channel, self.generation, self.lateness_ms = channel, generation, lateness_ms
        self.position, self.clock, self.plan = committed.offset, committed.clock, committed.plan
        self.committed = committed
        self.front = self.clock
        self.missing: set[Hashable] = set(targets)  # those that have stored nothing of this generation yet
        self.stop: int | None = None  # nothing from here on is admitted while a change is under way
        self.proposed: Committed | None = None
        self._since: deque[tuple[NDArray[np.int64], NDArray[np.int64], int]] = deque()  # offsets, times, clock before

    # Reading

    def admit(self, offsets: NDArray[np.int64], times: NDArray[np.int64], position: int) -> NDArray[np.bool_]:
        """bool[n]: which of the next events are too late; clock and position go on.

        `offsets` int64[n] are their places in the log, ascending, and `times` int64[n] their times, ms; records up to
        `position` that are no events are passed over.
        """
        assert self.proposed is None
        assert self.stop is None or position <= self.stop, "read beyond the offset of a change"
        before = self.clock
        too_late, self.clock = late(times, before, self.lateness_ms)
        if len(times):
            self._since.append((offsets, times, before))
        self.position = max(self.position, position)
        return too_late

    def handed_over(self) -> None:
        """All that was admitted is on its way, in order: its clock may be announced."""
        self.front = self.clock

    def clock_at(self, offset: int) -> int:
        """The clock before the record at an offset, from the last commit to the position."""
        for offsets, times, before in reversed(self._since):
            if offsets[0] < offset:
                below = int(np.searchsorted(offsets, offset))
                return max(before, int(times[:below].max()))
        return self._since[0][2] if self._since else self.clock

    # Commits

    def at(self, offset: int) -> Committed:
        """What a commit of an offset says."""
        return Committed(offset, self.clock_at(offset), self.plan)

    def accepted(self, commit: Committed) -> None:
        """A commit was taken: a new owner would begin there."""
        self.committed = commit
        while self._since and self._since[0][0][-1] < commit.offset:
            self._since.popleft()

    # A change

    def greeted(self, target: Hashable) -> None:
        """A receiver has stored a message of this generation: what an older owner sends it from now on is dropped."""
        self.missing.discard(target)

    def stop_at(self, end: int) -> None:
        """The log ends here, asked after the barrier: it is read up to here exactly while a change is under way."""
        assert not self.missing, "the end is asked after the barrier"
        if self.stop is None:
            self.stop = max(end, self.position)

    @property
    def at_stop(self) -> bool:
        """Whether all below the offset of the change is admitted."""
        return self.stop is not None and self.position >= self.stop

    def propose(self, clock: int = MISSING, plan: str | None = None) -> Committed | None:
        """What to commit for a change, when all that was admitted is stored; None where nothing would change.

        A `clock` below the present one leaves it, as does no plan.
        """
        assert self.at_stop
        wanted = Committed(self.position, max(clock, self.clock), plan or self.plan)
        if (wanted.clock, wanted.plan) == (self.clock, self.plan):
            self.stop = None
            return None
        self.proposed = wanted
        return wanted

    def settle(self, *, accepted: bool) -> None:
        """The answer to the commit that was proposed. No answer is none: then the process has to end."""
        wanted, self.proposed, self.stop = self.proposed, None, None
        assert wanted is not None
        if accepted:
            self.accepted(wanted)
            self.clock, self.plan, self.front = wanted.clock, wanted.plan, wanted.clock
