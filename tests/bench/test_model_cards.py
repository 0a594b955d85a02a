"""The bench of models: how alarms about pumps are counted, what lines are learnt from, that its models can be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
import pytest

from bench import early_warning, pumps
from bench.model_cards import FOLDS, PACKS, line_records, plan_of
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


@pytest.mark.parametrize("path", sorted(PACKS.glob("model_*.yaml")), ids=lambda path: path.stem)
def test_every_model_of_the_bench_can_be_read(path: Path) -> None:
    if path.stem == "model_events":
        return
    catalogue = load_catalogue(PACKS / "model_events.yaml")
    (model,) = plan_of(path.stem, catalogue).models
    assert model.words.keys() == set(model.spec.inputs), "every input has its words"
