"""A release takes the place of the one before in a house at work, process by process, and nothing is lost or doubled.

The older release is its own code, taken out of the repository's history. It makes the topics, and its workers and desks
work first; then one of this release takes the place of each, while the other old one goes on and events come in.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.chaos.course import Course
from bench.chaos.flow import Flow
from bench.chaos.house import DeskProcess, House, Worker, of_release
from bench.chaos.judge import Judgement, judge_run
from bench.chaos.people import Officers, judge_lives
from bench.chaos.stream import Shape
from bench.chaos.trace import explain, keep
from tests.live.servers import Kafka, RedisServer

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]

#: Releases that this one takes the place of. The first is that of an image here: it knew neither desks nor canaries,
#: and its event types were others. The second is the first whose desks were hurt by the chaos test.
WITHOUT_DESKS, WITH_DESKS = "2a39014", "39d0746"

#: How long a process may take to be at work, s.
PATIENCE = 180.0


@pytest.fixture(scope="module")
def code_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder with the code of a release, compiled."""

    def take_out(commit: str) -> Path:
        git = shutil.which("git")
        if git is None:
            pytest.skip("there is no git here, which has the code of the release before")
        packed = subprocess.run([git, "-C", str(ROOT), "archive", commit], capture_output=True)
        if packed.returncode:
            pytest.skip(f"this clone has not all of its history: {commit}, the release before, is not in it")
        folder = tmp_path_factory.mktemp(commit)
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as tar:
            tar.extractall(folder, filter="data")
        argv = [sys.executable, "-m", "risk_stream", "warm"]
        subprocess.run(argv, cwd=folder, env=of_release(folder), check=True, timeout=600)
        return folder

    return take_out


class Upgrade(Course):
    """A stream through a house of another release, whose processes are replaced one by one."""

    def __init__(self, house: House, sections: int) -> None:
        super().__init__(house, Flow(house), Officers(house))
        self.section = house.shape.events // sections

    def feed(self) -> None:
        """Have a section of the stream judged by those that are at work now."""
        goal = self.flow.gate + self.section
        self.flow.gate = goal
        self.until("feeding", PATIENCE, lambda: self.flow.sent >= goal or self.flow.done)

    def replace_worker(self, which: int) -> None:
        """Stop a worker; one of this release is at work in its place when this returns."""
        house, come = self.house, Worker(f"new-worker-{which}", self.house.settings, self.house.folder)
        house.workers[which].stop()
        house.workers[which] = come
        come.start()
        self.until(f"starting {come.name}", PATIENCE, lambda: bool(come.owned()))

    def replace_desk(self, which: int) -> None:
        """The same of a desk: either it or the other one decides."""
        house, come = self.house, DeskProcess(f"new-desk-{which}", self.house.settings, self.house.folder)
        house.desks[which].stop()
        house.desks[which] = come
        self.start_desk(come)

    def start_desk(self, desk: DeskProcess) -> None:
        """It is there, and one decides, when this returns."""
        desk.start()
        self.until(f"starting {desk.name}", PATIENCE, lambda: desk.said("active") is not None)
        self.until("taking over", PATIENCE, lambda: any(one.said("active") == 1 for one in self.house.desks))

    def end(self) -> None:
        """Put other rules in force, now that only this release is at work, and let all be judged."""
        self.feed()
        self.house.use(1)
        self.flow.gate = 2 * self.house.shape.events
        super().end()

    def judged_in_the_end(self) -> Judgement:
        """What alerts, Redis, rejects and the log of what people did have in the end, against what must be there."""
        self.flow.stop()
        self.officers.stop()
        self.house.stop()
        found = judge_run(self.house)
        of_lives, figures = judge_lives(self.house, self.officers)
        found.differences += of_lives
        found.figures |= figures
        keep(self.house, found)
        return found


def is_good(found: Judgement) -> None:
    """No difference, and something of all that there may be."""
    assert not found.differences, "\n".join(explain(found, found.differences[:5]))
    wanted = ("alerts", "copies", "too_late", "second_plan", "acts", "closed_by_officers")
    assert {name: found.figures[name] for name in wanted if not found.figures[name]} == {}


def test_workers_and_desks_are_replaced_one_by_one_and_nothing_is_lost_doubled_or_changed(
    code_of: Callable[[str], Path], kafka: Kafka, redis_server: RedisServer, tmp_path: Path
) -> None:
    """Both releases share the partitions meanwhile; every act of an officer is decided once, by whichever desk."""
    shape = Shape(events=9_000, seed=2901, per_second=250)
    house = House(shape, tmp_path / "house", kafka, redis_server, code=code_of(WITH_DESKS), spare=False)
    upgrade = Upgrade(house, sections=7)
    with house.at_work():
        upgrade.flow.start()
        upgrade.officers.start()
        upgrade.until("starting", PATIENCE, lambda: all(worker.owned() for worker in house.workers))
        upgrade.feed()
        for which in range(2):
            upgrade.replace_worker(which)
            upgrade.until("sharing", PATIENCE, lambda: all(worker.owned() for worker in house.workers))
            upgrade.feed()
            upgrade.replace_desk(which)
            upgrade.feed()
        upgrade.end()
        found = upgrade.judged_in_the_end()
    is_good(found)


def test_a_release_of_other_event_types_is_replaced_once_its_plan_was_published(
    code_of: Callable[[str], Path], kafka: Kafka, redis_server: RedisServer, tmp_path: Path
) -> None:
    """All judge by the plan as the older release named it, until it is withdrawn; desks come afterwards."""
    shape = Shape(events=7_000, seed=2902, per_second=250)
    code = code_of(WITHOUT_DESKS)
    house = House(shape, tmp_path / "house", kafka, redis_server, code=code, desks=0, spare=False)
    house.command("rules", "publish", release=of_release(code))
    upgrade = Upgrade(house, sections=5)
    with house.at_work():
        upgrade.flow.start()
        upgrade.until("starting", PATIENCE, lambda: all(worker.owned() for worker in house.workers))
        upgrade.feed()
        for which in range(2):
            upgrade.replace_worker(which)
            upgrade.feed()
        house.command("rules", "publish", "--withdraw")
        house.desks.append(DeskProcess("desk", house.settings, house.folder))
        upgrade.officers.start()
        upgrade.start_desk(house.desks[0])
        upgrade.end()
        found = upgrade.judged_in_the_end()
    is_good(found)
