"""A worker's own numbers, read from its /totals: a tenth of the work of /metrics, for it and for who reads them."""

from __future__ import annotations

import json
import time
import urllib.request
from dataclasses import dataclass, field, replace

__all__ = ["Numbers", "read_numbers"]


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a worker has done; all 0 before it can be asked."""

    events: int = 0
    rejects: int = 0
    alerts: int = 0
    lag: int = 0  # records that wait in any of its topics
    partitions: int = 0
    changed: float = field(default_factory=time.monotonic)  # when the counts last changed
    earlier: tuple[int, int] = (0, 0)  # of events and rejects, those that workers counted before this one's start

    @property
    def quiet_for(self) -> float:
        """Seconds since anything changed."""
        return time.monotonic() - self.changed

    def after(self, before: Numbers) -> Numbers:
        """These, changed when `before` was where nothing has changed since; `before` where nobody answered.

        A worker that was started again counts from 0: what the one before counted is added.
        """
        if self.partitions == 0 and before.partitions:
            return before
        earlier = before.earlier
        if self.events < before.events - earlier[0]:
            earlier = before.events, before.rejects
        now = replace(self, events=self.events + earlier[0], rejects=self.rejects + earlier[1], earlier=earlier)
        same = now == replace(before, changed=now.changed)
        return replace(now, changed=before.changed) if same else now


def read_numbers(port: int) -> Numbers:
    """Ask the worker at this port of 127.0.0.1; zeros where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/totals", timeout=2) as answer:
            totals = json.loads(answer.read())
    except (OSError, ValueError):
        return Numbers()
    return Numbers(
        events=int(totals["risk_stream_events_total"]),
        rejects=int(totals["risk_stream_rejects_total"]),
        alerts=int(totals["risk_stream_alerts_total"]),
        lag=int(totals["risk_stream_consumer_lag_records"]),
        partitions=int(totals["risk_stream_partitions"]),
    )
