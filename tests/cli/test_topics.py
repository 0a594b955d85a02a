"""`topics`, `doctor` and `simulate` against servers that are there, half there, and not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from risk_stream.embedded import EmbeddedBroker, EmbeddedRedis, free_port
from tests.cli.conftest import Ask


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """An embedded broker's address."""
    with EmbeddedBroker() as server:
        yield server.address


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    """An embedded Redis's address."""
    with EmbeddedRedis() as server:
        yield server.url


def states(said: str) -> dict[str, str]:
    """What a doctor's JSON says of each thing."""
    return {finding["what"]: finding["state"] for finding in json.loads(said)["findings"]}


def test_topics_are_created_once_and_described(ask: Ask, broker: str) -> None:
    """Missing first, then created, then there; creating again changes nothing."""
    before = ask("topics", "describe", "--broker", broker)
    assert before.code == 1
    assert "missing" in before.out
    assert "topics are not there: risk-stream topics create" in before.err
    made = ask("topics", "create", "--broker", broker, "--partitions", 3)
    assert made.code == 0
    assert "created risk.alerts" in made.out
    again = ask("topics", "create", "--broker", broker)
    assert "0 topics created" in again.out
    after = ask("topics", "describe", "--broker", broker, "--format", "json")
    assert after.code == 0
    single = {
        f"risk.{name}" for name in ("audit", "plans", "actions", "life", "notices", "canary", "canary.back", "formats")
    }
    assert {topic["partitions"] for topic in after.json if topic["name"] not in single} == {3}
    assert {"risk.trades", "risk.loans", "risk.reference", "risk.hop.account"} <= {
        topic["name"] for topic in after.json
    }


def test_a_rate_becomes_partitions_and_the_way_there_is_shown(ask: Ask, rules: Path) -> None:
    """Each line of the arithmetic, and the command to type."""
    answer = ask("topics", "advise", "--rate", 116000, "--measured", 58000, "--keys", 4, "--rules-per-event", 200)
    assert answer.code == 0, answer.err
    assert "17.24 us" in answer.out  # 1 s / 58,000
    assert "2.00" in answer.out  # twice what was measured is two cores
    assert "4 workers and 8 partitions: risk-stream topics create --partitions 8" in answer.out  # 2 / 0.6, rounded up
    told = ask("topics", "advise", "--rate", 116000, "--rules", rules, "--format", "json")
    assert told.json["event_us"] < 17.24  # two rules over one key cost less than two hundred over four
    assert told.json["partitions"] >= 2


@pytest.mark.parametrize("wrong", [("--rate", 0), ("--rate", 10, "--load", 2), ("--rate", 10, "--measured", 0)])
def test_a_rate_that_means_nothing_is_one_sentence(ask: Ask, wrong: tuple[object, ...]) -> None:
    """No division by nought."""
    answer = ask("topics", "advise", "--keys", 1, "--rules-per-event", 1, *wrong)
    assert answer.code == 1
    assert "must be above 0" in answer.err


@pytest.mark.parametrize("command", [("topics", "create"), ("topics", "describe"), ("simulate", "--rate", "9")])
def test_a_broker_that_is_away_is_one_sentence(ask: Ask, command: tuple[str, ...]) -> None:
    """With its address."""
    address = f"127.0.0.1:{free_port()}"
    answer = ask(*command, broker=address, clock="simulated")
    assert answer.code == 1
    assert address in answer.err
    assert len(answer.err.strip().splitlines()) == 1


def test_a_doctor_finds_everything_well(ask: Ask, broker: str, redis_url: str, rules: str) -> None:
    """What an embedded broker cannot say is a word of warning, no failure."""
    ask("topics", "create", "--broker", broker)
    settings = {
        "broker": broker,
        "redis": redis_url,
        "rules": json.dumps([str(rules)]),
        "metrics_port": str(free_port()),
    }
    answer = ask("doctor", "--format", "json", **settings)
    assert answer.code == 0, answer.out
    found = states(answer.out)
    assert {found[what] for what in ("events", "rules", "broker", "topics", "Redis", "metrics")} == {"ok"}
    assert (found["session"], found["transactions"]) == ("warn", "warn")
    assert "A worker would run." in ask("doctor").out


def test_a_doctor_says_what_is_not_there_and_what_to_do(ask: Ask, rules: str) -> None:
    """Broker and Redis away, rules broken: each with its next step, exit code 1, no traceback."""
    path = rules / "transfers.yaml"  # type: ignore[operator]
    path.write_text(path.read_text().replace("amount >=", "amuont >="))
    away = f"127.0.0.1:{free_port()}"
    answer = ask("doctor", broker=away, redis=f"redis://{away}/0", rules=json.dumps([str(rules)]))
    assert answer.code == 1
    assert f"Kafka does not answer at {away}: connection refused" in answer.out
    assert f"{path}:14:11" in answer.out
    assert "-> risk-stream rules check" in answer.out
    assert "-> start Redis" in answer.out
    assert "A worker would not run: 3 things to mend." in answer.out
    assert answer.err == ""


def test_a_doctor_finds_missing_topics(ask: Ask, broker: str, redis_url: str, rules: str) -> None:
    """And says how to make them."""
    settings = {"broker": broker, "redis": redis_url, "rules": json.dumps([str(rules)]), "prefix": "other."}
    answer = ask("doctor", **settings)
    assert answer.code == 1
    assert "not there: other.actions, other.alerts" in answer.out
    assert "-> risk-stream topics create" in answer.out


def test_a_doctor_tells_a_port_that_is_another_programs(ask: Ask, redis_url: str) -> None:
    """Here Redis's own, which is no worker."""
    port = redis_url.rpartition(":")[2].partition("/")[0]
    found = ask("doctor", "--format", "json", metrics_port=port, broker=f"127.0.0.1:{free_port()}")
    assert states(found.out)["metrics"] in {"warn", "fail"}


def test_a_simulated_market_reaches_the_topics(ask: Ask, broker: str) -> None:
    """As many events as asked for, at the rate asked for."""
    ask("topics", "create", "--broker", broker)
    answer = ask("simulate", "--broker", broker, "--events", 2000, "--rate", 4000, clock="simulated")
    assert answer.code == 0, answer.err
    assert "2,000 events" in answer.err


def test_a_market_can_be_cut_by_time(ask: Ask, broker: str) -> None:
    """`--for` ends it."""
    answer = ask("simulate", "--broker", broker, "--rate", 500, "--for", "500ms", clock="simulated")
    assert answer.code == 0, answer.err
    assert "events in" in answer.err
