"""Which versions of a rule there were, as git knows it: asked of the command in a process of its own, and kept.

Git's whole history of the rules is read anew, rule by rule: seconds of work that no request may take from the others.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["Versions"]

#: How long what git said is good for, and how long it may take, s; and how large its answer may be, bytes.
FRESH, PATIENCE, LARGEST = 300.0, 120.0, 64 << 20
#: So long a request waits for it, s.
WAIT = 5.0
#: Versions of one rule that are told, the newest.
MOST = 50


class Versions:
    """The versions of the rules in some files and folders; read once for all who ask meanwhile."""

    def __init__(self, rules: Sequence[Path]) -> None:
        self._rules = rules
        self._read: tuple[float, str, dict[str, list[Any]]] | None = None
        self._reading: asyncio.Task[dict[str, list[Any]]] | None = None

    async def of(self, rule: str, plan: str) -> list[dict[str, Any]] | None:
        """The versions of a rule while a plan is in force, the newest first; none where git knows nothing of it.

        None while git is still being read: ask again.
        """
        if self._read is not None and time.monotonic() - self._read[0] < FRESH and self._read[1] == plan:
            return _told(self._read[2].get(rule))
        reading = self._reading or asyncio.create_task(_history(self._rules))
        self._reading = reading
        done, _ = await asyncio.wait({reading}, timeout=WAIT)
        if not done:
            return None
        self._reading, found = None, reading.result()
        self._read = time.monotonic(), plan, found
        return _told(found.get(rule))


async def _history(rules: Sequence[Path]) -> dict[str, list[Any]]:
    """Every rule's versions; none where there is no git, or it takes too long."""
    named = (f"--rules={path}" for path in rules)
    command = (sys.executable, "-m", "risk_stream", "rules", "history", "--format", "json", *named)
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=dict(os.environ),
        limit=LARGEST,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        found: dict[str, list[Any]] = msgspec.json.decode(said)["rules"] if process.returncode == 0 else {}
    except (TimeoutError, msgspec.MsgspecError, KeyError):
        return {}
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return found


def _told(versions: list[Any] | None) -> list[dict[str, Any]]:
    return [
        {
            "version": one["version"],
            "changed": one["changed"],
            "severity": one["severity"],
            "mode": one["mode"],
            "when": None if one["commit"] is None else one["commit"]["when"],
            "by": None if one["commit"] is None else one["commit"]["author"],
            "subject": None if one["commit"] is None else one["commit"]["subject"],
            "commit": None if one["commit"] is None else one["commit"]["id"][:10],
        }
        for one in reversed((versions or [])[-MOST:])
    ]
