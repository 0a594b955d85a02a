"""Customers, loans, timelines, audit, silences and views on real Kafka and Redis: what is shown, and to whom."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import orjson
import pytest

from risk_stream.calendars import load_calendars
from risk_stream.catalogue import load_catalogue
from risk_stream.kafka import create_topics, wanted_topics
from risk_stream.profiles import Contribution, profile_of, record_of
from risk_stream.rules import load_plan
from risk_stream.settings import Settings
from risk_stream.sinks import ProfileSink
from risk_stream.sinks.profiles import contribution_of
from risk_stream.stream.letters.messages import alert_to
from risk_stream.stream.past import send_all
from tests.access.served import Browser
from tests.alerts.made import alert
from tests.console.running import asking
from tests.live.house import eventually
from tests.live.servers import Kafka, RedisServer

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

PEOPLE = """
people:
  wang: {name: Wang Fang, roles: [officer], entities: [SEC-SH]}
  li: {roles: [officer], entities: all}
  chen: {roles: [viewer], entities: all}
  zhou: {roles: [admin], entities: all}
"""

RULES = {
    "profile.yaml": """
profile: house
owner: credit-risk
points: {high: 20, critical: 45}
stages:
  trading: {half_life: 60d}
grades: {A: 0, B: 8, C: 25, D: 60}
""",
    "cycle.yaml": """
lifecycle: short-loan
name: Short loan
owner: retail
steps:
  - {id: intake, name: Application received, stage: pre_loan}
  - {id: contract, name: Contract signed, stage: mid_loan, needs: intake, within: 5d, after: intake}
  - {id: drawdown, name: Money paid out, stage: mid_loan, needs: contract}
  - {id: released, name: Closed, stage: post_loan, needs: drawdown, ends: true}
""",
}

NOW = int(time.time() * 1000)
DAY = 86_400_000


def day(offset: int) -> str:
    """A date some days from now, where the house is: in the evening of London it is tomorrow there."""
    return datetime.fromtimestamp((NOW + offset * DAY) / 1000, ZoneInfo("Asia/Shanghai")).date().isoformat()


EVENTS: dict[str, list[dict[str, Any]]] = {
    "trades": [
        {"id": f"T{i}", "type": "transfer", "time": NOW - (40 - i) * 60_000, "account": "A1", "customer": "C1",
         "amount": 100.0 + i, "direction": "out", "entity": "SEC-SH"} for i in range(30)
    ] + [
        {"id": "T-sz", "type": "transfer", "time": NOW - 60_000, "account": "A9", "customer": "C1", "amount": 7.0,
         "direction": "in", "entity": "SEC-SZ"},
        {"id": "T-other", "type": "transfer", "time": NOW - 60_000, "account": "A2", "customer": "C2", "amount": 7.0,
         "direction": "in", "entity": "SEC-SH"},
    ],
    "reference": [
        {"id": "K1", "type": "customer", "time": NOW - 9 * DAY, "customer": "C1", "name": "Li Wei",
         "id_number": "110101199003078515", "segment": "retail", "entity": "SEC-SH"},
    ],
    "loans": [
        {"id": "S1", "type": "process_step", "time": NOW - 70 * DAY, "loan": "L1", "customer": "C1", "step": "intake",
         "entity": "SEC-SH"},
        {"id": "S2", "type": "process_step", "time": NOW - 69 * DAY, "loan": "L1", "customer": "C1",
         "step": "contract", "entity": "SEC-SH"},
        {"id": "N1", "type": "loan", "time": NOW - 68 * DAY, "loan": "L1", "customer": "C1", "product": "consumer",
         "principal": 12_000, "annual_rate": 0.12, "instalments": 12, "first_due": day(-40), "entity": "SEC-SH"},
        {"id": "P1", "type": "repayment", "time": NOW - 40 * DAY, "loan": "L1", "customer": "C1", "amount": 1_066.19,
         "instalment": 1, "entity": "SEC-SH"},
        {"id": "S3", "type": "process_step", "time": NOW - 9 * DAY, "loan": "L2", "customer": "C2", "step": "intake",
         "entity": "SEC-SZ"},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def house(kafka: Kafka, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A house with people, events, two alerts and a profile; no workers."""
    people, rules = tmp_path_factory.mktemp("people"), tmp_path_factory.mktemp("rules")
    (people / "access.yaml").write_text(PEOPLE)
    for name, text in RULES.items():
        (rules / name).write_text(text)
    made = Settings(
        broker=kafka.address,
        redis=redis_server.url,
        redis_prefix="subjects:",
        prefix="subjects.",
        group="subjects",
        house_topics={family: f"subjects.{family}" for family in EVENTS},
        partitions=2,
        people=people,
        rules=[rules],
        console_port=0,
    )
    create_topics(made.broker, wanted_topics(made, load_catalogue()))
    sent = [
        (f"subjects.{family}", None, orjson.dumps(event), number % 2)
        for family, events in EVENTS.items()
        for number, event in enumerate(events)
    ]
    asyncio.run(send_all(made.broker, sent))
    said = [alert_to(made.alerts_topic, one, 2) for one in ALERTS]
    asyncio.run(send_all(made.broker, [(m.topic, m.key, m.value, m.partition) for m in said]))
    asyncio.run(keep_profile(made))
    return made


KEYS = {"customer": "C1", "account": "A1"}
ALERTS = [
    msgspec.structs.replace(
        alert("burst", "T29", keys=KEYS, summary="Li Wei paid often"),
        time=NOW - 11 * 60_000,
        features={"name": "Li Wei"},
    ),
    msgspec.structs.replace(
        alert("far", "T-sz", keys={**KEYS, "loan": "L1"}, severity="critical"), time=NOW - 60_000, entity="SEC-SZ"
    ),
]


async def keep_profile(house: Settings) -> None:
    """What a worker's keeper does of these alerts."""
    policy = load_plan(list(house.rules), load_catalogue(), load_calendars([])).profiles
    assert policy is not None
    sink = ProfileSink(house.redis, prefix=house.redis_prefix)
    try:
        await sink.take(ALERTS)
        found: list[Contribution] = [contribution_of(one) for one in ALERTS]
        record = None
        for time_ in (NOW - 5 * 60_000, NOW):
            profile = profile_of(policy, "customer", "C1", found, time_)
            record = record_of(profile, record, ["grade C"])
            await sink.heard([record])
    finally:
        await sink.close()


@pytest.fixture(scope="module")
def ask(house: Settings) -> Iterator[Callable[[str], Browser]]:
    """Somebody's way to ask a console that runs beside a desk."""
    with asking(house, "wang", "li", "chen", "zhou") as made:
        assert eventually(lambda: all(row["version"] for row in made("li").get("/v1/alerts").json["items"]))
        yield made


def test_a_timeline_has_the_events_around_an_alert_without_personal_data(ask: Callable[[str], Browser]) -> None:
    """The customer's and the account's, in order, with the alert's own event named."""
    said = ask("li").get(f"/v1/alerts/{ALERTS[0].id}/timeline").json
    ids = [item["id"] for item in said["items"]]
    assert ids == [*(f"T{i}" for i in range(30)), "T-sz"]
    assert (said["event"], said["total"], said["gaps"]) == ("T29", 31, [])
    assert said["items"][0]["fields"]["amount"] == 100.0
    far = ask("li").get(f"/v1/alerts/{ALERTS[0].id}/timeline?days=30").json
    assert {"K1", "T0"} <= {item["id"] for item in far["items"]}
    assert "Li Wei" not in orjson.dumps(far).decode()
    assert "110101199003078515" not in orjson.dumps(far).decode()


def test_who_sees_one_entity_sees_its_events_alone(ask: Callable[[str], Browser]) -> None:
    """Another's alert is not there, and another's events are in no timeline."""
    wang = ask("wang")
    assert wang.get(f"/v1/alerts/{ALERTS[1].id}/timeline").status == 404
    ids = {item["id"] for item in wang.get("/v1/customers/C1/timeline?days=1").json["items"]}
    assert "T3" in ids
    assert "T-sz" not in ids


def test_a_customer_stands_as_the_alerts_that_one_may_see_make_it(ask: Callable[[str], Browser]) -> None:
    """Grade, points and reasons; sentences are masked, and of others' entities there is nothing."""
    li = ask("li").get("/v1/customers/C1").json
    assert (li["profile"]["grade"], round(li["profile"]["score"]), li["profile"]["whole"]) == ("D", 65, True)
    assert [reason["rule"] for reason in li["profile"]["reasons"]] == ["far", "burst"]
    assert li["profile"]["reasons"][1]["summary"] == "*** paid often"
    assert (li["open"], li["alerts"]) == ({"high": 1, "critical": 1}, 2)
    assert li["loans"] == [{"key": "L1", "alerts": 1}]
    assert len(li["history"]) == 2
    wang = ask("wang").get("/v1/customers/C1").json
    assert (wang["profile"]["grade"], round(wang["profile"]["score"]), wang["profile"]["whole"]) == ("B", 20, False)
    assert [reason["rule"] for reason in wang["profile"]["reasons"]] == ["burst"]
    assert (wang["history"], wang["loans"], wang["open"]) == ([], [], {"high": 1})
    assert "Li Wei" not in orjson.dumps([li, wang]).decode()
    assert ask("wang").get("/v1/customers/C7").status == 404


def test_the_list_has_the_worst_first_and_as_one_may_see_them(ask: Callable[[str], Browser]) -> None:
    """A group that is none has no members."""
    rows = ask("li").get("/v1/customers").json
    assert [(row["key"], row["grade"]) for row in rows["items"]] == [("C1", "D")]
    assert rows["total"] == 1
    assert [row["grade"] for row in ask("wang").get("/v1/customers").json["items"]] == ["B"]
    assert ask("li").get("/v1/customers?kind=group").json["items"] == []
    assert ask("li").get("/v1/customers?kind=planet").status == 400


def test_personal_data_are_shown_once_that_is_written_down(ask: Callable[[str], Browser]) -> None:
    """To who may; the audit says who saw them."""
    assert ask("chen").post("/v1/customers/C1/reveal", {}).status == 403
    said = ask("wang").post("/v1/customers/C1/reveal", {}, Idempotency_Key="key-00000009")
    assert said.status == 200, said.body
    assert said.json["fields"]["name"]["value"] == "Li Wei"
    assert ask("wang").post("/v1/customers/C2/reveal", {}).status == 404
    alert = ask("wang").post(f"/v1/alerts/{ALERTS[0].id}/reveal", {}, Idempotency_Key="key-00000009").json
    assert (alert["summary"], alert["features"]) == ("Li Wei paid often", {"name": "Li Wei"})
    assert ask("wang").post(f"/v1/alerts/{ALERTS[1].id}/reveal", {}).status == 404
    zhou = ask("zhou")
    assert eventually(lambda: zhou.get("/v1/audit?act=reveal").json["total"] == 2)
    assert zhou.get(f"/v1/audit?act=reveal&alert={ALERTS[0].id}").json["total"] == 1
    row = zhou.get("/v1/audit?act=reveal").json["items"][1]
    assert (row["by"], row["subject"]) == ("wang", "customer/C1")


def test_a_loan_has_its_life_cycle_schedule_and_class(ask: Callable[[str], Browser]) -> None:
    """As its events make it today."""
    loan = ask("wang").get("/v1/loans/L1").json
    (cycle,) = loan["lifecycles"]
    assert {step["id"]: step["state"] for step in cycle["steps"]} == {
        "intake": "done",
        "contract": "done",
        "drawdown": "next",
        "released": "waiting",
    }
    assert [line["state"] for line in loan["schedule"]["lines"]][:3] == ["paid", "late", "open"]
    assert loan["schedule"]["status"]["classification"] == "special_mention"
    assert (loan["customer"], loan["product"], loan["entity"]) == ("C1", "consumer", "SEC-SH")
    assert len(loan["events"]["items"]) == 4
    assert ask("wang").get("/v1/loans/L2").status == 404
    assert ask("li").get("/v1/loans/L2").json["lifecycles"][0]["steps"][1]["state"] == "overdue"
    assert ask("li").get("/v1/loans/none").status == 404


def test_a_silence_is_looked_at_made_seen_and_ended(ask: Callable[[str], Browser]) -> None:
    """What it would match, what it matches, and who ended it."""
    li = ask("li")
    silence = {"id": "", "by": "", "reason": "a test", "begins": NOW, "ends": NOW + DAY, "rules": ["burst"]}
    look = li.post("/v1/silences/preview", silence).json
    assert (look["why"], look["open"], look["items"][0]["rule"]) == (None, 1, "burst")
    every = li.post("/v1/silences/preview", {**silence, "rules": []}).json
    assert every["why"].startswith("it would match alerts of every rule")
    assert ask("chen").post("/v1/silences/preview", silence).status == 403
    made = li.post("/v1/acts", {"act": "silence", "silence": silence})
    assert made.status == 200, made.body

    def listed() -> list[dict[str, Any]]:
        return list(ask("chen").get("/v1/silences").json["items"])

    (row,) = eventually(listed)
    assert (row["by"], row["reason"], row["active"], row["open"]) == ("li", "a test", True, 1)
    assert li.post("/v1/acts", {"act": "unsilence", "subject": row["id"]}).status == 200
    assert eventually(lambda: not listed())
    (over,) = ask("chen").get("/v1/silences?over=true").json["items"]
    assert (over["ended_by"], over["active"]) == ("li", False)


def test_the_audit_finds_acts_by_person_alert_and_time(ask: Callable[[str], Browser]) -> None:
    """And says that the log is whole; nobody else may read it."""
    li, zhou = ask("li"), ask("zhou")
    id = ALERTS[0].id
    assert li.post("/v1/acts", {"act": "comment", "alerts": [id], "comment": "asked the branch"}).status == 200
    assert li.get("/v1/audit").status == 403
    page = eventually(lambda: (said := zhou.get(f"/v1/audit?person=li&alert={id}").json)["items"] and said)
    (row,) = page["items"]
    assert (row["act"], row["comment"], row["alerts"][0]["id"]) == ("comment", "asked the branch", id)
    assert (page["chain"]["whole"], page["chain"]["why"]) == (True, "")
    assert page["chain"]["entries"] >= 3
    assert "li" in page["people"]
    assert zhou.get(f"/v1/audit?all=true&act=alert&alert={id}").json["total"] == 1
    assert zhou.get(f"/v1/audit?from={NOW + 900 * DAY}").json["total"] == 0
    assert zhou.get("/v1/audit?act=sing").status == 400


def test_views_are_kept_by_person(ask: Callable[[str], Browser]) -> None:
    """A role's to begin with, one's own above them, and nobody else's."""
    li, chen = ask("li"), ask("chen")
    assert [view["id"] for view in li.get("/v1/views").json["items"]] == ["officer"]
    assert [view["id"] for view in chen.get("/v1/views").json["items"]] == ["viewer"]
    view = {
        "title": "Mine",
        "cards": [{"kind": "counts", "by": "stage"}, {"kind": "queue", "filters": {"rule": ["burst"]}}],
    }
    assert li.ask("PUT", "/v1/views/mine", view).status == 200
    assert li.ask("PUT", "/v1/views/officer", view).json["own"] is True
    assert [(one["id"], one["own"]) for one in li.get("/v1/views").json["items"]] == [("mine", True), ("officer", True)]
    assert li.get("/v1/views/mine").json["cards"][0]["by"] == "stage"
    assert chen.get("/v1/views/mine").status == 404
    assert li.ask("PUT", "/v1/views/bad", {"title": "x", "cards": []}).status == 400
    assert li.ask("DELETE", "/v1/views/officer").status == 200
    assert li.get("/v1/views/officer").json["own"] is False
    assert li.ask("DELETE", "/v1/views/officer").status == 404
    codes = [li.ask("PUT", f"/v1/views/v{i}", view).status for i in range(20)]
    assert (codes.count(200), codes.count(409)) == (19, 1)


def test_counts_and_hours_are_of_what_one_may_see(ask: Callable[[str], Browser]) -> None:
    """By the filters of the queue."""
    assert ask("li").get("/v1/counts?by=rule").json["items"] == [
        {"value": "far", "severities": {"critical": 1}},
        {"value": "burst", "severities": {"high": 1}},
    ]
    assert [row["value"] for row in ask("wang").get("/v1/counts?by=entity").json["items"]] == ["SEC-SH"]
    assert ask("li").get("/v1/counts?by=planet").status == 400
    hours = ask("li").get("/v1/hours?hours=3&severity=critical").json["items"]
    assert sum(hour["severities"].get("critical", 0) for hour in hours) == 1


def test_what_is_not_there_is_said(ask: Callable[[str], Browser]) -> None:
    """Absurd parameters are refused in a sentence."""
    li = ask("li")
    assert li.get("/v1/alerts/none/timeline").status == 404
    assert li.get(f"/v1/alerts/{ALERTS[0].id}/timeline?days=0").status == 400
    assert li.get("/v1/customers/C1/timeline?days=1e9").status == 400
    assert li.get("/v1/customers?limit=-1").status == 400
