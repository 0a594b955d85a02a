"""A server from a wheel, on a free port of this machine: what the broker and the Redis have in common."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from risk_stream.embedded.process import ChildProcess, free_port

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

__all__ = ["EmbeddedServer"]


class EmbeddedServer(ABC):
    """Empty at the start and gone at the end.

    Args:
        port: the port to listen on; a free one when 0.
    """

    def __init__(self, *, port: int = 0) -> None:
        self._port = port
        self._process: ChildProcess | None = None

    @abstractmethod
    def _binary(self) -> Path:
        """What is run. Raises `EmbeddedError` where it is not installed."""

    @abstractmethod
    def _child(self, binary: Path) -> ChildProcess:
        """The process that will listen on `_port`."""

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return None if self._process is None else self._process.pid

    @property
    def running(self) -> bool:
        """Whether it is up."""
        return self._process is not None and self._process.running

    def start(self) -> Self:
        """Start it and wait until it answers.

        Raises:
            EmbeddedError: it is not installed or does not start.
        """
        binary = self._binary()
        self._port = free_port(self._port)
        self._process = self._child(binary).start()
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

    def _reply(self, request: bytes, most: int) -> bytes:
        """The first bytes that it answers to a request; none where it does not."""
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1) as connection:
                connection.sendall(request)
                return connection.recv(most)
        except OSError:
            return b""
