"""A good edit of the rules is taken over, a bad one refused whole and said with its place."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from risk_stream.catalogue import Catalogue
from risk_stream.rules import Plan, PlanSource
from risk_stream.sinks import Metrics
from risk_stream.stream.plans import PlanWatcher
from tests.stream.conftest import RULES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(RULES)
    return tmp_path


@pytest.fixture
def used() -> list[Plan]:
    return []


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def watcher(folder: Path, catalogue: Catalogue, metrics: Metrics, used: list[Plan]) -> PlanWatcher:
    return PlanWatcher(PlanSource([folder], catalogue), metrics, used.append)


def look(watcher: PlanWatcher, text: str | None = None, folder: Path | None = None) -> None:
    if text is not None and folder is not None:
        (folder / "rules.yaml").write_text(text)
    asyncio.run(watcher.look())


def test_nothing_changed_is_nothing_done(watcher: PlanWatcher, used: list[Plan], metrics: Metrics) -> None:
    """The plan of the start is in force, and said."""
    look(watcher)
    assert used == []
    assert metrics.get("risk_stream_plan_info", watcher.source.plan.version, "2") == 1


def test_a_good_edit_is_in_force(watcher: PlanWatcher, folder: Path, used: list[Plan], metrics: Metrics) -> None:
    """And only its version is said."""
    old = watcher.source.plan.version
    look(watcher, RULES.replace("9000", "8000"), folder)
    (plan,) = used
    assert plan.version != old
    assert metrics.get("risk_stream_plan_info", plan.version, "2") == 1
    assert metrics.get("risk_stream_plan_info", old, "2") == 0
    assert metrics.get("risk_stream_plan_reloads_total", "loaded") == 1


def test_a_bad_edit_changes_nothing_and_is_said_once(
    watcher: PlanWatcher, folder: Path, used: list[Plan], metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    """File, line and column of each problem; the last good plan stays."""
    look(watcher, RULES.replace("amount > 9000", "amuont > 9000"), folder)
    look(watcher)
    assert used == []
    assert metrics.get("risk_stream_plan_reloads_total", "refused") == 1
    errors = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert "stays in force" in errors[0]
    assert "rules.yaml:18:" in errors[1]
    assert len(errors) == 2


def test_an_edit_that_is_mended_is_in_force(watcher: PlanWatcher, folder: Path, used: list[Plan]) -> None:
    """After the bad one."""
    look(watcher, "stage: [", folder)
    look(watcher, RULES.replace("9000", "7000"), folder)
    assert len(used) == 1


def test_an_emptied_folder_is_refused(watcher: PlanWatcher, folder: Path, used: list[Plan], metrics: Metrics) -> None:
    """Somebody moved the rules away: judging goes on by the last good plan."""
    (folder / "rules.yaml").unlink()
    look(watcher)
    assert used == []
    assert metrics.get("risk_stream_plan_reloads_total", "refused") == 1
