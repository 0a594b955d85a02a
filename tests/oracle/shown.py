"""Which alerts people are shown where a rule says `at_most`: every decision by looking at all alerts again."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations

from risk_stream.engine import Alert

SEVERITIES = ("info", "low", "medium", "high", "critical")


@dataclass
class Shown:
    """What is held after alerts were written one after the other: shown, or repeating another."""

    held: dict[str, Alert] = field(default_factory=dict)  # the highest revisions
    by: dict[str, str] = field(default_factory=dict)  # id -> id of the shown one that it repeats
    told: list[tuple[str, int]] = field(default_factory=list)  # (id, revision) that followers hear

    def write(self, alert: Alert) -> None:
        """Take one in."""
        before = self.held.get(alert.id)
        if before is not None and before.revision >= alert.revision:
            return
        was_shown, was_by = self._is_shown(alert.id), self.by.pop(alert.id, None)
        self.held[alert.id] = alert
        stands = alert.status != "withdrawn"
        other = self._repeated(alert, was_by) if stands and not was_shown else None
        if other is not None:
            self.by[alert.id] = other
        elif stands or was_by is None:
            self.told.append((alert.id, alert.revision))
        fell = before is not None and SEVERITIES.index(alert.severity) < SEVERITIES.index(before.severity)
        if was_shown and (not stands or fell):
            assert before is not None
            near = [w for name, by in self.by.items() if self._is_near(w := self.held[name], by, before)]
            for waiting in sorted(near, key=lambda a: (a.time, a.id)):
                other = self._repeated(waiting, self.by[waiting.id])
                if other is not None:
                    self.by[waiting.id] = other
                else:
                    del self.by[waiting.id]
                    self.told.append((waiting.id, waiting.revision))

    @property
    def shown(self) -> set[str]:
        """The ids that officers see."""
        return {name for name in self.held if self._is_shown(name)}

    def repeats(self, name: str) -> int:
        """How many repeat one that is shown."""
        return sum(by == name for by in self.by.values())

    @staticmethod
    def _is_near(waiting: Alert, by: str, gone: Alert) -> bool:
        limit = gone.at_most
        return by == gone.id or (limit is not None and abs(waiting.time - gone.time) < limit.within_ms)

    def _is_shown(self, name: str) -> bool:
        return name in self.held and self.held[name].status != "withdrawn" and name not in self.by

    def _repeated(self, alert: Alert, was: str | None) -> str | None:
        limit = alert.at_most
        if limit is None or limit.per not in alert.keys:
            return None
        others = [
            other
            for name in self.shown - {alert.id}
            if (other := self.held[name]).rule == alert.rule
            and other.at_most is not None
            and other.keys.get(limit.per) == alert.keys[limit.per]
            and SEVERITIES.index(other.severity) >= SEVERITIES.index(alert.severity)
            and abs(other.time - alert.time) < limit.within_ms
        ]
        others.sort(key=lambda a: (a.time, a.id))
        for group in combinations(others, limit.alerts):
            times = [alert.time, *(other.time for other in group)]
            if max(times) - min(times) < limit.within_ms:
                if was in {other.id for other in others}:
                    return was
                before = [other for other in others if other.time <= alert.time]
                return before[-1].id if before else others[0].id
        return None
