"""The benchmark beside other engines measures equal jobs, and notices an alert that is wrong, missing or said twice."""

from __future__ import annotations

import contextlib
import importlib
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from bench.peers import flink_sql, heavy, install, ours, plain
from bench.peers.alerts import Alert, Comparison, Expected, Said, compare
from bench.peers.contenders import PEERS, Peer
from bench.peers.install import MissingPeerError
from bench.peers.measure import Measured, SilentPeerError, of_event
from bench.peers.run import figures
from bench.plans import FEATURES, write_plan
from bench.rivals.ring import Ring, judge
from risk_stream.catalogue import load_catalogue
from risk_stream.rules import Plan, load_plan
from tests.oracle import judge_all

ALERT = Alert(frozenset({"many"}), {"count_10m": 151, "sum_10m": 10.5})


def plan_of(folder: Path, events: Path, rules: str) -> Plan:
    (folder / "rules.yaml").write_text(rules)
    return load_plan([folder / "rules.yaml"], load_catalogue(events))


def by_the_oracle(plan: Plan, values: Iterable[bytes], names: Collection[str]) -> dict[int, Alert]:
    """What the project's own oracle says of the same events, with the features among `names`."""
    found = {}
    for i, judged in enumerate(judge_all((orjson.loads(value), plan) for value in values)):
        features = {n: v for verdict in judged.verdicts for n, v in verdict.features.items() if n in names}
        if judged.verdicts:
            numbers = {n: None if v is None else float(v) for n, v in features.items()}
            found[i] = Alert(frozenset(v.rule for v in judged.verdicts), numbers)
    return found


def assert_equal(got: Mapping[int, Alert], wanted: Expected) -> None:
    result = compare([Said(event, 0, alert) for event, alert in got.items()], wanted)
    assert result.equal, str(result)
    assert result.said > 0


def test_the_plain_reference_says_what_the_oracle_says(tmp_path: Path) -> None:
    made = plain.make(300, 1)  # a window is full after 120 events
    threshold, wanted = plain.expected(made, 150)
    assert {rule for alert in wanted.values() for rule in alert.rules} >= {"much", "large"}
    (tmp_path / "events.yaml").write_text(plain.EVENTS_YAML)
    plan = plan_of(tmp_path, tmp_path / "events.yaml", plain.rules_yaml(threshold))
    values = [value for _, _, value in plain.records(made, len(made))]
    assert_equal(by_the_oracle(plan, values, {"count_10m", "sum_10m"}), wanted)


def test_the_heavy_reference_says_what_the_oracle_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heavy, "KEYS", 12)
    monkeypatch.setattr(heavy, "BAND", 300)  # that many events alert
    values = [value for _, _, value in heavy.records(150)]
    events, _ = write_plan(tmp_path)
    plan = plan_of(tmp_path, events, heavy.rules_yaml())
    assert_equal(by_the_oracle(plan, values, FEATURES), heavy.expected(values))


def test_the_heavy_rules_name_all_thirty_features_of_the_worker_benchmark() -> None:
    named = {name for _, clauses in heavy.RULES.values() for clause in clauses for name, _, _ in clause}
    assert named == set(FEATURES)
    assert {feature.by for feature in heavy.features()} == {"customer", "account", "device", "instrument"}


def test_the_heavy_job_in_sql_gives_each_feature_a_column_and_each_rule_its_words() -> None:
    *_, sink, insert = flink_sql.heavy_job("broker", "events", "alerts")
    for name in FEATURES:
        assert f"{name} DOUBLE" in sink
        assert len(re.findall(rf" AS {name}\b", insert)) == 1
    for rule in heavy.RULES:
        assert heavy.condition(rule) in insert


def test_a_window_in_sql_is_a_millisecond_short_since_both_its_ends_belong_to_it() -> None:
    assert "INTERVAL '0 00:09:59.999' DAY TO SECOND(3) PRECEDING" in flink_sql.plain_job("b", "t", "a", 1.0)[-1]
    assert "INTERVAL '29 23:59:59.999' DAY TO SECOND(3)" in flink_sql.heavy_job("b", "t", "a")[-1]


def test_the_ring_of_the_python_rivals_says_what_the_reference_says() -> None:
    made = plain.make(3000, 5)
    threshold, wanted = plain.expected(made, 600)
    rings: dict[str, Ring] = {}
    records = []
    for _, _, value in plain.records(made, len(made)):
        payment = orjson.loads(value)
        count, total = rings.setdefault(payment["customer"], Ring()).add(payment["time"], payment["amount"])
        said = judge(payment, count, total, threshold)
        records += [(0, said)] if said else []
    result = compare(of_event(records), wanted)
    assert result.equal, str(result)


@pytest.mark.parametrize(
    ("said", "missing", "wrong"),
    [
        ([], 1, 0),
        ([Said(7, 0, Alert(frozenset({"much"}), ALERT.features))], 0, 1),
        ([Said(7, 0, Alert(ALERT.rules, {"count_10m": 151, "sum_10m": 10.51}))], 0, 1),
        ([Said(7, 0, Alert(ALERT.rules, {"count_10m": 151, "sum_10m": None}))], 0, 1),
        ([Said(7, 0, Alert(ALERT.rules, {}))], 0, 1),
        ([Said(7, 0, ALERT), Said(8, 0, ALERT)], 0, 1),
        ([Said(7, 0, ALERT), Said(7, 0, ALERT)], 0, 0),  # twice
    ],
)
def test_what_differs_from_the_reference_is_never_called_equal(said: list[Said], missing: int, wrong: int) -> None:
    result = compare(said, {7: ALERT})
    assert (result.missing, result.wrong, result.equal) == (missing, wrong, False)
    assert compare([Said(7, 0, ALERT)], {7: ALERT}).equal


def test_of_our_alerts_the_highest_revision_holds_and_a_withdrawn_one_does_not() -> None:
    def record(rule: str, revision: int, status: str, count: int) -> tuple[int, bytes]:
        features = {"count_10m": count, "customer": "c1"}
        said = {"event": "p-5", "rule": rule, "revision": revision, "status": status, "features": features}
        return revision, orjson.dumps(said)

    records = [
        record("many", 9, "changed", 152),
        record("many", 3, "raised", 151),
        record("much", 3, "raised", 151),
        record("much", 9, "withdrawn", 150),
    ]
    wanted = [Said(5, 9, Alert(frozenset({"many"}), {"count_10m": 152}))]
    assert ours.said(records, frozenset({"count_10m"})) == wanted
    assert len(ours.said([*records, records[0]], frozenset({"count_10m"}))) == 2  # one revision, said twice


def measured(speed: float, *, equal: bool = True) -> Measured:
    return Measured(speed, 1.0, 1.0, Comparison(1, 1 if equal else 0, 0 if equal else 1, 0, 1, ""))


def test_the_ratios_are_of_the_fastest_python_peer_and_of_each_other_one() -> None:
    speeds = {"risk_stream": 100, "risk_stream_heavy": 50, "quix": 5, "quix_window": 1, "bytewax": 20}
    speeds |= {"flink_sql": 25, "flink_java": 200, "kafka_streams": 50, "flink_sql_heavy": 4}
    found = figures({key: measured(speed) for key, speed in speeds.items()})
    assert found["ratio_to_fastest_python_peer"] == 5
    assert found["ratio_to_flink_sql"] == 4
    assert found["ratio_to_flink_java"] == 0.5
    assert found["ratio_to_kafka_streams"] == 2
    assert found["ratio_to_flink_sql_heavy"] == 12.5
    assert found["peers_with_unequal_alerts"] == 0


def test_the_ratio_to_what_is_missing_is_left_out_and_unequal_alerts_are_counted() -> None:
    found = figures({"risk_stream": measured(100), "quix": measured(10, equal=False)})
    assert [name for name in found if name.startswith("ratio")] == [
        "ratio_to_fastest_python_peer",
        "ratio_to_quix",
    ]
    assert found["peers_with_unequal_alerts"] == 1
    assert not any(name.startswith("ratio") for name in figures({"quix": measured(10)}))


@pytest.mark.parametrize(("absent", "there"), [("java", ()), ("mvn", ("java",))])
def test_a_machine_without_java_or_maven_is_told_so_by_name(
    absent: str, there: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "PLACE", tmp_path)
    monkeypatch.setattr(install.shutil, "which", lambda name: f"/bin/{name}" if name in there else None)
    with pytest.raises(MissingPeerError, match=absent):
        install.java("flink", "FlinkRing")


def test_the_python_peers_are_locked_with_hashes_and_none_is_a_dependency_of_the_product() -> None:
    locked = re.split(r"\n(?=\S)", (install.RIVALS / "requirements.txt").read_text().strip())
    assert all("==" in one.splitlines()[0] and "--hash=sha256:" in one for one in locked)
    project = tomllib.loads((install.ROOT / "pyproject.toml").read_text())["project"]
    for wanted in (project["dependencies"], *project["optional-dependencies"].values()):
        assert not re.search("quixstreams|bytewax|confluent", " ".join(wanted))


def test_a_peer_that_fails_is_named_and_the_others_are_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(error: Exception) -> Callable[..., Measured]:
        def run(_: object) -> Measured:
            raise error

        return run

    peers = {
        "risk_stream": Peer("ours", lambda _: measured(100)),
        "flink_sql": Peer("Flink", failing(MissingPeerError("there is no java on PATH"))),
        "quix": Peer("Quix", failing(SilentPeerError("it said nothing"))),
        "bytewax": Peer("Bytewax", lambda _: measured(50)),
    }
    module = importlib.import_module("bench.peers.run")
    monkeypatch.setattr(module, "PEERS", peers)
    monkeypatch.setattr(module, "servers", lambda: contextlib.nullcontext(("broker", "redis")))
    found = module.run(True, peers)
    assert found["ratio_to_fastest_python_peer"] == 2
    assert "ratio_to_flink_sql" not in found
    said = capsys.readouterr().out
    assert "not measured, Flink: there is no java on PATH" in said
    assert "not measured, Quix: it said nothing" in said


def test_a_run_of_ours_that_kept_no_checkpoint_is_counted() -> None:
    run = replace(measured(100), note=ours.NOT_DURABLE)
    assert figures({"risk_stream": run})["runs_not_durable"] == 1
    assert figures({"risk_stream": measured(100)})["runs_not_durable"] == 0
    assert "NOT DURABLE" in str(run)


def test_every_peer_has_a_label_of_its_own() -> None:
    assert len({peer.label for peer in PEERS.values()}) == len(PEERS)
