"""A child process that is ready when its block begins and gone when it ends, however it ends."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

__all__ = ["ChildProcess", "EmbeddedError", "free_port"]

#: How often a starting process is asked whether it is ready, seconds.
POLL_S: Final = 0.02
_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_RUNNING: weakref.WeakSet[ChildProcess] = weakref.WeakSet()


class EmbeddedError(Exception):
    """Raised when an embedded server is not installed, is not what was pinned, or does not start; says what to do."""


def free_port(wanted: int = 0) -> int:
    """A TCP port of the loopback interface that nobody listens on at this moment: the wanted one, or any when 0.

    Raises:
        EmbeddedError: the wanted one is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise EmbeddedError(
                f"Port {wanted} of 127.0.0.1 is in use: choose another, or 0 for any free one."
            ) from error
        return int(probe.getsockname()[1])


class ChildProcess:
    """One child with its own process group and its own folder, which holds its log and is removed with it.

    Args:
        name: what a message calls it.
        argv: the command.
        ready: says whether it can be used; asked until it is true.
        environment: the child's whole environment; the parent's own when None.
        folder: where it works and logs; a temporary one, removed at the end, when None.
        patience: seconds it may take to become ready, and then to stop when asked politely.
        death_signal: what the kernel sends it when this process dies without a word (Linux only).
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        ready: Callable[[], bool] = lambda: True,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        patience: float = 20.0,
        death_signal: signal.Signals = signal.SIGKILL,
    ) -> None:
        self.name = name
        self._argv = list(argv)
        self._ready = ready
        self._environment = environment
        self._folder_given = folder is not None
        self._folder = folder
        self._patience = patience
        self._death_signal = death_signal
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        """Where it works; made on first use."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix=f"risk-stream-{self.name}-"))
        return self._folder

    @property
    def log(self) -> Path:
        """The file that holds its output."""
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """Its process id; None before the start and after the end."""
        return None if self._process is None else self._process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """What it ended with; None while it runs or was never started."""
        return None if self._process is None else self._process.poll()

    def log_tail(self, lines: int = 5) -> str:
        """The last lines it said."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").strip().splitlines()[-lines:])
        return ""

    def start(self) -> Self:
        """Start it and wait until it is ready.

        Raises:
            EmbeddedError: it cannot be run, ended at once, or is not ready in time; nothing is left running.
        """
        _RUNNING.add(self)
        try:
            with self.log.open("ab") as log, _deaf() as before:
                self._process = subprocess.Popen(  # noqa: S603 - the command is ours
                    self._argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self.folder,
                    env=None if self._environment is None else dict(self._environment),
                    start_new_session=True,
                    preexec_fn=self._first_of_all(before),  # noqa: PLW1509 - three calls of libc, loaded beforehand
                )
            self._await_ready()
        except OSError as error:
            self.stop()
            raise EmbeddedError(
                f"{self.name} could not be started ({error}): give this user the right to run it"
            ) from error
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Ask its group to end, insist after a while, and remove its folder. Safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            _end(process, self._patience)
        if not self._folder_given and self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        _RUNNING.discard(self)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + self._patience
        while not self._ready():
            if not self.running:
                raise EmbeddedError(f"{self.name} ended while starting (exit code {self.exit_code}): {self._said()}")
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"{self.name} was not ready after {self._patience:.0f} s, try again when less"
                    f" runs here: {self._said()}"
                )
            time.sleep(POLL_S)

    def _said(self) -> str:
        return self.log_tail(1) or "it said nothing"

    def _first_of_all(self, heard: set[int | signal.Signals] | None) -> Callable[[], None] | None:
        """What the child does before it becomes the command: hear signals again, have the kernel end it when we end.

        The kernel counts the end of the *thread* that started it, so this holds for the main thread only.
        """
        if heard is None:
            return None
        libc, number, parent = _LIBC, int(self._death_signal), os.getpid()

        def first() -> None:
            signal.pthread_sigmask(signal.SIG_SETMASK, heard)
            if libc is not None:
                libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
                if os.getppid() != parent:  # it died before we could ask
                    os._exit(1)

        return first


@contextlib.contextmanager
def _deaf() -> Iterator[set[int | signal.Signals] | None]:
    """Hear Ctrl-C and SIGTERM only behind this block; -> what was blocked before, None in any but the main thread.

    What a handler raises amid a fork is lost with a traceback, or leaves a child that nobody knows of.
    """
    if threading.current_thread() is not threading.main_thread():
        yield None  # Python's handlers run in the main thread
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield before
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(process: subprocess.Popen[bytes], patience: float) -> None:
    """SIGTERM to the group, SIGKILL to what is left of it."""
    for number, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(wait)
            break
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


@atexit.register
def _stop_all() -> None:
    for child in list(_RUNNING):
        child.stop()
