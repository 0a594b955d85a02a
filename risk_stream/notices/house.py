"""What the folder `people` says of notices, checked: receivers, levels, on-call calendars, templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from risk_stream.notices.receivers import Receiver
from risk_stream.notices.rotas import Rota
from risk_stream.notices.templates import Template

__all__ = ["HOUR_MS", "MINUTE_MS", "House", "Storm"]

MINUTE_MS, HOUR_MS = 60_000, 3_600_000


@dataclass(frozen=True, slots=True)
class Storm:
    """When many are told as one, and how often of them."""

    cases: int = 2  # of one rule, within `minutes`, are told singly; those after them together
    minutes: int = 10
    at_once: int = 3  # more cases than these at one moment are one notice
    alerts: int = 20  # of one case or storm: from here on its end is told, when none came for `quiet_minutes`
    quiet_minutes: int = 60
    gaps_minutes: tuple[int, ...] = (5, 30, 180, 1440)  # from one notice of a case or storm to the next; the last stays

    def gap(self, number: int) -> int:
        """From the notice of this number to the next of its thread, ms."""
        return self.gaps_minutes[min(number, len(self.gaps_minutes)) - 1] * MINUTE_MS


@dataclass(frozen=True)
class House:
    """All of it."""

    receivers: Mapping[str, Receiver] = field(default_factory=dict)
    levels: tuple[tuple[str, ...], ...] = ()  # names of receivers, persons, roles and rotas, the first level first
    rotas: Mapping[str, Rota] = field(default_factory=dict)
    templates: tuple[Template, ...] = ()
    storm: Storm = Storm()
    give_up_hours: float = 6  # of trying to send a notice, until it is a dead letter

    def levels_of(self, now: int) -> dict[str, tuple[int, ...]]:
        """The levels at which each receiver is told at a time, ms; receivers of none are not named."""
        found: dict[str, list[int]] = {}
        for level, names in enumerate(self.levels):
            people = set(names)
            for name in names:
                if name in self.rotas:
                    people |= self.rotas[name].on(now)
            for receiver in self.receivers.values():
                if people & {receiver.name, receiver.person, receiver.role} - {""}:
                    found.setdefault(receiver.name, []).append(level)
        return {name: tuple(levels) for name, levels in found.items()}

    def next_change(self, now: int) -> int:
        """The next moment, ms, at which more than one case may be told: a change of watch, a digest, quiet's end."""
        times = [now + HOUR_MS]
        times += [rota.next_change(now) for rota in self.rotas.values()]
        for receiver in self.receivers.values():
            times += [receiver.digest_after(how, now) for how in set(receiver.how.values()) - {"now", "never"}]
            if (until := receiver.held_until("", now)) is not None:
                times.append(until)
        return min(times)
