"""How complete events are: of the newest of each type, which share says each field that it may leave out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from risk_stream.access import Scope
from risk_stream.catalogue import Catalogue

__all__ = ["Filled"]

#: Entities that are told apart in one look.
MOST_ENTITIES = 200


class Filled:
    """Counts over a sample of records of the house's topics."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._optional = {t.name: [f.name for f in t.all_fields if not f.required] for t in catalogue.types}
        self._events: Counter[tuple[str, str]] = Counter()  # (type, entity) -> events
        self._filled: Counter[tuple[str, str, str]] = Counter()  # and the field -> events that say it

    def take(self, values: Iterable[bytes]) -> None:
        """Count records; what is no event of the catalogue is passed over, it stands among what was refused."""
        entities = {entity for _, entity in self._events}
        for value in values:
            try:
                said = msgspec.json.decode(value)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue
            fields = self._optional.get(said.get("type", "")) if isinstance(said, dict) else None
            if fields is None:
                continue
            entity = said.get("entity")
            if not isinstance(entity, str) or (entity not in entities and len(entities) >= MOST_ENTITIES):
                entity = ""
            entities.add(entity)
            of = said["type"], entity
            self._events[of] += 1
            for name in fields:
                if said.get(name) not in (None, ""):
                    self._filled[*of, name] += 1

    def by_type(self, scope: Scope) -> list[dict[str, Any]]:
        """Each type that came: how many were looked at, the share of its fields that was said, and of each field."""
        events: Counter[str] = Counter()
        filled: dict[str, Counter[str]] = {}
        for (name, entity), n in self._events.items():
            if scope.sees(entity):
                events[name] += n
        for (name, entity, of), n in self._filled.items():
            if scope.sees(entity):
                filled.setdefault(name, Counter())[of] += n
        rows = []
        for name, n in sorted(events.items()):
            said = filled.get(name, Counter())
            shares = sorted((said[one] / n, one) for one in self._optional[name])
            fields = [{"field": one, "filled": share} for share, one in shares]
            whole = sum(share for share, _ in shares) / len(shares) if shares else None
            rows.append({"type": name, "events": n, "filled": whole, "fields": fields})
        return rows
