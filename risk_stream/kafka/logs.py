"""The worker's log: never a reason to stop, and a broker's outage is said once instead of for ever."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from risk_stream.settings import reason

__all__ = ["BrokerWatch", "OneLine", "SafeHandler", "set_up_logging"]

FORMAT = "%(asctime)s %(levelname)-7s %(message)s"

#: A broker of which no trouble was heard for so long answers again, s.
QUIET = 2.0

#: A line of one kind is said so often at most, s; kinds that are remembered.
AGAIN, KINDS = 10.0, 200

#: How the Kafka client's log lines about an unreachable broker are recognised.
_TROUBLE = (
    "ConnectionError",
    "NodeNotReady",
    "RequestTimedOut",
    "Unable connect",
    "Unable to request metadata",
    "Unable to update metadata",
    "CoordinatorNotAvailable",
    "Connect call failed",
    "LeaderNotAvailable",
    "GroupCoordinatorNotAvailable",
)


class SafeHandler(logging.StreamHandler[TextIO]):
    """Writes to a stream; a line that cannot be written (a full disk, a closed pipe) is counted, no more."""

    def __init__(self, stream: TextIO, lost: Callable[[], None]) -> None:
        super().__init__(stream)
        self._lost = lost

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802  logging's names
        """Count the line."""
        self._lost()


class OneLine(logging.Formatter):
    """Says what happened without the lines of the program that led to it: those are for who debugs it."""

    def formatException(self, ei: Any) -> str:  # noqa: ARG002, N802  logging's names
        """Nothing."""
        return ""


class BrokerWatch(logging.Handler):
    """Hears the Kafka client's log and says of an unreachable broker two things: it is away, it is back."""

    def __init__(self, broker: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.WARNING)
        self.broker, self._clock = broker, clock
        self.away = False
        self._last = 0.0
        self._said: dict[object, float] = {}
        self._log = logging.getLogger(__name__)

    def emit(self, record: logging.LogRecord) -> None:
        """One line of the Kafka client."""
        text = record.getMessage()
        if not any(word in text for word in _TROUBLE):
            self._say(record.msg, text)
            return
        self._last = self._clock()
        if not self.away:
            self.away = True
            self._log.warning("the broker at %s does not answer: waiting for it, nothing is lost", self.broker)

    def _say(self, kind: object, text: str) -> None:
        """Say a line, and of its kind no more for a while: a broker that comes back has hundreds in a second."""
        now = self._clock()
        if now - self._said.get(kind, float("-inf")) >= AGAIN:
            if len(self._said) >= KINDS:
                self._said.clear()
            self._said[kind] = now
            self._log.info("kafka client: %s", text)

    def tick(self) -> None:
        """To be called now and then."""
        if self.away and self._clock() - self._last > QUIET:
            self.away = False
            self._log.warning("the broker at %s answers again", self.broker)


def set_up_logging(level: str, file: Path | None, broker: str, lost: Callable[[], None]) -> BrokerWatch:
    """Log to standard error, and to `file` too; what libraries say only where it is a warning.

    Tracebacks are shown at the level `debug` alone.
    """
    root = logging.getLogger()
    handlers: list[logging.Handler] = [SafeHandler(sys.stderr, lost)]
    if file is not None:
        try:
            # Line by line and in the right encoding; closed with the process.
            handlers.append(SafeHandler(file.open("a", encoding="utf-8", buffering=1), lost))
        except OSError as exc:
            do = "set RISK_STREAM_LOG_FILE to a file that can be written"
            print(f"cannot log to {file} ({reason(exc)}), so only here: {do}", file=sys.stderr)  # noqa: T201
    shown = logging.Formatter if level == "debug" else OneLine
    for handler in handlers:
        handler.setFormatter(shown(FORMAT))
    root.handlers[:] = handlers
    root.setLevel(logging.WARNING)
    logging.getLogger("risk_stream").setLevel(level.upper())
    logging.getLogger("faust").setLevel(logging.ERROR)
    logging.getLogger("mode").setLevel(logging.ERROR)
    watch = BrokerWatch(broker)
    client = logging.getLogger("aiokafka")
    client.handlers[:], client.propagate = [watch], False
    client.setLevel(logging.WARNING)
    return watch
