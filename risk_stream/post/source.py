"""The folder's word on notices as it is now: a change counts within a second, a bad one changes nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from risk_stream.calendars import Calendar
from risk_stream.notices import DESK_FILE, ON_CALL_FILE, RECEIVERS_FILE, TEMPLATES, House, NoticesError, read_house
from risk_stream.settings import Watched

__all__ = ["HouseSource"]

log = logging.getLogger("risk_stream.post")


class HouseSource:
    """`current()` is what the files say. Raises `NoticesError` at the start for files that are wrong."""

    def __init__(
        self, folder: Path, calendars: Mapping[str, Calendar], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder, self._calendars = folder, calendars
        self._files = Watched(self._named, clock=clock)
        self._house = read_house(folder, calendars)

    def current(self) -> House:
        """The last good files; the same object as long as nothing changed."""
        if self._files.changed():
            try:
                self._house = read_house(self.folder, self._calendars)
            except NoticesError as error:
                log.error("notices were changed and are wrong; what was in force stays so: %s", error.problems[0])
            else:
                log.info("notices were changed: %d receivers", len(self._house.receivers))
        return self._house

    def _named(self) -> list[Path]:
        """The files that say something of notices, those that may come included."""
        files = [self.folder / name for name in (RECEIVERS_FILE, DESK_FILE, ON_CALL_FILE)]
        return [*files, *sorted((self.folder / TEMPLATES).glob("*.yaml"))]
