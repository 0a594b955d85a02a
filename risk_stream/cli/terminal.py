"""How another terminal comes to work on a house that was started for a demo: by a file that it reads."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["environment", "terminal"]

#: The file's name, in the folder where the demo was started.
NAME = "demo.env"

_OWNER = re.compile(r"# The demo of process (\d+)")


def environment(settings: Mapping[str, Any]) -> dict[str, str]:
    """Settings as variables of the environment."""
    return {
        f"RISK_STREAM_{name.upper()}": value if isinstance(value, str) else orjson.dumps(value).decode()
        for name, value in settings.items()
    }


@contextlib.contextmanager
def terminal(settings: Mapping[str, Any]) -> Iterator[str]:
    """Write demo.env here, for as long as the block lasts; -> how a shell names it, for its `.` command.

    The file has the house's settings, and puts this installation's `risk-stream` first. Where another demo has its file
    here, or nothing may be written, it lies beside the temporary files.
    """
    lines = [
        f"# The demo of process {os.getpid()}: for a shell, by `. ./{NAME}`. It goes when the demo ends.",
        f"export DEMO_PROCESS={os.getpid()}",
        f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH",
        *(f"export {name}={shlex.quote(value)}" for name, value in environment(settings).items()),
    ]
    path = _place()
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        yield f"./{NAME}" if path.parent == Path() else str(path)
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def _place() -> Path:
    """Here, unless a demo that lives has its file here, or one may not write."""
    import tempfile

    path = Path(NAME)
    owner = _OWNER.match(path.read_text(errors="replace")) if path.is_file() else None
    taken = path.exists() and (owner is None or _lives(int(owner[1])))
    if not taken and os.access(".", os.W_OK):
        return path
    return Path(tempfile.gettempdir()) / f"risk-stream-{os.getpid()}.env"


def _lives(process: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
