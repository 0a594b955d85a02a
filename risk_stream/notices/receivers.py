"""Receivers: where a notice goes, what of, in which language, and when not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from risk_stream.alerts import Life

__all__ = ["HOW", "How", "Quiet", "Receiver", "at_local", "next_time"]

#: How alerts of a severity are told.
How: TypeAlias = Literal["now", "hourly", "daily", "never"]

#: Where a receiver does not say it.
HOW: Mapping[str, How] = {"critical": "now", "high": "now", "medium": "hourly", "low": "daily", "info": "never"}


def at_local(ms: int, zone: str) -> datetime:
    """A moment on a zone's clock."""
    return datetime.fromtimestamp(ms / 1000, ZoneInfo(zone))


def next_time(after: int, zone: str, at: time) -> int:
    """The first moment later than `after`, ms, at which a zone's clock shows `at`; where it skips that, just later."""
    local = at_local(after, zone)
    for days in range(3):
        day = local.date() + timedelta(days=days)
        moment = int(datetime.combine(day, at, ZoneInfo(zone)).timestamp() * 1000)
        if moment > after:
            return moment
    raise AssertionError("a day has no such time")


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours in which nothing is sent but of some severities; where `until` is not after `begins` it is the next day."""

    begins: time
    until: time
    but: frozenset[str] = frozenset({"critical"})

    def holds(self, severity: str, now: int, zone: str) -> bool:
        """Whether a notice of a severity waits now."""
        if severity in self.but or self.begins == self.until:
            return False
        clock = at_local(now, zone).time()
        if self.begins < self.until:
            return self.begins <= clock < self.until
        return clock >= self.begins or clock < self.until


@dataclass(frozen=True, slots=True)
class Receiver:
    """One address of somebody. What it may be told is said here; when, by the levels of desk.yaml."""

    name: str
    url_env: str = ""  # the environment's variable, or the file, that has the address
    url_file: str = ""
    url: str = field(default="", repr=False)  # the address itself, where nothing in it is a secret
    person: str = ""
    role: str = ""
    language: str = "en"
    timezone: str = "Asia/Shanghai"
    entities: frozenset[str] | None = None  # None: all
    stages: frozenset[str] | None = None
    how: Mapping[str, How] = field(default_factory=lambda: dict(HOW))
    quiet: Quiet | None = None
    daily_at: time = time(9)
    key: str = ""  # the public key that its notices are sealed to, base64
    personal_data: bool = False  # what is sealed has personal data as they are; each notice is then an act `reveal`

    def hears(self, life: Life) -> bool:
        """Whether an alert is any of its business."""
        return (self.entities is None or life.entity in self.entities) and (
            self.stages is None or life.stage in self.stages
        )

    def held_until(self, severity: str, now: int) -> int | None:
        """When its quiet hours end, ms, where they hold a severity back now; else None."""
        if self.quiet is None or not self.quiet.holds(severity, now, self.timezone):
            return None
        return next_time(now, self.timezone, self.quiet.until)

    def digest_after(self, how: How, since: int) -> int:
        """When what came at a time, ms, is told in a digest."""
        if how == "hourly":
            local = at_local(since, self.timezone)
            return since + 3_600_000 - ((local.minute * 60 + local.second) * 1000 + local.microsecond // 1000)
        return next_time(since, self.timezone, self.daily_at)
