"""Which alerts are effects of others that are not closed: nobody is told of them, and they are shown all the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TypeAlias, TypeVar

from risk_stream.alerts.life import Life
from risk_stream.alerts.policy import Policy
from risk_stream.alerts.room import Room

__all__ = ["Inhibitions"]

K = TypeVar("K")

#: The number of an inhibit of the policy, and the keys that cause and effect have in common.
_Place: TypeAlias = tuple[int, tuple[str, ...]]


class Inhibitions:
    """A function of the lives that are not closed, and of the policy; told of each change of a life.

    What a change does to others is looked at later, so many at a time, for a cause may have thousands of effects.
    """

    def __init__(self, policy: Policy, lives: Mapping[str, Life]) -> None:
        self._inhibits, self._lives = policy.inhibits, lives
        self._causes: dict[_Place, dict[str, None]] = defaultdict(dict)
        self._effects: dict[_Place, dict[str, None]] = defaultdict(dict)
        self._places: dict[str, list[tuple[dict[_Place, dict[str, None]], _Place]]] = {}
        self._marked: dict[str, dict[str, None]] = defaultdict(dict)  # cause -> the lives that say it inhibits them
        self._mark: dict[str, str] = {}
        self._unsettled: dict[str, None] = {}
        for life in lives.values():
            if life.standing != "closed":
                self.note(life)
                if life.inhibited_by or any(self._of(life, effects=True)):
                    self._unsettled[life.id] = None

    def cause_of(self, life: Life) -> str:
        """The life that inhibits this one: the one that did, else the oldest; "" where there is none."""
        found = ""
        for place in self._of(life, effects=True):
            causes = self._causes.get(place, {})
            if life.inhibited_by in causes:
                return life.inhibited_by
            found = found or next(iter(causes), "")
        return found

    def note(self, life: Life) -> None:
        """A life is another one now, or is new."""
        self._forget(life.id)
        if life.standing == "closed":
            for effect in self._marked.pop(life.id, ()):
                self._unsettled[effect] = None
            return
        places: list[tuple[dict[_Place, dict[str, None]], _Place]] = []
        for place in self._of(life, effects=False):
            causes = self._causes[place]
            if not causes:  # where there is another one, its effects are marked
                self._unsettled |= self._effects.get(place, {})
            causes[life.id] = None
            places.append((self._causes, place))
        for place in self._of(life, effects=True):
            self._effects[place][life.id] = None
            places.append((self._effects, place))
        if places:
            self._places[life.id] = places
        if life.inhibited_by:
            self._says(life)

    def _says(self, life: Life) -> None:
        self._marked[life.inhibited_by][life.id] = None
        self._mark[life.id] = life.inhibited_by

    def settle(self, room: Room) -> list[tuple[Life, str]]:
        """Lives of which it is another one that inhibits them, or none any more; as many as `room` has, each once."""
        found: list[tuple[Life, str]] = []
        while self._unsettled:
            id = next(iter(self._unsettled))
            life = self._lives.get(id)
            if life is not None and life.standing != "closed":
                cause = self.cause_of(life)
                if cause != life.inhibited_by:
                    if not room.has(life):
                        break
                    found.append((life, cause))
                elif cause:  # it was closed and opened again before this was looked at
                    self._says(life)
            del self._unsettled[id]
        return found

    def _of(self, life: Life, *, effects: bool) -> Iterator[_Place]:
        for number, one in enumerate(self._inhibits):
            if life.rule in (one.effects if effects else one.causes):
                keys = tuple(life.keys.get(kind, "") for kind in one.same)
                if all(keys):
                    yield number, keys

    def _forget(self, id: str) -> None:
        for of, place in self._places.pop(id, ()):
            _drop(of, place, id)
        if (cause := self._mark.pop(id, "")) and cause in self._marked:
            _drop(self._marked, cause, id)


def _drop(of: dict[K, dict[str, None]], place: K, id: str) -> None:
    of[place].pop(id, None)
    if not of[place]:
        del of[place]
