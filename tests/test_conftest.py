"""The suite's own promise: what did not run is named, and CI does not pass without its live tests."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from tests.conftest import LONGEST
from tests.live.lent import Lender, borrow
from tests.live.servers import MissingServerError

pytest_plugins = ["pytester"]

SUITE = """
import pytest

def test_plain(): pass

@pytest.mark.live
def test_on_kafka(): pytest.skip("Kafka's jars are not here: make servers")
"""


PROPERTY = """
from hypothesis import given, strategies

@given(strategies.integers())
def test_drawn(n): pass
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A small suite under this suite's conftest."""
    pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text())
    pytester.makeini("[pytest]\nmarkers = live: needs servers\n")
    pytester.makepyfile(SUITE)
    monkeypatch.delenv("CI", raising=False)
    return pytester


def test_a_skipped_live_test_is_named_with_its_reason(suite: pytest.Pytester) -> None:
    """On a machine without Java the run passes and says what it left out."""
    result = suite.runpytest_subprocess()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*not run: 1*", "*::test_on_kafka: Kafka's jars are not here: make servers"])


def test_ci_refuses_a_run_without_its_live_tests(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same run is red there."""
    monkeypatch.setenv("CI", "true")
    result = suite.runpytest_subprocess()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["CI is set, so a live test that did not run fails the run."])
    result.assert_outcomes(passed=1, skipped=1)


def test_properties_are_found_by_their_mark(suite: pytest.Pytester) -> None:
    """Which nobody writes by hand; `make chaos` chooses by it."""
    suite.makepyfile(test_more=PROPERTY)
    suite.runpytest_subprocess("-m", "property").assert_outcomes(passed=1, deselected=2)


def test_ci_passes_when_everything_ran(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing skipped, nothing said."""
    monkeypatch.setenv("CI", "true")
    result = suite.runpytest_subprocess("-k", "plain")
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*not run*")


def test_a_run_of_several_processes_has_one_server_of_a_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks first has it started, who asks later is told the same, and at the end of the run it is gone."""
    monkeypatch.setenv("RISK_STREAM_KAFKA_JARS", "/nowhere")
    lender = Lender()
    try:
        with ThreadPoolExecutor(3) as asking:
            try:
                lent = set(asking.map(lambda _: borrow(lender.place, "redis"), range(3)))
            except MissingServerError as exc:
                pytest.skip(str(exc))
        with pytest.raises(MissingServerError, match="make servers"):
            borrow(lender.place, "kafka")
        (server,) = lent
        with redis.Redis.from_url(server.url) as client:
            assert client.ping()
    finally:
        lender.close()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", server.port)) != 0


def test_what_is_begun_first_is_there() -> None:
    """A long file that was renamed would be begun last."""
    assert [name for name in LONGEST if not (Path(__file__).parent / name).is_file()] == []
