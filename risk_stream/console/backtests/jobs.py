"""Starts backtests, one at a time, listens to how far they are, and keeps what the last ones found."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from risk_stream.console.backtests.order import MOST_SECONDS, Order, Said
from risk_stream.console.backtests.turn import Alone, Turn

__all__ = ["Backtests", "BusyError", "Job"]

#: What runs one.
COMMAND = (sys.executable, "-m", "risk_stream.console.backtests.run")
#: Backtests that are remembered, and bytes that one may say in a line.
KEPT, LONGEST_LINE = 20, 64 << 20

State = Literal["starting", "reading", "judging", "done", "failed", "cancelled"]


class BusyError(Exception):
    """Raised where one runs already; the text is one sentence that says whose."""


class Job(msgspec.Struct, kw_only=True):
    """A backtest: what was asked by whom, how far it is, and what it found."""

    id: str
    by: str
    asked: dict[str, Any]
    started: int  # ms
    state: State = "starting"
    done: int = 0
    all: int = 0
    ended: int | None = None
    why: str = ""
    problems: list[dict[str, Any]] = []
    report: dict[str, Any] | None = None

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.state in {"starting", "reading", "judging"}


class Backtests:
    """`await start`, `get`, `await cancel`; `await stop()` at the end."""

    def __init__(
        self, turn: Turn | None = None, *, seconds: float = MOST_SECONDS, command: Sequence[str] = COMMAND
    ) -> None:
        self._turn, self._seconds, self._command = turn or Alone(), seconds, tuple(command)
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._runs: dict[str, asyncio.Task[None]] = {}  # by id; of one that was cancelled until its process is gone

    @property
    def running(self) -> Job | None:
        """The one that runs."""
        return next((job for job in reversed(self._jobs.values()) if job.running), None)

    def all(self) -> list[Job]:
        """Those that are remembered, the newest first, without what they found."""
        return [msgspec.structs.replace(job, report=None) for job in reversed(self._jobs.values())]

    def get(self, id: str) -> Job | None:
        """One that is remembered."""
        return self._jobs.get(id)

    async def start(self, order: Order, by: str, asked: dict[str, Any], key: str = "") -> Job:
        """Start one; the same key of the same person is the same backtest. Raises `BusyError` where another runs."""
        id = key or secrets.token_hex(8)
        known = self._jobs.get(id)
        if known is not None:
            return known
        busy = self.running
        if busy is not None:
            raise BusyError(f"a backtest of {busy.by} is running, one at a time: wait for it, or cancel it")
        job = self._jobs[id] = Job(id=id, by=by, asked=asked, started=_now())
        await asyncio.gather(*self._runs.values(), return_exceptions=True)  # those before are over, and let go
        if (holder := await self._turn.take(id, by)) is not None:
            del self._jobs[id]
            raise BusyError(f"a backtest of {holder} is running in another console: wait for it")
        while len(self._jobs) > KEPT:
            self._jobs.popitem(last=False)
        run = self._runs[id] = asyncio.create_task(self._run(job, order))
        run.add_done_callback(lambda _: self._runs.pop(id, None))
        return job

    async def cancel(self, id: str) -> Job | None:
        """End one that runs; one that has ended stays as it is."""
        job = self._jobs.get(id)
        if job is not None:
            _end(job, "cancelled", "it was cancelled")
            await self._gone([id])
        return job

    async def stop(self) -> None:
        """End what runs."""
        for job in self._jobs.values():
            _end(job, "cancelled", "the console ended")
        await self._gone([*self._runs])

    async def _gone(self, ids: Sequence[str]) -> None:
        """Return when the processes of some are no more."""
        runs = [self._runs[id] for id in ids if id in self._runs]
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)

    async def _run(self, job: Job, order: Order) -> None:
        process: asyncio.subprocess.Process | None = None
        keeping = asyncio.create_task(self._turn.keep(job.id))
        folder = tempfile.TemporaryDirectory(prefix="risk-stream-backtest-", ignore_cleanup_errors=True)
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LONGEST_LINE
            )
            assert process.stdin is not None
            process.stdin.write(msgspec.json.encode(msgspec.structs.replace(order, folder=folder.name)) + b"\n")
            async with asyncio.timeout(self._seconds):
                await process.stdin.drain()
                await self._listen(job, process)
        except TimeoutError:
            long = f"{self._seconds / 60:,.0f} minutes"
            _end(job, "failed", f"it took more than {long}: run risk-stream rules backtest, which may take longer")
        except (OSError, ValueError, msgspec.MsgspecError) as exc:
            _end(job, "failed", f"its process cannot be heard: {exc}")
        finally:
            if process is not None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.communicate()  # closes its pipes
            keeping.cancel()
            await self._turn.give_back(job.id)
            await asyncio.to_thread(folder.cleanup)
            _end(job, "failed", "its process was killed, or ran out of memory")

    async def _listen(self, job: Job, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while job.running and (line := await process.stdout.readline()):
            _heard(job, msgspec.json.decode(line, type=Said))


def _heard(job: Job, said: Said) -> None:
    """Take a line of its process; of one that was cancelled meanwhile nothing."""
    if not job.running:
        return
    if said.phase in {"reading", "judging"}:
        job.state, job.done, job.all = said.phase, said.done, said.all
    elif said.phase == "done":
        job.report = said.report
        _end(job, "done", "")
    else:
        job.problems = said.problems
        _end(job, "failed", said.why)


def _end(job: Job, state: State, why: str) -> None:
    """How it ended; what ended already stays as it is."""
    if job.running:
        job.state, job.why, job.ended = state, why, _now()


def _now() -> int:
    return int(time.time() * 1000)
