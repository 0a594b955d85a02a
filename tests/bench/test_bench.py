"""The benchmarks can be listed and run, and their measures are the textbook's."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from bench import cards, engine, rules
from bench.__main__ import BENCHMARKS
from bench.data import data_folder
from bench.plans import make_events, write_house, write_plan
from risk_stream.catalogue import load_catalogue
from risk_stream.rules import load_plan


def test_every_benchmark_that_is_listed_can_be_run() -> None:
    listed = subprocess.run([sys.executable, "-m", "bench"], capture_output=True, text=True, check=True).stdout
    for name in BENCHMARKS:
        assert name in listed
        assert callable(importlib.import_module(f"bench.{name}").run)


def test_an_unknown_benchmark_is_refused_in_a_sentence() -> None:
    said = subprocess.run([sys.executable, "-m", "bench", "no-such"], capture_output=True, text=True, check=False)
    assert said.returncode == 2
    assert "invalid choice" in said.stderr
    assert "Traceback" not in said.stderr


def test_the_plan_has_as_many_rules_features_and_keys_as_it_says(tmp_path: Path) -> None:
    events, path = write_plan(tmp_path, rules=200)
    plan = load_plan([path], load_catalogue(events))
    assert len(plan.rules) == 200
    assert sum(len(layout.aggregates) for layout in plan.layouts.values()) == 30
    assert set(plan.layouts) == {"account", "customer", "device", "instrument"}


def test_the_house_has_as_many_rules_and_files_as_it_says_over_all_keys(tmp_path: Path) -> None:
    """Each file imports the constants, and has features of its own and rules with tests."""
    plan = load_plan([tmp_path / "rules"], load_catalogue(write_house(tmp_path, rules=200, files=10)))
    assert (len(plan.rules), len(plan.texts), len({rule.file for rule in plan.rules})) == (200, 11, 10)
    assert set(plan.layouts) == {"account", "customer", "device", "instrument"}
    assert sum(len(rule.tests) for rule in plan.rules) == 20


def test_changing_a_file_of_the_house_changes_its_rules_alone(tmp_path: Path) -> None:
    """So that what is reloaded is one file's."""
    catalogue = load_catalogue(write_house(tmp_path, rules=200, files=10))
    before = {rule.id: rule for rule in load_plan([tmp_path / "rules"], catalogue).rules}
    rules._change(tmp_path / "rules", 33)
    after = load_plan([tmp_path / "rules"], catalogue).rules
    changed = {Path(rule.file).name for rule in after if rule.version != before[rule.id].version}
    assert changed == {rules.CHANGED}


def test_the_events_have_25_fields_and_about_450_bytes() -> None:
    made = list(make_events(1000))
    assert {len(orjson.loads(event)) for event in made} == {25}
    assert 430 < sum(map(len, made)) / 1000 < 470


def test_an_event_behind_changes_as_many_others_however_many_rows_its_key_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what is compared is the same work."""
    monkeypatch.setattr(engine, "KEY_ROWS", 4000)
    assert [engine._large_key(rows, 20)[3] for rows in (10, 100, 4000)] == [engine.BEHIND] * 3


def test_the_further_a_channel_is_behind_the_more_is_judged_again() -> None:
    bench = engine.Bench(200, 30)
    events, _, _ = bench.decoder.decode(list(make_events(12_000, keys=1000, per_second=2000)), str)
    revised = [engine._skewed(bench.engine.plan, events, apart, 64, 512)[1] for apart in (None, 100, 1000)]
    assert revised == sorted(revised)
    assert revised[0] < 1 < revised[2]


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.timeout(300)
def test_the_card_rule_pack_finds_what_it_must() -> None:
    try:
        data_folder(cards.FILES)
    except SystemExit as absent:
        pytest.skip(str(absent))
    figures = cards.run(quick=True)
    assert figures["average_precision"] >= 0.38
    assert figures["card_precision_at_100"] >= 0.27
