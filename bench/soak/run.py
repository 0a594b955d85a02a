"""One soak: the stream flows, rules change, faults come round after round, and everything is looked at all the time."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka import TopicPartition

from bench.chaos.course import Course, StuckError
from bench.chaos.house import House, Worker
from bench.chaos.judge import Judgement
from bench.chaos.people import Officers, judge_lives
from bench.chaos.stream import Shape
from bench.chaos.trace import keep
from bench.soak.faults import FAULTS, Clocks, Fault, PatientKafka, PatientRedis
from bench.soak.feed import Feed
from bench.soak.judge import judge_soak
from bench.soak.samples import Samples
from bench.soak.stream import BAD_RULES, rules

__all__ = ["Soak", "Soaked", "soak"]

#: Alerts that Redis keeps, and entries of its stream, for each event a second: those of nearly two minutes, so that all
#: that the desk remembers is there; and it is full after the warm-up.
KEPT_ALERTS = 0.45

#: How long a desk remembers closed alerts and acts, days: less than two minutes, so that it holds all that it ever will
#: after the warm-up; and longer than a broker is away, since an act that was said twice is looked at again after that.
REMEMBERED = 110 / 86_400

#: What a partition of a hop topic keeps, bytes: some minutes of it. So what a restart reads again is there and the
#: beginning is not, as in a house that has run for months; and an hour does not fill the disk.
HOP_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Soak:
    """What is asked for: seconds of load, of which `warm` are not measured; each round of faults takes `lap` seconds.

    `faults` are those that come, in this order. `quiet` seconds at the end of the warm-up and of the load are without
    one. Rules change every `reload` seconds, and half way between two changes somebody saves a file that no worker may
    take.
    """

    seconds: float = 300.0
    warm: float = 120.0
    lap: float = 100.0
    quiet: float = 10.0
    reload: float = 60.0
    look: float = 5.0
    pace: float = 1.0
    workers: int = 1
    faults: Sequence[str] = tuple(FAULTS)


@dataclass
class Soaked:
    """What came of it; `kept` is the folder with all that is needed to look into a failure."""

    samples: Samples
    sent: int = 0
    took: float = 0.0
    reloads: int = 0
    faults: list[str] = field(default_factory=list)
    judgement: Judgement = field(default_factory=Judgement)
    counted: dict[str, float] = field(default_factory=dict)
    error: str = ""
    kept: Path | None = None

    @property
    def good(self) -> bool:
        """Whether nothing was lost, doubled or changed, and everything came to an end."""
        return not self.error and not self.judgement.differences


class _Run(Course):
    def __init__(self, house: House, asked: Soak, clocks: Clocks, say: Callable[[str], None]) -> None:
        self.feed = Feed(house)
        super().__init__(house, self.feed, Officers(house, every=1))
        self.asked, self.say, self.texts = asked, say, [rules(0)]
        self.samples = Samples(house, self.flow, asked.look, house.folder / "samples.jsonl")
        self.fault = Fault(house, clocks, random.Random(house.shape.seed), self.wait_and_change, asked.pace)
        self._loaded = time.monotonic()  # when the load began
        self._changes = 0

    @property
    def at(self) -> float:
        """Seconds of load so far."""
        return time.monotonic() - self._loaded

    def wait_and_change(self, seconds: float) -> None:
        """Wait, and write the rules that are due meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.wait(min(left, 0.2))
            if self.at >= (self._changes + 1) * self.asked.reload / 2:
                self._changes += 1
                self._change()

    def _change(self) -> None:
        if self._changes % 2:
            self.house.write_rules(BAD_RULES)
        else:
            self.texts.append(rules(self._changes // 2))
            self.house.write_rules(self.texts[-1])
        self.note(rules="bad" if self._changes % 2 else "good")

    def load(self) -> list[str]:
        """All of the load; the faults that came, in their order."""
        self.feed.start()
        self.officers.start()
        self.until("starting", 120, lambda: any(self.flow.progress().values()))
        self._loaded = time.monotonic()
        self.samples.start()
        came, asked = list[str](), self.asked
        names = asked.faults
        while self._until(came) < asked.seconds - asked.quiet:
            name = names[len(came) % len(names)]
            self.note(fault=name)
            began = self.at
            FAULTS[name](self.fault)
            came.append(name)
            self.note(over=name)
            self.say(f"  {began:6.1f} s  {name}, over after {self.at - began:.1f} s, {self.flow.lag():,} records wait")
        self.wait_and_change(asked.seconds - self.at)
        self.feed.finish()
        return came

    def judged(self) -> Callable[[], bool]:
        """Whether all is judged: what each topic held has been read, as often as an event may go from one to another.

        Live clocks go on where nothing comes, and hops are told so: they are never calm.
        """
        left = [float(len({tp.topic for tp in self.flow.partitions})), 0.0]
        ends: dict[TopicPartition, int] = {}

        def passed() -> bool:
            read = self.flow.progress()
            if self.flow.looked > left[1] and all(read[tp] >= end for tp, end in ends.items()):
                left[:] = left[0] - 1, self.flow.looked
                ends.update(self.flow.ends)
            return left[0] < 0

        return passed

    def _until(self, came: list[str]) -> float:
        """Wait for the moment of the next fault; seconds of load, or those of the end where there is none any more.

        The first round lies in the warm-up: what only the first fault of a kind needs is no leak. The others follow.
        """
        asked = self.asked
        lap, number = divmod(len(came), len(asked.faults))
        begin = 0.1 * asked.lap + lap * asked.lap if lap == 0 else asked.warm + (lap - 1) * asked.lap
        moment = begin + number * (asked.lap if lap else asked.warm - asked.quiet) / len(asked.faults)
        if moment > asked.seconds - 2 * asked.quiet:
            return asked.seconds
        self.wait_and_change(moment - self.at)
        return self.at


def soak(
    shape: Shape, asked: Soak, folder: Path, say: Callable[[str], None] = print, *, always: bool = False
) -> Soaked:
    """A whole soak; `folder` is made, and removed again where all is good and it is not `always` kept."""
    folder.mkdir(parents=True)
    clocks = Clocks(folder / "clocks")
    kept = max(1000, int(shape.per_second * KEPT_ALERTS))
    with PatientKafka(peak=asked.seconds > 60) as kafka, PatientRedis() as redis_server:
        house = House(
            shape,
            folder,
            kafka,
            redis_server,
            rules=rules(0),
            workers=asked.workers,
            desks=1,
            around=clocks.around(),
            clock="live",
            redis_alerts=kept,
            redis_stream=kept,
            hop_bytes=HOP_BYTES,
            desk_days=REMEMBERED,
        )
        run = _Run(house, asked, clocks, say)
        done = Soaked(run.samples)
        with house.at_work():
            try:
                done.faults = run.load()
                done.sent, done.took = run.feed.sent, run.at
                run.end()
                run.samples.take()
                done.counted = _counted(house.workers)
            except StuckError as exc:
                done.error = str(exc)
            finally:
                run.samples.stop()
                run.flow.stop()
                run.officers.stop()
        done.reloads = len(run.texts) - 1
        if not done.error:
            done.judgement = judge_soak(house, run.texts)
            of_lives, figures = judge_lives(house, run.officers)
            done.judgement.differences += of_lives
            done.judgement.figures |= {**figures, "differences": len(done.judgement.differences)}
        if not done.good:
            keep(house, done.judgement)
    if done.good and not always:
        shutil.rmtree(folder)
    else:
        done.kept = folder
    return done


def _counted(workers: list[Worker]) -> dict[str, float]:
    """What workers counted of faults, since their processes began."""
    wanted = {
        "risk_stream_log_lines_lost_total": "log_lines_lost",
        "risk_stream_redis_failures_total": "redis_failures",
        'risk_stream_plan_reloads_total{result="refused"}': "reloads_refused",
    }
    found = dict.fromkeys(wanted.values(), 0.0)
    for worker in workers:
        for line in worker.lines():
            name, _, value = line.rpartition(" ")
            if name in wanted:
                found[wanted[name]] += float(value)
    return found
