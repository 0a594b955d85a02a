"""The folder's word on access as it is now: a change counts within a second, a bad one changes nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from risk_stream.access.people import Access
from risk_stream.access.read import ACCESS_FILE, TOKENS_FILE, AccessError, read_access
from risk_stream.settings import Watched

__all__ = ["AccessSource", "LocalError", "check_local"]

log = logging.getLogger("risk_stream.access")


class LocalError(Exception):
    """Raised where everybody who reaches the console would be let in; the text is one sentence."""


def check_local(access: Access, host: str, *, only_here: bool) -> None:
    """Refuse `local` for a console that others reach. Raises `LocalError`."""
    if access.local is not None and not only_here:
        raise LocalError(
            f"access.yaml lets everybody in as {', '.join(access.local.roles)} (local), and the console listens on "
            f"{host}: take `local` out and give people tokens (risk-stream access token NAME), or listen on 127.0.0.1"
        )


class AccessSource:
    """`current()` is what the files say. Raises `AccessError` at the start for files that are wrong."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self._files = Watched(lambda: (folder / ACCESS_FILE, folder / TOKENS_FILE), clock=clock)
        self._access = read_access(folder)

    def current(self) -> Access:
        """The last good files."""
        if self._files.changed():
            try:
                access = read_access(self.folder)
            except AccessError as error:
                log.error("access was changed and is wrong; what was in force stays so: %s", error.problems[0])
                return self._access
            if access.local is not None and self._access.local is None:
                log.error("access was changed to let everybody in (local): that needs a restart; it stays as it was")
                return self._access
            log.info("access was changed: %d people, %d tokens", len(access.people), len(access.tokens))
            self._access = access
        return self._access
