"""When the desk signs the head of the log: every hour in which something was written."""

from __future__ import annotations

import asyncio
import logging

from risk_stream.alerts import Entry, Head, Memory
from risk_stream.desk.heads import HeadsError, HeadsFile, private_key, signed
from risk_stream.settings import Settings

__all__ = ["HeadSigner"]

log = logging.getLogger(__name__)

#: From one head to the next, and until one that could not be written is tried again, ms.
EVERY, AGAIN = 3_600_000, 60_000


class HeadSigner:
    """Signs with the key of the settings, into their folder; without a key it does nothing. Time is ms.

    Raises:
        HeadsError: the key cannot be used, or there is no folder for what it signs.
    """

    def __init__(self, settings: Settings) -> None:
        self._log, self._due = settings.life_topic, 0
        self._file: HeadsFile | None = None
        self.last: Head | None = None
        self.holds = True  # whether the log that was read has the entry that was signed last
        pem = settings.audit_key.get_secret_value()
        self._key = private_key(pem) if pem else None
        if self._key is not None:
            if settings.audit_folder is None:
                raise HeadsError("there is a key that signs: set RISK_STREAM_AUDIT_FOLDER, where heads are kept")
            self._file = HeadsFile(settings.audit_folder)
            self.begin()

    def begin(self) -> None:
        """Know what was signed before, maybe by another desk; the log is read next, an entry at a time."""
        if self._file is not None:
            self.last = max(self._file.read(), key=lambda head: head.entry, default=None)
            self.holds = self.last is None

    def take(self, entry: Entry, digest: str) -> None:
        """An entry of the log, and its digest."""
        if self.last is not None and entry.number == self.last.entry:
            self.holds = digest == self.last.digest

    async def sign(self, memory: Memory, now: int) -> bool:
        """Sign what is stored, if it is time and there is something new; whether it was."""
        if self._key is None or self._file is None or now < self._due:
            return False
        last = self.last
        if not self.holds or memory.number == 0:
            return False  # what was changed is not vouched for
        if last is not None and (memory.number == last.entry or now < last.time + EVERY):
            return False
        head = signed(self._log, memory.number, memory.before, now, self._key)
        try:
            await asyncio.to_thread(self._file.add, head)
        except HeadsError as exc:
            self._due = now + AGAIN
            log.error("the head of %s was not signed: %s", self._log, exc)
            return False
        self.last = head
        return True
