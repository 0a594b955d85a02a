"""Rules that judge some time after their event say at last what is true of then, whatever comes when, whoever dies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from risk_stream.engine import hop
from risk_stream.engine.plans import Plans
from risk_stream.engine.timers import Timers
from tests.engine.test_schedules import hard, judged_right, judged_right_by_plans, worlds

pytestmark = pytest.mark.timeout(3600)


@hard
@given(world=worlds(1, later=True))
def test_what_is_judged_later_is_a_function_of_the_accepted_events(tmp_path: Path, world: dict[str, Any]) -> None:
    judged_right(tmp_path, **world, crashes=0.0)


@hard
@given(world=worlds(1, later=True), crashes=st.sampled_from([0.05, 0.3]))
def test_what_waits_is_there_after_a_restart(tmp_path: Path, world: dict[str, Any], crashes: float) -> None:
    judged_right(tmp_path, **world, crashes=crashes)


@hard
@given(world=worlds(2, later=True), crashes=st.sampled_from([0.0, 0.2]))
def test_what_waits_is_judged_by_the_plan_of_its_event(tmp_path: Path, world: dict[str, Any], crashes: float) -> None:
    judged_right_by_plans(tmp_path, **world, crashes=crashes)


# What the schedules are worth: each of these faults must be found by them.

LOAD = Timers.load


def fires_again_after_a_restart(self: Timers, part: bytes) -> None:
    LOAD(self, part)
    for of in self._chunks:
        for name, timer in of.items():
            of[name] = replace(timer, fired=False)


FAULTS: dict[str, tuple[Any, str, Any]] = {
    "what has fired fires again after a restart": (Timers, "load", fires_again_after_a_restart),
    "a late event does not revise what was due before it": (hop, "say_again", lambda *args: None),
    "what is due is judged by the newest plan": (Plans, "versioned", lambda self, version: self.held[-1]),
    "what waits is forgotten at a restart": (Timers, "load", lambda self, part: None),
    "what waits does not hold its plan": (Timers, "plans", ()),
    "facts that change do not change what waits": (Timers, "amend", lambda self, *args: None),
    "only events move time on": (hop.Hop, "_pass_time", lambda self, *args: None),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_found(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*FAULTS[fault])
    search = settings(hard, max_examples=400, phases=[Phase.generate], database=None, derandomize=True)

    @search
    @given(world=worlds(1, later=True))
    def one(world: dict[str, Any]) -> None:
        judged_right(tmp_path, **world, crashes=0.2)

    @search
    @given(world=worlds(2, later=True))
    def two(world: dict[str, Any]) -> None:
        judged_right_by_plans(tmp_path, **world, crashes=0.0)

    with pytest.raises((AssertionError, KeyError, StopIteration)):
        (two if "plan" in fault else one)()
