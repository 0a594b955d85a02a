"""The supervisor: what it waits for, what it starts again, and what it gives up on."""

from __future__ import annotations

import os
import signal
import threading
from asyncio import CancelledError
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from risk_stream.kafka import BrokerError
from risk_stream.settings import Settings
from risk_stream.stream import process
from risk_stream.stream import worker as module
from risk_stream.stream.supervised import AGAIN, UNSOUND, WRONG
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
    assert play(AGAIN, -9, 0) == (0, 3)
    said = capsys.readouterr().err.splitlines()
    assert "ended with code 75; its last line above says why; it is started again in 0.01 s" in said[0]
    assert "was ended by SIGKILL; it is started again in 0.02 s" in said[1]


def test_what_a_restart_would_not_mend_is_the_end(play: Any) -> None:
    """Wrong rules at the start, a port that is taken."""
    assert play(WRONG) == (1, 1)


def test_wrong_rules_end_it_at_the_start_and_not_once_it_was_at_work(
    play: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bad edit lies in the folder as a process begins anew: the worker waits until a file is another."""
    assert play(UNSOUND) == (1, 1)
    written = iter([1, 1, 1, 2, 2])  # before each of two starts, as it waits twice, and before the third
    monkeypatch.setattr(Supervisor, "_written", lambda _: next(written))
    monkeypatch.setattr(module, "FILES_WAIT", 0.01)
    assert play(AGAIN, UNSOUND, 0) == (0, 3)
    assert "goes on as soon as these files are mended" in capsys.readouterr().err
    assert list(written) == []


def test_wrong_rules_are_tried_again_though_no_file_that_is_looked_at_is_another(
    play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was mended may be imported from elsewhere."""
    monkeypatch.setattr(module, "FILES_WAIT", 0.01)
    monkeypatch.setattr(module, "LONGEST_WAIT", 0.05)
    assert play(AGAIN, UNSOUND, UNSOUND, 0) == (0, 4)


def test_a_file_that_is_written_added_or_gone_is_another(tmp_path: Path) -> None:
    supervisor = Supervisor(Settings(rules=[tmp_path], models=[tmp_path / "none"]))
    seen = [supervisor._written()]
    (tmp_path / "in").mkdir()
    for change in (lambda file: file.write_text("a"), lambda file: file.write_text("bb"), lambda file: file.unlink()):
        change(tmp_path / "in" / "rules.yaml")
        seen.append(supervisor._written())
        assert supervisor._written() == seen[-1]
    assert len(set(seen)) >= 3
    assert seen[1] != seen[2] != seen[3]


def test_told_to_stop_while_it_runs(play: Any) -> None:
    """No restart after SIGTERM."""
    assert play(AGAIN, "stop", AGAIN) == (0, 2)


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


class Ended(BaseException):
    """The process would end here."""


@pytest.mark.parametrize(
    ("first", "given", "said"),
    [
        (KeyError("trades/1"), CancelledError(), "the worker failed: KeyError('trades/1')"),
        (KeyError("trades/1"), SystemExit(70), "the worker failed: KeyError('trades/1')"),
        (KafkaConnectionError("gone"), SystemExit(70), "the broker at kafka:9092 failed: KafkaConnectionError('gone')"),
        (None, CancelledError(), "the worker failed: CancelledError()"),
    ],
)
def test_a_process_that_fails_says_what_failed_first(
    first: BaseException | None, given: BaseException, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though what Faust gives as the reason is a part of it that was cancelled for that: it ends at once, to go on."""

    class Failing:
        failure = first

        def execute_from_commandline(self) -> None:
            raise given

    def end(code: int, sentence: str) -> None:
        raise Ended(code, sentence)

    monkeypatch.setattr(process, "_end", end)
    failing: Any = Failing()
    with pytest.raises(Ended) as ended:
        process._work(failing, failing, "kafka:9092")
    assert ended.value.args == (AGAIN, said)


@pytest.fixture
def in_its_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run other code as the child, in a folder."""

    def put(code: str) -> Path:
        package = tmp_path / "risk_stream" / "stream"
        package.mkdir(parents=True)
        for folder in (package, package.parent):
            (folder / "__init__.py").touch()
        (package / "child.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return put


def until(what: Any) -> Any:
    """Wait for what comes true."""
    while not (found := what()):
        threading.Event().wait(0.02)
    return found


WORKS = """
import os, pathlib, sys, time
spare = "--spare" in sys.argv
pathlib.Path("spare" if spare else "first").write_text(str(os.getpid()))
if not spare or sys.stdin.readline() == "go\\n":
    pathlib.Path("at-work").write_text(str(os.getpid()))
    time.sleep(60)
"""


def test_a_spare_goes_to_work_where_the_first_is_killed(in_its_place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that died too is not waited for: another process is started."""
    folder = in_its_place(WORKS)
    monkeypatch.setattr(module, "SPARE_AFTER", 0.0)
    monkeypatch.setattr(module, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(module, "create_topics", lambda *_: [])
    pids: list[tuple[int, int]] = []

    def pid(name: str) -> int:
        return int((folder / name).read_text() or 0) if (folder / name).exists() else 0

    def blows(supervisor: Supervisor) -> None:
        first = until(lambda: pid("at-work"))
        spare = until(lambda: pid("spare"))
        os.kill(first, signal.SIGKILL)
        pids.append((spare, until(lambda: (n := pid("at-work")) != first and n)))
        second = until(lambda: (n := pid("spare")) != spare and n)
        os.kill(second, signal.SIGKILL)
        os.kill(spare, signal.SIGKILL)
        pids.append((second, until(lambda: (n := pid("at-work")) != spare and n)))
        supervisor._stop(signal.SIGTERM, None)

    supervisor = Supervisor(Settings())
    thread = threading.Thread(target=blows, args=(supervisor,), daemon=True)
    thread.start()
    assert supervisor.run() == 0
    (spare, after), (second, third) = pids
    assert after == spare
    assert third not in (second, spare)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_spare_ends_with_its_supervisor_and_is_there_only_where_it_is_wanted(
    in_its_place: Any, monkeypatch: pytest.MonkeyPatch, wanted: bool
) -> None:
    """RISK_STREAM_SPARE=false saves its memory, and is no word to the process at work."""
    monkeypatch.setenv("RISK_STREAM_SPARE", str(wanted).lower())
    folder = in_its_place(WORKS)
    monkeypatch.setattr(module, "SPARE_AFTER", 0.0)
    monkeypatch.setattr(module, "create_topics", lambda *_: [])
    supervisor = Supervisor(Settings(spare=wanted))

    def stop() -> None:
        until((folder / "at-work").exists)
        threading.Event().wait(1.2)
        if wanted:
            until((folder / "spare").exists)
        supervisor._stop(signal.SIGTERM, None)

    threading.Thread(target=stop, daemon=True).start()
    assert supervisor.run() == 0
    assert (folder / "spare").exists() == wanted
    if wanted:
        assert not Path(f"/proc/{(folder / 'spare').read_text()}").exists()


def test_a_process_that_does_not_stop_is_ended(
    in_its_place: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After PATIENCE, not never."""
    folder = in_its_place(
        "import signal, time, pathlib\n"
        "signal.signal(15, signal.SIG_IGN)\n"
        "pathlib.Path('ready').touch()\n"
        "time.sleep(60)\n"
    )
    ready = folder / "ready"
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    supervisor = Supervisor(Settings())

    def stop_when_ready() -> None:
        while not ready.exists():
            threading.Event().wait(0.02)
        supervisor._stop(signal.SIGTERM, None)

    threading.Thread(target=stop_when_ready, daemon=True).start()
    assert supervisor._run_child() == -signal.SIGKILL
    assert "did not stop within 0.2 s; ended" in capsys.readouterr().err
