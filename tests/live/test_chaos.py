"""The chaos test in short: workers, a desk, a broker and a Redis are hurt under load; nothing is lost or doubled.

It is the smallest of what `make chaos` does. In `make test` the same comparison is made of the soak (tests/bench), in
which servers are hurt; tests/live has workers die one by one, and tests/stream/test_lanes.py all at once, in memory.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.chaos.run import run_chaos
from bench.chaos.stream import Shape
from bench.chaos.trace import explain
from tests.live.servers import MissingServerError

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(560)]


def test_whatever_dies_two_workers_say_what_one_would_undisturbed(tmp_path: Path) -> None:
    """The broker, a desk and a paused worker's heir are killed, and Redis is emptied and rebuilt: all is as it was.

    Every act of an officer is decided once, as one desk would have that nothing happened to.
    """
    blows = ("broker", "zombie", "redis-empty", "desk")
    try:
        shape = Shape(events=6_000, seed=12, per_second=250)
        result = run_chaos(shape, len(blows), tmp_path / "chaos", blows, spares=False)
    except MissingServerError as exc:
        if os.environ.get("CI") or os.environ.get("RISK_STREAM_REQUIRE_LIVE"):
            pytest.fail(str(exc))
        pytest.skip(str(exc))
    told = "\n".join(explain(result.judgement, result.judgement.differences[:5]))
    assert result.good, f"{result.error}\n{told}\nkept: {result.kept}"
    found = result.judgement.figures
    assert sorted(r["blow"] for r in result.rounds) == sorted(blows)
    wanted = ("alerts", "copies", "too_late", "poison", "second_plan", "lifts", "acts", "closed_by_officers")
    assert {name: found[name] for name in wanted if not found[name]} == {}
