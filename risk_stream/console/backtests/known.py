"""What people said of alerts as what turned out to be true: of exactly the alert that they closed."""

from __future__ import annotations

from collections.abc import Mapping

from risk_stream.engine import Alert, alert_id
from risk_stream.workbench.backtest import Outcome, Outcomes

__all__ = ["Closed"]


class Closed(Outcomes):
    """Outcomes by alert: confirmed or false alarm. An alert that nobody closed is neither right nor wrong."""

    def __init__(self, known: Mapping[str, bool]) -> None:
        super().__init__(
            tuple(Outcome(i, "confirmed" if bad else "false_alarm") for i, bad in enumerate(known.values()))
        )
        self.complete = False
        self._of = dict(zip(known, self.known, strict=True))

    def of(self, alert: Alert, rule: str) -> list[Outcome]:
        """What people said of the alert that a rule raised on the same event."""
        found = self._of.get(alert_id(rule, alert.event))
        return [] if found is None else [found]
