"""Whatever dies, nothing is missed, doubled or changed: the protocol in random schedules, held against an oracle.

The long form is `python -m tests.protocol --schedules 10000 --seed 1`.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.protocol.check import broken_promise, failure
from tests.protocol.decisions import Decisions, ModelDecisions
from tests.protocol.hunt import first_failure
from tests.protocol.mutants import MUTANTS, SCRIPTED, SEEDS
from tests.protocol.product import ProductDecisions
from tests.protocol.schedule import Schedule

HERE = Path(__file__).parent
FIRST, PART = 50_000_000, 22
PARTS = pytest.mark.parametrize("part", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 40))])
SLOWER = [pytest.param(n, marks=pytest.mark.slow) for n in range(FIRST + 2_000_015, FIRST + 2_000_060)]


@PARTS
def test_no_schedule_differs_from_the_oracle(part: int) -> None:
    assert first_failure(FIRST + part * PART, PART) is None


@PARTS
def test_no_schedule_differs_where_the_product_decides(part: int) -> None:
    assert first_failure(FIRST + 1_000_000 + part * PART, PART, ProductDecisions()) is None


def everything_said(seed: int, decisions: Decisions) -> tuple[object, ...]:
    schedule = Schedule(seed, decisions=decisions)
    schedule.run()
    assert broken_promise(schedule) is None
    broker = schedule.broker
    return broker.alerts, broker.rejects, broker.audit, broker.committed, broker.logs


@pytest.mark.parametrize("seed", [*range(FIRST + 2_000_000, FIRST + 2_000_015), *SLOWER])
def test_the_product_decides_as_the_model_does_record_by_record(seed: int) -> None:
    assert everything_said(seed, ProductDecisions()) == everything_said(seed, ModelDecisions())


@pytest.mark.parametrize("mutant", SEEDS)
def test_a_planted_bug_is_seen(mutant: str) -> None:
    """A change of the model moves the seeds: `python -m tests.protocol --mutant NAME` finds another."""
    assert failure(SEEDS[mutant], mutant), f"{mutant}: {MUTANTS[mutant]}"
    assert failure(SEEDS[mutant]) is None, "and it is the bug that is seen"


def test_every_planted_bug_has_a_schedule() -> None:
    assert SEEDS.keys() | SCRIPTED == MUTANTS.keys()
    assert not SEEDS.keys() & SCRIPTED


def test_the_oracle_shares_no_rule_with_the_hops() -> None:
    tree = ast.parse((HERE / "oracle.py").read_text())
    shared = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if (node.module or "").startswith(("tests", "risk_stream"))
    }
    assert shared == {"PLANS", "L", "Broker"}
