"""Bring the peers in: a Python environment and Java classes under .servers/, made once from pinned versions."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["RIVALS", "MissingPeerError", "java", "python"]

ROOT = Path(__file__).parents[2]
RIVALS = ROOT / "bench" / "rivals"
PLACE = ROOT / ".servers" / "peers"

#: Flink's own serialisers look into these; without it they fail on Java 17.
_OPENS = [f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in ("util", "lang", "nio", "time")]


class MissingPeerError(Exception):
    """Raised when a peer cannot be had on this machine; says why in one sentence."""


def python() -> Path:
    """The interpreter of an environment with Quix Streams and Bytewax, made from a lock with hashes if it is not there.

    Raises:
        MissingPeerError: the environment cannot be made.
    """
    lock, place = RIVALS / "requirements.txt", PLACE / "venv"
    interpreter = place / "bin" / "python"
    if not _fresh(place, [lock]):
        print("getting Quix Streams and Bytewax into .servers/peers/venv (once)", flush=True)
        shutil.rmtree(place, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(place)], "a Python environment")
        pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--no-deps", "--require-hashes", "-r", str(lock)], "Quix Streams and Bytewax")
        _made(place, [lock])
    return interpreter


def java(project: str, main: str, *, heap: str = "3g") -> list[str]:
    """The command that runs a class of `flink` or `streams`, compiled with Maven if need be; without its arguments.

    Raises:
        MissingPeerError: there is no Java, or no Maven to compile with, or Maven fails.
    """
    program = shutil.which("java")
    if program is None:
        raise MissingPeerError("there is no java on PATH")
    source, place = RIVALS / project, PLACE / project
    files = sorted(path for path in source.rglob("*") if path.is_file())
    if not _fresh(place, files):
        maven = shutil.which("mvn")
        if maven is None:
            raise MissingPeerError("there is no mvn (Maven) on PATH")
        print(f"compiling {project} into .servers/peers/{project}, its jars from Maven Central (once)", flush=True)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        given = {"maven.repo.local": PLACE / "m2", "out": place}
        command = [maven, "-q", "-B", "-f", str(source / "pom.xml"), *(f"-D{k}={v}" for k, v in given.items())]
        _run([*command, "package"], project)
        _made(place, files)
    log = f"-Dlog4j2.configurationFile={RIVALS / 'log4j2.properties'}"
    memory = [f"-Xms{heap}", f"-Xmx{heap}"]
    return [program, *memory, *_OPENS, log, "-cp", f"{place / 'classes'}:{place / 'jars'}/*", main]


def _run(command: Sequence[str], what: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingPeerError(f"{what} could not be had: {error}") from error
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise MissingPeerError(f"{what} could not be had: {said[0] if said else f'it ended with {done.returncode}'}")


def _digest(files: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for path in files:
        found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def _fresh(place: Path, files: Iterable[Path]) -> bool:
    stamp = place / ".made-from"
    return stamp.is_file() and stamp.read_text() == _digest(files)


def _made(place: Path, files: Iterable[Path]) -> None:
    (place / ".made-from").write_text(_digest(files))
