"""What a dashboard asks Prometheus: every query of a panel, an annotation or a variable."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DASHBOARDS = Path(__file__).parents[2] / "dashboards"
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
        """The metrics it reads."""
        found = re.findall(r"\brisk_stream_\w+", self.expression)
        return {next((n.removesuffix(s) for s in SUFFIXES if n.endswith(s)), n) for n in found}

    def concrete(self, window: str = "1m") -> str:
        """The query as Grafana sends it with every entity and stage chosen."""
        text = self.expression
        for variable in ("$__rate_interval", "$__range", "$__interval"):
            text = text.replace(variable, window)
        return re.sub(r"\$(entity|stage)", ".*", text)


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
