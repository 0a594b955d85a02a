"""What a house sees of one worker on real Kafka, Redis and Prometheus, in good times and in bad."""

from __future__ import annotations

import json
import os
import re
import signal
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.live.house import RULES, House, Worker, eventually, transfer
from tests.live.servers import Kafka, Prometheus, RedisServer

pytestmark = [pytest.mark.live, pytest.mark.timeout(200)]


def test_an_event_becomes_an_alert_that_explains_itself(house: House, worker: Worker) -> None:
    """The third transfer of an account within ten minutes is an alert in Redis, with all that explains it."""
    house.send([transfer(f"e2e-{i}", "A700001") for i in range(3)])
    assert eventually(lambda: "e2e-2" in house.said("third"))
    (alert,) = [a for a in house.alerts().values() if a["event"] == "e2e-2"]
    assert alert["features"]["count_10m"] == 3
    assert alert["keys"]["account"] == "A700001"
    assert alert["summary"] == "A700001 moved money 3 times"
    shown = house.redis.hgetall(f"shared:alert:{alert['id']}")
    assert (shown["status"], shown["severity"], shown["entity"]) == ("open", "high", "Alpha")
    assert house.redis.zscore("shared:alerts:severity:high", alert["id"]) == alert["time"]
    assert alert["id"] in {fields["id"] for _, fields in house.redis.xrange("shared:alerts:stream")}


def test_a_rule_over_four_keys_is_judged_at_its_last_hop(house: House, worker: Worker) -> None:
    """Account, device and counterparty each live on partitions of their own, and one rule sees all of them."""
    house.send([transfer(f"hops-{i}", f"A71000{i}", 9500, device=f"D{i}", counterparty=f"P{i}") for i in range(5)])
    assert eventually(lambda: {f"hops-{i}" for i in range(5)} <= house.said("large"))


def test_metrics_reach_prometheus(house: House, worker: Worker, prometheus: Prometheus) -> None:
    """A real Prometheus scrapes the worker and answers with what was judged."""

    def ask(query: str) -> list[Any]:
        with urllib.request.urlopen(
            f"{prometheus.url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        ) as answer:
            result: list[Any] = json.load(answer)["data"]["result"]
            return result

    house.send([transfer("prom-1", "A720000", 9999)])
    assert eventually(lambda: "prom-1" in house.said("large"))
    assert eventually(lambda: ask('risk_stream_alerts_total{rule="large",entity="Alpha",severity="critical"} > 0'))
    assert eventually(lambda: ask("histogram_quantile(0.5, risk_stream_judged_latency_seconds_bucket) > 0"))
    assert eventually(lambda: ask('risk_stream_events_total{topic="shared.trades",type="transfer"} > 0'))
    assert ask("risk_stream_redis_up == 1")


def test_a_poison_record_is_kept_with_its_reason_and_stops_nothing(house: House, worker: Worker) -> None:
    """What is no event goes to the rejects topic with place and reason; what comes behind it is judged."""
    wrong = [b"{", b"\xff\xfe", b'{"type": "nonsense", "time": 1}', b'{"type":"transfer","time":"never"}', b"[" * 9000]
    bad_time = transfer("future", "A730000", time=int(time.time() * 1000) + 86_400_000)
    house.send([*wrong, bad_time, transfer("after-poison", "A730001", 9100)], partition=1)
    assert eventually(lambda: "after-poison" in house.said("large"))

    def kept() -> list[dict[str, Any]]:
        return [r for r in house.read("rejects") if (r["topic"], r["partition"]) == ("shared.trades", 1)]

    assert eventually(lambda: len(kept()) >= len(wrong) + 1)
    said = kept()
    assert {"json", "type", "future"} <= {r["reason"] for r in said}
    assert all(r["message"] and r["offset"] >= 0 for r in said)
    assert worker.metric("risk_stream_rejects_total", reason="future") >= 1


def test_a_message_a_hop_cannot_read_is_kept_and_stops_nothing(house: House, worker: Worker) -> None:
    """Somebody writes into a topic of risk-stream's own: it is refused, and the partition goes on."""
    for partition in (0, 1):
        house.send([b"not arrow", b""], "hop.account", partition=partition)
        house.send([b"not an alert"], "alerts", partition=partition)
    house.send([transfer(f"after-hop-poison-{i}", f"A74000{i}", 9100) for i in range(4)])
    assert eventually(lambda: {f"after-hop-poison-{i}" for i in range(4)} <= house.said("large"))

    def refused() -> Counter[str]:
        return Counter(r["topic"] for r in house.read("rejects") if r["reason"] == "message")

    assert eventually(lambda: refused() == {"shared.hop.account": 4, "shared.alerts": 2}), refused()


def test_a_signal_that_would_ask_for_a_debugger_stops_nothing(house: House, worker: Worker) -> None:
    """SIGUSR2, as a tool that turns log files over may send it: the worker says a sentence and judges on."""
    assert worker.child
    os.kill(worker.child, signal.SIGUSR2)
    assert eventually(lambda: "SIGUSR2 means nothing to a worker" in worker.log)
    house.send([transfer("after-usr2", "A745000", 9300)])
    assert eventually(lambda: "after-usr2" in house.said("large"))


def test_an_alert_said_twice_is_one(house: House, worker: Worker) -> None:
    """The same alert comes through the alerts topic again, as after a restart: Redis has it once and counts it."""
    house.send([transfer("twice", "A750000", 9300)])
    assert eventually(lambda: "twice" in house.said("large"))
    (alert,) = [a for a in house.alerts().values() if a["event"] == "twice"]
    entries, before = house.redis.xlen("shared:alerts:stream"), worker.metric("risk_stream_alerts_repeated_total")
    house.send([json.dumps(alert).encode()] * 2, "alerts", partition=0)
    assert eventually(lambda: worker.metric("risk_stream_alerts_repeated_total") >= before + 2)
    assert house.redis.xlen("shared:alerts:stream") == entries


def test_rules_are_reloaded_and_a_bad_edit_is_refused(house: House, worker: Worker) -> None:
    """A good edit is in force within seconds; a bad one is said with its place and changes nothing."""
    house.write_rules(RULES.replace("amount > 9000", "amount > 8000"))
    assert eventually(lambda: worker.metric("risk_stream_plan_reloads_total", result="loaded") >= 1, within=10)
    house.send([transfer("reload-1", "A760000", 8500)])
    assert eventually(lambda: "reload-1" in house.said("large"))
    house.write_rules(RULES.replace("amount > 9000", "amuont > 1"))
    assert eventually(lambda: worker.metric("risk_stream_plan_reloads_total", result="refused") >= 1, within=10)
    assert re.search(r"rules\.yaml:\d+:\d+: .*'amuont'", worker.log)
    house.send([transfer("reload-2", "A760001", 8600), transfer("reload-3", "A760002", 20)])
    assert eventually(lambda: "reload-2" in house.said("large"))
    assert "reload-3" not in house.said("large")
    house.write_rules(RULES)
    assert eventually(lambda: worker.metric("risk_stream_plan_reloads_total", result="loaded") >= 2, within=10)


def test_a_worker_that_dies_over_a_bad_edit_goes_on_when_it_is_mended(new_house: Callable[[str], House]) -> None:
    """The edit was refused while it ran; what begins anew cannot know what stood there before, and waits."""
    house = new_house("badedit")
    worker = Worker(house).start().ready()
    try:
        house.write_rules(RULES.replace("amount > 9000", "amuont > 1"))
        assert eventually(lambda: worker.metric("risk_stream_plan_reloads_total", result="refused") >= 1, within=10)
        worker.kill()
        assert eventually(lambda: "goes on as soon as these files are mended" in worker.log), worker.log
        house.send([transfer("mended-1", "A765000", 9500)])
        house.write_rules(RULES)
        assert eventually(lambda: "mended-1" in house.said("large")), worker.log
    finally:
        worker.stop()


def test_redis_may_go_and_come_back(house: House, worker: Worker, mortal_redis: RedisServer) -> None:
    """While Redis is away judging goes on and says so once; when it is back every alert is there."""
    mortal_redis.kill()
    try:
        judged = worker.metric("risk_stream_judged_latency_seconds_count")
        house.send([transfer(f"redis-{i}", f"A77{i:04d}", 9400) for i in range(300)])
        assert eventually(lambda: worker.metric("risk_stream_judged_latency_seconds_count") >= judged + 300)
        assert eventually(lambda: "does not take alerts" in worker.log)
        assert worker.metric("risk_stream_redis_up") == 0
    finally:
        mortal_redis.start()
    assert eventually(lambda: len([e for e in house.said("large") if e.startswith("redis-")]) == 300)
    assert worker.log.count("does not take alerts") == 1


def test_the_broker_may_be_killed_and_come_back(house: House, worker: Worker, mortal_kafka: Kafka) -> None:
    """kill -9 of Kafka in the middle of a stream: the worker says so, waits or begins again, and nothing is lost."""
    house.send([transfer(f"broker-{n}-{i}", f"A78{i:04d}") for n in range(2) for i in range(200)])
    mortal_kafka.kill()
    try:
        assert eventually(lambda: "does not answer: waiting for it" in worker.log)
    finally:
        mortal_kafka.start()
    house.send([transfer(f"broker-2-{i}", f"A78{i:04d}") for i in range(200)])
    assert eventually(lambda: {f"broker-2-{i}" for i in range(200)} <= house.said("third"), within=90), worker.log


def test_a_stop_ends_in_seconds_with_work_unfinished(new_house: Callable[[str], House]) -> None:
    """SIGTERM with batches un-acknowledged, Redis being away: it ends at once, and the next worker goes on."""
    house = new_house("stop")
    worker = Worker(house, REDIS="redis://127.0.0.1:1/0").start().ready()
    house.send([transfer(f"stop-{i}", f"A79{i:04d}", 9400) for i in range(100)])
    assert eventually(lambda: worker.metric("risk_stream_judged_latency_seconds_count") >= 100)
    child = worker.child
    assert worker.stop() < 8
    assert not Path(f"/proc/{child}").exists()
    again = Worker(house).start().ready()
    try:
        assert eventually(lambda: len(house.said("large")) == 100), again.log
    finally:
        again.stop()


def test_a_second_worker_takes_its_share_in_seconds(new_house: Callable[[str], House]) -> None:
    """A worker joins and one leaves while events come: each rebalance is over in seconds and every alert arrives."""
    house = new_house("share")
    first = Worker(house).start().ready()
    house.send([transfer(f"share-a{i}", f"A80{i:04d}", 9400) for i in range(200)])
    all_partitions = first.metric("risk_stream_partitions")
    second = Worker(house).start()
    try:
        second.ready()
        began = time.monotonic()
        assert eventually(
            lambda: first.metric("risk_stream_partitions") + second.metric("risk_stream_partitions") == all_partitions
        )
        assert time.monotonic() - began < 10
        house.send([transfer(f"share-b{i}", f"A81{i:04d}", 9400) for i in range(200)])
        first.stop()
        assert eventually(lambda: second.metric("risk_stream_partitions") == all_partitions, within=15)
        house.send([transfer(f"share-c{i}", f"A82{i:04d}", 9400) for i in range(200)])
        assert eventually(lambda: len(house.said("large")) == 600), second.log
    finally:
        first.stop()
        second.stop()


@pytest.mark.slow
def test_a_killed_process_is_started_again_and_its_spare_goes_on_when_it_is_killed(
    new_house: Callable[[str], House],
) -> None:
    """The supervisor says so; each goes on where the one before stood, and none outlives the supervisor."""
    house = new_house("killed")
    worker = Worker(house, SPARE=True).start().ready()
    try:
        house.send([transfer(f"killed-a{i}", f"A83{i:04d}", 9400) for i in range(50)])
        worker.kill()
        assert eventually(lambda: "was ended by SIGKILL; it is started again" in worker.log)
        house.send([transfer(f"killed-b{i}", f"A84{i:04d}", 9400) for i in range(50)])
        assert eventually(lambda: len(house.said("large")) == 100, within=60), worker.log
        assert eventually(lambda: len(worker.children) == 2, within=60)
        at_work, spare = worker.children
        house.send([transfer(f"killed-c{i}", f"A85{i:04d}", 9400) for i in range(50)])
        os.kill(at_work, signal.SIGKILL)
        assert eventually(lambda: worker.child == spare)
        assert eventually(lambda: len(house.said("large")) == 150, within=60), worker.log
        assert eventually(lambda: len(worker.children) == 2, within=60)
        last = worker.children
    finally:
        worker.stop()
    assert not any(Path(f"/proc/{pid}").exists() for pid in last)


def test_a_broker_that_is_not_there_yet_is_waited_for(redis_server: RedisServer, tmp_path: Any) -> None:
    """The worker is started before Kafka: it says so in one sentence, waits, and works when Kafka comes."""
    late = Kafka()
    house = House("late", late.address, redis_server.url, tmp_path)
    worker = Worker(house).start()
    try:
        assert eventually(lambda: "does not answer" in worker.log and "Waiting for it." in worker.log)
        assert worker.process.running
        late.start()
        worker.ready()
        house.send([transfer("late-1", "A850000", 9400)])
        assert eventually(lambda: "late-1" in house.said("large"))
        assert "Traceback" not in worker.log
    finally:
        worker.stop()
        late.close()
