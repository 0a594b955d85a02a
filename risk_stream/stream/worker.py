"""`risk-stream worker`: a small supervisor that starts the worker's process, says why it ended and starts it again.

It waits for the broker, creates the topics that are missing, passes SIGTERM and SIGINT on, and ends when the process
was told to stop or says that a restart would not help. To start takes seconds, most of them for Python's modules and
compiled code: so a spare process waits with all of that done, and goes to work where the one at work dies.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
import threading
import time
from types import FrameType

from risk_stream.catalogue import Catalogue, ProblemsError, load_catalogue
from risk_stream.kafka import BrokerError, create_topics, wanted_topics
from risk_stream.settings import Settings
from risk_stream.stream.supervised import GO, SPARE, UNSOUND, VARIABLE, WRONG

__all__ = ["Supervisor", "run_worker"]

#: Waits before the first and the later restarts, s; a process that ran for STEADY begins at the first again.
FIRST_WAIT, LONGEST_WAIT, STEADY = 0.1, 30.0, 60.0

#: One that was killed and had run for so long was at its work: it is no fault of its own, and is not waited for, s.
AT_WORK = 5.0

#: A process that was told to stop and has not after so long is ended, s.
PATIENCE = 20.0

#: A spare is started when a process has been at work for so long, s: its own start costs some seconds of a core.
SPARE_AFTER = 10.0

#: A server of decisions that ended is started again so long after its last start at the soonest, s.
SERVER_AGAIN = 5.0

#: How often a broker that does not answer is tried, and files that are wrong are looked at, s.
BROKER_WAIT = FILES_WAIT = 1.0


def run_worker(settings: Settings) -> int:
    """Judge events until told to stop. The exit code for the command line."""
    return Supervisor(settings).run()


class Supervisor:
    """Keeps one worker process alive, and a spare one ready where the settings want it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.child: subprocess.Popen[bytes] | None = None
        self._spare: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None  # of decisions
        self._server_began = -math.inf
        self._told = threading.Event()

    def run(self) -> int:
        """Until told to stop."""
        try:
            return self._run()
        finally:
            if self._spare is not None:
                self._dismiss(self._spare)
            if self._server is not None:
                self._end_child(self._server)

    def _run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        try:
            catalogue = load_catalogue(*self.settings.events)
        except ProblemsError as exc:
            for problem in exc.problems:
                _say(str(problem))
            return 1
        wait, killed, worked = FIRST_WAIT, False, False
        while not self._told.is_set():
            # Who was killed had a broker and all topics a moment ago: the new one may be at its work the sooner.
            if not killed and not self._prepare(catalogue):
                continue
            began, written = time.monotonic(), self._written()
            code = self._run_child()
            if code == 0 or self._told.is_set():
                break
            if code == WRONG or (code == UNSOUND and not worked):
                return 1
            if code == UNSOUND:
                self._await_other_files(written)
                continue
            worked = True
            killed = code < 0
            if time.monotonic() - began > (AT_WORK if killed else STEADY):
                wait = FIRST_WAIT
            _say(f"the worker's process {_how_it_ended(code)}; it is started again in {wait:g} s")
            self._told.wait(wait)
            wait = min(2 * wait, LONGEST_WAIT)
        return 0

    def _prepare(self, catalogue: Catalogue) -> bool:
        """Wait for the broker and create what is missing; False where told to stop meanwhile."""
        said = False
        while not self._told.is_set():
            try:
                made = create_topics(self.settings.broker, wanted_topics(self.settings, catalogue))
            except BrokerError as exc:
                if not said:
                    _say(f"{str(exc).rstrip('.')}. Waiting for it.")
                    said = True
                self._told.wait(BROKER_WAIT)
            else:
                if said:
                    _say(f"Kafka answers at {self.settings.broker}")
                if made:
                    _say(f"created {len(made)} topics: {', '.join(made)}")
                return True
        return False

    def _await_other_files(self, written: int) -> None:
        """A bad edit does not end a worker that was at work and began anew: it goes on when the files are mended.

        What is wrong may stand in a file that is not looked at, one that another imports: so it is tried again anyway.
        """
        _say("it was at work under the plan before: it goes on as soon as these files are mended")
        end = time.monotonic() + LONGEST_WAIT
        while self._written() == written and time.monotonic() < end and not self._told.is_set():
            self._told.wait(FILES_WAIT)

    def _written(self) -> int:
        """What changes when a file that a start reads is written, added or gone."""
        of = self.settings
        roots = (*of.rules, *of.models, *of.events, *of.calendars, of.people_folder)
        seen = []
        for path in (file for root in roots for file in (root, *root.rglob("*"))):
            with contextlib.suppress(OSError):
                stat = path.stat()
                seen.append((str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino))
        return hash(tuple(sorted(seen)))

    def _run_child(self) -> int:
        self.child, began = self._take_spare() or self._start(), time.monotonic()
        try:
            while True:
                self._keep_server()
                try:
                    return self.child.wait(0.2 if self._told.is_set() else 1.0)
                except subprocess.TimeoutExpired:
                    if self._told.is_set():
                        return self._end_child(self.child)
                if self.settings.spare and self._spare is None and time.monotonic() - began > SPARE_AFTER:
                    self._spare = self._start(SPARE)
        finally:
            _close(self.child)

    def _start(self, *how: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, VARIABLE: self.settings.model_dump_json()}
        command = [sys.executable, "-m", "risk_stream.stream.child", *how]
        return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603

    def _keep_server(self) -> None:
        """Have a server of decisions where the settings want one: it goes on while the worker's process is replaced."""
        if self.settings.decisions_port == 0 or self._told.is_set():
            return
        if self._server is not None:
            if self._server.poll() is None or time.monotonic() - self._server_began < SERVER_AGAIN:
                return
            _close(self._server)
            _say(f"the server of decisions {_how_it_ended(self._server.returncode)}; it is started again")
        environment = {**os.environ, VARIABLE: self.settings.model_dump_json()}
        command = [sys.executable, "-m", "risk_stream.service"]
        self._server = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603
        self._server_began = time.monotonic()

    def _take_spare(self) -> subprocess.Popen[bytes] | None:
        """The spare, sent to work; None where there is none that lives."""
        spare, self._spare = self._spare, None
        if spare is None or spare.stdin is None:
            return None
        try:
            spare.stdin.write(GO)
            spare.stdin.flush()
        except OSError:
            self._dismiss(spare)
            return None
        return spare

    @staticmethod
    def _dismiss(spare: subprocess.Popen[bytes]) -> None:
        """End one that is not needed: it has nothing to finish."""
        spare.kill()
        spare.wait()
        _close(spare)

    def _end_child(self, child: subprocess.Popen[bytes]) -> int:
        child.terminate()
        try:
            return child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            _say(f"the worker's process did not stop within {PATIENCE:g} s; ended")
            child.kill()
            return child.wait()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._told.set()
        for process in (self.child, self._server):
            if process is not None and process.poll() is None:
                process.terminate()


def _close(child: subprocess.Popen[bytes]) -> None:
    """Close its standard input; what was not written to one that died is lost."""
    if child.stdin is not None:
        with contextlib.suppress(OSError):
            child.stdin.close()


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}; its last line above says why"


def _say(text: str) -> None:
    """A line for people; a terminal or disk that takes none is no reason to stop."""
    try:
        sys.stderr.write(f"risk-stream worker: {text}\n")
        sys.stderr.flush()
    except OSError:
        return
