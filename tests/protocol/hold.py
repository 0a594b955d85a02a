"""What a hop partition has read and not yet judged, because a channel promised more: a function of its log."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from tests.protocol.world import NEG, Item, stats

__all__ = ["PLANS", "Cut", "Hold", "Leaving", "Row"]

#: Of how many plans rows may be held: a record has a position for a block of each.
PLANS = 2


class Row(NamedTuple):
    """An item of a record: the record's offset, the number of its section."""

    offset: int
    section: int
    item: Item


#: Rows that leave together, and their plan.
Leaving: TypeAlias = "tuple[int, list[Row]]"


class Cut(NamedTuple):
    """What was judged: of the records up to `all_to` all, of those up to `some_to` what is not above `upto`.

    `upto` moves only when something leaves. If it moved with the reach alone, what is held below it would be taken for
    judged after a restart.
    """

    all_to: int = -1
    some_to: int = -1
    upto: int = NEG


class Hold:
    """Rows of at most PLANS plans. At least `enough` leave together where others stay, and `full` are never held.

    A change of lists waits for the next record where what is before it takes all positions of its own.
    """

    def __init__(self, enough: int, full: int, mutant: str | None, cut: Cut | None = None) -> None:
        self.enough, self.full, self.mutant, self.cut = enough, full, mutant, cut or Cut()
        self.rows: list[Row] = []
        self.plan_of: dict[int, int] = {}  # by the offset of a record
        self.told: Leaving | None = None

    @property
    def plans(self) -> set[int]:
        """The plans of all that is held."""
        return {self.plan_of[row.offset] for row in self.rows} | ({self.told[0]} if self.told else set())

    def takes(self, plan: int) -> bool:
        """Whether rows of a plan may join."""
        return len(self.plans | {plan}) <= PLANS or self.mutant == "plans_held_together"

    def put(self, plan: int, rows: list[Row]) -> None:
        self.rows += rows
        self.plan_of |= dict.fromkeys((row.offset for row in rows), plan)
        if self.mutant == "plans_held_together":
            self.plan_of = dict.fromkeys(self.plan_of, plan)

    def take_told(self, offset: int) -> list[Leaving]:
        """The change of lists that waited leaves, if there is one; every record up to an offset is judged."""
        if self.told is None:
            return []
        told, self.told, self.cut = self.told, None, Cut(offset)
        return [told]

    def reaches(self, clock: int) -> bool:
        """Whether a row is at or below a clock."""
        return any(row.item.event.t <= clock for row in self.rows)

    def was_held(self, row: Row) -> bool:
        """Whether a row from before the checkpoint was not judged by then."""
        cut, t = self.cut, row.item.event.t
        if self.mutant == "held_lost_at_restore":
            return False
        if self.mutant == "cut_by_time_only":
            return row.offset > cut.all_to and t > cut.upto
        if self.mutant == "cut_of_all_only":
            return row.offset > cut.all_to
        return row.offset > cut.all_to and (row.offset > cut.some_to or t > cut.upto)

    def all(self, upto: int) -> list[Leaving]:
        """All rows leave, in the order of their times; every record up to an offset is judged."""
        if self.mutant != "full_leaves_no_cut" or len(self.rows) < self.full:
            self.cut = Cut(upto)
        rows, self.rows = self.rows, []
        return self.by_plan(rows)

    def by_plan(self, rows: list[Row]) -> list[Leaving]:
        """A block of each plan, that of the first row first."""
        plans = dict.fromkeys(self.plan_of[row.offset] for row in rows)
        stats["times that rows of two plans leave together"] += len(plans) > 1
        return [(plan, in_order([row for row in rows if self.plan_of[row.offset] == plan])) for plan in plans]

    def due(self, offset: int, reach: int | None) -> list[Leaving]:
        """What leaves with a record; `reach` is that of the promise that is furthest behind, None without any."""
        if reach is None or len(self.rows) >= self.full:
            stats["times that all leave because it is full"] += reach is not None
            return self.all(offset)
        upto = reach if self.mutant == "reach_goes_back" else max(self.cut.upto, reach)
        ready = [row for row in self.rows if row.item.event.t <= upto]
        if self.mutant == "reach_without_release":
            self.cut = self.cut._replace(upto=upto)
        if len(ready) < self.enough:
            return []
        stats["times that some leave and others stay"] += len(ready) < len(self.rows)
        self.cut = self.cut._replace(some_to=offset, upto=upto)
        self.rows = [row for row in self.rows if row.item.event.t > upto]
        return self.by_plan(ready)


def in_order(rows: list[Row]) -> list[Row]:
    """Rows of several records by their times; those of one record stay as they are in it."""
    return rows if len({row.offset for row in rows}) < 2 else sorted(rows, key=lambda row: row.item.event.t)
