"""When the clock of a quiet origin is raised, and to what: else it would hold back the clock of every hop.

Any value may be lifted to: it only decides what is late there from then on. Chosen is the lowest clock of the origins
that are not quiet, as it was a while ago, so that an event on its way through a quiet topic may be that much slower
than its neighbours. Without I/O: times are arguments.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping

from risk_stream.catalogue import MISSING

__all__ = ["AT_REST_MS", "Lifts"]

#: Fronts of other workers' origins come so much later than they move, s.
HEARSAY = 1.0

#: An origin that stays quiet is lifted ever more rarely: at most so far apart while others move, and at rest, s.
MOVING, RESTING = 10.0, 60.0

#: One that is further behind than this is lifted as soon as it may be again, ms: where a backlog goes by, ten seconds
#: are minutes of event time, and hops keep all events that are not older than their clock.
FAR_MS = 10_000

#: Where nothing comes from anywhere clocks stay this far behind the wall clock, and the allowed lateness more: senders
#: that were cut off for a minute have nothing refused, ms.
AT_REST_MS = 60_000


class Lifts:
    """Which of a worker's origins are lifted now. `quiet` is how long nothing must have come, s.

    Where all are quiet, `live` clocks go by the wall clock. Others have a time of their own: after a minute of nothing
    all go on to where the furthest stands, as by a `business_date` that ends a day. Origins `aside` bring nothing of
    the house: however often they move, no other is lifted after them.
    """

    def __init__(self, *, quiet: float, lateness_ms: int, live: bool, aside: Collection[str] = ()) -> None:
        self.quiet, self.lateness_ms, self.live, self._aside = quiet, lateness_ms, live, frozenset(aside)
        self.begin(0.0, ())

    def begin(self, now: float, own: tuple[str, ...]) -> None:
        """These origins are this worker's from now on; none is quiet yet."""
        self._came = dict.fromkeys(own, now)
        self._moved: dict[str, tuple[int, float]] = {}  # others' origins: front, since when
        self._lowest: deque[tuple[float, int | None]] = deque()
        self._tried: dict[str, tuple[float, float]] = {}  # when it was lifted last, wait before the next lift
        self._rest = False
        self._rests_since = now

    def came(self, channel: str, now: float) -> None:
        """Records of an origin came."""
        self._came[channel] = now
        self._tried.pop(channel, None)

    def is_quiet(self, channel: str, now: float) -> bool:
        """Whether nothing came of one of its own for a while; one that is new since `begin` is not quiet yet."""
        return now - self._came.get(channel, now) >= self.quiet

    def tried(self, channel: str, now: float) -> None:
        """One was lifted, or it was tried."""
        _, wait = self._tried.get(channel, (0.0, self.quiet / 2))
        self._tried[channel] = now, min(2 * wait, RESTING if self._rest else MOVING)

    def due(self, now: float, wall_ms: int, own: Mapping[str, int], heard: Mapping[str, int]) -> dict[str, int]:
        """Quiet origins to be lifted and to what, ms. `own` are their clocks, `heard` the fronts of all origins."""
        lowest = self._look(now, own, heard)
        while len(self._lowest) > 1 and self._lowest[1][0] <= now - self.quiet:
            self._lowest.popleft()
        since, before = self._lowest[0]
        to: int | None = None
        self._rest = lowest is None
        if not self._rest:
            self._rests_since = now
        if lowest is not None:
            if before is not None and since <= now - self.quiet:
                to = min(before, lowest)
        elif self.live:
            to = wall_ms - self.lateness_ms - AT_REST_MS
        elif now - self._rests_since >= AT_REST_MS / 1000:
            to = max(
                (clock for of in (own, heard) for name, clock in of.items() if name not in self._aside), default=None
            )
        if to is None:
            return {}
        return {
            channel: to
            for channel, clock in own.items()
            if clock < to
            and not (self._rest and clock == MISSING)  # the first event ever may be of any time
            and self.is_quiet(channel, now)
            and self._may_again(channel, now, far=not self._rest and to - clock >= FAR_MS)
        }

    def _may_again(self, channel: str, now: float, *, far: bool) -> bool:
        """Whether one was not lifted for long enough; one that is `far` behind waits no longer than to be quiet."""
        at, wait = self._tried.get(channel, (now, 0.0))
        return now - at >= (min(wait, self.quiet) if far else wait)

    def _look(self, now: float, own: Mapping[str, int], heard: Mapping[str, int]) -> int | None:
        """The lowest clock of the origins that are not quiet; None where all are."""
        busy = [
            clock for channel, clock in own.items() if channel not in self._aside and not self.is_quiet(channel, now)
        ]
        for channel, front in heard.items():
            if channel in own or channel in self._aside:
                continue
            known = self._moved.get(channel)
            if known is None:
                self._moved[channel] = (front, now - self.quiet - HEARSAY)
            elif known[0] != front:
                self._moved[channel] = (front, now)
            if now - self._moved[channel][1] < self.quiet + HEARSAY:
                busy.append(front)
        lowest = min((clock for clock in busy if clock != MISSING), default=None)
        self._lowest.append((now, lowest))
        return lowest
