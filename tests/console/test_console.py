"""The console on real Kafka: what people see of alerts, what they do with them, and who may."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.kafka import create_topics, wanted_topics
from risk_stream.settings import Settings
from risk_stream.stream.letters.messages import alert_to
from risk_stream.stream.past import send_all
from tests.access.served import Browser
from tests.alerts.made import alert
from tests.console.running import asking, running_console
from tests.live.house import eventually
from tests.live.servers import Kafka

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

PEOPLE = """
people:
  wang: {name: Wang Fang, roles: [officer], entities: [SEC-SH]}
  li: {roles: [officer], entities: all}
  chen: {roles: [viewer], entities: all}
"""


@pytest.fixture(scope="module")
def house(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A house with people, and no workers: alerts are said by the tests."""
    people = tmp_path_factory.mktemp("people")
    (people / "access.yaml").write_text(PEOPLE)
    made = Settings(
        broker=kafka.address,
        redis="redis://127.0.0.1:1/0",
        prefix="console.",
        group="console",
        house_topics={},
        partitions=2,
        people=people,
        console_port=0,
    )
    create_topics(made.broker, wanted_topics(made, load_catalogue()))
    return made


@pytest.fixture(scope="module")
def ask(house: Settings) -> Iterator[Callable[[str], Browser]]:
    """Somebody's way to ask a console that runs beside a desk."""
    with asking(house, "wang", "li", "chen") as made:
        yield made


def say(house: Settings, *alerts: Any) -> None:
    made = [alert_to(house.alerts_topic, one, 2) for one in alerts]
    asyncio.run(send_all(house.broker, [(m.topic, m.key, m.value, m.partition) for m in made]))


def worked(browser: Browser, id: str) -> dict[str, Any]:
    """The alert once the desk has begun its life."""

    def begun() -> dict[str, Any] | None:
        row = browser.get(f"/v1/alerts/{id}")
        return row.json if row.status == 200 and row.json["version"] else None

    row = eventually(begun)
    assert row, browser.get(f"/v1/alerts/{id}").body
    return dict(row)


def test_an_alert_is_listed_explained_taken_and_closed(house: Settings, ask: Callable[[str], Browser]) -> None:
    """From its first moment to the desk's answer, with who did what."""
    one = alert("burst", "e1", keys={"customer": "C1"})
    say(house, one)
    li = ask("li")
    assert worked(li, one.id)["standing"] == "open"
    answer = li.post("/v1/acts", {"act": "acknowledge", "alerts": [one.id], "expected": {one.id: 1}})
    assert (answer.status, answer.json["rulings"]) == (200, [{"alert": one.id, "done": True}])
    closed = li.post("/v1/acts", {"act": "close", "alerts": [one.id], "disposition": "false_alarm", "comment": "asked"})
    assert closed.status == 200
    page = li.get(f"/v1/alerts/{one.id}").json
    assert (page["standing"], page["disposition"], page["assignee"]) == ("closed", "false_alarm", "li")
    assert [row["what"] for row in page["history"]] == ["alert", "acknowledge", "close"]
    assert one.id in {row["id"] for row in li.get("/v1/alerts?standing=closed&rule=burst").json["items"]}


def test_the_second_of_two_officers_is_told_who_was_first(house: Settings, ask: Callable[[str], Browser]) -> None:
    """Both saw the same version."""
    one = alert("burst", "e2", keys={"customer": "C2"})
    say(house, one)
    li, wang = ask("li"), ask("wang")
    worked(li, one.id)
    assert li.post("/v1/acts", {"act": "close", "alerts": [one.id], "disposition": "known"}).status == 200
    late = wang.post("/v1/acts", {"act": "acknowledge", "alerts": [one.id], "expected": {one.id: 1}})
    assert late.status == 409
    assert late.json["rulings"][0]["why"].startswith("li was first")


def test_the_same_write_sent_twice_is_done_once(house: Settings, ask: Callable[[str], Browser]) -> None:
    """By its key, as for who had no answer; the same key of somebody else is another write."""
    one = alert("burst", "e3", keys={"customer": "C3"})
    say(house, one)
    li, wang = ask("li"), ask("wang")
    worked(li, one.id)
    body = {"act": "comment", "alerts": [one.id], "comment": "looked at it"}
    answers = [browser.post("/v1/acts", body, Idempotency_Key="key-00000001") for browser in (li, li, wang)]
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert answers[0].json == answers[1].json
    assert answers[2].json["id"] != answers[0].json["id"]
    other = li.post("/v1/acts", {**body, "comment": "something else"}, Idempotency_Key="key-00000001")
    assert (other.status, other.error) == (
        422,
        "this Idempotency-Key was used for something else: each wish has a key of its own",
    )
    assert len(li.get(f"/v1/alerts/{one.id}/history").json["items"]) == 3


def test_another_entitys_alerts_are_not_there(house: Settings, ask: Callable[[str], Browser]) -> None:
    """In no list, count, case or page, and nothing can be done with them."""
    from msgspec.structs import replace

    one = replace(alert("far", "e4", keys={"customer": "C4"}), entity="SEC-SZ")
    say(house, one)
    li, wang = ask("li"), ask("wang")
    case = worked(li, one.id)["case"]
    assert wang.get(f"/v1/alerts/{one.id}").status == 404
    assert wang.get(f"/v1/cases/{case}").status == 404
    assert wang.get("/v1/alerts?rule=far").json["total"] == 0
    assert "SEC-SZ" not in wang.get("/v1/overview").body.decode()
    assert wang.post("/v1/acts", {"act": "close", "alerts": [one.id], "disposition": "known"}).status == 409
    assert li.get(f"/v1/alerts/{one.id}").json["standing"] == "open"


def test_who_may_only_look_can_do_nothing(house: Settings, ask: Callable[[str], Browser]) -> None:
    """And who is nobody sees nothing."""
    refused = ask("chen").post("/v1/acts", {"act": "close", "alerts": ["x"], "disposition": "known"})
    assert refused.status == 403
    assert ask("").get("/v1/alerts").status == 401


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/v1/alerts?limit=0", "limit is from 1 to 200, not 0"),
        ("/v1/alerts?offset=1e9", "offset is a whole number, not '1e9'"),
        ("/v1/alerts?severity=awful", "severity is any of info, low, medium, high, critical, not 'awful'"),
        ("/v1/alerts?kind=customer", "kind and key go together: kind=customer&key=C000123"),
        ("/v1/alerts?sort=__class__", "sort is one of"),
    ],
)
def test_a_question_that_means_nothing_is_answered_with_a_sentence(
    ask: Callable[[str], Browser], path: str, sentence: str
) -> None:
    """What is wrong, and what may stand there."""
    answer = ask("li").get(path)
    assert answer.status == 400
    assert answer.error.startswith(sentence)


@contextmanager
def looking(browser: Browser) -> Iterator[Callable[[str], Any]]:
    """What the stream says next under a name."""
    host, port = browser.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        asked = f"GET /v1/stream HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {browser.token}\r\n\r\n"
        line.sendall(asked.encode())
        reading = line.makefile("rb")

        def next_of(name: str) -> Any:
            for said in reading:
                if said.strip() == f"event: {name}".encode():
                    return json.loads(reading.readline().removeprefix(b"data: "))
            raise AssertionError("the stream has ended")

        next_of("beat")
        yield next_of


def test_whoever_looks_on_is_told_at_once_of_what_is_theirs_to_see(
    house: Settings, ask: Callable[[str], Browser]
) -> None:
    """A new alert and what becomes of it; nothing of another entity."""
    from msgspec.structs import replace

    far = replace(alert("quick", "e5", keys={"customer": "C5"}), entity="SEC-SZ")
    near = alert("quick", "e6", keys={"customer": "C6"})
    with looking(ask("wang")) as told:
        say(house, far, near)
        rows = told("alerts")["changed"]
        assert {row["id"] for row in rows} == {near.id}
        worked(ask("li"), near.id)
        ask("li").post("/v1/acts", {"act": "acknowledge", "alerts": [near.id]})
        while not any(row["standing"] == "acknowledged" for row in rows):
            rows = told("alerts")["changed"]
            assert {row["id"] for row in rows} == {near.id}


def test_a_console_that_begins_anew_shows_the_same(house: Settings, ask: Callable[[str], Browser]) -> None:
    """Its view is a function of the logs."""
    li = ask("li")
    with running_console(house) as other:
        again = Browser(other.address, li.token)
        path = "/v1/alerts?sort=time&limit=200"
        assert again.get(path).json == li.get(path).json
        assert again.get("/v1/cases?over=true").json == li.get("/v1/cases?over=true").json


def test_the_document_of_the_api_names_each_route(ask: Callable[[str], Browser]) -> None:
    """OpenAPI 3.1, and a name for each operation."""
    said = ask("").get("/v1/openapi.json").json
    assert said["openapi"].startswith("3.1")
    names = [way["operationId"] for ways in said["paths"].values() for way in ways.values()]
    assert len(names) == len(set(names))
    assert {"/v1/alerts", "/v1/alerts/{id}", "/v1/acts", "/v1/overview", "/v1/stream"} <= said["paths"].keys()


def test_the_shipped_folder_lets_this_machine_in(kafka: Kafka, house: Settings, tmp_path: Path) -> None:
    """As an officer and author, without a token, where nobody else reaches the console."""
    (tmp_path / "access.yaml").write_text("local: [officer, author]\n")
    with running_console(house.model_copy(update={"people": tmp_path})) as console:
        me = Browser(console.address).get("/v1/me").json
        assert (me["name"], me["roles"]) == ("local", ["author", "officer"])
