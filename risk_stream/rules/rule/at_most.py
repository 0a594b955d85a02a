"""How many alerts of a rule people are shown of one key within a length of time; judging goes on as if it were not."""

from __future__ import annotations

from dataclasses import dataclass

from risk_stream.catalogue import Catalogue, Node
from risk_stream.rules.limits import MAX_WINDOW_MS
from risk_stream.rules.words import Report, keys, length_ms

__all__ = ["AT_MOST_KEYS", "MAX_ALERTS", "AtMost", "read_at_most"]

AT_MOST_KEYS = ("alerts", "per", "within")
#: The most alerts that a limit can let through.
MAX_ALERTS = 1_000

_EXAMPLE = "as in at_most: {alerts: 1, per: customer, within: 1d}"
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))


@dataclass(frozen=True, slots=True)
class AtMost:
    """So many alerts of a rule are shown of one key of a kind, whose times lie less than `within_ms` apart."""

    alerts: int
    per: str  # a kind of key
    within_ms: int

    def __str__(self) -> str:
        """As people say it: 1 alert per customer within 1d."""
        unit, ms = next((unit, ms) for unit, ms in _UNITS if self.within_ms % ms == 0)
        return f"{self.alerts} alert{'s' * (self.alerts != 1)} per {self.per} within {self.within_ms // ms}{unit}"


def read_at_most(node: Node | None, catalogue: Catalogue, report: Report) -> AtMost | None:
    """The limit that `at_most` names; None where it names none, or what is wrong is reported."""
    if node is None:
        return None
    if not node.is_mapping:
        report(node, f"at_most says how many alerts are shown of which key within how long, {_EXAMPLE}")
        return None
    for key in keys(node):
        if key.value not in AT_MOST_KEYS:
            report(key, f"'{key.value}' is no part of at_most: there are {', '.join(AT_MOST_KEYS)}, {_EXAMPLE}")
            return None
    alerts, per, within = (node.get(key) for key in AT_MOST_KEYS)
    count = None if alerts is None else alerts.value
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MAX_ALERTS:
        report(alerts or node, f"alerts is a whole number, 1 to {MAX_ALERTS:,}: so many are shown, {_EXAMPLE}")
        return None
    kinds = [kind.name for kind in catalogue.kinds]
    if per is None or per.value not in kinds:
        report(per or node, f"per names the kind of key that is shown so often, one of {', '.join(kinds)}, {_EXAMPLE}")
        return None
    length = None if within is None else length_ms(within.value)
    if not length or length > MAX_WINDOW_MS:
        most = f"at most {MAX_WINDOW_MS // 86_400_000}d"
        report(within or node, f"within is a length of time such as 10m, 1h or 1d, {most}, {_EXAMPLE}")
        return None
    return AtMost(count, str(per.value), length)
