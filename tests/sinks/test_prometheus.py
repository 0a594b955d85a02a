"""What a worker says at /metrics: names by Prometheus' conventions, bounded labels, values that add up."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from collections import defaultdict

import numpy as np
import pytest
from prometheus_client import generate_latest

from risk_stream.sinks import CLERK_METRICS, METRICS, SERVER_METRICS, Metrics

#: Labels whose values are chosen by the house's own configuration or by us; none is an id of the business.
BOUNDED = {
    "band",
    "ratio",
    "verdict",
    "table",
    "by",
    "answered",
    "grade",
    "kind",
    "judged",
    "way",
    "outcome",
    "topic",
    "type",
    "stage",
    "reason",
    "status",
    "what",
    "step",
    "partition",
    "rule",
    "severity",
    "entity",
    "version",
    "rules",
    "mode",
} | {
    "result",
    "kind",
    "release",
    "model",
    "input",
    "segment",
}


def text(metrics: Metrics) -> str:
    return generate_latest(metrics.registry()).decode()


def filled() -> Metrics:
    """Every metric with a value."""
    metrics = Metrics()
    for metric in METRICS:
        labels = tuple(f"a-{label}" for label in metric.labels)
        if metric.kind == "histogram":
            metrics.observe(metric.name, 0.5, *labels)
        elif metric.kind == "counter":
            metrics.add(metric.name, 2, *labels)
        else:
            metrics.set(metric.name, 3, *labels)
    return metrics


@pytest.mark.parametrize("metric", [*METRICS, *SERVER_METRICS, *CLERK_METRICS], ids=lambda m: m.name)
def test_a_metric_is_named_by_the_conventions(metric: object) -> None:
    """Counters end in _total, units are base units, and each has a meaning."""
    from risk_stream.sinks import Metric

    assert isinstance(metric, Metric)
    assert re.fullmatch(r"risk_stream_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert not re.search(r"_(ms|milliseconds|minutes|kib|mib|percent)(_|$)", metric.name)
    assert metric.meaning.endswith(".")
    assert set(metric.labels) <= BOUNDED
    assert (metric.kind == "histogram") == bool(metric.buckets)
    assert list(metric.buckets) == sorted(set(metric.buckets))


def test_every_metric_is_said() -> None:
    """Under its name, with its labels."""
    said = text(filled())
    for metric in METRICS:
        suffix = "_bucket" if metric.kind == "histogram" else ""
        assert re.search(rf"^{metric.name}{suffix}(\{{| )", said, re.MULTILINE), metric.name


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here")
def test_promtool_has_no_complaint() -> None:
    """Prometheus' own linter."""
    ran = subprocess.run(["promtool", "check", "metrics"], input=text(filled()), capture_output=True, text=True)
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


def test_counters_without_labels_begin_at_zero() -> None:
    """So that a rate exists from the first scrape."""
    assert "\nrisk_stream_alerts_stored_total 0.0\n" in text(Metrics())
    assert 'risk_stream_plan_reloads_total{result="refused"} 0.0' in text(Metrics())


def test_a_histogram_adds_up() -> None:
    """Singly or by the array, on the bounds too."""
    metrics = Metrics()
    metrics.observe("risk_stream_judged_latency_seconds", np.array([0.001, 0.002, 0.1, 999.0]))
    metrics.observe("risk_stream_judged_latency_seconds", 0.1)
    said = text(metrics)
    for bound, n in (("0.001", 1), ("0.0025", 2), ("0.05", 2), ("0.1", 4), ("300", 4), ("+Inf", 5)):
        assert f'risk_stream_judged_latency_seconds_bucket{{le="{bound}"}} {n}.0' in said
    assert "risk_stream_judged_latency_seconds_sum 999.203" in said


def test_entities_are_bounded() -> None:
    """The first have a label of their own and keep it; the rest are one."""
    metrics = Metrics(entities=2)
    assert [metrics.entity(e) for e in ("A", "B", "C", "A", "D")] == ["A", "B", "other", "A", "other"]


def test_gauges_are_brought_up_to_date_when_asked() -> None:
    """Once for each scrape."""
    metrics = Metrics()
    metrics.before_scrape(lambda: metrics.add("risk_stream_rebalances_total"))
    text(metrics)
    assert "risk_stream_rebalances_total 2.0" in text(metrics)


def test_totals_are_the_sums_of_what_is_scraped() -> None:
    """Over all labels, as JSON, gauges brought up to date: for the demo, which asks several times a second."""
    metrics = filled()
    metrics.before_scrape(lambda: metrics.set("risk_stream_partitions", 5))
    server = metrics.serve("127.0.0.1", 0)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_address[1]}/totals") as answer:
            totals = json.loads(answer.read())
    finally:
        server.shutdown()
        server.server_close()
    assert totals["risk_stream_partitions"] == 5
    sums = defaultdict[str, float](float)
    for family in metrics.collect():
        if family.type != "histogram":
            for sample in family.samples:
                sums[sample.name] += sample.value
    assert totals.items() <= {name: sums[name] for name in totals}.items()
    assert totals["risk_stream_alerts_total"] > 0


def test_it_is_served_on_loopback() -> None:
    """At /metrics."""
    server = filled().serve("127.0.0.1", 0)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_address[1]}/metrics") as answer:
            assert b"risk_stream_alerts_total" in answer.read()
    finally:
        server.shutdown()
        server.server_close()
