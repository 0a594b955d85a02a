"""The ring of a hop partition: the facts of events that may still be judged again, and what an item is to them."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterator
from typing import Any

from tests.protocol.rules import fill
from tests.protocol.world import Fact, Item, L, Owner, stats

__all__ = ["Ring", "Sorted"]


class Sorted:
    """A block's items by what they are: fresh, or a revision of what the ring has."""

    def __init__(self) -> None:
        self.fresh: dict[int, tuple[int, Fact]] = {}  # event -> place in the record, fact
        self.revised: dict[int, Fact] = {}

    def facts(self) -> Iterator[Fact]:
        yield from (fact for _, fact in self.fresh.values())
        yield from self.revised.values()


class Ring:
    """Events with t >= clock - L among the last `bound` items that came: a function of the log, not of a restart."""

    def __init__(self, hop: int, bound: int, mutant: str | None) -> None:
        self.hop, self.bound, self.mutant = hop, bound, mutant
        self.keys: dict[int, list[Fact]] = {}
        self.known: dict[int, Fact] = {}
        self.arrived = 0
        self.shed = False

    def sort(
        self, items: list[tuple[int, Item]], plan: int, clock: int, twice: Callable[[Fact], None] | None = None
    ) -> Sorted:
        """What each item is, in the order of the record; `twice` hears of a copy under another plan."""
        block = Sorted()
        for place, item in items:
            event = item.event
            self.arrived += 1
            if event.t < clock - L:
                stats["revisions of what has left the ring"] += 1
                continue
            fact = Fact(event.t, event.id, event, item.keys, item.carried, plan, self.arrived)
            pending = block.fresh.get(event.id)
            old = pending[1] if pending else block.revised.get(event.id) or self.known.get(event.id)
            if old is None:
                block.fresh[event.id] = place, fact
                continue
            fact = fact._replace(arrival=old.arrival)
            if old.plan != plan:
                if twice is not None:
                    twice(old)
                if self.mutant != "copy_plan_last":
                    continue
            elif self.is_copy(old, fact):
                stats["copies dropped by id"] += 1
                continue
            elif self.is_stale(old, fact):
                stats["stale items dropped: an owner is filled in already"] += 1
                continue
            stats["revisions received"] += 1
            if pending:
                block.fresh[event.id] = pending[0], fact
            else:
                block.revised[event.id] = fact
        return block

    def is_copy(self, old: Fact, new: Fact) -> bool:
        return old.carried == new.carried and (old.keys == new.keys or self.mutant == "fill_is_copy")

    def is_stale(self, old: Fact, new: Fact) -> bool:
        """Whether an item went round the owner's hop: it was sent before its owner was filled in."""
        lacks = sum(key is None for key in new.keys) > sum(key is None for key in old.keys)
        return lacks and self.mutant != "unfilled_overrides"

    def put(self, block: Sorted) -> None:
        """Keep the facts of a block."""
        for fact in block.facts():
            old = self.known.get(fact.id)
            key: Any = fact.keys[self.hop]
            of_key = self.keys.setdefault(key, [])
            if old is not None:
                of_key.remove(old)
            insort(of_key, fact, key=lambda x: x[:2])
            self.known[fact.id] = fact

    def forget(self, clock: int) -> None:
        """Drop what has become too old, and what is too many."""
        gone = [fact for fact in self.known.values() if fact.t < clock - L]
        last = self.arrived - self.bound
        gone += [fact for fact in self.known.values() if fact.t >= clock - L and fact.arrival <= last]
        self.shed |= bool(gone)
        for fact in gone:
            del self.known[fact.id]
            self.keys[fact.keys[self.hop]].remove(fact)  # type: ignore[index]

    def above(self, key: int, lowest: tuple[int, int]) -> Iterator[Fact]:
        """The facts of a key above (t, id)."""
        yield from (fact for fact in self.keys.get(key, ()) if fact[:2] > lowest)

    def filled_anew(self, key: int, was: Owner | None, owner: Owner) -> Iterator[Fact]:
        """The facts of a key whose owner is known now and was not before."""
        for fact in self.keys.get(key, ()):
            args = fact.t, fact.id, fact.keys, self.hop
            if fill(*args, was) != fill(*args, owner):
                yield fact
