"""Whose data a person may see: some legal entities, or all.

The scope is asked where data are read (an index takes it, a query filters by it), not where they are shown: a page
that forgets to ask shows nothing it should not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["EVERYWHERE", "NOWHERE", "Scope"]

Row = TypeVar("Row", bound=Mapping[str, Any])


@dataclass(frozen=True, slots=True)
class Scope:
    """Legal entities; None: all of them, and what belongs to none."""

    entities: frozenset[str] | None = None

    def sees(self, entity: str | None) -> bool:
        """Whether data of a legal entity may be seen; what belongs to none only by who sees all."""
        return self.entities is None or (bool(entity) and entity in self.entities)

    def of(self, rows: Iterable[Row]) -> list[Row]:
        """Those rows whose member `entity` may be seen."""
        return [row for row in rows if self.sees(row.get("entity"))]

    def __and__(self, other: Scope) -> Scope:
        """What both may see."""
        if self.entities is None:
            return other
        return self if other.entities is None else Scope(self.entities & other.entities)

    @property
    def key(self) -> tuple[str, ...] | None:
        """What is the same for persons of the same scope: updates are encoded once for each. None: all."""
        return None if self.entities is None else tuple(sorted(self.entities))


#: All legal entities, and none.
EVERYWHERE, NOWHERE = Scope(None), Scope(frozenset())
