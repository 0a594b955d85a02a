"""What a check-up of a house finds of one thing after the other: how it is, what was seen, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "State"]


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    WARN = "warn"  # a worker runs, but something is not as it should be
    FAIL = "fail"  # a worker cannot run


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    what: str
    state: State
    seen: str
    do: str = ""
