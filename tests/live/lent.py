"""One Kafka and one Redis for a whole run: where xdist runs tests side by side, every process is lent the same two.

The process that directs the run starts a server when the first test asks for one, and stops them all at its end. Tests
that stop or kill a server start one of their own.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from tests.live.servers import Kafka, MissingServerError, RedisServer

__all__ = ["Lender", "Lent", "borrow"]


@dataclass(frozen=True, slots=True)
class Lent:
    """A server that runs elsewhere: `address` of a Kafka, `url` of a Redis."""

    port: int
    #: Of a Redis: the database that is this process's own, since tests look at all that is in one.
    database: int = 0

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """As settings want it."""
        return f"redis://127.0.0.1:{self.port}/{self.database}"


class Lender:
    """Starts what is asked for, once, and says where it is; what is not on this machine is said to each who asks."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="risk-stream-test-lent-"))
        self.place = str(self._folder / "asked")
        self._listener = Listener(self.place, "AF_UNIX")
        self._started: dict[str, tuple[int, str]] = {}
        self._stack = contextlib.ExitStack()
        # It starts the servers and outlives them: the kernel ends a child when the thread that started it ends.
        self._thread = threading.Thread(target=self._serve, name="lender", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with self._stack:
            while True:
                with self._listener.accept() as asked:
                    name = asked.recv()
                    if not name:
                        return
                    asked.send(self._of(name))

    def _of(self, name: str) -> tuple[int, str]:
        """(port, "") or (0, why there is none)."""
        if name not in self._started:
            try:
                server = self._stack.enter_context({"kafka": Kafka, "redis": RedisServer}[name]())
                self._started[name] = (server.port, "")
            except MissingServerError as exc:
                self._started[name] = (0, str(exc))
        return self._started[name]

    def close(self) -> None:
        """Stop all of them."""
        _asked(self.place, "")
        self._thread.join()
        self._listener.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _asked(place: str, name: str) -> Any:
    connection: Connection
    with Client(place, "AF_UNIX") as connection:
        connection.send(name)
        return connection.recv() if name else None


def borrow(place: str, name: str, process: int = 0) -> Lent:
    """A server of the run's, for the process of that number.

    Raises MissingServerError where it is not on this machine.
    """
    port, why = _asked(place, name)
    if why:
        raise MissingServerError(why)
    return Lent(port, process)
