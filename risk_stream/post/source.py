"""The folder's word on notices as it is now: a change counts within a second, a bad one changes nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from risk_stream.calendars import Calendar
from risk_stream.notices import House, NoticesError, read_house
from risk_stream.notices.read import DESK_FILE, ON_CALL_FILE, RECEIVERS_FILE, TEMPLATES

__all__ = ["HouseSource"]

log = logging.getLogger("risk_stream.post")

#: How often the files' times are looked at, s.
LOOK = 1.0


class HouseSource:
    """`current()` is what the files say. Raises `NoticesError` at the start for files that are wrong."""

    def __init__(
        self, folder: Path, calendars: Mapping[str, Calendar], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder, self._calendars, self._clock = folder, calendars, clock
        self._house, self._seen, self._looked = read_house(folder, calendars), self._times(), clock()

    def current(self) -> House:
        """The last good files; the same object as long as nothing changed."""
        now = self._clock()
        if now - self._looked < LOOK:
            return self._house
        self._looked = now
        seen = self._times()
        if seen != self._seen:
            self._seen = seen
            try:
                self._house = read_house(self.folder, self._calendars)
            except NoticesError as error:
                log.error("notices were changed and are wrong; what was in force stays so: %s", error.problems[0])
            else:
                log.info("notices were changed: %d receivers", len(self._house.receivers))
        return self._house

    def _times(self) -> list[tuple[str, int, int]]:
        files = [self.folder / name for name in (RECEIVERS_FILE, DESK_FILE, ON_CALL_FILE)]
        files += sorted((self.folder / TEMPLATES).glob("*.yaml"))
        times = []
        for file in files:
            try:
                stat = file.stat()
            except OSError:
                continue
            times.append((str(file), stat.st_mtime_ns, stat.st_size))
        return times
