"""Two plans in one pass say what each says alone, and that is what the oracle says of the same events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk_stream.catalogue import MISSING
from risk_stream.engine import Alert, final
from risk_stream.rules import Plan
from risk_stream.workbench.backtest import Sides, run
from tests.engine.compare import same
from tests.engine.test_engine import on_time, plan_of
from tests.oracle import judge_all
from tests.oracle.worlds import events, rule_files
from tests.workbench.backtest import chunks

slow_start = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


def plans_of(folder: Path, texts: list[str]) -> dict[str, Plan]:
    return {name: plan_of(folder, text) for name, text in zip(("before", "after"), texts, strict=True)}


@slow_start
@given(
    texts=st.lists(rule_files(later=True), min_size=2, max_size=2),
    stream=events(),
    size=st.integers(1, 9),
)
def test_each_side_says_what_the_oracle_says_of_it(
    tmp_path: Path, texts: list[str], stream: list[dict[str, Any]], size: int
) -> None:
    """Late events, hops, owners, rules that wait: whatever the chunks, of which a round has four."""
    plans = plans_of(tmp_path, texts)
    sides = Sides(plans)
    said, clock = list[Alert](), MISSING
    for spoken in run(sides.plan, chunks(stream, size), processes=1, lateness_ms=60_000):
        said, clock = said + spoken.alerts, spoken.clock
    accepted = on_time(stream, 60_000)
    for side, plan in plans.items():
        held = {
            (sides.variants[alert.rule].rule.id, alert.event): alert
            for alert in final(said)
            if side in sides.variants[alert.rule].sides
            and sides.is_live(side, sides.variants[alert.rule].rule.id, alert.keys)
        }
        truth = judge_all(((event, plan) for event in accepted), lambda kind, key: clock)
        wanted = {(verdict.rule, verdict.event): verdict for judged in truth for verdict in judged.verdicts}
        assert held.keys() == wanted.keys()
        for name, verdict in wanted.items():
            alert = held[name]
            assert alert.severity == verdict.severity
            if len(sides.variants[alert.rule].sides) == 1:  # else features may have another side's names
                wrong = {n for n, v in verdict.features.items() if not same(alert.features[n], v)}
                assert not wrong
