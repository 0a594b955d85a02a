"""The plugins of pytest under which mutants are run: which test reaches which line, and then each mutant in a fork.

The tests are collected once. A mutant is a fork of that process with one function changed, which runs the tests that
reach its line, the quickest first, until one fails: no start, no imports and no collection for each of them.
"""

from __future__ import annotations

import bisect
import gc
import itertools
import json
import os
import resource
import select
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import Phase

from tests.mutants.places import Mutant, NotPlantedError, living, plant
from tests.properties import draw, is_property

__all__ = ["Reach", "Runner"]

ROOT = Path(__file__).parents[2]
#: A test that takes longer on the processor, s, where kernels are Python, is left out.
LONGEST_S = 40.0
#: Seconds of processor time, as the tests took them unchanged, that are spent on one mutant: on each, and then on those
#: that were not seen, for which Hypothesis may draw so many times as many examples.
FIRST_S, LONGER_S, DEEPER = 8.0, 90.0, 10
#: A mutant on which a test takes so many times as long, and these seconds more, has been seen: it does not end.
SLOWER, MORE_S = 4, 2.0
#: However busy the machine is: seconds on the clock.
PATIENCE_S = 600.0
#: A mutant that asks for memory without end has been seen too.
MEMORY = 8 << 30


def shallow(items: Sequence[pytest.Item], examples: int) -> None:
    """Bound what Hypothesis draws for each test, and draw the same each time."""
    phases = (Phase.explicit, Phase.generate)
    draw(items, lambda named: min(named, examples), phases=phases, database=None, derandomize=True, deadline=None)


class Reach:
    """While coverage measures: tells it which test runs, and keeps how long each took on the processor."""

    def __init__(self, times: Path, examples: int) -> None:
        self._times, self._examples = times, examples
        self._passed = True  # what this test has come to so far

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Bound the depth of each."""
        shallow(items, self._examples)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        """One test, under its own name."""
        import coverage

        measured = coverage.Coverage.current()
        assert measured is not None
        measured.switch_context(item.nodeid)
        began, self._passed = time.process_time(), True
        signal.signal(signal.SIGVTALRM, _leave_out)
        signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST_S)
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            measured.switch_context("")
            if (took := time.process_time() - began) < LONGEST_S and self._passed:
                with self._times.open("a") as told:
                    told.write(json.dumps([item.nodeid, round(took, 4)]) + "\n")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test that fails or is skipped as things are shows no fault."""
        self._passed &= report.passed


def _leave_out(_number: int, _frame: object) -> None:
    pytest.skip(f"takes more than {LONGEST_S:g} s here")


class Runner:
    """Instead of the tests: each mutant, with the tests that reach its line.

    Args:
        mutants: what is run, in this order.
        reached: (file, line) -> the ids of the tests that reach it, the quickest first.
        seconds: how long each takes.
        told: a file that is given a line of JSON for each mutant.
        examples: how many examples Hypothesis may draw in a test.
        longer: whether these were not seen before: then with the tests that were not run for want of time, and with
            the properties once more, drawn `DEEPER`.
        prepare: done once before the first fork, when all tests are loaded.
    """

    def __init__(
        self,
        mutants: Sequence[Mutant],
        reached: Mapping[tuple[str, int], Sequence[str]],
        seconds: Mapping[str, float],
        told: Path,
        examples: int,
        prepare: Callable[[], None],
        *,
        longer: bool = False,
    ) -> None:
        self._mutants, self._reached, self._seconds = mutants, reached, dict(seconds)
        self._told, self._prepare, self._longer = told, prepare, longer
        self._examples = examples * (DEEPER if longer else 1)
        self._loaded: Mapping[str, Sequence[FunctionType]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Bound the depth of each, and count with how long that takes."""
        shallow(items, self._examples)
        for item in items:
            if self._longer and is_property(item) and item.nodeid in self._seconds:
                self._seconds[item.nodeid] *= DEEPER

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run all mutants."""
        items = {item.nodeid: item for item in session.items}
        gc.unfreeze()  # the suite has frozen what it loaded (tests/conftest.py), and no function would be found
        self._prepare()
        self._loaded = living(ROOT)
        gc.freeze()  # a fork that counts references to what is here would copy all of it
        for number, mutant in enumerate(self._mutants, 1):
            reached = self._reached.get((mutant.path, mutant.line)) or self._reached.get(
                (mutant.path, mutant.statement)
            )
            tests = [items[id] for id in reached or () if id in items]
            began = time.monotonic()
            outcome, by = self._judge(mutant, self._chosen(tests)) if tests else ("unreached", "")
            line = {"place": mutant.place, "mutant": str(mutant), "outcome": outcome, "by": by}
            with self._told.open("a") as told:
                took = round(time.monotonic() - began, 2)
                told.write(json.dumps({**line, "longer": self._longer, "seconds": took}) + "\n")
            if outcome not in {"failed", "ended"}:
                os.write(2, f"{number} of {len(self._mutants)}: {outcome}: {mutant}\n".encode())
        return True

    def _chosen(self, tests: Sequence[pytest.Item]) -> list[pytest.Item]:
        """The quickest, until what is spent on a mutant is spent; and properties first where it had the quickest."""
        if self._longer:
            tests = sorted(tests, key=lambda item: not is_property(item))
        sums = list(itertools.accumulate(self._seconds.get(item.nodeid, 0.1) for item in tests))
        return list(tests[: max(1, bisect.bisect_right(sums, LONGER_S if self._longer else FIRST_S))])

    def _judge(self, mutant: Mutant, chosen: Sequence[pytest.Item]) -> tuple[str, str]:
        """(failed, ended, survived or unplanted; the test that saw it or why it could not be planted)."""
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.close(read)
                self._live(mutant, chosen, write)
            finally:
                os._exit(70)
        os.close(write)
        said, ends = b"", time.monotonic() + PATIENCE_S
        while select.select([read], [], [], max(0.0, ends - time.monotonic()))[0]:
            if not (part := os.read(read, 65536)):
                break
            said += part
        else:
            os.kill(child, signal.SIGKILL)
        os.close(read)
        os.waitpid(child, 0)
        outcome, _, by = (said.decode().splitlines() or [""])[-1].partition(" ")
        return ("ended", by) if outcome == "running" else (outcome or "ended", by)

    def _live(self, mutant: Mutant, tests: Sequence[pytest.Item], write: int) -> None:
        """In the fork: plant the fault, run the tests, say what happens and end."""
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)

        def say(text: str) -> None:
            os.write(write, f"{text}\n".encode())

        try:
            plant(mutant, ROOT, self._loaded)
        except NotPlantedError as exc:
            say(f"unplanted {exc}")
            os._exit(0)
        for item, following in zip(tests, [*tests[1:], None], strict=True):
            say(f"running {item.nodeid}")
            signal.setitimer(signal.ITIMER_VIRTUAL, SLOWER * self._seconds.get(item.nodeid, 0.1) + MORE_S)
            if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
                say(f"failed {item.nodeid}")
                os._exit(0)
        say("survived")
        os._exit(0)
