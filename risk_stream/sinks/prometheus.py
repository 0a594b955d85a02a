"""What a worker says of itself at /metrics: plain numbers that are counted in place and read when Prometheus asks.

`METRICS` is the whole list. No label ever holds a customer, a trade or any other id of the house's; legal entities are
bounded: the first N have a label of their own, later ones share `other`.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from wsgiref.simple_server import WSGIServer

import numpy as np
import orjson
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from risk_stream import __version__

if TYPE_CHECKING:
    from prometheus_client.core import Metric as Family

__all__ = ["CLERK_METRICS", "METRICS", "SERVER_METRICS", "Metric", "Metrics"]

#: Upper bounds of the latency histogram, s.
LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

#: Upper bounds of the batch size histogram, events.
BATCH_BUCKETS = (1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0)

#: Upper bounds of the pauses of a worker's loop, s.
PAUSE_BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.5, 1.0, 5.0)

#: What the label of entities beyond the bound says.
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its full name, what it is, its labels, and what it means."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    meaning: str
    buckets: tuple[float, ...] = ()


METRICS: tuple[Metric, ...] = (
    Metric("risk_stream_events_total", "counter", ("topic", "type"), "Events admitted from the house's topics."),
    Metric(
        "risk_stream_stage_events_total",
        "counter",
        ("topic", "stage"),
        "Events admitted that a rule of this business stage looks at; one event may count for several stages.",
    ),
    Metric(
        "risk_stream_rejects_total",
        "counter",
        ("topic", "reason"),
        "Records refused, kept in risk.rejects; one that is read again, as after a restart, counts again.",
    ),
    Metric(
        "risk_stream_judged_latency_seconds",
        "histogram",
        (),
        "From the broker's time of an event's record to the end of its judgement at its last hop.",
        LATENCY_BUCKETS,
    ),
    Metric(
        "risk_stream_batch_events",
        "histogram",
        ("step",),
        "Events in a batch, at admission and at each hop.",
        BATCH_BUCKETS,
    ),
    Metric(
        "risk_stream_event_time_lag_seconds",
        "gauge",
        ("topic",),
        "The broker's time less event time, of the newest event of the batch admitted last.",
    ),
    Metric(
        "risk_stream_consumer_lag_records", "gauge", ("topic", "partition"), "Records not yet committed by this worker."
    ),
    Metric(
        "risk_stream_alerts_total",
        "counter",
        ("rule", "severity", "stage", "entity"),
        "Alerts said. An alert that is said again after a restart counts again; Redis has it once.",
    ),
    Metric(
        "risk_stream_decisions_total",
        "counter",
        ("verdict", "table", "by"),
        "Answers to applications: the verdict, the table that decided, and who: `engine`, `deadline` or `recovered`.",
    ),
    Metric(
        "risk_stream_decisions_differing_total",
        "counter",
        ("answered", "judged"),
        "Later records of an application with another verdict than was answered, each an alert to an officer.",
    ),
    Metric(
        "risk_stream_shadow_alerts_total",
        "counter",
        ("rule", "severity", "stage"),
        "What rules in shadow would have said.",
    ),
    Metric(
        "risk_stream_rule_errors_total",
        "counter",
        ("rule",),
        "Evaluations of a rule that failed; its neighbours go on.",
    ),
    Metric(
        "risk_stream_rule_info",
        "gauge",
        ("rule", "stage", "mode"),
        "1 for each rule that is judged, by its stage and mode, for the first RISK_STREAM_METRICS_RULES.",
    ),
    Metric(
        "risk_stream_rule_judged_total",
        "counter",
        ("rule",),
        "Events that a rule judged, each once; rules beyond RISK_STREAM_METRICS_RULES share `other`.",
    ),
    Metric(
        "risk_stream_rule_seconds_total",
        "counter",
        ("rule",),
        "What a rule's condition would take if it were judged alone, reckoned from samples; for shares, not for sums.",
    ),
    Metric(
        "risk_stream_rule_last_fired_timestamp_seconds",
        "gauge",
        ("rule", "mode"),
        "When a rule fired last, `live` or in `shadow`, by the worker's clock; nothing for one that did not.",
    ),
    Metric(
        "risk_stream_rule_last_error_timestamp_seconds",
        "gauge",
        ("rule",),
        "When a rule failed last, by the worker's clock; nothing for one that did not.",
    ),
    Metric(
        "risk_stream_model_events_total",
        "counter",
        ("model", "what"),
        "What a model did with events, inputs and outcomes: scored, learnt, missing, outcomes_told, bad_over, ...",
    ),
    Metric(
        "risk_stream_model_seconds_total",
        "counter",
        ("model",),
        "What a model took to score and to learn.",
    ),
    Metric(
        "risk_stream_model_drifting",
        "gauge",
        ("model",),
        "How much of a model drifts now: inputs, its score, its losses, its calibration; the most of any partition.",
    ),
    Metric(
        "risk_stream_model_psi",
        "gauge",
        ("model", "input"),
        "Population stability index of the last 500 events, by input and of the score; the largest of any partition.",
    ),
    Metric(
        "risk_stream_model_waiting",
        "gauge",
        ("model",),
        "Events that wait for an outcome to teach a model.",
    ),
    Metric(
        "risk_stream_model_segment_keys",
        "gauge",
        ("model", "segment"),
        "Keys in each segment of a model that gives segments, by what the segment is called now.",
    ),
    Metric(
        "risk_stream_plan_info",
        "gauge",
        ("version", "rules"),
        "1 for the plan in force, by its version and number of rules.",
    ),
    Metric(
        "risk_stream_plan_reloads_total",
        "counter",
        ("result",),
        "Changes of the rule files: `loaded`, or `refused` with the last good plan staying in force.",
    ),
    Metric("risk_stream_state_bytes", "gauge", ("kind",), "Memory of the windows, by kind of key."),
    Metric("risk_stream_state_keys", "gauge", ("kind",), "Keys that have windows."),
    Metric("risk_stream_state_rows", "gauge", ("kind",), "Rows in the windows."),
    Metric(
        "risk_stream_state_dropped_rows_total",
        "counter",
        ("kind",),
        "Rows dropped by a cap; values it touched are flagged.",
    ),
    Metric(
        "risk_stream_warming_features",
        "gauge",
        ("kind",),
        "Features new by a change of plan, with windows that reach back behind it; alerts name them in `warming`.",
    ),
    Metric(
        "risk_stream_duplicate_events_total", "counter", ("kind",), "Events of a hop's topic that were applied before."
    ),
    Metric(
        "risk_stream_behind_events_total", "counter", ("kind",), "Events put in their place before newer ones of a key."
    ),
    Metric("risk_stream_revised_events_total", "counter", ("kind",), "Events judged again for what came late."),
    Metric(
        "risk_stream_known_events_total",
        "counter",
        ("kind",),
        "Further copies of events, through another partition, or of a request that was written twice (`admission`).",
    ),
    Metric(
        "risk_stream_dropped_events_total",
        "counter",
        ("kind",),
        "Revisions of events so old that nothing is known of them any more.",
    ),
    Metric(
        "risk_stream_revisions_total",
        "counter",
        ("rule", "status"),
        "Alerts that a late event raised, changed or withdrew.",
    ),
    Metric("risk_stream_ring_events", "gauge", ("kind",), "Events kept to be judged again if a late one changes them."),
    Metric(
        "risk_stream_held_events",
        "gauge",
        ("kind",),
        "Events held back in a backlog, for what another channel of the hop has promised to bring.",
    ),
    Metric(
        "risk_stream_pending_timers", "gauge", ("kind",), "Events that wait to be judged later, by rules with `after`."
    ),
    Metric("risk_stream_timed_events_total", "counter", ("kind",), "Events judged later, by rules with `after`."),
    Metric(
        "risk_stream_clock_lag_seconds",
        "gauge",
        ("kind",),
        "The worker's time less the event time of the slowest hop partition.",
    ),
    Metric(
        "risk_stream_image_cycles_total",
        "counter",
        ("kind",),
        "Times that a checkpoint completed a round through all windows, summed over a kind's partitions.",
    ),
    Metric("risk_stream_checkpoint_seconds", "histogram", (), "How long a checkpoint of a lane took.", LATENCY_BUCKETS),
    Metric(
        "risk_stream_checkpoint_bytes_total",
        "counter",
        ("what",),
        "Bytes of checkpoints: `rows` that changed, `images` of all that there is, and the `header`.",
    ),
    Metric(
        "risk_stream_restore_seconds",
        "gauge",
        (),
        "How long the last assignment of partitions waited for windows to be read back.",
    ),
    Metric("risk_stream_messages_sent_total", "counter", ("topic",), "Messages stored by the broker for this worker."),
    Metric("risk_stream_sent_bytes_total", "counter", ("topic",), "Bytes of those messages."),
    Metric("risk_stream_alerts_stored_total", "counter", (), "Alerts newly written to Redis."),
    Metric(
        "risk_stream_alerts_repeated_total", "counter", (), "Alerts that Redis had already, or in a later revision."
    ),
    Metric(
        "risk_stream_alerts_revised_total", "counter", (), "Alerts in Redis whose content a later revision replaced."
    ),
    Metric("risk_stream_alerts_withdrawn_total", "counter", (), "Alerts that a late event took back."),
    Metric(
        "risk_stream_alerts_suppressed_total",
        "counter",
        ("rule",),
        "Alerts stored in Redis and not shown, for they repeat one that is, by the rule's `at_most`.",
    ),
    Metric(
        "risk_stream_profiles",
        "gauge",
        ("kind", "grade"),
        "Customers and groups by their standing grade; said by the worker that has partition 0 of `risk.alerts`.",
    ),
    Metric(
        "risk_stream_profile_changes_total", "counter", ("kind",), "Changes of profiles published in `risk.profiles`."
    ),
    Metric(
        "risk_stream_profile_alerts_forgotten_total",
        "counter",
        (),
        "Alerts whose part in a profile has faded, or was one of more than are kept of a customer.",
    ),
    Metric("risk_stream_redis_up", "gauge", (), "1 if the last write to Redis succeeded, 0 while it is away."),
    Metric("risk_stream_redis_failures_total", "counter", (), "Writes to Redis that failed and were tried again."),
    Metric(
        "risk_stream_log_lines_lost_total", "counter", (), "Log lines that could not be written, a full disk for one."
    ),
    Metric(
        "risk_stream_loop_pause_seconds",
        "histogram",
        (),
        "The longest time in each second for which the worker's loop did one thing and took nothing else.",
        PAUSE_BUCKETS,
    ),
    Metric("risk_stream_tasks", "gauge", (), "Tasks of the worker's loop; it does not grow with time."),
    Metric("risk_stream_partitions", "gauge", (), "Partitions that are this worker's."),
    Metric("risk_stream_rebalances_total", "counter", (), "Assignments of partitions this worker has had."),
    Metric("risk_stream_info", "gauge", ("release",), "1, by release of risk-stream."),
)

#: What a server of decisions says of itself, at /metrics of its own port.
SERVER_METRICS: tuple[Metric, ...] = (
    Metric(
        "risk_stream_decision_requests_total",
        "counter",
        ("way", "outcome"),
        "Requests by way (`http`, `kafka`): `answered`, `deadline`, `known`, `conflict`, `bad`, `overloaded`, `lost`.",
    ),
    Metric(
        "risk_stream_decision_seconds",
        "histogram",
        ("way",),
        "From a request to its answer, of those that were not known.",
        LATENCY_BUCKETS,
    ),
    Metric("risk_stream_decisions_in_flight", "gauge", (), "Requests that wait for an answer."),
    Metric("risk_stream_decisions_kept", "gauge", (), "Answers that are given again to who asks again."),
    Metric("risk_stream_decisions_ready", "gauge", (), "1 when all that was answered before is known; 0 until then."),
)

#: What a clerk of margin accounts says of itself and, while it is active, of the accounts; money in major units.
CLERK_METRICS: tuple[Metric, ...] = (
    Metric("risk_stream_margin_accounts", "gauge", ("band", "entity"), "Margin accounts by how they stand."),
    Metric(
        "risk_stream_margin_assets",
        "gauge",
        ("band", "entity"),
        "Cash, securities and other collateral of these accounts; of those that are `unknown`, what has a price.",
    ),
    Metric(
        "risk_stream_margin_debts",
        "gauge",
        ("band", "entity"),
        "What they owe: debt, interest, fees, and what is sold short at its price.",
    ),
    Metric("risk_stream_margin_concentrated_accounts", "gauge", ("entity",), "Accounts with too much of one title."),
    Metric(
        "risk_stream_margin_ratio_accounts",
        "gauge",
        ("ratio",),
        "Accounts by their maintenance ratio, from the first number up to the second; `none` owes nothing.",
    ),
    Metric("risk_stream_margin_ratio_debts", "gauge", ("ratio",), "What accounts of that ratio owe."),
    Metric("risk_stream_margin_unpriced_titles", "gauge", (), "Titles that somebody holds and that have no price yet."),
    Metric("risk_stream_margin_active", "gauge", (), "1 where this clerk is the one at work, 0 where it stands by."),
    Metric("risk_stream_margin_lag_records", "gauge", ("topic",), "Records of a house topic that it has yet to read."),
    Metric(
        "risk_stream_margin_event_timestamp_seconds",
        "gauge",
        ("type",),
        "The newest event time it has taken in, by type; a `price` that grows old is a market that is shut, or a feed.",
    ),
    Metric(
        "risk_stream_margin_events_total", "counter", ("type",), "Events taken in as they came; a `price` is a tick."
    ),
    Metric("risk_stream_margin_statuses_total", "counter", ("band",), "Statuses said, by how the account stands now."),
    Metric("risk_stream_margin_refused_total", "counter", (), "Records it could not use, those read back included."),
)


class _Histogram:
    """Counts by bucket and the sum, of values given singly or as arrays."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = np.array(bounds)
        self.counts = np.zeros(len(bounds) + 1, np.int64)
        self.total = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect.bisect_left(self.bounds, value)] += 1
        self.total += value

    def add_all(self, values: np.ndarray[Any, Any]) -> None:
        self.counts += np.bincount(np.searchsorted(self.bounds, values), minlength=len(self.counts))
        self.total += float(values.sum())

    def samples(self) -> tuple[list[tuple[str, float]], float]:
        cumulative = np.cumsum(self.counts).tolist()
        names = [*(f"{b:g}" for b in self.bounds.tolist()), "+Inf"]
        return list(zip(names, cumulative, strict=True)), self.total


class Metrics(Collector):
    """The numbers of one process, `of` these metrics; a worker's, where nothing else is said.

    `add` and `set` name a metric and its labels' values, in the metric's order.
    """

    def __init__(self, *, entities: int = 50, of: Sequence[Metric] = METRICS) -> None:
        self._of = of
        self._buckets = {metric.name: metric.buckets for metric in of}
        self._values: dict[str, dict[tuple[str, ...], float]] = {m.name: {} for m in of if m.kind != "histogram"}
        self._histograms: dict[tuple[str, tuple[str, ...]], _Histogram] = {}
        self._entities, self._max_entities = set[str](), entities
        self._refresh: list[Callable[[], None]] = []
        self._pages: dict[str, Callable[[], bytes]] = {"/totals": self._totals}
        for metric in of:  # a metric without labels is said from the start, as 0
            if metric.kind == "histogram" and not metric.labels:
                self._histograms[metric.name, ()] = _Histogram(metric.buckets)
            elif not metric.labels:
                self._values[metric.name][()] = 0.0
        if of is METRICS:
            self.set("risk_stream_info", 1.0, __version__)
            for result in ("loaded", "refused"):
                self.add("risk_stream_plan_reloads_total", 0.0, result)

    # Counting

    def add(self, name: str, amount: float = 1.0, *labels: str) -> None:
        """Count."""
        of = self._values[name]
        of[labels] = of.get(labels, 0.0) + amount

    def set(self, name: str, value: float, *labels: str) -> None:
        """Say a gauge's value."""
        self._values[name][labels] = value

    def get(self, name: str, *labels: str) -> float:
        """The value so far; 0 where nothing was said."""
        return self._values[name].get(labels, 0.0)

    def forget(self, name: str) -> None:
        """Drop all values of a gauge: what they spoke of may be gone."""
        self.replace(name, {})

    def replace(self, name: str, values: Mapping[tuple[str, ...], float]) -> None:
        """Say all values of a metric that is reckoned elsewhere, by the values of their labels."""
        self._values[name] = dict(values)

    def observe(self, name: str, value: float | np.ndarray[Any, Any], *labels: str) -> None:
        """Put a value, or all of an array, into a histogram."""
        histogram = self._histograms.get((name, labels))
        if histogram is None:
            histogram = self._histograms[name, labels] = _Histogram(self._buckets[name])
        if isinstance(value, np.ndarray):
            histogram.add_all(value)
        else:
            histogram.add(value)

    def entity(self, name: str) -> str:
        """The label of a legal entity: its name, or `other` beyond the bound."""
        if name in self._entities:
            return name
        if len(self._entities) < self._max_entities:
            self._entities.add(name)
            return name
        return OTHER

    # Saying

    def before_scrape(self, refresh: Callable[[], None]) -> None:
        """Have gauges brought up to date each time Prometheus asks; called in the server's thread."""
        self._refresh.append(refresh)

    def collect(self) -> Iterator[Family]:
        """Everything, in the order of the metrics."""
        self._bring_up_to_date()
        for metric in self._of:
            if metric.kind == "histogram":
                yield self._histogram(metric)
            else:
                make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
                family = make(metric.name, metric.meaning, labels=metric.labels)
                for labels, value in list(self._values[metric.name].items()):
                    family.add_metric(labels, value)
                yield family

    def _bring_up_to_date(self) -> None:
        for refresh in self._refresh:
            refresh()

    def _totals(self) -> bytes:
        """Each counter and gauge over all its labels, as JSON: for who asks several times a second."""
        self._bring_up_to_date()
        return orjson.dumps({name: sum(list(values.values())) for name, values in self._values.items()})

    def _histogram(self, metric: Metric) -> Family:
        family = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
        for (name, labels), histogram in list(self._histograms.items()):
            if name == metric.name:
                buckets, total = histogram.samples()
                family.add_metric(labels, buckets, total)
        return family

    def registry(self) -> CollectorRegistry:
        """These metrics as prometheus_client has them, with its own of this process: memory, processor time, files."""
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(self)
        return registry

    def page(self, path: str, content: Callable[[], bytes]) -> None:
        """Answer with JSON at another path, such as /rules; `content` is called in the server's thread."""
        self._pages[path] = content

    def serve(self, host: str, port: int) -> WSGIServer:
        """Answer at http://host:port/metrics, and at its pages, in a thread. Raises OSError where the port is taken."""
        server, _ = start_http_server(port, host, self.registry())
        metrics = server.get_app()
        assert metrics is not None

        def answer(environ: Any, start_response: Any) -> Iterable[bytes]:
            content = self._pages.get(environ["PATH_INFO"])
            if content is None:
                return metrics(environ, start_response)
            said = content()
            start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(said)))])
            return [said]

        server.set_app(answer)
        return server
