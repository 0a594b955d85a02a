"""Prometheus records the ratios of a closed book from its gauges."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from bench.loan_events import events_of
from bench.loans import world
from risk_stream.lending.ledger import close, figures, ledger
from risk_stream.lending.ledger.gauges import GAUGES, as_metrics
from tests.dashboards.queries import ROOT, Query, chosen, grouped
from tests.lending.ledger.said import CATALOGUE

RULES = ROOT / "docker" / "prometheus" / "book.yml"


def recorded() -> list[Query]:
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    return [Query("book", rule["record"], rule["expr"]) for rule in rules]


@pytest.mark.parametrize("query", recorded(), ids=lambda query: query.panel)
def test_a_ratio_reads_gauges_that_exist_and_is_named_by_its_labels(query: Query) -> None:
    assert query.names <= set(GAUGES)
    for name in query.names:
        assert grouped(query.expression) | chosen(query.expression).get(name, set()) <= set(GAUGES[name].labels)
    labels, _, _ = query.panel.partition(":")
    assert set(labels.split("_")) == grouped(query.expression)


def test_recorded_ratios_are_those_of_the_report(tmp_path: Path) -> None:
    """As Prometheus itself reckons them."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not on PATH")
    made = world(400, 14, seed=8)
    found = figures(close(ledger(events_of(made, CATALOGUE), CATALOGUE), made.ends[-1]))
    series = [
        {"series": f"{sample.name}{json.dumps(sample.labels).replace(': ', '=')}", "values": f"{sample.value}"}
        for family in text_string_to_metric_families(as_metrics(found))
        for sample in family.samples
    ]
    for one in series:
        one["series"] = re.sub(r'"(\w+)"=', r"\1=", one["series"])
    assert found.rolls is not None
    by_entity = "currency_entity:risk_stream_book_npl:ratio"
    wanted = [
        ("currency:risk_stream_book_npl:ratio", found.all.non_performing / found.all.outstanding),
        ("currency:risk_stream_book_coverage:ratio", found.all.expected_loss / found.all.non_performing),
        ("currency:risk_stream_book_provision:ratio", found.all.expected_loss / found.all.outstanding),
        ('currency_from_to:risk_stream_book_rolls:ratio{from="current",to="1-30"}', found.rolls.rates[0][1]),
        *((f'{by_entity}{{entity="{part.name}"}}', part.non_performing / part.outstanding) for part in found.entities),
    ]
    tests = [
        {"expr": f"round(sum({name}), 0.0001)", "eval_time": "0m", "exp_samples": [{"value": round(value, 4)}]}
        for name, value in wanted
    ]
    case = {"rule_files": [str(RULES)], "tests": [{"input_series": series, "promql_expr_test": tests}]}
    file = tmp_path / "book_test.yml"
    file.write_text(yaml.safe_dump(case))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
