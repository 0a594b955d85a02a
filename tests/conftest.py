"""What every run of the suite ends with: each skipped test by its name, and no skipped live test where CI is set."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.live.fixtures import *  # noqa: F403  the servers and a worker on them, for every live test

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

settings.register_profile("house", deadline=None)  # how long a machine takes is none of a test's business
settings.load_profile("house")


#: The files that take longest, the longest first.
LONGEST = (
    "live/test_chaos.py",
    "console/browser/test_browser.py",
    "live/test_worker.py",
    "live/test_decisions.py",
    "live/test_origins.py",
    "packs/test_found.py",
    "cli/test_demo.py",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first, then live ones: whoever is given a long one last is waited for."""

    def turn(item: pytest.Item) -> tuple[int, bool]:
        found = (i for i, name in enumerate(LONGEST) if item.path.as_posix().endswith(f"tests/{name}"))
        return next(found, len(LONGEST)), "live" not in item.keywords

    items.sort(key=turn)


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
