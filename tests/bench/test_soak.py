"""The soak in short: each fault befalls a house at work; no alert is lost, doubled or changed, nothing is left open."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.chaos.blows import kinds_of
from bench.chaos.stream import Shape
from bench.chaos.trace import explain
from bench.soak.command import QUICK, figures, seconds_of
from bench.soak.faults import FAULTS
from bench.soak.run import soak
from tests.live.servers import MissingServerError

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

#: MiB that a worker may have taken from the end of so short a warm-up on: its windows are not full by then.
GROWTH = 200.0


def test_a_house_bears_every_fault(tmp_path: Path) -> None:
    """Redis stands still, disks are full, clocks jump, the broker is restarted, rules change, well and badly."""
    said: list[str] = []
    try:
        shape = Shape(events=0, seed=5, per_second=400)
        done = soak(shape, QUICK, tmp_path / "soak", said.append)
    except MissingServerError as exc:
        if os.environ.get("CI") or os.environ.get("RISK_STREAM_REQUIRE_LIVE"):
            pytest.fail(str(exc))
        pytest.skip(str(exc))
    told = "\n".join([*said, *explain(done.judgement, done.judgement.differences[:5])])
    assert done.good, f"{done.error}\n{told}\nkept: {done.kept}"
    assert set(done.faults) == set(FAULTS)
    found = figures(done, QUICK)
    wanted = ("alerts", "copies", "too_late", "poison", "acts", "closed_by_officers", "log_lines_lost", "reloads")
    assert {name: found[name] for name in wanted if not found[name]} == {}
    assert found["plans"] > 1
    if not done.samples.starts():  # a worker that begins anew begins with new files, tasks and memory
        assert found["fd_growth"] <= 8
        assert found["task_growth"] <= 20
        seen = [s.processes["worker-a"].rss for s in done.samples.taken if s.at >= QUICK.warm]
        assert seen[-1] - seen[0] < GROWTH


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("5m", 300), ("1h", 3600), ("1.5h", 5400), ("45", 45)])
def test_a_time_is_said_as_people_say_it(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


def test_what_is_no_time_is_said() -> None:
    with pytest.raises(ValueError, match="'five' is no time: say it as 90s, 5m or 1h"):
        seconds_of("five")


def test_a_soak_has_the_faults_that_are_named() -> None:
    assert kinds_of("slow redis, clock jump", FAULTS, "fault of a soak") == ["slow redis", "clock jump"]
    assert kinds_of("", FAULTS, "fault of a soak") == list(FAULTS)


def test_what_is_no_fault_is_said() -> None:
    with pytest.raises(ValueError, match="'flood' is no fault of a soak: there are slow redis, full disk, "):
        kinds_of("slow redis,flood", FAULTS, "fault of a soak")
