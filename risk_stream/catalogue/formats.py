"""What a house keeps and its processes send one another, and in which formats: the one list of them.

A release reads what releases before it wrote, from `oldest` on, and writes `newest`; where that is another number than
the release before has, it writes it only when it must, so that workers of both may work side by side while one is
replaced by the other. A record that says no format is of the first. What a later release wrote is never guessed at: it
is refused in one sentence, and nothing is changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from risk_stream import __version__

__all__ = [
    "CHECKPOINTS",
    "COMMITS",
    "FORMATS",
    "HOP_STATES",
    "LETTERS",
    "LIVES",
    "MODELS",
    "PLANS",
    "WINDOWS",
    "Format",
    "LaterFormatError",
]


class LaterFormatError(ValueError):
    """Raised where a later release wrote what is read; the text is one sentence. To start again would not help."""


@dataclass(frozen=True, slots=True)
class Format:
    """One thing that is kept or sent: what it is, where it lies, and who reads it."""

    name: str  # as `risk.formats` has it
    what: str
    where: str
    readers: str
    newest: int = 1
    oldest: int = 1

    def check(self, version: int, release: str = "") -> None:
        """Raise `LaterFormatError` for a format that this release does not know; `release` wrote it, if that is said.

        One that is older than what this release reads is its reader's to refuse.
        """
        if version > self.newest:
            wrote = f"release {release}" if release else "a later release"
            raise LaterFormatError(
                f"{self.what} (in {self.where}) is in format {version}, which {wrote} wrote, and release {__version__}"
                f" reads up to {self.newest}: run that release or a later one; nothing was changed"
            )


COMMITS: Final = Format("commits", "what is committed beside an offset", "the group's offsets", "workers")
CHECKPOINTS: Final = Format("checkpoints", "a checkpoint", "risk.state", "workers", newest=2, oldest=2)
#: 2 where rules judge later, 3 where models score; 1 for all else, as before there were any.
HOP_STATES: Final = Format("hop-states", "what a hop has saved", "risk.state", "workers", newest=3)
WINDOWS: Final = Format("windows", "what windows have saved", "risk.state", "workers")
MODELS: Final = Format("models", "what a model has learnt", "risk.state", "workers")
PLANS: Final = Format("plans", "a plan", "risk.plans", "workers, the console, commands", newest=2)
LETTERS: Final = Format("letters", "a message between workers", "risk.hop.*", "workers")
LIVES: Final = Format("lives", "an entry of what people did", "risk.life", "desks, senders of notices, consoles")

#: All that is kept; those that have no name here say no format by themselves, and are checked by `risk.formats` alone.
FORMATS: Final = (
    COMMITS,
    CHECKPOINTS,
    HOP_STATES,
    WINDOWS,
    MODELS,
    PLANS,
    LETTERS,
    LIVES,
    Format("alerts", "an alert", "risk.alerts", "workers, desks, consoles, commands"),
    Format("decisions", "a decision", "risk.decisions", "servers of decisions, commands"),
    Format("profiles", "a profile", "risk.profiles", "workers, commands"),
    Format("rejects", "a refused record", "risk.rejects", "consoles, commands"),
    Format("audit", "what was decided beside the events", "risk.audit", "consoles, commands"),
    Format("actions", "what somebody asks for", "risk.actions", "desks"),
    Format("notices", "a notice", "risk.notices", "senders of notices, commands"),
    Format("heads", "a signed head", "heads.jsonl", "desks, commands"),
    Format("redis", "what is shown", "Redis", "workers, desks, consoles, commands"),
)
