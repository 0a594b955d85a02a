"""One run: the stream flows, officers work its alerts, blows fall and are timed, and in the end all is compared."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bench.chaos.blows import order, strike
from bench.chaos.flow import Flow
from bench.chaos.house import House
from bench.chaos.judge import Judgement, judge_run
from bench.chaos.people import Officers, judge_lives
from bench.chaos.stream import Shape
from bench.chaos.trace import keep
from tests.live.servers import Kafka, RedisServer

__all__ = ["Result", "StuckError", "run_chaos"]

#: A blow that is not got over within this time ends the run, s; and what is left at the end must be done within it.
PATIENCE, END_PATIENCE = 120.0, 300.0

#: What has not moved so long after a blow was hit by it, s; commits under way at the blow are in by then.
SETTLE = 0.6

#: All is judged when nothing has waited and nothing has come for so long, s.
CALM = 3.0


class StuckError(Exception):
    """Raised where the workers do not go on; says which partitions stand still."""


@dataclass
class Result:
    """What a run found; `kept` is the folder with all that is needed to look into a failure."""

    shape: Shape
    rounds: list[dict[str, Any]] = field(default_factory=list)
    judgement: Judgement = field(default_factory=Judgement)
    error: str = ""
    kept: Path | None = None

    @property
    def good(self) -> bool:
        """Whether nothing was lost, doubled or changed, and everything came to an end."""
        return not self.error and not self.judgement.differences


class _Run:
    def __init__(self, house: House, rounds: int, among: Sequence[str]) -> None:
        self.house, self.rng = house, random.Random(house.shape.seed)
        self.blows = order(rounds, self.rng, among)
        self.flow, self.officers = Flow(house), Officers(house)
        self.log = (house.folder / "rounds.jsonl").open("ab", buffering=0)
        self.began = time.monotonic()
        self.stuck: list[str] = []

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

    def until(self, what: str, patience: float, check: Any) -> None:
        """Wait until `check()` is true."""
        end = time.monotonic() + patience
        while not check():
            if time.monotonic() > end:
                standing = {
                    f"{tp.topic}/{tp.partition}": self.flow.ends[tp] - n
                    for tp, n in self.flow.progress().items()
                    if self.flow.ends.get(tp, 0) > n
                }
                raise StuckError(f"{what} took more than {patience:.0f} s; waiting records: {standing}")
            self.wait(0.02)

    def round(self, number: int, what: str) -> dict[str, Any]:
        """One blow at its moment, and the time until every partition moves again."""
        whole = self.house.shape.events
        length = whole / (len(self.blows) + 1)
        begin = length * (number + 0.5)
        moment = begin + self.rng.uniform(0.0, 0.4) * length
        self.flow.gate = int(moment)
        self.until("feeding", PATIENCE * 10, lambda: self.flow.sent >= moment or self.flow.done)
        if number == len(self.blows) // 2:
            self.house.use(1)
        self.note(round=number, blow=what, sent=self.flow.sent)
        self.flow.gate = int(begin + length)
        hurts = []
        for hurt in strike(self.house, what, self.rng, self.wait):
            self.wait(max(0.0, hurt.at + SETTLE - time.monotonic()))
            was, seen, now_ms = self.flow.progress(), time.monotonic(), time.time() * 1000
            of_desk = what.startswith("desk")
            self.until(
                f"getting over {what}",
                PATIENCE,
                lambda: self.officers.decided_ms > now_ms if of_desk else self._over(was, seen),  # noqa: B023  called at once
            )
            took = round(time.monotonic() - hurt.at, 2)
            owned = {w.name: w.owned() for w in self.house.workers}
            hurts.append({"whom": hurt.whom, "recovery_s": took})
            self.note(round=number, blow=what, **hurts[-1], owned=owned)
        return {"at": round(time.monotonic() - self.began, 1), "blow": what, "hurts": hurts}

    def _over(self, was: dict[Any, int], seen: float) -> bool:
        if self.flow.looked <= seen:
            return False
        stuck = sorted(f"{tp.topic}/{tp.partition}" for tp in self.flow.stuck(was))
        if stuck != self.stuck:
            self.stuck = stuck
            self.note(stuck=stuck)
        return not stuck

    def end(self) -> None:
        """Wait until all is fed and all that was fed is judged."""
        self.flow.gate = self.house.shape.events * 2
        self.until("feeding the rest", PATIENCE * 20, lambda: self.flow.done)
        self.note(fed=self.flow.sent)
        calm = [time.monotonic(), -1.0]

        def quiet() -> bool:
            total = float(sum(self.flow.ends.values()))
            if self.flow.lag() > 0 or total != calm[1]:
                calm[:] = time.monotonic(), total
            return self.flow.looked > calm[0] + CALM

        self.until("judging the rest", END_PATIENCE, quiet)
        self.until("deciding the rest", END_PATIENCE, lambda: self.officers.at_rest(CALM))
        shown = [desk for desk in self.house.desks if desk.said("active") == 1]
        self.until("showing the rest", END_PATIENCE, lambda: any(desk.said("redis_waiting") == 0 for desk in shown))
        self.note(judged=True)


@contextmanager
def _house(shape: Shape, folder: Path, *, spares: bool) -> Iterator[House]:
    """Servers, topics and two running workers, gone at the end; Kafka's data stay in `folder` until it is removed."""
    with Kafka(peak=True) as kafka, RedisServer() as redis_server:
        house = House(shape, folder, kafka, redis_server, spares=spares)
        try:
            for worker in house.workers:
                worker.start()
            for desk in house.desks:
                desk.start()
            yield house
        finally:
            for desk in house.desks:
                desk.signal(signal.SIGCONT)
                desk.stop()
            for worker in house.workers:
                worker.signal_child(signal.SIGCONT, within=0)  # a paused one could not end
                worker.stop()


def run_chaos(
    shape: Shape,
    rounds: int,
    folder: Path,
    among: Sequence[str] = (),
    say: Any = print,
    *,
    always: bool = False,
    spares: bool = True,
) -> Result:
    """A whole run; `folder` is made, and removed again where all is good and it is not `always` kept.

    Without `spares` no process waits beside a worker's own: where that dies another is started.
    """
    folder.mkdir(parents=True)
    result = Result(shape)
    with _house(shape, folder, spares=spares) as house:
        run = _Run(house, rounds, among)
        run.note(shape=asdict(shape), blows=run.blows)
        try:
            run.flow.start()
            run.officers.start()
            run.flow.gate = int(shape.events / (rounds + 1) / 2)
            run.until("starting", 120, lambda: any(run.flow.progress().values()))
            for number, what in enumerate(run.blows):
                result.rounds.append(done := run.round(number, what))
                took = ", ".join(f"{hurt['whom']} {hurt['recovery_s']:.2f} s" for hurt in done["hurts"])
                say(f"  {done['at']:6.1f} s  {what:12} moving again after: {took}")
            run.end()
        except StuckError as exc:
            result.error = str(exc)
        finally:
            run.flow.stop()
            run.officers.stop()
        for desk in house.desks:
            desk.signal(signal.SIGCONT)
            desk.stop()
        for worker in house.workers:
            worker.signal_child(signal.SIGCONT, within=0)
            worker.stop()
        if not result.error:
            result.judgement = judge_run(house)
            of_lives, figures = judge_lives(house, run.officers)
            result.judgement.differences += of_lives
            result.judgement.figures |= {**figures, "differences": len(result.judgement.differences)}
        if not result.good:
            keep(house, result.judgement)
            house.kafka.stop()
            shutil.copytree(house.kafka.folder / "data", folder / "kafka-data", dirs_exist_ok=True)
    if result.good and not always:
        shutil.rmtree(folder)
    else:
        result.kept = folder
    return result
