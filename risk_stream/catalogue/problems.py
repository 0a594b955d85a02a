"""What is wrong in a file that a user wrote: where it stands and what to do, all of it at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

__all__ = ["MAX_SENTENCE", "CatalogueError", "Problem", "ProblemsError", "did_you_mean", "one_line", "suggest"]

#: Characters of a sentence about a fault: what it quotes may be longer than anybody reads.
MAX_SENTENCE = 1_000


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a file. `line` and `column` count from 1; 0 where the fault is of the whole file."""

    file: str
    line: int
    column: int
    message: str
    rule: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{where}: {self.message}"


class ProblemsError(Exception):
    """Raised when files cannot be used. `problems` holds every fault found, in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))


class CatalogueError(ProblemsError):
    """Raised when the event types as declared cannot be used."""


def one_line(message: str) -> str:
    """A sentence without the line breaks of what it quotes; the middle of a very long one is left out."""
    said = " ".join(message.split()) if "\n" in message or "\t" in message else message
    if len(said) <= MAX_SENTENCE:
        return said
    half = MAX_SENTENCE // 2
    return f"{said[:half]} … {said[-half:]}"


def suggest(name: str, known: Iterable[str]) -> str | None:
    """The known name nearest to what was written, or None where nothing is near."""
    names = list(known)
    folded = {n.casefold().replace("-", "_"): n for n in reversed(names)}
    near = get_close_matches(name.casefold().replace("-", "_"), folded, n=1, cutoff=0.6)
    return folded[near[0]] if near else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence: '; did you mean "amount"?', or nothing where no known name is near."""
    near = suggest(name, known)
    return f'; did you mean "{near}"?' if near else ""
