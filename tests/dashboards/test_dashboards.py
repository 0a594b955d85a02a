"""The dashboards ask for what a worker says, can be read by Grafana, and explain themselves."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from docs.dashboards import CHOICES
from risk_stream.console import CONSOLE_METRICS
from risk_stream.desk import DESK_METRICS
from risk_stream.lending.ledger.gauges import GAUGES
from risk_stream.post import NOTICE_METRICS
from risk_stream.sinks.prometheus import CLERK_METRICS, METRICS, SERVER_METRICS
from risk_stream.watch import CANARY_METRICS, MIRROR_METRICS
from tests.dashboards.queries import DASHBOARDS, Query, chosen, grouped, load, panels, queries, recorded
from tests.dashboards.schema import DASHBOARD

FILES = sorted(DASHBOARDS.glob("*.json"))
CLERKS = (*CLERK_METRICS, *DESK_METRICS, *MIRROR_METRICS, *CANARY_METRICS, *CONSOLE_METRICS, *NOTICE_METRICS)
EVERY = (*METRICS, *SERVER_METRICS, *CLERKS)
SAID = {metric.name: set(metric.labels) for metric in EVERY}
#: What Prometheus itself says of each series.
SCRAPED = {"instance", "job"}
#: What each of our processes says of itself by prometheus_client.
SAID |= {"process_resident_memory_bytes": set(), "process_cpu_seconds_total": set()}
SAID |= {name: set(gauge.labels) for name, gauge in GAUGES.items()}
#: What a panel may read: what workers, servers of decisions, clerks and a closed book say, and the ratios of it.
LABELS = SAID | {query.panel: grouped(query.expression) for query in recorded()}
#: The metrics an operator needs to see somewhere.
SHOWN = {
    "risk_stream_alerts_total",
    "risk_stream_batch_events",
    "risk_stream_consumer_lag_records",
    "risk_stream_event_time_lag_seconds",
    "risk_stream_events_total",
    "risk_stream_judged_latency_seconds",
    "risk_stream_margin_accounts",
    "risk_stream_margin_debts",
    "risk_stream_margin_lag_records",
    "risk_stream_margin_ratio_accounts",
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
    rules = yaml.safe_load((DASHBOARDS.parent / "docker/prometheus/rules.yml").read_text())["groups"]
    return [Query("prometheus", rule["alert"], rule["expr"]) for group in rules for rule in group["rules"]]


def test_there_is_a_dashboard_with_panels() -> None:
    """The tests below have something to say."""
    assert [path.stem for path in FILES] == [
        *("data-quality", "mid-loan", "models", "overview", "platform", "post-loan", "pre-loan", "rules"),
    ]
    for name in FILES:
        assert sum(query.dashboard == name.stem for query in queries()) >= 15


@each_query
def test_a_query_reads_metrics_that_exist(query: Query) -> None:
    """A renamed metric would be an empty panel, which looks like calm."""
    assert query.names
    assert query.names <= set(LABELS)


@each_query
def test_a_query_groups_by_labels_that_exist(query: Query) -> None:
    """Grouping by a label that is not there silently gives one line, choosing by it none."""
    assert grouped(query.expression) <= set().union(*(LABELS[name] for name in query.names)) | SCRAPED
    for name, labels in chosen(query.expression).items():
        assert labels <= LABELS[name] | SCRAPED, name


@pytest.mark.parametrize("query", [*prometheus_alerts(), *recorded()], ids=lambda query: query.panel)
def test_what_prometheus_reckons_by_itself_reads_metrics_that_exist(query: Query) -> None:
    """Alerts over a metric that is never said never fire, and ratios are empty."""
    assert query.names <= set(SAID)
    for name in query.names:
        assert grouped(query.expression) | chosen(query.expression).get(name, set()) <= SAID[name] | SCRAPED


def test_each_ratio_is_shown() -> None:
    """And is named by what is left of its labels, what it is of, and over how long where that matters."""
    names = {query.panel for query in recorded()}
    assert names <= set().union(*(query.names for query in queries()))
    for query in recorded():
        labels, _, rest = query.panel.partition("risk_stream_")
        assert set(filter(None, labels.rstrip(":").split("_"))) == grouped(query.expression), query.panel
        assert rest.endswith("_5m") == ("[5m]" in query.expression), query.panel


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
    """A choice that changes nothing misleads; each takes several values, or all."""
    dashboard = load(path)
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    asked = " ".join(query.expression for query in queries() if query.dashboard == path.stem)
    used = set(re.findall(r"\$([a-z]\w+)", asked))
    assert list(variables) == ["datasource", *(name for name in CHOICES if name in used), "console"]
    assert used <= set(CHOICES)
    assert all(variables[name]["multi"] and variables[name]["includeAll"] for name in used)


@each_query
def test_a_query_may_be_asked_of_some_entities_stages_and_products(query: Query) -> None:
    """Wherever what it reads can be told apart by one of these; dashboards of one stage say which."""
    found = chosen(query.expression)
    for name in query.names & set(SAID):
        wanted = SAID[name] & {"entity", "stage", "product"}
        if name.startswith("risk_stream_book_"):  # its stage is that of IFRS 9
            wanted -= {"stage"}
        assert wanted <= found.get(name, set()), name


@each
def test_a_number_leads_to_the_console(path: Path) -> None:
    """By a constant that a house sets, and by labels that the number has."""
    dashboard = load(path)
    console = dashboard["templating"]["list"][-1]
    assert (console["type"], console["hide"]) == ("constant", 2)
    assert "${console}" in [link["url"] for link in dashboard["links"]]
    for panel in panels(dashboard):
        for link in panel["fieldConfig"]["defaults"].get("links", []):
            assert link["url"].startswith("${console}/")
            labels = set(re.findall(r"\.(\w+):percentencode", link["url"]))
            for query in (Query("", "", target["expr"]) for target in panel["targets"]):
                recorded_by = set[str]().union(*(LABELS[name] for name in query.names if ":" in name))
                assert labels <= grouped(query.expression) | recorded_by, panel["title"]


@each
def test_what_changed_is_marked(path: Path) -> None:
    """Rules, plans, models; by metrics that exist."""
    marks = [one for one in load(path)["annotations"]["list"] if "expr" in one]
    assert [one["name"] for one in marks] == ["Rules changed", "Plan promoted", "Model begun anew"]
    for one in marks:
        query = Query(path.stem, one["name"], one["expr"])
        assert query.names
        assert query.names <= set(LABELS)


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
def test_it_is_valid_by_the_published_schema(path: Path) -> None:
    """No misspelt option, unknown type or place outside the grid."""
    validator = Draft202012Validator(DASHBOARD)
    assert [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(load(path))] == []


@each
def test_grafana_can_import_it(path: Path) -> None:
    """A fixed uid to link to, no instance's own id, the schema of Grafana 11 and 12."""
    dashboard = load(path)
    assert dashboard.get("id") is None
    assert re.fullmatch(r"risk-stream-[a-z-]{1,28}", dashboard["uid"])
    assert 39 <= dashboard["schemaVersion"] <= 41
    assert path.read_text().endswith("}\n")
