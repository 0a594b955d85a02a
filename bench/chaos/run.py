"""One run: the stream flows, officers work its alerts, blows fall and are timed, and in the end all is compared."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.chaos.blows import order, strike
from bench.chaos.course import PATIENCE, Course, StuckError
from bench.chaos.flow import Flow
from bench.chaos.house import House
from bench.chaos.judge import Judgement, judge_run
from bench.chaos.people import Officers, judge_lives
from bench.chaos.stream import Shape
from bench.chaos.trace import keep
from tests.live.servers import Kafka, RedisServer

__all__ = ["Result", "run_chaos"]

#: What has not moved so long after a blow was hit by it, s; commits under way at the blow are in by then.
SETTLE = 0.6


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


class _Run(Course):
    def __init__(self, house: House, rounds: int, among: Sequence[str]) -> None:
        super().__init__(house, Flow(house), Officers(house))
        self.rng = random.Random(house.shape.seed)
        self.blows = order(rounds, self.rng, among)
        self.stuck: list[str] = []

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
        """Feed the rest, and wait until all that was fed is judged."""
        self.flow.gate = self.house.shape.events * 2
        super().end()


@contextmanager
def _house(shape: Shape, folder: Path, *, spares: bool) -> Iterator[House]:
    """Servers, topics and two running workers, gone at the end; Kafka's data stay in `folder` until it is removed."""
    with Kafka(peak=True) as kafka, RedisServer() as redis_server:
        house = House(shape, folder, kafka, redis_server, spare=spares)
        with house.at_work():
            yield house


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
        house.stop()
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
