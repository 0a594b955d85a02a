"""`rules health` says for each rule whether it is well, as running workers say."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import msgspec
import pytest

from risk_stream.sinks import Fired, Metrics, RuleHealth, WorkerHealth
from tests.cli.conftest import Ask

Serve = Callable[[WorkerHealth], str]


def minutes_ago(minutes: int) -> int:
    return int((time.time() - 60 * minutes) * 1000)


def just_fired(health: RuleHealth, minutes: int) -> RuleHealth:
    """The same, having fired so many minutes before now, whenever the test runs."""
    return msgspec.structs.replace(
        health,
        live=Fired(health.live.count, health.live.event_time_ms, minutes_ago(minutes))
        if health.live.count
        else Fired(),
        shadow=Fired(health.shadow.count, health.shadow.event_time_ms, minutes_ago(minutes))
        if health.shadow.count
        else Fired(),
    )


def worker(*rules: RuleHealth, plan: str = "p1") -> WorkerHealth:
    return WorkerHealth(plan, 1_772_366_400_000, list(rules))


BUSY = RuleHealth("busy", judged=1_000, live=Fired(7, 1_772_366_460_000, 0), seconds=3.0, samples=9)
QUIET = RuleHealth("quiet", judged=1_000, seconds=1.0, samples=8)
TRIED = RuleHealth("tried", "shadow", 10, shadow=Fired(2, 1_772_366_400_000, 0))
UNUSED = RuleHealth("unused")
BROKEN = RuleHealth("broken", judged=50, errors=3, last_error="its condition failed: KeyError: 'x'", error_time_ms=1)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Has a worker say this; -> its host:port."""
    with ExitStack() as stack:

        def begin(said: WorkerHealth) -> str:
            metrics = Metrics()
            metrics.page("/rules", lambda: msgspec.json.encode(said))
            server = metrics.serve("127.0.0.1", 0)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            return f"127.0.0.1:{server.server_address[1]}"

        yield begin


def test_each_rule_has_a_state_and_what_needs_a_look_comes_first(ask: Ask, serve: Serve) -> None:
    answer = ask(
        "rules", "health", "--worker", serve(worker(just_fired(BUSY, 5), QUIET, just_fired(TRIED, 180), UNUSED, BROKEN))
    )
    lines = [line.split() for line in answer.out.splitlines() if line.split()[:1] != ["rule"] and "──" not in line]
    assert [words[:2] for words in lines if words] == [
        ["broken", "failing"],
        ["unused", "idle"],
        ["quiet", "silent"],
        ["busy", "well"],
        ["tried", "well"],
    ]
    assert "5 min ago" in answer.out
    assert "3 h ago" in answer.out
    assert "75.0 %" in answer.out
    assert answer.err == "1 worker, plan p1, since 2026-03-01 12:00:00 UTC\n"


def test_precision_is_of_what_people_closed(ask: Ask, serve: Serve) -> None:
    """As the desk says; where none answers there is none, and one that was named must answer."""
    at = serve(worker(just_fired(BUSY, 5), QUIET))
    desk = Metrics(of=())
    desk.page("/dispositions", lambda: b'{"busy": {"confirmed": 3, "false_alarm": 1, "known": 2}}')
    server = desk.serve("127.0.0.1", 0)
    try:
        where = ("--worker", at, "--desk", f"127.0.0.1:{server.server_address[1]}")
        assert "75.0 %" in next(
            line for line in ask("rules", "health", *where).out.splitlines() if line.split()[:1] == ["busy"]
        )
        line = "  closed  3 as confirmed, 1 as false alarm, 2 as known; precision 75.0 %"
        assert line in ask("rules", "health", "busy", *where).out.splitlines()
        rules = {one["rule"]: one for one in ask("rules", "health", *where, "--format", "json").json["rules"]}
        assert (rules["busy"]["precision"], rules["quiet"]["precision"]) == (0.75, None)
    finally:
        server.shutdown()
        server.server_close()
    answer = ask("rules", "health", *where)
    assert (answer.code, "No desk answers at" in answer.err) == (1, True)


def test_a_rule_that_fails_is_an_exit_code_and_says_its_last_error(ask: Ask, serve: Serve) -> None:
    address = serve(worker(BUSY, BROKEN))
    answer = ask("rules", "health", "broken", "--worker", address)
    assert answer.code == 1
    assert "broken: failing: an evaluation of it failed; its neighbours were judged" in answer.out
    assert answer.out.rstrip().endswith("its condition failed: KeyError: 'x'")
    assert ask("rules", "health", "busy", "--worker", address).code == 0


def test_one_rule_tells_all_that_is_known_of_it(ask: Ask, serve: Serve) -> None:
    answer = ask("rules", "health", "busy", "--worker", serve(worker(just_fired(BUSY, 5), QUIET)))
    assert answer.out.splitlines() == [
        "busy: well: it judges and fires",
        "  mode    live",
        "  judged  1,000 events",
        "  live    fired 7 times, last on an event of 2026-03-01 12:01:00 UTC, said 5 min ago",
        "  shadow  fired 0 times",
        "  time    75.0 % of all rules', 3 s by 9 samples",
    ]


def test_what_several_workers_say_is_put_together(ask: Ask, serve: Serve) -> None:
    later = msgspec.structs.replace(BUSY, judged=5, live=Fired(1, 1, BUSY.live.wall_time_ms), errors=1)
    later = msgspec.structs.replace(later, last_error="its score failed", error_time_ms=9)
    addresses = [serve(worker(BUSY, QUIET)), serve(worker(later, plan="p2"))]
    options = [word for address in addresses for word in ("--worker", address)]
    answer = ask("rules", "health", *options, "--format", "json")
    assert (answer.code, answer.json["ok"]) == (1, False)
    assert [one["plan"] for one in answer.json["workers"]] == ["p1", "p2"]
    said = {rule["rule"]: rule for rule in answer.json["rules"]}
    busy = said["busy"]
    assert (busy["judged"], busy["live"]["count"], busy["live"]["event_time_ms"]) == (1_005, 8, 1_772_366_460_000)
    assert (busy["state"], busy["errors"], busy["last_error"]) == ("failing", 1, "its score failed")
    assert said["quiet"]["share"] == pytest.approx(1 / 7)
    assert "they judge by different plans" in ask("rules", "health", *options).err


def test_a_rule_that_nobody_judges_by_is_said_with_the_one_that_was_meant(ask: Ask, serve: Serve) -> None:
    answer = ask("rules", "health", "bussy", "--worker", serve(worker(BUSY)))
    assert answer.code == 1
    assert "No worker that was asked judges by a rule 'bussy'; did you mean \"busy\"?" in answer.err


def test_a_worker_that_does_not_answer_is_said(ask: Ask) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        answer = ask("rules", "health", metrics_port=str(port))
    assert answer.code == 1
    assert f"No worker answers at http://127.0.0.1:{port}/rules" in answer.err
    assert "No worker answers at http://nonsense:port/rules" in ask("rules", "health", "--worker", "nonsense:port").err
    assert "RISK_STREAM_METRICS_PORT is 0" in ask("rules", "health", metrics_port="0").err


def test_another_program_at_that_port_is_said(ask: Ask) -> None:
    server = Metrics().serve("127.0.0.1", 0)
    try:
        answer = ask("rules", "health", "--worker", f"127.0.0.1:{server.server_address[1]}")
    finally:
        server.shutdown()
        server.server_close()
    assert answer.code == 1
    assert "does not speak of rules: another program is there, or an older worker" in answer.err
