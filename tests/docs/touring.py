"""What a guided tour of docs/tours holds, and a house and a shell in which its steps are taken."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

__all__ = ["Command", "Demo", "File", "Picture", "Shell", "Step", "clone_of", "steps_of"]

ROOT = Path(__file__).parents[2]

#: How long what is shown may take to be so on a busy machine, s; and a single command.
PATIENCE, LONGEST = 150.0, 240.0

_PARTS = re.compile(r"^```(\w+)\n(.*?)^```|!\[.*?\]\(pictures/([\w-]+)\.png\)", re.MULTILINE | re.DOTALL)
#: Commands that only look: they are asked again until they say what is shown.
_LOOKS = re.compile(r"risk-stream (\w+ )?(show|list|health|verify|diff|doctor)\b|risk-stream profile\b|cat ")


class Command(str):
    """A command, and below it the lines that it says."""

    shown: list[str]

    def __new__(cls, text: str, shown: list[str]) -> Command:
        made = super().__new__(cls, text)
        made.shown = shown
        return made


class File(str):
    """The text of a file whose first line names it."""

    @property
    def name(self) -> str:
        """Where it goes."""
        return self.splitlines()[0].removeprefix("# ")


class Picture(str):
    """The name of a picture, and of the step in the console that it shows."""


Step = Command | File | Picture


def steps_of(page: Path) -> Iterator[Step]:
    """The steps of a page, in order."""
    for language, text, picture in _PARTS.findall(page.read_text()):
        if picture:
            yield Picture(picture)
        elif language == "yaml":
            yield File(text)
        elif language == "console":
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, *shown = part.splitlines()
                yield Command(command, shown)


def like(shown: str, said: str) -> bool:
    """Whether a line is as shown, where … stands for anything."""
    return re.fullmatch(re.escape(shown.strip()).replace("…", ".*"), said.strip()) is not None


def unsaid(shown: list[str], said: list[str]) -> str:
    """The first line shown that was not said, in the order shown; empty where all were."""
    lines = iter(said)
    for line in shown:
        if line.strip() != "…" and not any(like(line, one) for one in lines):
            return line
    return ""


def clone_of(folder: Path) -> Path:
    """What a fresh clone has that the tours work with, under git."""
    for name in ("rules", "people", "models", "docs/tours"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("tokens.yaml", "pictures"))
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "Begin"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def environment() -> dict[str, str]:
    """Without settings of ours, with this source."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RISK_STREAM_")}
    path = os.pathsep.join(filter(None, [str(ROOT), clean.get("PYTHONPATH")]))
    programs = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    return {**clean, "PYTHONPATH": path, "COLUMNS": "120", "PATH": programs, "RISK_STREAM_PEOPLE": "people"}


class Demo:
    """`make demo` in a clone; `told` waits until its story is told and judged."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "demo.log"
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "risk_stream", "demo", "--rules", "rules"],
                cwd=folder,
                env=environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._until((folder / "demo.env").exists)

    def told(self) -> None:
        """Wait for the calm after the story."""

        def calm() -> bool:
            found = re.findall(r"(\d\d \w{3}) 2026 \d\d:\d\d .* lag ([\d,]+)$", self.log.read_text(), re.MULTILINE)
            if not found:
                return False
            day, lag = found[-1]
            return time.strptime(f"{day} 2026", "%d %b %Y")[1:3] >= (4, 29) and int(lag.replace(",", "")) < 3_000

        self._until(calm)

    def _until(self, what: object) -> None:
        end = time.monotonic() + 2 * PATIENCE
        while not what():  # type: ignore[operator]
            assert self._process.poll() is None, self.log.read_text()[-2000:]
            assert time.monotonic() < end, self.log.read_text()[-2000:]
            time.sleep(0.2)

    def stop(self) -> None:
        """As Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(30)
        self._process.kill()


class Shell:
    """A terminal: what is exported or started in it stays until it is closed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._lines: Queue[str] = Queue()
        Thread(target=self._read, daemon=True).start()
        self.run("set -m")  # as a terminal has it: kill %1

    def _read(self) -> None:
        assert self._bash.stdout is not None
        for line in self._bash.stdout:
            self._lines.put(line.rstrip())

    def run(self, command: str) -> tuple[int, list[str]]:
        """-> its exit code, what it said."""
        assert self._bash.stdin is not None
        self._bash.stdin.write(f'{command}\necho "=done $?"\n')
        self._bash.stdin.flush()
        said, end = list[str](), time.monotonic() + LONGEST
        while True:
            try:
                line = self._lines.get(timeout=max(0.1, end - time.monotonic()))
            except Empty:
                raise AssertionError(f"$ {command}\ndid not end: {said[-20:]}") from None
            if line.startswith("=done "):
                return int(line.split()[1]), said
            said.append(line)

    def take(self, command: Command) -> None:
        """Run it, until it says what is shown where it only looks."""
        end = time.monotonic() + PATIENCE
        while True:
            code, said = self.run(command)
            missing = unsaid(command.shown, said)
            if not code and not missing:
                return
            shown = "\n".join(said[-40:])
            if not _LOOKS.match(command) or time.monotonic() > end:
                raise AssertionError(
                    f"$ {command}\nended with {code}; not said, or not in this order: {missing!r}\n{shown}"
                )
            time.sleep(1)

    def value(self, name: str) -> str:
        """Of a variable of this shell."""
        return self.run(f'echo "${name}"')[1][0]

    def close(self) -> None:
        """End it, and what it started."""
        for group in (*self.jobs, self._bash.pid):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)

    @property
    def jobs(self) -> list[int]:
        """Process groups of what it started in the background."""
        import psutil

        with contextlib.suppress(psutil.Error):
            return [child.pid for child in psutil.Process(self._bash.pid).children()]
        return []
