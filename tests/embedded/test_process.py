"""A child process is ready when its block begins and gone when it ends, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from risk_stream.embedded import ChildProcess, EmbeddedError

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]

# A parent that starts a child, says its pid and waits to be ended.
PARENT = """
import signal, sys, time
from risk_stream.embedded import ChildProcess
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may have it ignored
with ChildProcess("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"]) as child:
    print(child.pid, child.folder, flush=True)
    time.sleep(60)
"""

# A parent that is told to stop amid the fork of its child, by a hook of that fork.
STOPPED_AMID = """
import os, signal, sys
from risk_stream.embedded import ChildProcess
def stop(*_): raise KeyboardInterrupt
signal.signal(signal.SIGINT, stop)
os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGINT))
child = ChildProcess("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"])
try:
    child.start()
except KeyboardInterrupt:
    print("stopped", child.pid)
"""

# Which of the two signals a process has blocked.
BLOCKED = "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, []) & {signal.SIGINT, signal.SIGTERM})"


def gone_within(pid: int, seconds: float) -> bool:
    """Whether the process has ended (or is a zombie) before the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def test_nothing_is_left_after_the_block() -> None:
    """Neither the process nor its folder."""
    with ChildProcess("sleeper", SLEEPER) as child:
        pid, folder = child.pid, child.folder
        assert pid is not None
        assert child.running
        assert folder.is_dir()
    assert gone_within(pid, 5)
    assert not folder.exists()


def test_a_grandchild_goes_with_it() -> None:
    """The whole process group ends, not only its first process."""
    script = f"import subprocess, sys; p = subprocess.Popen({SLEEPER!r}); print(p.pid, flush=True); p.wait()"
    with ChildProcess("family", [sys.executable, "-c", script]) as child:
        deadline = time.monotonic() + 10
        while not child.log_tail() and time.monotonic() < deadline:
            time.sleep(0.02)
        grandchild = int(child.log_tail())
    assert gone_within(grandchild, 5)


def test_a_process_that_ignores_sigterm_is_killed() -> None:
    """Politeness has an end."""
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    child = ChildProcess("stubborn", [sys.executable, "-c", script], patience=0.3)
    child._ready = lambda: child.log_tail() == "up"
    child._patience = 10
    child.start()
    child._patience = 0.3
    pid = child.pid
    assert pid is not None
    child.stop()
    assert gone_within(pid, 5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_it_ends_with_its_parent(number: signal.Signals) -> None:
    """Ctrl-C in the parent and even the parent's sudden death leave no child behind."""
    if number == signal.SIGKILL and sys.platform != "linux":
        pytest.skip("only Linux tells a child of its parent's death")
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert parent.stdout is not None
    pid, _folder = parent.stdout.readline().split()
    parent.send_signal(number)
    parent.wait(10)
    parent.stdout.close()
    assert gone_within(int(pid), 5)


def test_one_that_ends_at_once_is_said_with_its_last_line() -> None:
    """The error is one sentence with the reason the process gave."""
    child = ChildProcess("loser", [sys.executable, "-c", "print('no such port'); exit(3)"], ready=lambda: False)
    with pytest.raises(EmbeddedError, match=r"loser ended while starting \(exit code 3\): no such port"):
        child.start()
    assert child.pid is None


def test_one_that_never_gets_ready_is_given_up_and_stopped() -> None:
    """It does not wait for ever, and does not leave it running."""
    seen: list[int | None] = []
    child = ChildProcess("slow", SLEEPER, patience=0.2)
    child._ready = lambda: bool(seen.append(child.pid))
    with pytest.raises(EmbeddedError, match="slow was not ready after 0 s"):
        child.start()
    assert seen[0] is not None
    assert gone_within(seen[0], 5)


def test_a_command_that_does_not_exist_is_one_sentence() -> None:
    """No traceback of subprocess reaches the user."""
    with pytest.raises(EmbeddedError, match="ghost could not be started"):
        ChildProcess("ghost", ["/nonexistent/ghost"]).start()


def test_a_given_folder_is_kept(tmp_path: Path) -> None:
    """Only the folder it made is its own to remove."""
    with ChildProcess("sleeper", SLEEPER, folder=tmp_path):
        pass
    assert (tmp_path / "sleeper.log").exists()


def test_stopping_twice_is_harmless() -> None:
    """The second stop finds nothing to do."""
    child = ChildProcess("sleeper", SLEEPER).start()
    child.stop()
    child.stop()
    assert not child.running


def test_its_stdin_is_closed() -> None:
    """A child never eats what the user types."""
    with ChildProcess("reader", [sys.executable, "-c", "import sys; print(repr(sys.stdin.read()))"]) as child:
        deadline = time.monotonic() + 10
        while child.exit_code is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert child.log_tail() == "''"
        assert child.log.name == "reader.log"


def test_ctrl_c_amid_a_start_is_heard_and_leaves_nothing(tmp_path: Path) -> None:
    """Not lost in a hook of the fork with a traceback, and no child is left that nobody knows of."""
    command = [sys.executable, "-c", STOPPED_AMID]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=30, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert (ended.stdout, ended.stderr, ended.returncode) == ("stopped None\n", "", 0)
    assert list(tmp_path.iterdir()) == []


def test_a_child_hears_signals_as_its_parent_did() -> None:
    with ChildProcess("asked", [sys.executable, "-c", BLOCKED]) as child:
        deadline = time.monotonic() + 10
        while not child.log_tail() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert child.log_tail() == "set()"
