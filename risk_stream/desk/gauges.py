"""What the desk says of itself and of the alerts that people work, for Prometheus."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

import msgspec

from risk_stream.alerts import SEVERITIES, Desk, Entry, Head
from risk_stream.sinks import LATENCY_BUCKETS, OTHER, Metric, Metrics

__all__ = ["DESK_METRICS", "DeskGauges"]

#: How often the gauges are said anew, s.
FRESH = 1.0

#: What a desk says at /metrics of its own port; of alerts the active desk alone.
DESK_METRICS: tuple[Metric, ...] = (
    Metric(
        "risk_stream_desk_alerts",
        "gauge",
        ("standing", "severity", "stage", "entity"),
        "Alerts that are not closed: `open`, or `acknowledged` by somebody.",
    ),
    Metric("risk_stream_desk_asleep", "gauge", (), "Of these, alerts that somebody put off for a while."),
    Metric("risk_stream_desk_inhibited", "gauge", (), "Of these, alerts whose cause is an alert that is not closed."),
    Metric("risk_stream_desk_cases", "gauge", (), "Cases with alerts that are not closed."),
    Metric(
        "risk_stream_desk_oldest_open_seconds",
        "gauge",
        ("severity",),
        "For how long the oldest alert that nobody has acknowledged has been open; 0 where there is none.",
    ),
    Metric("risk_stream_desk_silences", "gauge", (), "Silences in force: of what they match nobody is told."),
    Metric(
        "risk_stream_desk_dispositions",
        "gauge",
        ("rule", "disposition"),
        "Alerts by what people closed them as, since the log began; those of rules beyond RISK_STREAM_METRICS_RULES"
        " share `other`.",
    ),
    Metric(
        "risk_stream_desk_acts_total",
        "counter",
        ("act", "answer"),
        "What people asked for, and the answer: `done`, `refused`, or `partly` for an act on several alerts.",
    ),
    Metric(
        "risk_stream_desk_act_seconds",
        "histogram",
        (),
        "From the broker's time of an act's record to the storing of the entry that decides it.",
        LATENCY_BUCKETS,
    ),
    Metric(
        "risk_stream_desk_entries_total",
        "counter",
        ("what",),
        "Entries of the log, by what brought them: `alert`, `act`, `time`.",
    ),
    Metric("risk_stream_desk_entry", "gauge", (), "Number of the last entry of the log."),
    Metric("risk_stream_desk_refused_total", "counter", (), "Records that were neither an act nor an alert."),
    Metric("risk_stream_desk_lag_records", "gauge", ("topic",), "Records of a topic that it has yet to decide."),
    Metric(
        "risk_stream_desk_redis_waiting",
        "gauge",
        (),
        "Alerts of which Redis does not show yet what people did; they wait while it is away.",
    ),
    Metric(
        "risk_stream_desk_head_timestamp_seconds",
        "gauge",
        (),
        "When the head of the log was signed last; 0 where none was.",
    ),
    Metric(
        "risk_stream_desk_log_holds",
        "gauge",
        (),
        "1 where the log has the entry that was signed last as it was then, 0 where it was changed or cut off.",
    ),
    Metric("risk_stream_desk_tasks", "gauge", (), "Tasks of the desk's loop."),
    Metric("risk_stream_desk_active", "gauge", (), "1 where this desk is the one at work, 0 where it stands by."),
)

#: What speaks of alerts or of how far the desk is, and so is said by the active one alone.
_OF_THE_ACTIVE = ("alerts", "oldest_open_seconds", "dispositions", "lag_records")
_OF_THE_ACTIVE_ALONE = ("asleep", "inhibited", "cases", "silences", "entry", "redis_waiting", "active")


class DeskGauges:
    """Keeps metrics, of `DESK_METRICS`, up to date; called in the desk's own loop."""

    def __init__(self, metrics: Metrics, most_rules: int = 1000) -> None:
        self.metrics, self._most_rules = metrics, most_rules
        self._shown, self._page = float("-inf"), b"{}"
        metrics.page("/dispositions", lambda: self._page)
        for what in ("alert", "act", "time"):
            metrics.add("risk_stream_desk_entries_total", 0, what)

    @property
    def due(self) -> bool:
        """Whether the gauges are old."""
        return time.monotonic() - self._shown >= FRESH

    def count(self, entry: Entry, seconds: float) -> None:
        """Count an entry that is stored, so long after the record that it answers."""
        self.metrics.add("risk_stream_desk_entries_total", 1, entry.what)
        if entry.act is not None:
            done = {ruling.done for ruling in entry.rulings}
            answer = "partly" if len(done) == 2 else "done" if done == {True} else "refused"
            self.metrics.add("risk_stream_desk_acts_total", 1, entry.act.act, answer)
            self.metrics.observe("risk_stream_desk_act_seconds", seconds)

    def refuse(self) -> None:
        """Count a record that could not be read."""
        self.metrics.add("risk_stream_desk_refused_total")

    def show(self, desk: Desk, now: int, behind: Mapping[str, int], waiting: int = 0, tasks: int = 0) -> None:
        """Say how alerts stand at `now`, ms.

        `behind`: records of each topic that the desk has not read; `waiting`: alerts that Redis has not got; `tasks`:
        those of its loop.
        """
        self._shown = time.monotonic()
        memory = desk.memory
        alerts: Counter[tuple[str, ...]] = Counter()
        for (standing, severity, stage, entity), many in memory.tally.standing.items():
            alerts[standing, severity, stage, self.metrics.entity(entity)] += many
        since = {severity: memory.tally.oldest(severity) for severity in SEVERITIES}
        ages: dict[tuple[str, ...], float] = {
            (one,): max(0, now - (now if at is None else at)) / 1000 for one, at in since.items()
        }
        self._replace("alerts", alerts)
        self._replace("oldest_open_seconds", ages)
        self._replace("dispositions", self._dispositions(desk))
        self._page = msgspec.json.encode(memory.dispositions)
        self._replace("lag_records", {(topic,): many for topic, many in behind.items()})
        in_force = sum(silence.begins <= now < silence.ends for silence in memory.silences.values())
        self._set("asleep", memory.tally.asleep)
        self._set("inhibited", memory.tally.inhibited)
        self._set("cases", len(memory.members))
        self._set("silences", in_force)
        self._set("entry", memory.number)
        self._set("redis_waiting", waiting)
        self._set("active", 1)
        self._set("tasks", tasks)

    def sign(self, head: Head | None, *, holds: bool) -> None:
        """Say which head was signed last, and whether the log holds it."""
        self._set("head_timestamp_seconds", 0 if head is None else head.time / 1000)
        self._set("log_holds", holds)

    def stand_by(self) -> None:
        """Say that another is active: what this one knew of alerts counts no more."""
        self._page = b"{}"
        for name in _OF_THE_ACTIVE:
            self._replace(name, {})
        for name in _OF_THE_ACTIVE_ALONE:
            self._set(name, 0)

    def _dispositions(self, desk: Desk) -> Mapping[tuple[str, ...], float]:
        found: Counter[tuple[str, ...]] = Counter()
        for place, (rule, closed) in enumerate(desk.memory.dispositions.items()):
            for disposition, many in closed.items():
                found[rule if place < self._most_rules else OTHER, disposition] += many
        return found

    def _replace(self, name: str, values: Mapping[tuple[str, ...], float]) -> None:
        self.metrics.replace(f"risk_stream_desk_{name}", values)

    def _set(self, name: str, value: float) -> None:
        self.metrics.set(f"risk_stream_desk_{name}", value)
