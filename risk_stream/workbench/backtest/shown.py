"""How many of a rule's alerts people would be shown by its `at_most`, were they said in the order of their times."""

from __future__ import annotations

from dataclasses import dataclass, field

from risk_stream.engine import Alert
from risk_stream.rules import SEVERITIES, AtMost

__all__ = ["ShownCount"]


@dataclass(slots=True)
class ShownCount:
    """The alerts of one rule; those without a key that can be limited are shown."""

    at_most: AtMost
    _unkeyed: int = 0
    _said: dict[str, list[tuple[int, str, int]]] = field(default_factory=dict)  # key -> (time, id, how severe)

    def add(self, alert: Alert) -> None:
        """Take one in, in any order."""
        key = alert.keys.get(self.at_most.per)
        if key:
            said = alert.time, alert.id, SEVERITIES.index(alert.severity)
            self._said.setdefault(key, []).append(said)
        else:
            self._unkeyed += 1

    @property
    def shown(self) -> int:
        """How many are shown of all so far."""
        return self._unkeyed + sum(self._of_key(sorted(said)) for said in self._said.values())

    def _of_key(self, said: list[tuple[int, str, int]]) -> int:
        shown: list[list[int]] = [[] for _ in SEVERITIES]  # of each severity, times of those at least so severe
        count = 0
        for time, _, severity in said:
            before = shown[severity]
            nth = before[-self.at_most.alerts] if len(before) >= self.at_most.alerts else None
            if nth is not None and time - nth < self.at_most.within_ms:
                continue
            count += 1
            for times in shown[: severity + 1]:
                times.append(time)
        return count
