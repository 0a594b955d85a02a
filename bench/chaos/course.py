"""The course of a run: what is noted of it, what is waited for, and how it comes to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import orjson

from bench.chaos.flow import Flow
from bench.chaos.house import House
from bench.chaos.people import Officers

__all__ = ["CALM", "PATIENCE", "Course", "StuckError"]

#: A blow that is not got over within this time ends the run, s; and what is left at the end must be done within it.
PATIENCE, END_PATIENCE = 120.0, 300.0

#: All is judged when nothing has waited and nothing has come for so long, s.
CALM = 3.0


class StuckError(Exception):
    """Raised where the workers do not go on; says which partitions stand still."""


class Course:
    """A run over a house: `flow` feeds it and watches its group, `officers` work its alerts."""

    def __init__(self, house: House, flow: Flow, officers: Officers) -> None:
        self.house, self.flow, self.officers = house, flow, officers
        self.log = (house.folder / "rounds.jsonl").open("ab", buffering=0)
        self.began = time.monotonic()

    def note(self, **what: Any) -> dict[str, Any]:
        """Keep a line of what happened."""
        said = {"at": round(time.monotonic() - self.began, 2), "time": int(time.time() * 1000), **what}
        self.log.write(orjson.dumps(said) + b"\n")
        return said

    def wait(self, seconds: float) -> None:
        """Wait; raises what the feeder or the watch failed of."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.flow.error is not None:
                raise StuckError(f"the feeder failed: {self.flow.error!r}") from self.flow.error
            if self.officers.error is not None:
                raise StuckError(f"the officers failed: {self.officers.error!r}") from self.officers.error
            time.sleep(min(left, 0.05))

    def until(self, what: str, patience: float, check: Callable[[], bool]) -> None:
        """Wait until `check()` is true."""
        end = time.monotonic() + patience
        while not check():
            if time.monotonic() > end:
                standing = {
                    f"{tp.topic}/{tp.partition}": self.flow.ends[tp] - n
                    for tp, n in self.flow.progress().items()
                    if self.flow.ends.get(tp, 0) > n
                }
                ago = time.monotonic() - self.flow.looked
                raise StuckError(f"{what} took more than {patience:.0f} s; waiting {ago:.0f} s ago: {standing}")
            self.wait(0.02)

    def end(self) -> None:
        """Wait until all is fed and all that was fed is judged."""
        self.until("feeding the rest", PATIENCE * 20, lambda: self.flow.done)
        self.note(fed=self.flow.sent)
        self.until("judging the rest", END_PATIENCE, self.judged())
        self.until("deciding the rest", END_PATIENCE, lambda: self.officers.at_rest(CALM))
        self.until("showing the rest", END_PATIENCE, self._shown)
        self.note(judged=True)

    def _shown(self) -> bool:
        """Whether Redis shows all that the desk at work has decided."""
        return any(desk.said("active") == 1 and desk.said("redis_waiting") == 0 for desk in self.house.desks)

    def judged(self) -> Callable[[], bool]:
        """Whether all is judged, asked again and again: nothing has waited and nothing has come for a while."""
        calm = [time.monotonic(), -1.0]

        def quiet() -> bool:
            total = float(sum(self.flow.ends.values()))
            if self.flow.lag() > 0 or total != calm[1]:
                calm[:] = time.monotonic(), total
            return self.flow.looked > calm[0] + CALM

        return quiet
