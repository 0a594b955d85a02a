"""What a backtest says does not depend on the number of processes, and is what the engine says of the same events."""

from __future__ import annotations

import os
import signal
from functools import cache
from pathlib import Path

import psutil
import pytest

from risk_stream.catalogue import Decoder
from risk_stream.engine import Alert, Engine, final
from risk_stream.rules import Plan, load_plan
from risk_stream.workbench.backtest import RunError, Sides, run
from tests.workbench.backtest import CATALOGUE, LATENESS, chunks, market, plan_of, transfer

PACKS = Path(__file__).parents[3] / "rules"


@cache
def packs() -> Plan:
    return Sides({"rules": load_plan([PACKS], CATALOGUE)}).plan


def in_the_end(alerts: list[Alert]) -> dict[str, tuple[object, ...]]:
    return {a.id: (a.rule, a.event, a.severity, a.score, a.features, a.inexact, a.summary) for a in final(alerts)}


def said_by(plan: Plan, processes: int, size: int, last: int = 0) -> tuple[dict[str, tuple[object, ...]], int]:
    alerts, judged = list[Alert](), 0
    for spoken in run(plan, chunks(market()[-last:], size), processes=processes, lateness_ms=LATENESS):
        assert spoken.errors == {}
        alerts += spoken.alerts
        judged += spoken.events
    return in_the_end(alerts), judged


@pytest.mark.parametrize("size", [301, pytest.param(1_000, marks=pytest.mark.slow)])
def test_it_is_what_the_engine_says_however_the_past_is_cut(size: int) -> None:
    """Late events, copies and all: chunks of other sizes, several hops, all shipped rules."""
    engine, decoder, alerts, late = Engine(packs(), lateness_ms=LATENESS), Decoder(CATALOGUE), list[Alert](), 0
    values = market()
    for at in range(0, len(values), 777):
        batch, _, rejects = decoder.decode(values[at : at + 777], str)
        assert rejects == []
        result = engine.apply(batch)
        late += len(result.late)
        alerts += result.alerts
    expected = in_the_end(alerts)
    assert len(expected) > 40
    assert said_by(packs(), 1, size) == (expected, len(values) - late)


@pytest.mark.timeout(180)
def test_several_processes_say_the_same() -> None:
    alone = said_by(packs(), 1, 250, 4_000)
    assert alone[0]
    assert said_by(packs(), 3, 250, 4_000) == alone


@pytest.mark.timeout(60)
def test_a_process_that_dies_ends_the_run_in_a_sentence_and_leaves_none_behind() -> None:
    rounds = run(
        plan_of(), chunks([transfer(n, 1000 * n) for n in range(2_000)], 10), processes=2, lateness_ms=LATENESS
    )
    next(rounds)
    children = [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]
    assert len(children) == 2
    os.kill(children[0].pid, signal.SIGKILL)
    with pytest.raises(RunError, match="was killed, or ran out of memory"):
        for _ in rounds:
            pass
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


def test_records_that_are_no_events_are_counted_with_their_lines() -> None:
    given = [transfer(1, 0), b"{", transfer(2, 100), b'{"type": "transfer"}']
    refused = [r for spoken in run(plan_of(), chunks(given), processes=1, lateness_ms=0) for r in spoken.refused]
    assert [(r.name, r.line) for r in refused] == [("given", 2), ("given", 4)]
    assert all(r.message for r in refused)
