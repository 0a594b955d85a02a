"""The bench of models: how alarms about pumps are counted, what lines are learnt from, that its models can be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from bench import early_warning, pumps, pumps_fitted
from bench.model_cards import FOLDS, PACKS, anew, line_records, plan_of, ships
from risk_stream.catalogue import load_catalogue
from tests.bench.test_early_warning import client

MINUTE = 60_000
AT = 1_580_000_000_000
A = pumps.Pump("a", "A/BTC", AT, True, 4.0)
B = pumps.Pump("b", "B/BTC", AT + 300 * MINUTE, True, 4.0)
STILL = pumps.Pump("s", "S/BTC", AT, False, 4.0)


def counted(*alarms: tuple[str, float], of: tuple[pumps.Pump, ...] = (A, B, STILL)) -> tuple[int, int, int]:
    """(found, wrong, missed) of alarms, each so many minutes after the first announcement."""
    times = np.array([AT + round(m * MINUTE) for _, m in alarms], np.int64)
    return pumps.count([f"{symbol}/BTC" for symbol, _ in alarms], times, of).right(of)


def test_an_alarm_is_right_from_2_minutes_before_to_5_after() -> None:
    assert counted(("A", -2)) == (1, 0, 1)
    assert counted(("A", 5)) == (1, 0, 1)
    assert counted(("A", -2.1)) == (0, 1, 2)


def test_an_alarm_from_5_to_60_minutes_after_counts_neither_way() -> None:
    assert counted(("A", 5.1)) == (0, 0, 2)
    assert counted(("A", 60)) == (0, 0, 2)
    assert counted(("A", 60.1)) == (0, 1, 2)


def test_a_coin_is_quiet_for_half_an_hour_after_an_alarm_and_others_are_not() -> None:
    """An alarm shortly before the announcement hides the one that would have been right."""
    assert counted(("A", -20), ("A", 1)) == (0, 1, 2)
    assert counted(("A", -30), ("A", 1)) == (1, 1, 1)
    assert counted(("B", -20), ("A", 1)) == (1, 1, 1)


def test_a_pump_that_did_not_move_the_price_is_neither_found_nor_missed() -> None:
    assert counted(("S", 1)) == (0, 0, 2)
    assert counted(("S", -100)) == (0, 1, 2)


def test_a_pump_is_never_judged_by_a_threshold_that_it_chose() -> None:
    """B alone wants a threshold below 3 and is judged by one of A, which is higher."""
    symbols, times = ["A/BTC", "A/BTC", "B/BTC"], np.array([AT - 600 * MINUTE, AT, AT + 300 * MINUTE])
    left = pumps.leave_one_out(symbols, times, np.array([3.0, 9.0, 2.0]), [A, B])
    assert left.counts.tolist()[1] == [0, 0, 1]
    assert left.thresholds[1] >= 3.0
    assert left.delays == [0]


def test_rush_orders_are_those_to_buy_with_more_than_one_fill_in_a_millisecond() -> None:
    width = pumps.BAR * 1000
    times = np.array([0, 0, 5, 7, 7, 3 * width]) + width * 1000
    buys = np.array([True, True, True, False, False, True])
    prices = np.array([1.0, 1.1, 1.0, 1.0, 1.0, 1.2])
    bars = pumps.bars_of("A/BTC", times, buys, prices, np.ones(6))
    assert bars.rush.tolist() == [1, 0, 0, 0]
    assert bars.trades.tolist() == [5, 0, 0, 1]
    assert bars.rise == pytest.approx([np.log(1.1), 0.0, 0.0, np.log(1.2)])
    assert bars.ends[0] == width * 1001


def test_a_fold_is_scored_when_only_what_became_of_the_others_is_known() -> None:
    clients = [client(n, [0] * 6, [100.0] * 6, [0.0] * 6) for n in range(1, 11)]
    said = [orjson.loads(r) for r in line_records(clients, np.zeros(10, bool), 3)]
    assert [r["time"] for r in said] == sorted(r["time"] for r in said)
    told = [r["loan"] for r in said if r["type"] == "outcome"]
    assert all(int(loan[1:]) % FOLDS != 3 for loan in told)
    last = max(r["time"] for r in said if r["type"] == "outcome")
    assert {int(r["loan"][1:]) % FOLDS for r in said if r["time"] > last} == {3}
    assert len([r for r in said if r["type"] == "card_month"]) == 10 * len(early_warning.MONTHS)


def test_an_online_model_ships_where_it_is_better_or_near_at_a_tenth_of_the_time() -> None:
    """Otherwise the one that is fitted anew does."""
    online, fitted = "the online model ships", "the one fitted anew ships"
    assert ships((0.75, 99.0), (0.75, 100.0)) == online
    assert ships((0.74, 10.0), (0.75, 100.0)) == online
    assert ships((0.74, 11.0), (0.75, 100.0)) == fitted
    assert ships((0.72, 1.0), (0.75, 100.0)) == fitted


def test_a_pump_is_judged_by_a_forest_that_saw_no_pump_of_its_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """The models that score a part, and those whose scores choose its threshold, are fitted to none of its bars."""
    rng = np.random.default_rng(1)
    known = [pumps.Pump(f"p{i}", f"S{i}", AT + i * 300 * MINUTE, True, 1.0) for i in range(16)]
    spec = plan_of("model_pump_fitted", load_catalogue(PACKS / "model_events.yaml")).models[0].spec
    bars = [(pump.symbol, pump.announced + at * 25_000) for pump in known for at in range(-400, 200, 4)]
    times = np.array([time for _, time in bars])
    inputs = rng.random((len(bars), len(spec.inputs)))
    pumped = np.array([0 < (time - AT) % (300 * MINUTE) <= 120_000 for time in times])
    inputs[pumped] += 2.0
    fits: list[set[str]] = []
    symbols = np.array([symbol for symbol, _ in bars])
    fitted = pumps_fitted._fitted

    def noted(spec: Any, given: Any, labels: Any, taught: Any, seed: int) -> Any:
        fits.append(set(symbols[taught].tolist()))
        return fitted(spec, given, labels, taught, seed)

    monkeypatch.setattr(pumps_fitted, "_fitted", noted)
    (step,) = spec.steps
    small = replace(spec, steps=(replace(step, parameters={**step.parameters, "n_estimators": 5}),))
    left = pumps_fitted.judged(small, pumps_fitted.Seen(symbols, times, inputs), known, 1)
    parts = [{f"S{i}" for i in range(16) if i % 8 == a} for a in range(8)]
    expected = [set(symbols.tolist()) - parts[a] - parts[b] for a in range(8) for b in range(a, 8)]
    assert fits == expected
    assert left.f1 > 0.9


def test_a_plan_fitted_anew_asks_the_same_inputs() -> None:
    """Only what becomes of them is another."""
    plan = plan_of("model_cards", load_catalogue(PACKS / "model_events.yaml"))
    other = anew(plan, window=50_000).models[0]
    assert other.inputs == plan.models[0].inputs
    assert [step.component for step in other.spec.steps] == ["Retrained"]


@pytest.mark.parametrize("path", sorted(PACKS.glob("model_*.yaml")), ids=lambda path: path.stem)
def test_every_model_of_the_bench_can_be_read(path: Path) -> None:
    if path.stem == "model_events":
        return
    catalogue = load_catalogue(PACKS / "model_events.yaml")
    (model,) = plan_of(path.stem, catalogue).models
    assert model.words.keys() == set(model.spec.inputs), "every input has its words"
