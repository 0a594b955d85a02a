"""The chaos test in short: workers and a desk are hurt under load; nothing is lost or doubled.

A broker that is started again and a slow Redis are faults of the soak (tests/bench/test_soak.py), either is killed in
tests/live/test_worker.py, and quiet origins are lifted in tests/live/test_origins.py; all of it comes in `make chaos`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.chaos.run import run_chaos
from bench.chaos.stream import Shape
from bench.chaos.trace import explain
from tests.live.servers import MissingServerError

pytestmark = [pytest.mark.live, pytest.mark.timeout(560)]


def test_whatever_dies_two_workers_say_what_one_would_undisturbed(tmp_path: Path) -> None:
    """A desk and a paused worker's heir are killed: all is as it was.

    Every act of an officer is decided once, as one desk would have that nothing happened to.
    """
    blows = ("zombie", "desk")
    try:
        shape = Shape(events=3_000, seed=17, per_second=250)
        result = run_chaos(shape, len(blows), tmp_path / "chaos", blows, spares=False)
    except MissingServerError as exc:
        if os.environ.get("CI") or os.environ.get("RISK_STREAM_REQUIRE_LIVE"):
            pytest.fail(str(exc))
        pytest.skip(str(exc))
    told = "\n".join(explain(result.judgement, result.judgement.differences[:5]))
    assert result.good, f"{result.error}\n{told}\nkept: {result.kept}"
    found = result.judgement.figures
    assert sorted(r["blow"] for r in result.rounds) == sorted(blows)
    wanted = ("alerts", "copies", "too_late", "poison", "second_plan", "acts", "closed_by_officers")
    assert {name: found[name] for name in wanted if not found[name]} == {}
