"""What is asked of the index, and what it answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

__all__ = ["MOST_WORDS", "ONE_OF", "SORTS", "Changes", "Page", "Place", "Query", "QueryError", "Row"]

#: A row as it is shown: a JSON object; personal data masked.
Row: TypeAlias = dict[str, Any]

#: Columns of which a query may name several values, any of which will do.
ONE_OF = (
    *("standing", "severity", "stage", "rule", "entity", "assignee", "state", "disposition", "case", "owner"),
    *("id", "alert"),
)

#: What rows can be ordered by; with a minus before it, the other way round. Ties stand by id.
SORTS = (
    *("time", "since", "changed", "closed", "asleep_until", "severity", "score", "level", "stage", "rule", "entity"),
    *("assignee", "standing", "state", "disposition", "id"),
)

#: Words that are looked for at once.
MOST_WORDS = 5


class QueryError(ValueError):
    """Raised for a query that cannot be answered; the text is one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """All of what is said must hold; what is not said holds always. Times are ms."""

    one_of: Mapping[str, Collection[str]] = field(default_factory=dict)  # column of ONE_OF -> any of these
    keys: Mapping[str, str] = field(default_factory=dict)  # kind of key -> key
    begins: int | None = None  # the event's time, from
    ends: int | None = None  # and before
    words: str = ""  # each is part of the sentence, of a key or of the rule's name, or is the whole id
    awake_at: int | None = None  # none that sleep then
    asleep_at: int | None = None  # those alone

    def __post_init__(self) -> None:
        unknown = [name for name in self.one_of if name not in ONE_OF]
        if unknown:
            raise QueryError(f"there is no column {unknown[0]!r} to ask for; there are {', '.join(ONE_OF)}")
        if len(self.words.split()) > MOST_WORDS or len(self.words) > 200:
            raise QueryError(f"{MOST_WORDS} words of 200 characters in all are looked for at most")


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the rows that were found, and how many there are."""

    rows: list[Row]
    total: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed after a version of the index."""

    version: int  # what to ask for next time
    rows: list[Row]  # as they are now, the last changed first
    gone: list[str]  # ids that are no longer there, or no longer for who asks
    more: bool = False  # more than this changed: ask for the whole anew


class Place(NamedTuple):
    """Where in the topic of alerts the record lies that says the whole of an alert."""

    partition: int
    offset: int
