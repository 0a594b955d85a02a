"""What Prometheus tells operators of: each alert fires on what it is for, is quiet on the rest, and has a runbook."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.dashboards.queries import RATIOS, ROOT

RULES = ROOT / "docker" / "prometheus" / "rules.yml"
GROUPS = yaml.safe_load(RULES.read_text())["groups"]
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for group in GROUPS for rule in group["rules"]}
#: These fire as long as all is well.
ALWAYS = {"RiskStreamWatchdog", "RiskStreamCanaryComesBack"}


@dataclass(frozen=True)
class Case:
    """Series over time, a sample `every` so often, and the times at which so many alerts of one name fire."""

    alert: str
    series: dict[str, str]
    fires: dict[str, int] = field(default_factory=dict)
    every: str = "15s"

    @property
    def file(self) -> dict[str, Any]:
        """As promtool has it."""
        asked = f'count(ALERTS{{alertname="{self.alert}",alertstate="firing"}}) or vector(0)'
        return {
            "name": self.alert,
            "interval": self.every,
            "input_series": [{"series": name, "values": values} for name, values in self.series.items()],
            "promql_expr_test": [
                {"expr": asked, "eval_time": at, "exp_samples": [{"labels": "{}", "value": many}]}
                for at, many in self.fires.items()
            ],
        }


def counted(*parts: tuple[float, int]) -> str:
    """A counter that rises by so much each sample, for so many samples, one part after another."""
    values, at = list[str](), 0.0
    for step, many in parts:
        values.append(f"{at:g}+{step:g}x{many - 1}")
        at += step * many
    return " ".join(values)


def buckets(name: str, seconds: float, *, labels: str = "", many: int = 80) -> dict[str, str]:
    """A histogram into which one value comes each sample."""
    bounds = ("0.05", "0.5", "1", "5")
    return {
        f'{name}_bucket{{{labels}le="{le}"}}': f"0+{int(le == '+Inf' or float(le) >= seconds)}x{many}"
        for le in (*bounds, "+Inf")
    }


CASES = [
    Case("RiskStreamDown", {'up{job="risk-stream",instance="w1"}': "1x8 0x12 1x12"}, {"1m": 0, "4m": 1, "7m": 0}),
    Case("RiskStreamDown", {}, {"4m": 1}),
    Case(
        "RiskStreamBehind",
        {
            'risk_stream_consumer_lag_records{topic="risk.trades",partition="0"}': "200000+100x40",
            'risk_stream_consumer_lag_records{topic="risk.loans",partition="0"}': "900000-100x40",
        },
        {"8m": 1},
    ),
    Case("RiskStreamSlow", buckets("risk_stream_judged_latency_seconds", 3), {"8m": 1}),
    Case("RiskStreamSlow", buckets("risk_stream_judged_latency_seconds", 0.3), {"8m": 0}),
    Case(
        "RiskStreamActsChanged",
        {
            'risk_stream_desk_log_holds{instance="a"}': "1x8 0x20",
            'risk_stream_desk_active{instance="a"}': "1x28",
            'risk_stream_desk_log_holds{instance="b"}': "0x28",
            'risk_stream_desk_active{instance="b"}': "0x28",
        },
        {"1m": 0, "4m": 1},
    ),
    Case(
        "RiskStreamActsUnsigned",
        {
            'risk_stream_desk_head_timestamp_seconds{instance="a"}': "600x180",
            'risk_stream_desk_entries_total{instance="a",what="act"}': "0+1x180",
        },
        {"120m": 0, "150m": 1},
        every="1m",
    ),
    Case(
        "RiskStreamActsUnsigned",
        {'risk_stream_desk_head_timestamp_seconds{instance="a"}': "600x180"},
        {"150m": 0},
        every="1m",
    ),
    Case(
        "RiskStreamQuiet",
        {'risk_stream_events_total{topic="risk.trades",type="trade"}': f"{counted((5, 1445))} 7220x60"},
        {"24h5m": 0, "24h40m": 1},
        every="1m",  # it looks at the day before
    ),
    Case("RiskStreamRedisAway", {"risk_stream_redis_up": "1x8 0x12 1x8"}, {"1m": 0, "4m": 1, "6m": 0}),
    Case(
        "RiskStreamMarginUnwatched",
        {'up{job="risk-stream-margin"}': "1x40", "risk_stream_margin_active": "1x12 0x28"},
        {"2m": 0, "6m": 1},
    ),
    Case("RiskStreamMarginUnpriced", {"risk_stream_margin_unpriced_titles": "2x120"}, {"10m": 0, "20m": 1}),
    Case(
        "RiskStreamRefusesRules",
        {'risk_stream_plan_reloads_total{result="refused"}': "0x12 1x40"},
        {"2m": 0, "4m": 1, "12m": 0},
    ),
    Case(
        "RiskStreamPlansDiffer",
        {
            'risk_stream_plan_info{version="a",instance="w1"}': "1x40",
            'risk_stream_plan_info{version="b",instance="w2"}': "1x40",
        },
        {"1m": 0, "4m": 1},
    ),
    Case(
        "RiskStreamRejects",
        {
            'risk_stream_rejects_total{reason="late"}': counted((0, 40), (5, 60)),
            'risk_stream_events_total{type="trade"}': counted((100, 100)),
        },
        {"9m": 0, "20m": 1},
    ),
    Case("RiskStreamRuleErrors", {'risk_stream_rule_errors_total{rule="r"}': "0x12 3x12"}, {"2m": 0, "4m": 1}),
    Case(
        "RiskStreamCheckpointOld",
        {
            'risk_stream_checkpoint_seconds_count{instance="w1"}': f"{counted((15, 20))} 300x60",
            'risk_stream_checkpoint_seconds_count{instance="w2"}': counted((15, 80)),
            'risk_stream_batch_events_count{instance="w1",step="account"}': counted((9, 80)),
            'risk_stream_batch_events_count{instance="w2",step="account"}': counted((9, 80)),
            'risk_stream_batch_events_count{instance="demo",step="account"}': counted((9, 80)),  # keeps none, by choice
        },
        {"5m": 0, "15m": 1},
    ),
    Case(
        "RiskStreamLoopBlocked",
        buckets("risk_stream_loop_pause_seconds", 0.8, labels='instance="w1",')
        | buckets("risk_stream_loop_pause_seconds", 0.02, labels='instance="w2",'),
        {"2m": 0, "10m": 1},
    ),
    Case("RiskStreamUnsettled", {"risk_stream_rebalances_total": counted((1, 40))}, {"1m": 0, "8m": 1}),
    Case("RiskStreamModelDrifting", {'risk_stream_model_drifting{model="m"}': "2x400"}, {"50m": 0, "70m": 1}),
    Case(
        "RiskStreamDecisionsLate",
        {
            'risk_stream_decisions_total{by="engine"}': counted((98, 80)),
            'risk_stream_decisions_total{by="deadline"}': counted((0, 40), (2, 40)),
        },
        {"9m": 0, "19m": 1},
    ),
    Case(
        "RiskStreamNoDesk",
        {
            'risk_stream_desk_active{instance="d1"}': "1x12 0x40",
            'risk_stream_desk_active{instance="d2"}': "0x12 1x12 0x28",
        },
        {"2m": 0, "5m": 0, "9m": 1},
    ),
    Case("RiskStreamNoDesk", {}, {"4m": 1}),
    Case(
        "RiskStreamDeskBehind", {'risk_stream_desk_lag_records{topic="risk.alerts"}': "0x8 5000x60"}, {"4m": 0, "9m": 1}
    ),
    Case("RiskStreamNoNotices", {"risk_stream_notices_active": "1x12 0x40"}, {"2m": 0, "6m": 1}),
    Case(
        "RiskStreamNoticesDead",
        {'risk_stream_notices_dead_total{receiver="desk"}': "0x12 1x80"},
        {"2m": 0, "5m": 1, "20m": 0},
    ),
    Case("RiskStreamNoConsole", {'up{job="risk-stream-console"}': "1x12 0x40"}, {"2m": 0, "6m": 1}),
    Case(
        "RiskStreamMirrorStale",
        {
            'risk_stream_mirror_told_timestamp_seconds{alertmanager="a"}': "0+15x80",
            'risk_stream_mirror_told_timestamp_seconds{alertmanager="b"}': "0+15x20 300x60",
        },
        {"5m": 0, "12m": 1},
    ),
    Case(
        "RiskStreamCanaryStale",
        {
            'risk_stream_canary_age_seconds{partition="0"}': "3x60",
            'risk_stream_canary_age_seconds{partition="1"}': "3x12 15+15x40",
        },
        {"3m": 0, "6m": 1},
    ),
    Case("RiskStreamNoCanary", {"risk_stream_canary_sent_total": "1x20 _x40"}, {"4m": 0, "14m": 1}),
    Case("RiskStreamWatchdog", {}, {"0m": 1, "10m": 1}),
    Case(
        "RiskStreamCanaryComesBack",
        {
            'risk_stream_canary_age_seconds{partition="0"}': "3x60",
            'risk_stream_canary_age_seconds{partition="1"}': "3x12 15+15x40",
        },
        {"3m": 1, "8m": 0},
    ),
    Case("RiskStreamCanaryComesBack", {}, {"3m": 0}),
]


def test_each_alert_is_tried_firing_and_quiet() -> None:
    """But the watchdog, which is never quiet."""
    seen: dict[str, set[bool]] = {}
    for case in CASES:
        seen.setdefault(case.alert, set()).update(many > 0 for many in case.fires.values())
    assert seen.keys() == ALERTS.keys()
    one_sided = {alert for alert, sides in seen.items() if sides != {True, False}}
    assert one_sided == {"RiskStreamWatchdog", "RiskStreamBehind"}  # of two topics one fires and one does not


@pytest.mark.parametrize("every", ["15s", "1m"])
def test_alerts_fire_on_what_they_are_for(tmp_path: Path, every: str) -> None:
    """As Prometheus itself reckons them."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not on PATH")
    cases = [case.file for case in CASES if case.every == every]
    tests = {"rule_files": [str(RULES)], "evaluation_interval": every, "tests": cases}
    file = tmp_path / "alerts_test.yml"
    file.write_text(yaml.safe_dump(tests, sort_keys=False))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ratios_are_those_of_the_counts_and_say_nothing_where_nothing_was_counted(tmp_path: Path) -> None:
    """Precision of the alerts that people judged, and refused records of all."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not on PATH")
    closed = {"a": {"confirmed": 3, "false_alarm": 1}, "b": {"false_alarm": 2, "known": 5}, "c": {"confirmed": 1}}
    series = {
        f'risk_stream_desk_dispositions{{rule="{rule}",disposition="{what}"}}': f"{many}x40"
        for rule, of in (closed | {"d": {"other": 4}}).items()
        for what, many in of.items()
    }
    series |= {
        'risk_stream_rejects_total{topic="t",reason="late"}': counted((1, 40)),
        'risk_stream_events_total{topic="t",type="trade"}': counted((3, 40)),
        'risk_stream_events_total{topic="u",type="loan"}': counted((3, 40)),
        'risk_stream_rejects_total{topic="v",reason="json"}': counted((3, 40)),
    }
    wanted = {
        "rule:risk_stream_desk_precision:share": ("rule", {"a": 0.75, "b": 0, "c": 1}),
        "topic:risk_stream_rejects:share_5m": ("topic", {"t": 0.25, "u": 0, "v": 1}),
    }
    asked = [
        {
            "expr": name,
            "eval_time": "8m",
            "exp_samples": [{"labels": f'{name}{{{label}="{of}"}}', "value": value} for of, value in values.items()],
        }
        for name, (label, values) in wanted.items()
    ]
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    tests = [{"interval": "15s", "input_series": inputs, "promql_expr_test": asked}]
    file = tmp_path / "ratios_test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [*map(str, RATIOS)], "evaluation_interval": "15s", "tests": tests}))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_says_what_to_do_and_where_more_is_said(name: str) -> None:
    """A severity, a sentence, what to do, and the anchor of its runbook, which is there."""
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"critical", "high", "medium", "info"}
    assert (rule["labels"]["severity"] == "info") == (name in ALWAYS)
    path, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^### (\w+)$", (ROOT / path).read_text(), re.MULTILINE)
    assert anchor == name.lower()
    assert name in headings


def test_every_runbook_is_of_an_alert() -> None:
    """One that was renamed leaves none behind."""
    headings = re.findall(r"^### (RiskStream\w+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(ALERTS)


def test_what_always_fires_goes_to_the_dead_mans_switch_alone() -> None:
    """Operators would learn to look away."""
    routes = yaml.safe_load((ROOT / "docker/alertmanager/alertmanager.yml").read_text())["route"]["routes"]
    (switch,) = [route for route in routes if route["receiver"] == "dead-mans-switch"]
    pattern = switch["matchers"][0].split("=~")[1].strip().strip('"')
    assert {name for name in ALERTS if re.fullmatch(pattern, name)} == ALWAYS
