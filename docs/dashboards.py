"""Makes the dashboards from docs/dashboards.yaml: what each panel asks, laid out for Grafana."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

__all__ = ["dashboards"]

DOCS = Path(__file__).parent
FOLDER = DOCS.parent / "dashboards"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}

#: Where the console is, unless a reader's Grafana says otherwise: a constant of each dashboard.
CONSOLE = "http://127.0.0.1:8088"

#: The ways out: to the other dashboards, keeping the time range and what was chosen, and to the console.
LINKS = [
    {
        "type": "dashboards",
        "title": "risk-stream",
        "tags": ["risk-stream"],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "icon": "external link",
        "tooltip": "",
        "url": "",
        "targetBlank": False,
    },
    {
        "type": "link",
        "title": "console",
        "tags": [],
        "asDropdown": False,
        "includeVars": False,
        "keepTime": False,
        "icon": "bolt",
        "tooltip": "Where alerts are worked",
        "url": "${console}",
        "targetBlank": True,
    },
]

#: What may be chosen above a dashboard, each from the values of a label.
CHOICES = {
    "entity": ("Entity", "label_values(risk_stream_alerts_total, entity)"),
    "stage": ("Stage", "label_values(risk_stream_alerts_total, stage)"),
    "product": ("Product", "label_values(risk_stream_book_loans, product)"),
}

#: What is marked on every panel with time on it: name, colour, query, what the mark says, and by which label.
MARKS = (
    (
        "Rules changed",
        "#73BF69",
        "sum by (result) (changes(risk_stream_plan_reloads_total[1m])) > 0",
        "rules {{result}}",
        "result",
    ),
    (
        "Plan promoted",
        "#B877D9",
        "count by (version) (risk_stream_plan_info) unless count by (version) (risk_stream_plan_info offset 1m)",
        "plan {{version}} in force",
        "version",
    ),
    (
        "Model begun anew",
        "#FF9830",
        'sum by (model) (increase(risk_stream_model_events_total{what="begun_anew"}[1m])) > 0',
        "model {{model}} begun anew",
        "model",
    ),
)

#: Columns of Grafana's grid, and the height of a row of panels in its units, by the kind of its panels.
COLUMNS = 24
HEIGHT = {"stat": 4, "lines": 8, "stack": 8, "bars": 9, "table": 9}

#: One colour for one word wherever it is a line: severities, verdicts, modes and outcomes.
COLOURS = {
    "critical": "#B01E2D",
    "high": "#E0503A",
    "medium": "#F2A33A",
    "low": "#5AA9E6",
    "info": "#8E9AAF",
    "approve": "#73BF69",
    "refer": "#F2A33A",
    "decline": "#E0503A",
}


def dashboards() -> dict[Path, str]:
    """Each dashboard's file and what it should hold."""
    listed = yaml.safe_load((DOCS / "dashboards.yaml").read_text())
    made = {}
    for one in listed["dashboards"]:
        rows = one["rows"] + (_for_stage(listed["of_each_stage"], one["stage"]) if "stage" in one else [])
        made[FOLDER / f"{one['name']}.json"] = json.dumps(_dashboard(one, rows), indent=2, ensure_ascii=False) + "\n"
    return made


def _for_stage(rows: list[dict[str, Any]], stage: str) -> list[dict[str, Any]]:
    """The rows that every stage has, asked of one."""
    asked: list[dict[str, Any]] = json.loads(json.dumps(rows).replace("STAGE", stage))
    return asked


def _dashboard(one: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    asked = json.dumps(rows)
    chosen = [_choice(name) for name in CHOICES if re.search(rf"\${name}\b", asked)]
    return {
        "uid": f"risk-stream-{one['name']}",
        "title": one["title"],
        "description": one["description"],
        "tags": ["risk-stream", "lending" if "stage" in one else one["name"]],
        "version": 1,
        "schemaVersion": 41,
        "editable": True,
        "graphTooltip": 1,
        "fiscalYearStartMonth": 0,
        "timezone": "browser",
        "weekStart": "",
        "liveNow": False,
        "refresh": one.get("refresh", "10s"),
        "time": {"from": one.get("since", "now-6h"), "to": "now"},
        "timepicker": {"refresh_intervals": ["5s", "10s", "30s", "1m", "5m"]},
        "links": LINKS,
        "annotations": {"list": list(_marks())},
        "templating": {"list": [_source(), *chosen, _console()]},
        "panels": list(_panels(rows)),
    }


def _marks() -> Iterator[dict[str, Any]]:
    yield {
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    }
    for name, colour, query, title, label in MARKS:
        yield {
            "name": name,
            "datasource": SOURCE,
            "enable": True,
            "hide": False,
            "iconColor": colour,
            "expr": query,
            "titleFormat": title,
            "textFormat": "",
            "tagKeys": label,
            "step": "15s",
            "useValueForTime": False,
        }


def _source() -> dict[str, Any]:
    """The reader's Prometheus."""
    chosen = {"query": "prometheus", "current": {}, "options": [], "refresh": 1, "regex": ""}
    shown = {"hide": 0, "multi": False, "includeAll": False, "skipUrlSync": False}
    return {"name": "datasource", "label": "Data source", "type": "datasource", **chosen, **shown}


def _choice(name: str) -> dict[str, Any]:
    """One of CHOICES: several values, or all."""
    label, query = CHOICES[name]
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"qryType": 1, "query": query, "refId": f"Var-{name}"},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
        "options": [],
        "regex": "",
        "hide": 0,
        "skipUrlSync": False,
    }


def _console() -> dict[str, Any]:
    """The console's address, for links; who has it elsewhere edits this constant."""
    value = {"text": CONSOLE, "value": CONSOLE}
    return {
        "name": "console",
        "label": "Console",
        "type": "constant",
        "query": CONSOLE,
        "current": value,
        "options": [{**value, "selected": True}],
        "hide": 2,
        "skipUrlSync": True,
    }


def _panels(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows with their panels beside one another; those that do not fit go on below."""
    number, y = 0, 0
    for row in rows:
        number += 1
        place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
        yield {"id": number, "type": "row", "title": row["title"], "collapsed": False, "gridPos": place, "panels": []}
        x, y, height = 0, y + 1, 0
        for panel in row["panels"]:
            number += 1
            if x + panel["width"] > COLUMNS:
                x, y, height = 0, y + height, 0
            height = max(height, HEIGHT[panel["kind"]])
            place = {"x": x, "y": y, "w": panel["width"], "h": HEIGHT[panel["kind"]]}
            yield _panel(panel, number, place)
            x += panel["width"]
        y += height


def _panel(panel: dict[str, Any], number: int, place: dict[str, int]) -> dict[str, Any]:
    kind, (frame, options, custom) = panel["kind"], _look(panel["kind"])
    asked = panel["query"]
    queries = asked if isinstance(asked, dict) else {panel.get("legend", ""): asked}
    defaults = {
        "unit": panel["unit"],
        "min": 0,
        "noValue": "–",
        "color": {"mode": {"bars": "continuous-BlYlRd", "stat": "thresholds"}.get(kind, "palette-classic")},
        "thresholds": {"mode": "absolute", "steps": [{"color": "#5AA9E6", "value": None}]},
        "mappings": [],
        **({"max": 1} if panel.get("whole") else {}),
        **({"decimals": panel["decimals"]} if "decimals" in panel else {}),
        **({"custom": custom} if custom else {}),
        **({"links": [_link(panel["to"], kind)]} if "to" in panel else {}),
    }
    return {
        "id": number,
        "type": frame,
        "title": panel["title"],
        "description": panel["description"],
        "datasource": SOURCE,
        "gridPos": place,
        "targets": [_target(ref, legend, query, kind) for ref, (legend, query) in enumerate(queries.items())],
        "fieldConfig": {"defaults": defaults, "overrides": _colours() if kind in {"lines", "stack"} else []},
        "options": options,
        **({"transformations": _columns(panel["columns"])} if kind == "table" else {}),
    }


def _link(to: str, kind: str) -> dict[str, Any]:
    """The page of the console behind a number; `{label}` in its path is the value of a label of its line or row."""
    of = "__data.fields" if kind == "table" else "__field.labels"
    path = re.sub(r"\{(\w+)\}", rf"${{{of}.\1:percentencode}}", to)
    return {"title": "Open in the console", "url": "${console}" + path, "targetBlank": True}


def _target(ref: int, legend: str, query: str, kind: str) -> dict[str, Any]:
    instant = kind in {"bars", "table"}
    return {
        "refId": chr(ord("A") + ref),
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": " ".join(query.split()),
        "legendFormat": legend,
        "range": not instant,
        "instant": instant,
        **({"format": "table"} if kind == "table" else {}),
    }


def _look(kind: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Of a kind of panel: Grafana's type, its options, and how its fields are drawn."""
    last = {"values": False, "calcs": ["lastNotNull"], "fields": ""}
    if kind == "stat":
        options = {"reduceOptions": last, "orientation": "auto", "textMode": "auto", "wideLayout": True}
        return kind, {**options, "colorMode": "value", "graphMode": "area", "justifyMode": "auto"}, {}
    if kind == "bars":
        options = {"reduceOptions": last, "orientation": "horizontal", "displayMode": "gradient", "valueMode": "color"}
        sizes = {"sizing": "auto", "minVizHeight": 14, "minVizWidth": 8, "maxVizHeight": 28}
        return "bargauge", {**options, "namePlacement": "left", "showUnfilled": False, **sizes}, {}
    if kind == "table":
        return kind, {"showHeader": True, "cellHeight": "sm"}, {"align": "auto", "filterable": True}
    stacked = kind == "stack"
    custom = {
        "drawStyle": "bars" if stacked else "line",
        "lineWidth": 1 if stacked else 2,
        "fillOpacity": 80 if stacked else 8,
        "showPoints": "never",
        "spanNulls": 60_000,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
    }
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
    return "timeseries", {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}, custom


def _colours() -> list[dict[str, Any]]:
    return [
        {
            "matcher": {"id": "byName", "options": word},
            "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
        }
        for word, colour in COLOURS.items()
    ]


def _columns(names: dict[str, str]) -> list[dict[str, Any]]:
    """A table's columns in their order under their heads, the largest value first."""
    order = {name: at for at, name in enumerate(names)}
    organize = {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": names}
    by_value = {"sort": [{"field": names["Value"], "desc": True}]}
    return [{"id": "organize", "options": organize}, {"id": "sortBy", "options": by_value}]
