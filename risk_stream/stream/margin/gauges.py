"""What the clerk of margin accounts says of itself and of the accounts for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np

from risk_stream.catalogue import EventBatch
from risk_stream.lending import MarginDesk, MarginStatus, band_sums, ratio_sums
from risk_stream.sinks import Metrics

__all__ = ["MarginGauges"]

#: How often the sums over all accounts are made anew, s: 50,000 accounts take a few milliseconds.
FRESH = 1.0

#: What speaks of the accounts or of how far the clerk is, and so is said by the active one alone.
_OF_THE_ACTIVE = (
    *("accounts", "assets", "debts", "concentrated_accounts", "ratio_accounts", "ratio_debts", "lag_records"),
    "event_timestamp_seconds",
)


class MarginGauges:
    """Keeps metrics, of `CLERK_METRICS`, up to date; called in the clerk's own loop, where its desk keeps still."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self._newest: dict[str, int] = {}  # type -> event time, ms
        self._refused = 0
        self._shown = float("-inf")

    @property
    def due(self) -> bool:
        """Whether the sums are old."""
        return time.monotonic() - self._shown >= FRESH

    def count(self, batch: EventBatch, statuses: Sequence[MarginStatus]) -> None:
        """Count what was taken in and what was said of it."""
        codes, counts = np.unique(batch.types, return_counts=True)
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
            name = batch.catalogue.types[code].name
            if name in MarginDesk.TAKES:
                self.metrics.add("risk_stream_margin_events_total", count, name)
                newest = int(batch.times[batch.types == code].max())
                self._newest[name] = max(newest, self._newest.get(name, newest))
        for status in statuses:
            self.metrics.add("risk_stream_margin_statuses_total", 1, status.standing.band)

    def show(self, desk: MarginDesk, behind: Mapping[str, int] | None = None) -> None:
        """Say how the accounts stand, and by how many records of each topic the clerk is behind."""
        self._shown = time.monotonic()
        labels = [self.metrics.entity(name) for name in desk.entities]
        bands, ratios = band_sums(desk.book, labels), ratio_sums(desk.book)
        concentrated = dict.fromkeys(labels, 0)
        for (_, entity), sums in bands.items():
            concentrated[entity] += sums.concentrated
        self._replace("accounts", {key: sums.accounts for key, sums in bands.items()})
        self._replace("assets", {key: sums.assets for key, sums in bands.items()})
        self._replace("debts", {key: sums.debts for key, sums in bands.items()})
        self._replace("concentrated_accounts", {(entity,): many for entity, many in concentrated.items()})
        self._replace("ratio_accounts", {(name,): sums.accounts for name, sums in ratios.items()})
        self._replace("ratio_debts", {(name,): sums.debts for name, sums in ratios.items()})
        self._replace("event_timestamp_seconds", {(name,): at / 1000 for name, at in self._newest.items()})
        self._replace("lag_records", {(topic,): count for topic, count in (behind or {}).items()})
        self.metrics.set("risk_stream_margin_unpriced_titles", len(desk.unpriced))
        self.metrics.set("risk_stream_margin_active", 1)
        refused = desk.refused.total()
        self.metrics.add("risk_stream_margin_refused_total", refused - self._refused)
        self._refused = refused

    def stand_by(self) -> None:
        """Say that another is active: this one's accounts count no more."""
        for name in _OF_THE_ACTIVE:
            self._replace(name, {})
        self._newest, self._refused = {}, 0
        self.metrics.set("risk_stream_margin_unpriced_titles", 0)
        self.metrics.set("risk_stream_margin_active", 0)

    def _replace(self, name: str, values: Mapping[tuple[str, ...], float]) -> None:
        self.metrics.replace(f"risk_stream_margin_{name}", values)
