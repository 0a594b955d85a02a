"""One backtest at a time, told how far it is; whatever its process does, it ends and says how."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from risk_stream.console.backtests import Backtests, BusyError, Job, Order
from risk_stream.console.backtests.jobs import KEPT

ORDER = Order(settings="{}", sides={})
HEAD = "import sys, json, time; order = json.loads(sys.stdin.readline())\n"
JUDGING = 'print(json.dumps({"phase": "judging", "done": 3, "all": 9}), flush=True)\n'
DONE = 'print(json.dumps({"phase": "done", "report": {"folder": order["folder"]}}), flush=True)\n'


def backtests(script: str, seconds: float = 30.0) -> Backtests:
    return Backtests(seconds=seconds, command=(sys.executable, "-S", "-c", HEAD + script))


async def ended(job: Job) -> Job:
    async with asyncio.timeout(30):
        while job.running:
            await asyncio.sleep(0.01)
    return job


def tried(script: str, act: Callable[[Backtests, Job], Awaitable[object]] | None = None, seconds: float = 30.0) -> Job:
    async def work() -> Job:
        made = backtests(script, seconds)
        job = await made.start(ORDER, "li", {"tries": "in_force"})
        try:
            if act is not None:
                await act(made, job)
            return await ended(job)
        finally:
            await made.stop()

    return asyncio.run(work())


def test_what_it_finds_is_kept_and_its_folder_is_not() -> None:
    job = tried(JUDGING + DONE)
    assert (job.state, job.done, job.all, job.why) == ("done", 3, 9, "")
    assert job.report is not None
    assert job.ended is not None
    folder = Path(job.report["folder"])
    assert folder.name.startswith("risk-stream-backtest-")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("sys.exit(1)\n", "its process was killed, or ran out of memory"),
        ("print('nonsense', flush=True); time.sleep(60)\n", "its process cannot be heard: "),
        ('print(json.dumps({"phase": "failed", "why": "there is no event"}), flush=True)\n', "there is no event"),
    ],
)
def test_one_that_ends_without_a_report_says_why(script: str, said: str) -> None:
    job = tried(script)
    assert job.state == "failed"
    assert job.why.startswith(said)


def test_one_that_takes_too_long_is_ended() -> None:
    job = tried(JUDGING + "time.sleep(60)\n", seconds=0.5)
    assert job.state == "failed"
    assert job.why.endswith("run risk-stream rules backtest, which may take longer")


def test_one_that_is_cancelled_stays_so() -> None:
    async def cancel(made: Backtests, job: Job) -> None:
        async with asyncio.timeout(30):
            while job.state != "judging":
                await asyncio.sleep(0.01)
        await made.cancel(job.id)

    job = tried(JUDGING + "time.sleep(60)\n", cancel)
    assert (job.state, job.why, job.report) == ("cancelled", "it was cancelled", None)


def test_another_waits_until_it_has_ended() -> None:
    async def another(made: Backtests, job: Job) -> None:
        with pytest.raises(BusyError, match="a backtest of li is running"):
            await made.start(ORDER, "zhou", {})
        await made.cancel(job.id)
        assert (await made.start(ORDER, "zhou", {})).by == "zhou"

    tried(JUDGING + "time.sleep(60)\n", another)


def test_the_last_ones_are_remembered() -> None:
    async def work() -> list[Job]:
        made = backtests("sys.exit(1)\n")
        for n in range(KEPT + 3):
            job = await made.start(ORDER, f"p{n}", {})
            await made.cancel(job.id)
        await made.stop()
        return made.all()

    found = asyncio.run(work())
    assert len(found) == KEPT
    assert found[0].by == f"p{KEPT + 2}"
