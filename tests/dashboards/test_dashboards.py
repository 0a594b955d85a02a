"""The dashboards ask for what a worker says, can be read by Grafana, and explain themselves."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from risk_stream.sinks.prometheus import METRICS
from tests.dashboards.queries import DASHBOARDS, Query, load, panels, queries

FILES = sorted(DASHBOARDS.glob("*.json"))
LABELS = {metric.name: set(metric.labels) for metric in METRICS}
#: The metrics an operator needs to see somewhere.
SHOWN = {
    "risk_stream_alerts_total",
    "risk_stream_batch_events",
    "risk_stream_consumer_lag_records",
    "risk_stream_event_time_lag_seconds",
    "risk_stream_events_total",
    "risk_stream_judged_latency_seconds",
    "risk_stream_plan_info",
    "risk_stream_plan_reloads_total",
    "risk_stream_rejects_total",
    "risk_stream_rule_errors_total",
    "risk_stream_state_bytes",
}

each = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
each_query = pytest.mark.parametrize("query", queries(), ids=str)


def prometheus_alerts() -> list[Query]:
    """The queries of the rules that Prometheus itself evaluates."""
    rules = yaml.safe_load((DASHBOARDS.parent / "docker/prometheus/rules.yml").read_text())["groups"][0]["rules"]
    return [Query("prometheus", rule["alert"], rule["expr"]) for rule in rules]


def grouped_labels(expression: str) -> set[str]:
    """The labels that a query groups by or chooses, histograms' `le` aside."""
    grouped = {label.strip() for labels in re.findall(r"by \(([^)]*)\)", expression) for label in labels.split(",")}
    chosen = set(re.findall(r"[{,]\s*(\w+)\s*(?:=~|!~|!=|=)", expression))
    return (grouped | chosen) - {"le", "job"}


def test_there_is_a_dashboard_with_panels() -> None:
    """The tests below have something to say."""
    assert [path.name for path in FILES] == ["overview.json"]
    assert len(queries()) >= 20


@each_query
def test_a_query_reads_metrics_that_exist(query: Query) -> None:
    """A renamed metric would be an empty panel, which looks like calm."""
    assert query.names
    assert query.names <= set(LABELS)


@each_query
def test_a_query_groups_by_labels_that_exist(query: Query) -> None:
    """Grouping by a label that is not there silently gives one line."""
    for name in query.names:
        assert grouped_labels(query.expression) <= LABELS[name]


@pytest.mark.parametrize("query", prometheus_alerts(), ids=str)
def test_prometheus_worries_about_metrics_that_exist(query: Query) -> None:
    """Rules over a metric that is never said never fire."""
    assert query.names <= set(LABELS)
    for name in query.names:
        assert grouped_labels(query.expression) <= LABELS[name]


def test_everything_worth_watching_is_shown() -> None:
    """No metric of the first rank is left out."""
    assert set().union(*(query.names for query in queries())) >= SHOWN


@each
def test_the_data_source_is_the_readers_choice(path: Path) -> None:
    """Nothing is bound to the Prometheus of the machine it was made on."""
    dashboard = load(path)
    for panel in panels(dashboard):
        for source in [panel["datasource"], *(target["datasource"] for target in panel["targets"])]:
            assert source == {"type": "prometheus", "uid": "${datasource}"}


@each
def test_its_variables_are_there_and_used(path: Path) -> None:
    """A choice of entity or stage that changes nothing misleads."""
    dashboard = load(path)
    names = [variable["name"] for variable in dashboard["templating"]["list"]]
    assert names == ["datasource", "entity", "stage"]
    asked = " ".join(query.expression for query in queries())
    assert "$entity" in asked
    assert "$stage" in asked
    assert set(re.findall(r"\$([a-z]\w+)", asked)) <= set(names)


@each
def test_each_panel_says_what_it_shows(path: Path) -> None:
    """A title, a description, a unit, no id twice."""
    found = panels(load(path))
    assert all(panel["title"] and panel["description"].endswith(".") for panel in found)
    assert all("unit" in panel["fieldConfig"]["defaults"] for panel in found if panel["type"] != "table")
    assert len({panel["id"] for panel in found}) == len(found)


@each
def test_no_panel_covers_another(path: Path) -> None:
    """Grafana would move them about."""

    def overlap(a: dict[str, Any], b: dict[str, Any]) -> bool:
        across = a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"]
        return across and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]

    dashboard = load(path)
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert not [1 for a, b in combinations(places, 2) if overlap(a, b)]


@each
def test_grafana_can_import_it(path: Path) -> None:
    """A fixed uid to link to, no instance's own id, the schema of Grafana 11 and 12."""
    dashboard = load(path)
    assert dashboard.get("id") is None
    assert re.fullmatch(r"risk-stream-[a-z-]{1,28}", dashboard["uid"])
    assert 39 <= dashboard["schemaVersion"] <= 41
    assert path.read_text().endswith("}\n")
