"""Which pipeline a row belongs to, where a model has one for each group: a bounded number, the idle longest goes."""

from __future__ import annotations

import numpy as np

from risk_stream.models.learner import Longs, Mask

__all__ = ["Groups"]


class Groups:
    """A slot for each group, at most `most`; a model without groups has one slot.

    Attributes:
        forgotten: Groups whose slot was given to another one.
    """

    def __init__(self, grouped: bool, most: int) -> None:
        self._grouped = grouped
        self._most = most if grouped else 1
        self._slots: dict[int, int] = {}  # group -> slot, idle longest first
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._slots)

    def slot(self, group: int) -> int | None:
        """The slot of a group, None for one that is not at hand."""
        return self._slots.get(group if self._grouped else 0)

    def slots(self, groups: Longs | None, used: Mask) -> tuple[Longs, Mask]:
        """The slot of each row that is used [n], and where a slot begins anew [n], before that row.

        Raises:
            ValueError: A model with groups was given none.
        """
        n = len(used)
        slots, begins = np.zeros(n, np.int64), np.zeros(n, bool)
        if not self._grouped:
            first = int(used.argmax()) if n else 0
            if n and used[first] and not self._slots:
                self._slots[0] = 0
                begins[first] = True
            return slots, begins
        if groups is None:
            raise ValueError("this model has a pipeline for each group, and no groups were given")
        at = self._slots
        for i in np.flatnonzero(used).tolist():
            group = int(groups[i])
            slot = at.pop(group, None)
            if slot is None:
                begins[i] = True
                if len(at) < self._most:
                    slot = len(at)
                else:
                    slot = at.pop(next(iter(at)))
                    self.forgotten += 1
            at[group] = slot
            slots[i] = slot
        return slots, begins

    def saved(self) -> list[list[int]]:
        """[group, slot] of all, idle longest first."""
        return [[group, slot] for group, slot in self._slots.items()]

    def restored(self, saved: list[list[int]], forgotten: int) -> Groups:
        """Groups as they were saved.

        Raises:
            ValueError: They are no slots of this model.
        """
        new = Groups(self._grouped, self._most)
        new._slots = {pair[0]: pair[1] for pair in saved}
        new.forgotten = forgotten
        if sorted(new._slots.values()) != list(range(len(saved))) or len(saved) > self._most:
            raise ValueError("what was saved of this model has other groups than it can have")
        return new
