"""What a dashboard asks Prometheus: every query of a panel, an annotation or a variable."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DASHBOARDS = ROOT / "dashboards"
#: The rules by which Prometheus records ratios.
RATIOS = [ROOT / "docker" / "prometheus" / name for name in ("ratios.yml", "book.yml")]
#: What a histogram's and a counter's series are called beside its own name.
SUFFIXES = ("_bucket", "_sum", "_count")


@dataclass(frozen=True)
class Query:
    """One query, and where it stands."""

    dashboard: str
    panel: str
    expression: str

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel}"

    @property
    def names(self) -> set[str]:
        """The metrics it reads; of what Prometheus records, the recorded name."""
        unquoted = re.sub(r'"[^"]*"', '""', self.expression)
        found = [word for word in re.findall(r"[a-zA-Z_][\w:]*", unquoted) if re.search("risk_stream_|^process_", word)]
        return {_whole(name) for name in found}

    def concrete(self, window: str = "1m") -> str:
        """The query as Grafana sends it with every entity, stage and product chosen."""
        text = self.expression
        for variable in ("$__rate_interval", "$__range", "$__interval"):
            text = text.replace(variable, window)
        return re.sub(r"\$(entity|stage|product)", ".*", text)


def grouped(expression: str) -> set[str]:
    """The labels that a query groups by, histograms' `le` aside."""
    by = re.findall(r"by \(([^)]*)\)", expression)
    return {label.strip() for labels in by for label in labels.split(",")} - {"le"}


def chosen(expression: str) -> dict[str, set[str]]:
    """Of each metric that a query reads, the labels by whose values it chooses."""
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(r"([a-zA-Z_][\w:]*)\{([^}]*)\}", expression):
        found.setdefault(_whole(name), set()).update(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", labels))
    return found


def _whole(name: str) -> str:
    """A metric's own name, of any of its series."""
    return next((name.removesuffix(s) for s in SUFFIXES if name.endswith(s)), name)


def recorded() -> list[Query]:
    """What Prometheus records for the dashboards, under the names it gives."""
    groups = [group for path in RATIOS for group in yaml.safe_load(path.read_text())["groups"]]
    return [Query("recorded", rule["record"], rule["expr"]) for group in groups for rule in group["rules"]]


def load(path: Path) -> dict[str, Any]:
    """A dashboard."""
    dashboard: dict[str, Any] = json.loads(path.read_text())
    return dashboard


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """Its panels, those in collapsed rows too, rows themselves not."""
    every = [p for panel in dashboard["panels"] for p in (panel, *panel.get("panels", []))]
    return [panel for panel in every if panel["type"] != "row"]


def queries() -> list[Query]:
    """Every panel's queries of every dashboard."""
    return [
        Query(path.stem, panel["title"], target["expr"])
        for path in sorted(DASHBOARDS.glob("*.json"))
        for panel in panels(load(path))
        for target in panel["targets"]
    ]
