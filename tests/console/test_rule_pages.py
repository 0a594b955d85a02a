"""What authors do in the console, on real Kafka: see how right rules are, try a change on the past, change a plan."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from risk_stream.kafka import reject_message
from risk_stream.stream.letters.messages import alert_to
from risk_stream.stream.past import send_all
from tests.access.served import Browser
from tests.alerts.made import alert
from tests.console.running import asking
from tests.live.house import House, eventually, transfer

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

ACCESS = """
four_eyes: {four_eyes}
people:
  wang: {{name: Wang Fang, roles: [officer, author], entities: [Alpha]}}
  li: {{roles: [officer, author], entities: all}}
  zhou: {{roles: [author], entities: all}}
  chen: {{roles: [viewer], entities: all}}
"""


@pytest.fixture(scope="module")
def house(new_house: Callable[[str], House], tmp_path_factory: pytest.TempPathFactory) -> House:
    """With six transfers in its past, and no worker."""
    made = new_house("authors")
    people = tmp_path_factory.mktemp("people")
    (people / "access.yaml").write_text(ACCESS.format(four_eyes="false"))
    made.environment |= {"PEOPLE": str(people), "CONSOLE_PORT": 0, "DESK_PORT": 0, "METRICS_PORT": 0}
    made.send([transfer(f"T{n}", "A1", 9_500.0 if n == 5 else 100.0) for n in range(6)])
    return made


@pytest.fixture(scope="module")
def ask(house: House) -> Iterator[Callable[[str], Browser]]:
    """Somebody's way to ask a console that runs beside a desk."""
    with asking(house.settings, "wang", "li", "zhou", "chen") as made:
        yield made


def say(house: House, *alerts: Any) -> None:
    made = [alert_to(house.settings.alerts_topic, one, 2) for one in alerts]
    asyncio.run(send_all(house.broker, [(m.topic, m.key, m.value, m.partition) for m in made]))


def ended(browser: Browser, id: str) -> dict[str, Any]:
    """A backtest once it has ended."""
    over = {"done", "failed", "cancelled"}
    job = eventually(lambda: (found := browser.get(f"/v1/backtests/{id}").json)["state"] in over and found, within=90)
    assert job, browser.get(f"/v1/backtests/{id}").json
    return dict(job)


def edited(browser: Browser, old: str, new: str) -> dict[str, Any]:
    """A wish to try the rules with something else in their file."""
    file = browser.get("/v1/rules/third/file").json
    assert old in file["text"]
    return {"tries": "edit", "file": file["file"], "text": file["text"].replace(old, new), "rule": "third"}


def test_precision_follows_what_people_close(house: House, ask: Callable[[str], Browser]) -> None:
    """And who sees one entity is told of its alerts alone."""
    alerts = [replace(alert("third", f"e{n}"), entity="Alpha" if n < 2 else "Beta", time=house_now()) for n in range(3)]
    say(house, *alerts)
    li, wang = ask("li"), ask("wang")

    def row(browser: Browser) -> dict[str, Any]:
        return {one["id"]: one for one in browser.get("/v1/rules").json["items"]}["third"]

    assert eventually(lambda: row(li)["open"] == 3), row(li)
    assert eventually(lambda: all(li.get(f"/v1/alerts/{one.id}").json.get("version") for one in alerts))
    for one, what in zip(alerts, ("confirmed", "false_alarm", "confirmed"), strict=True):
        assert li.post("/v1/acts", {"act": "close", "alerts": [one.id], "disposition": what}).status == 200
    assert eventually(lambda: row(li)["precision"] == pytest.approx(2 / 3)), row(li)
    assert (row(li)["day"], row(li)["open"], row(li)["state"]) == (3, 0, "unknown")
    own = row(wang)
    assert (own["precision"], own["right"], own["wrong"], own["day"]) == (0.5, 1, 1, 2)
    page = wang.get("/v1/rules/third").json
    assert page["alerts"]["total"] == 2
    assert page["words"] == "count_10m is 3"
    hours = wang.get("/v1/rules/third/fired?hours=24").json["items"]
    assert (len(hours), sum(hour.get("high", 0) for hour in hours)) == (24, 2)


def house_now() -> int:
    return int(time.time() * 1000)


def test_a_change_is_tried_on_the_past(house: House, ask: Callable[[str], Browser]) -> None:
    """What it adds is said, and the rules in force stay as they are."""
    li = ask("li")
    started = li.post("/v1/backtests", edited(li, "count_10m == 3", "count_10m >= 3"), Idempotency_Key="try-00000001")
    assert started.status == 202
    again = li.post("/v1/backtests", edited(li, "count_10m == 3", "count_10m >= 3"), Idempotency_Key="try-00000001")
    assert again.json["id"] == started.json["id"]
    other = ask("zhou").post("/v1/backtests", {"tries": "in_force"})
    assert (other.status, other.error) == (
        409,
        "a backtest of li is running, one at a time: wait for it, or cancel it",
    )
    job = ended(li, started.json["id"])
    assert job["state"] == "done", job
    [rule] = job["report"]["differing"]
    assert (rule["rule"], rule["added"]["alerts"], rule["dropped"]) == ("third", 3, None)
    assert rule["edits"][-1] == "when: count_10m == 3  ->  count_10m >= 3"
    assert [side["live"] for side in job["report"]["sides"].values()] == [2, 5]
    assert li.get("/v1/rules/third").json["when"] == "count_10m == 3"


def test_rules_that_are_wrong_are_said_with_their_place(ask: Callable[[str], Browser]) -> None:
    li = ask("li")
    started = li.post("/v1/backtests", edited(li, "count_10m == 3", "count_11m == 3"))
    job = ended(li, started.json["id"])
    assert (job["state"], job["report"]) == ("failed", None)
    problem = job["problems"][0]
    assert "count_11m" in problem["message"]
    assert problem["line"] > 1


def test_a_backtest_is_cancelled(ask: Callable[[str], Browser]) -> None:
    """Then the next one may run."""
    li = ask("li")
    started = li.post("/v1/backtests", {"tries": "in_force", "days": 7}).json
    assert li.ask("DELETE", f"/v1/backtests/{started['id']}").json["state"] == "cancelled"
    assert li.get(f"/v1/backtests/{started['id']}").json["why"] == "it was cancelled"
    assert started["id"] in {one["id"] for one in li.get("/v1/backtests").json["items"]}


def test_a_backtest_is_of_who_sees_all_and_may(ask: Callable[[str], Browser]) -> None:
    """It judges the events of all entities."""
    assert ask("wang").post("/v1/backtests", {"tries": "in_force"}).status == 409
    assert ask("wang").get("/v1/backtests").status == 409
    assert ask("chen").post("/v1/backtests", {"tries": "in_force"}).status == 403


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"tries": "edit", "file": "/etc/passwd", "text": "x"}, "there is no file '/etc/passwd' in plan"),
        ({"tries": "plan", "plan": "0123456789ab"}, "there is no plan '0123456789ab' in the log of plans"),
        ({"tries": "in_force", "days": 0}, "days is from 1 to 3,650"),
        ({"tries": "everything"}, "the body is not what this route takes"),
    ],
)
def test_a_wish_that_means_nothing_is_refused_in_a_sentence(
    ask: Callable[[str], Browser], wish: dict[str, Any], said: str
) -> None:
    answer = ask("li").post("/v1/backtests", wish)
    assert answer.status == 400
    assert answer.error.startswith(said)


def test_what_was_refused_is_shown_masked_to_whose_it_is(house: House, ask: Callable[[str], Browser]) -> None:
    values = [{"type": "application", "entity": entity, "applicant": "Li Wei"} for entity in ("Alpha", "Beta")]
    now = house_now()
    records = [
        reject_message(
            topic="authors.loans",
            partition=0,
            offset=n,
            reason="missing",
            message="loan is missing",
            value=json.dumps(value).encode(),
            time_ms=now,
        )
        for n, value in enumerate(values)
    ]
    topic = house.settings.rejects_topic
    asyncio.run(send_all(house.broker, [(topic, b"authors.loans/0", record, 0) for record in records]))
    li, wang = ask("li"), ask("wang")
    assert eventually(lambda: li.get("/v1/quality/rejects").json["total"] == 2, within=10)
    [row] = wang.get("/v1/quality/rejects?reason=missing").json["items"]
    assert (row["value"]["applicant"], row["value"]["entity"], row["record"]) == ("***", "Alpha", "authors.loans/0/0")
    found = wang.get("/v1/quality").json
    assert [(one["reason"], one["day"]) for one in found["rejects"]] == [("missing", 1)]
    origins = {(one["topic"], one["partition"]): one for one in found["origins"]}
    trades = [one for (name, _), one in origins.items() if name == "authors.trades"]
    assert sum(one["records"] for one in trades) == 6
    assert all(one["lag"] is None for one in trades)  # nobody reads here
    assert max(one["clock"] or 0 for one in trades) <= now
    assert [(one["type"], one["events"]) for one in found["filled"]] == [("transfer", 6)]
    assert found["late"] is None  # counts of workers are of all entities


def test_models_that_no_worker_speaks_of_are_not_known(ask: Callable[[str], Browser]) -> None:
    found = ask("chen").get("/v1/models").json
    assert (found["items"], found["known"]) == ([], False)
    assert ask("chen").get("/v1/models/none").status == 404


def test_a_plan_is_proposed_by_one_and_approved_by_another(house: House, ask: Callable[[str], Browser]) -> None:
    """What it changes is seen before."""
    li, zhou = ask("li"), ask("zhou")
    assert li.post("/v1/plans", {"comment": "x"}).status == 409
    (Path(house.settings.people_folder) / "access.yaml").write_text(ACCESS.format(four_eyes="true"))
    assert eventually(lambda: li.get("/v1/plans").json["four_eyes"], within=5)
    assert li.get("/v1/rules").error.startswith("no plan was approved yet")
    first = li.post("/v1/plans", {"comment": "as it is"}).json["plan"]
    assert zhou.get("/v1/plans").json["items"][0]["comment"] == "as it is"
    assert li.post("/v1/acts", {"act": "approve", "subject": first}).status == 409  # it was li who proposed it
    assert zhou.post("/v1/acts", {"act": "approve", "subject": first}).status == 200
    assert eventually(lambda: li.get("/v1/plans").json["in_force"])
    rules = house.rules / next(path.name for path in house.rules.iterdir())
    rules.write_text(rules.read_text().replace("severity: critical", "severity: low"))
    assert eventually(lambda: li.get("/v1/plans").json["files"]["plan"] != first, within=10)
    second = zhou.post("/v1/plans", {"comment": "calmer"}).json["plan"]
    change = li.get(f"/v1/plans/{second}").json
    assert [(one["rule"], one["status"]) for one in change["edited"]] == [("large", "edited")]
    assert change["edited"][0]["edits"] == [{"what": "severity", "before": "critical", "after": "low"}]
    assert (change["against"], change["proposers"], change["comment"]) == (first, ["zhou"], "calmer")
    assert li.get("/v1/rules/large").json["row"]["severity"] == "critical"
    assert li.post("/v1/acts", {"act": "approve", "subject": second}).status == 200
    assert eventually(lambda: li.get("/v1/rules/large").json["row"]["severity"] == "low")
    assert li.get("/v1/plans/0123456789ab").status == 404
