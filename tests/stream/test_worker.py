"""The supervisor: what it waits for, what it starts again, and what it gives up on."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from risk_stream.settings import Settings
from risk_stream.stream import child
from risk_stream.stream import worker as module
from risk_stream.stream.topics import BrokerError
from risk_stream.stream.worker import Supervisor, run_worker


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """The supervisor takes over signals: give them back."""
    before = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run a supervisor over children that end with the given codes, on a broker that is there."""

    def run(*codes: int | str) -> tuple[int, int]:
        left, started = list(codes), []
        monkeypatch.setattr(module, "create_topics", lambda *_: [])
        monkeypatch.setattr(module, "FIRST_WAIT", 0.01)

        def argv(self: Supervisor) -> int:
            started.append(1)
            code = left.pop(0)
            if code == "stop":
                self._stop(signal.SIGTERM, None)
                return 0
            return int(code)

        monkeypatch.setattr(Supervisor, "_run_child", argv)
        return run_worker(Settings()), len(started)

    return run


def test_a_process_that_was_told_to_stop_is_the_end(play: Any) -> None:
    """Exit code 0."""
    assert play(0) == (0, 1)


def test_a_process_that_failed_is_started_again_with_a_reason(play: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence each."""
    assert play(child.AGAIN, -9, 0) == (0, 3)
    said = capsys.readouterr().err.splitlines()
    assert "ended with code 75; its last line above says why; it is started again in 0.01 s" in said[0]
    assert "was ended by SIGKILL; it is started again in 0.02 s" in said[1]


def test_what_a_restart_would_not_mend_is_the_end(play: Any) -> None:
    """Wrong rules at the start, a port that is taken."""
    assert play(child.WRONG) == (1, 1)
    assert module.WRONG == child.WRONG
    assert module.VARIABLE == child.VARIABLE


def test_told_to_stop_while_it_runs(play: Any) -> None:
    """No restart after SIGTERM."""
    assert play(child.AGAIN, "stop", child.AGAIN) == (0, 2)


def test_it_waits_for_the_broker_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then says that it answers."""
    answers = [BrokerError("nobody there."), BrokerError("nobody there."), ["a", "b"]]

    def create(*_: Any) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, BrokerError):
            raise answer
        return answer

    monkeypatch.setattr(module, "create_topics", create)
    monkeypatch.setattr(module, "BROKER_WAIT", 0.01)
    monkeypatch.setattr(Supervisor, "_run_child", lambda _: 0)
    assert run_worker(Settings()) == 0
    said = capsys.readouterr().err
    assert said.count("nobody there. Waiting for it.") == 1
    assert "answers" in said
    assert "created 2 topics: a, b" in said


def test_wrong_event_types_are_said_with_their_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing is started."""
    (tmp_path / "own.yaml").write_text("events: 7\n")
    assert run_worker(Settings(events=[tmp_path])) == 1
    assert "own.yaml:1" in capsys.readouterr().err


def test_a_process_that_does_not_stop_is_ended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """After PATIENCE, not never."""
    stubborn = tmp_path / "risk_stream" / "stream"
    stubborn.mkdir(parents=True)
    for folder in (stubborn, stubborn.parent):
        (folder / "__init__.py").touch()
    ready = tmp_path / "ready"
    (stubborn / "child.py").write_text(
        f"import signal, time, pathlib\nsignal.signal(15, signal.SIG_IGN)\n"
        f"pathlib.Path({str(ready)!r}).touch()\ntime.sleep(60)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    supervisor = Supervisor(Settings())

    def stop_when_ready() -> None:
        while not ready.exists():
            threading.Event().wait(0.02)
        supervisor._stop(signal.SIGTERM, None)

    threading.Thread(target=stop_when_ready, daemon=True).start()
    assert supervisor._run_child() == -signal.SIGKILL
    assert "did not stop within 0.2 s; ended" in capsys.readouterr().err
