"""What every run of the suite ends with: each skipped test by its name, and no skipped live test where CI is set."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.live.fixtures import *  # noqa: F403  the servers and a worker on them, for every live test
from tests.properties import draw, is_property

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

#: How much of the examples that a property names is drawn, by Hypothesis' profile: the suite draws some of them anew in
#: each run, `make chaos` more than all (`--hypothesis-profile=deep`).
SHARES = {"house": 0.3, "full": 1.0, "deep": 3.0}
for _name in SHARES:
    settings.register_profile(_name, deadline=None)  # how long a machine takes is none of a test's business
settings.load_profile("house")


#: The files that take longest, in the order in which they are begun: a live one waits for most of its time, and leaves
#: the core to one that reckons.
LONGEST = (
    "console/browser/test_browser.py",
    "live/test_worker.py",
    "engine/test_timers.py",
    "engine/test_engine.py",
    "protocol/test_protocol.py",
    "features/test_state.py",
    "engine/test_schedules.py",
    "live/test_origins.py",
    "packs/test_found.py",
    "cli/test_demo.py",
    "packs/test_packs.py",
    "workbench/backtest/test_run.py",
    "stream/test_lanes.py",
    "bench/test_soak.py",
    "rules/test_fuzz.py",
    "rules/language/test_hostile.py",
    "live/test_decisions.py",
)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Properties are marked before anybody chooses by marks."""
    if is_property(item):
        item.add_marker("property")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Properties draw their profile's share, of few examples all; then all come in `turn`."""
    share = SHARES.get(settings.get_current_profile_name(), 1.0)
    draw(items, lambda named: max(min(named, 20), round(share * named)))
    items.sort(key=turn)


def turn(item: pytest.Item) -> tuple[int, bool]:
    """The longest files come first, then live ones: whoever is given a long one last is waited for."""
    found = (at for at, name in enumerate(LONGEST) if item.path.as_posix().endswith(f"tests/{name}"))
    return next(found, len(LONGEST)), "live" not in item.keywords


def pytest_collection_finish() -> None:
    """What stands for the whole run, thousands of tests, is not looked through again at each collection of garbage."""
    gc.collect()
    gc.freeze()


def _live(report: pytest.TestReport) -> bool:
    return "live" in report.keywords


def _why(report: pytest.TestReport) -> str:
    """The reason a test gave for being skipped."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A CI run that skipped a live test has not shown what it is there to show: it fails."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = terminal.stats.get("skipped", []) if terminal is not None else []
    if os.environ.get("CI") and exitstatus == pytest.ExitCode.OK and any(map(_live, skipped)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Name each test that did not run and why."""
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    terminalreporter.section(f"not run: {len(skipped)}")
    for report in skipped:
        terminalreporter.write_line(f"{report.nodeid}: {_why(report)}")
    if os.environ.get("CI") and any(map(_live, skipped)):
        terminalreporter.write_line("CI is set, so a live test that did not run fails the run.", red=True)
