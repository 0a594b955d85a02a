"""Watches rule files: a good change makes a new plan, a bad one is refused whole and the last good plan stays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TypeAlias

from risk_stream.calendars import load_calendars
from risk_stream.catalogue import Catalogue, ProblemsError
from risk_stream.rules.files import PlanError, below
from risk_stream.rules.kept import KeptFiles
from risk_stream.rules.limits import MAX_FILE_BYTES
from risk_stream.rules.plan import Plan, load_plan

__all__ = ["PlanSource"]

_Stat: TypeAlias = tuple[str, int, int, int, int]


class PlanSource:
    """The rule files of a house and its own calendars, read anew when they change.

    Raises `PlanError` where they cannot be used at the start. `poll` raises it once for each bad state of the files;
    `plan` is the last good one all the while, `problem` why the files as they are now are not it, None where they are,
    and `kept` what was read of files, which is not read again.
    """

    def __init__(self, paths: Sequence[Path], catalogue: Catalogue, calendars: Sequence[Path] = ()) -> None:
        self.paths, self.catalogue, self.calendars = list(paths), catalogue, list(calendars)
        self.kept = KeptFiles()
        self._stats = self._stat()
        self._content = self._hash(self._stats)
        self.problem: PlanError | None = None
        self.plan: Plan = self._load()

    def poll(self) -> Plan | None:
        """The new plan if the files' contents changed and are good, else None. Raises `PlanError` if they are not."""
        stats = self._stat()
        if stats == self._stats:
            return None
        content = self._hash(stats)
        self._stats = stats
        if content == self._content:
            return None
        self._content = content
        try:
            plan = self._load()
        except PlanError as error:
            self.problem = error
            raise
        self.problem = None
        if plan.version == self.plan.version:
            return None
        self.plan = plan
        return plan

    def _load(self) -> Plan:
        try:
            calendars = load_calendars(self.calendars)
        except ProblemsError as error:
            raise PlanError(error.problems) from None
        return load_plan(self.paths, self.catalogue, calendars, self.kept)

    def _stat(self) -> tuple[_Stat, ...]:
        """What tells that a file is another or was written, without reading it."""
        found = []
        for path in [*self.paths, *self.calendars]:
            for file in sorted(below(path)) if path.is_dir() else [path]:
                try:
                    stat = file.stat()
                except OSError:
                    continue
                found.append((str(file), stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino))
        return tuple(found)

    @staticmethod
    def _hash(stats: Iterable[_Stat]) -> bytes:
        digest = blake2b(digest_size=16)
        for name, *_ in stats:
            digest.update(name.encode(errors="surrogateescape") + b"\0")
            try:
                with Path(name).open("rb") as file:
                    digest.update(blake2b(file.read(MAX_FILE_BYTES + 1)).digest())
            except OSError:
                digest.update(b"gone")
        return digest.digest()
