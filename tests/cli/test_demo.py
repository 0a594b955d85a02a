"""The demo shows alerts, says what was there to find, ends by itself, and leaves nothing running however it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from risk_stream.kafka import read_lives
from risk_stream.settings import Settings
from tests.cli.conftest import Ask

pytestmark = pytest.mark.timeout(300)  # on a busy machine; about 20 s each on a quiet one

Demo = Callable[..., subprocess.Popen[str]]

#: Long enough for a machine that has to compile the kernels first.
START_S = 100.0


@pytest.fixture
def demo(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a demo in a process of its own, as a user does; its temporary files go to `folder`."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        started.append(_start(arguments, folder))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _start(arguments: tuple[str, ...], folder: Path) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RISK_STREAM_")}
    command = [sys.executable, "-m", "risk_stream", "demo", *arguments]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment, "TMPDIR": str(folder)},
        start_new_session=True,
    )


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the demo keeps what it keeps; its name marks the processes that work there."""
    with tempfile.TemporaryDirectory(prefix="demo-test-") as name:
        yield Path(name)


def started_by(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Every process below it."""
    return psutil.Process(process.pid).children(recursive=True)


def alive(processes: list[psutil.Process]) -> list[str]:
    """Those that still run after a moment's grace."""
    _, left = psutil.wait_procs(processes, timeout=10)
    return [
        f"{p.pid} {' '.join(p.cmdline()[:4])}" for p in left if p.is_running() and p.status() != psutil.STATUS_ZOMBIE
    ]


def wait_for_servers(process: subprocess.Popen[str], count: int = 4) -> list[psutil.Process]:
    """Broker, Redis, the worker and its child, once they all run."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        if len(found := started_by(process)) >= count:
            return found
        time.sleep(0.05)
    raise AssertionError(f"the demo did not start its servers: {process.communicate()}")


@pytest.mark.slow
def test_it_finds_what_was_planted_and_ends_by_itself(demo: Demo, folder: Path) -> None:
    """The last line is JSON for programs; the one before it, and the alerts, are for people."""
    process = demo("--for", "30s")
    servers = wait_for_servers(process)
    out, err = process.communicate(timeout=2 * START_S)
    assert process.returncode == 0, err
    lines = out.splitlines()
    said = json.loads(lines[-1])
    assert {"events", "alerts", "alerts_by_rule", "planted", "found"} <= set(said)
    assert said["events"] > 50_000
    assert said["rejects"] == 0
    assert sum(said["alerts_by_rule"].values()) == said["alerts"] > 0
    assert said["planted"] >= 10
    assert said["found"] >= 0.8 * said["planted"]
    assert said["first_alert_seconds"] < said["seconds"]  # how soon that is depends on the machine
    assert any("HIGH" in line and "structuring" in line for line in lines)
    assert any("events" in line and "/s" in line for line in lines)
    assert err == ""
    assert alive(servers) == []
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=["Ctrl-C", "kill", "kill -9"])
def test_nothing_is_left_running_when_it_is_stopped(demo: Demo, folder: Path, number: signal.Signals) -> None:
    """Not even when it has no time to clean up."""
    process = demo()
    servers = wait_for_servers(process, 2 if number == signal.SIGTERM else 4)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert "Traceback" not in err
    assert alive(servers) == []
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert list(folder.iterdir()) == []


def test_ctrl_c_while_it_runs_ends_with_the_summary(demo: Demo, rules: Path) -> None:
    """A demo without an end is ended that way: no error, and what was found so far."""
    process = demo("--rules", str(rules))
    assert process.stdout is not None
    broker = ""
    for line in process.stdout:
        if line.startswith("broker:"):
            broker = line.split()[3].rstrip(";")
        if line.startswith("simulator:"):
            break
    servers = started_by(process)
    lives = list[bytes]()
    deadline = time.monotonic() + 60
    while not lives and time.monotonic() < deadline:  # the desk gives alerts a life that people can work
        asyncio.run(read_lives(Settings(broker=broker), lives.append))
    assert lives
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "What was there to find" in out
    assert err == ""
    assert alive(servers) == []


def test_a_worker_that_dies_is_said(demo: Demo, rules: Path) -> None:
    """One sentence, where its log is, and nothing left of the rest."""
    process = demo("--rules", str(rules))
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("simulator:"):
            break
    servers = started_by(process)
    worker = next(p for p in servers if p.cmdline()[-1] == "worker")
    worker.kill()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "The worker ended (exit code -9)" in err
    assert "Traceback" not in err
    assert alive(servers) == []


def test_wrong_rules_stop_it_before_anything_starts(ask: Ask, rules: Path) -> None:
    """With their place."""
    path = rules / "transfers.yaml"
    path.write_text(path.read_text().replace("amount >=", "amuont >="))
    answer = ask("demo", "--rules", rules)
    assert answer.code == 1
    assert answer.out == ""
    assert f"{path}:14:11" in answer.err


def test_a_busy_port_is_one_sentence(ask: Ask, rules: Path) -> None:
    """And what to choose instead."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = ask("demo", "--rules", rules, "--port", port)
    assert answer.code == 1
    assert f"Port {port}" in answer.err
    assert len(answer.err.strip().splitlines()) == 1
