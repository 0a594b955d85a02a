"""Each panel of each dashboard shows something when a live Prometheus scrapes a live worker that has work to do."""

from __future__ import annotations

import json
import math
import urllib.parse
import urllib.request
from typing import Any

import pytest

from tests.dashboards.queries import Query, queries
from tests.live.house import House, Worker, eventually, transfer
from tests.live.servers import Prometheus

pytestmark = [pytest.mark.live, pytest.mark.timeout(200)]

ROUNDS = 4


def samples(prometheus: Prometheus, expression: str) -> list[float]:
    """The values a query gives now."""
    url = f"{prometheus.url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return [float(series["value"][1]) for series in result]


@pytest.fixture(scope="module")
def scraped(house: House, worker: Worker, prometheus: Prometheus) -> Prometheus:
    """A Prometheus that has seen a worker judge, alert and refuse, over several scrapes."""
    for number in range(ROUNDS):
        before = sum(samples(prometheus, "risk_stream_rejects_total") or [0.0])
        accounts = [f"A8{number}{i:04}" for i in range(5)]
        house.send([transfer(f"dash-{a}-{i}", a, 9500, device=a) for a in accounts for i in range(3)])
        house.send([b"no event"])
        assert eventually(lambda before=before: sum(samples(prometheus, "risk_stream_rejects_total")) > before)
        assert eventually(lambda number=number: f"dash-A8{number}0004-2" in house.said("large"))
    return prometheus


@pytest.mark.parametrize("query", queries(), ids=str)
def test_a_panel_shows_finite_numbers(scraped: Prometheus, query: Query) -> None:
    """Neither empty nor NaN: an empty panel looks like a calm day."""
    found: list[float] = eventually(lambda: samples(scraped, query.concrete()), within=10)
    assert found, query.concrete()
    assert all(math.isfinite(value) for value in found), (query.concrete(), found)
