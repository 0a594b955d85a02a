"""Watches rule files: a good change makes a new plan, a bad one is refused whole and the last good plan stays."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from risk_stream.catalogue import Catalogue
from risk_stream.rules.plan import Plan, load_plan

__all__ = ["PlanSource"]


class PlanSource:
    """The rule files of a house, read anew when they change.

    Raises `PlanError` where they cannot be used at the start. `poll` raises it once for each bad state of the files;
    `plan` is the last good one all the while.
    """

    def __init__(self, paths: Sequence[Path], catalogue: Catalogue) -> None:
        self.paths, self.catalogue = list(paths), catalogue
        self._stats = self._stat()
        self._content = self._hash()
        self.plan: Plan = load_plan(self.paths, catalogue)

    def poll(self) -> Plan | None:
        """The new plan if the files' contents changed and are good, else None. Raises `PlanError` where they are not."""
        stats = self._stat()
        if stats == self._stats:
            return None
        content = self._hash()
        self._stats = stats
        if content == self._content:
            return None
        self._content = content
        plan = load_plan(self.paths, self.catalogue)
        if plan.version == self.plan.version:
            return None
        self.plan = plan
        return plan

    def _stat(self) -> tuple[tuple[str, int, int], ...]:
        found = []
        for path in self.paths:
            for file in sorted(path.rglob("*.y*ml")) if path.is_dir() else [path]:
                try:
                    stat = file.stat()
                except OSError:
                    continue
                found.append((str(file), stat.st_mtime_ns, stat.st_size))
        return tuple(found)

    def _hash(self) -> bytes:
        digest = blake2b(digest_size=16)
        for name, _, _ in self._stat():
            try:
                digest.update(name.encode() + b"\0" + Path(name).read_bytes() + b"\0")
            except OSError:
                digest.update(name.encode() + b"\0gone\0")
        return digest.digest()
