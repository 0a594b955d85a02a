"""What the desk says to Prometheus: the active one of all alerts, one that stands by of none."""

from __future__ import annotations

import json

from risk_stream.alerts import Act, Cause, Desk, Silence
from risk_stream.desk.gauges import DESK_METRICS, DeskGauges
from risk_stream.sinks import Metrics
from tests.alerts.made import alert

NOON = 1_772_625_600_000


def said(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    families = [family for family in metrics.collect() if family.name == f"risk_stream_desk_{name}"]
    return {tuple(sample.labels.values()): sample.value for family in families for sample in family.samples}


class Office:
    """A desk with gauges."""

    def __init__(self) -> None:
        self.desk, self.metrics, self.inputs = Desk(), Metrics(of=DESK_METRICS, entities=1), 0
        self.gauges = DeskGauges(self.metrics, most_rules=1)

    def hear(self, rule: str, event: str, **more: object) -> str:
        self.inputs += 1
        made = alert(rule, event, **more)  # type: ignore[arg-type]
        assert self.desk.hear(made, Cause("risk.alerts", 0, self.inputs), NOON)
        self._count()
        return made.id

    def act(self, kind: str, *ids: str, **more: object) -> None:
        self.inputs += 1
        act = Act(id=str(self.inputs), act=kind, by="wang", at=NOON, alerts=list(ids), **more)  # type: ignore[arg-type]
        assert self.desk.act(act, Cause("risk.actions", 0, self.inputs), NOON)
        self._count()

    def _count(self) -> None:
        assert self.desk.last is not None
        self.gauges.count(self.desk.last, 0.004)


def test_alerts_are_said_by_how_they_stand() -> None:
    """And how old the oldest is that nobody has seen, what was closed as what, what was asked for and refused."""
    office = Office()
    first, second = office.hear("r", "1"), office.hear("r", "2", severity="low")
    third = office.hear("s", "3")
    office.act("acknowledge", first)
    office.act("acknowledge", first, second)
    office.act("close", third, disposition="confirmed")
    office.act("close", third, disposition="known")
    window = {"begins": NOON, "ends": NOON + 1, "rules": ["r"]}
    office.act("silence", silence=Silence(id="", by="", reason="works", **window))  # type: ignore[arg-type]
    office.hear("r", "4")
    office.gauges.show(office.desk, NOON + 60_000, {"risk.alerts": 3})
    metrics = office.metrics
    assert said(metrics, "alerts") == {
        ("acknowledged", "high", "trading", "SEC-SH"): 1,
        ("acknowledged", "low", "trading", "SEC-SH"): 1,
        ("open", "high", "trading", "SEC-SH"): 1,
    }
    assert said(metrics, "oldest_open_seconds")["high",] == 60
    assert said(metrics, "oldest_open_seconds")["low",] == 0
    assert said(metrics, "dispositions") == {("s", "confirmed"): 1}
    assert json.loads(metrics._pages["/dispositions"]())["s"]["confirmed"] == 1
    counted = {labels: many for labels, many in said(metrics, "acts").items() if many < NOON / 10_000}
    assert counted == {
        ("acknowledge", "done"): 1,
        ("acknowledge", "partly"): 1,
        ("close", "done"): 1,
        ("close", "refused"): 1,
        ("silence", "done"): 1,
    }
    assert said(metrics, "lag_records") == {("risk.alerts",): 3}
    assert [said(metrics, name)[()] for name in ("active", "cases", "entry", "silences")] == [1, 3, 9, 0]


def test_rules_beyond_the_bound_share_a_label() -> None:
    """However many rules a house has."""
    office = Office()
    for rule in ("r", "s", "t"):
        office.act("close", office.hear(rule, rule), disposition="known")
    office.gauges.show(office.desk, NOON, {})
    assert said(office.metrics, "dispositions") == {("r", "known"): 1, ("other", "known"): 2}


def test_a_desk_that_stands_by_says_no_alert() -> None:
    """What it counted stays: counters never fall."""
    office = Office()
    office.hear("r", "1")
    office.gauges.show(office.desk, NOON, {"risk.alerts": 3})
    office.gauges.stand_by()
    for name in ("alerts", "oldest_open_seconds", "dispositions", "lag_records"):
        assert said(office.metrics, name) == {}, name
    assert said(office.metrics, "active") == {(): 0}
    assert said(office.metrics, "entries")["alert",] == 1
