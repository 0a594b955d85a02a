"""Who is answered what: every route of the console, asked by every role, of its own entity's data and of another's."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from risk_stream.access import ACT_NEEDS, PUBLIC, ROLES, SIGN_IN_ROUTES
from risk_stream.console.api.me import GATE
from risk_stream.console.app import PAGES
from tests.access import matrix
from tests.access.served import Answer, Browser
from tests.console.crowd import FAR, MARKS, NEAR, NOW, Crowd, crowd
from tests.live.servers import Kafka, RedisServer

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

SILENCE = {"id": "", "by": "", "reason": "a test", "begins": NOW, "ends": NOW + 86_400_000, "rules": ["third"]}
VIEW = {"title": "Mine", "cards": [{"kind": "counts"}]}
NONE = "unheard-of"


@dataclass(frozen=True)
class Way:
    """How a route is asked: for what is there, for what is another entity's, and with which body."""

    path: str = ""  # "": as it is declared
    far: str = ""  # "": it names nothing that could be another's
    body: Any = field(default_factory=dict)
    needs: str = ""  # the permission that this asks for, where the route has several
    empty: bool = False  # of what is another's, or never was, it answers an empty list
    told: bool = False  # whoever sees all entities is told something of another's by it: it is found out if so


def of(kind: str, near: str, far: str, *, after: str = "", **more: Any) -> Way:
    return Way(f"/v1/{kind}/{near}{after}", f"/v1/{kind}/{far}{after}", **more)


def of_alert(after: str = "", **more: Any) -> Way:
    return of("alerts", NEAR.alert.id, FAR.alert.id, after=after, **more)


def of_customer(after: str = "", **more: Any) -> Way:
    return of("customers", NEAR.customer, FAR.customer, after=after, **more)


#: Every route of the console. One that is added is added here: then it is asked by everybody.
WAYS: dict[tuple[str, str], Way] = {
    ("GET", "/healthz"): Way(),
    ("GET", "/metrics"): Way(),
    ("GET", "/v1/openapi.json"): Way(),
    ("GET", "/v1/me"): Way(),
    ("GET", "/v1/overview"): Way(told=True),
    ("GET", "/v1/alerts"): Way(told=True),
    ("GET", "/v1/alerts/{id}"): of_alert(),
    ("GET", "/v1/alerts/{id}/history"): of_alert("/history"),
    ("GET", "/v1/alerts/{id}/similar"): of_alert("/similar"),
    ("GET", "/v1/alerts/{id}/timeline"): of_alert("/timeline"),
    ("POST", "/v1/alerts/{id}/reveal"): of_alert("/reveal"),
    ("GET", "/v1/cases"): Way(told=True),
    ("GET", "/v1/cases/{id}"): Way("near case", "far case"),
    ("POST", "/v1/acts"): Way(body={"act": "comment", "comment": "x", "alerts": [NEAR.alert.id]}, needs="work"),
    ("GET", "/v1/counts"): Way("/v1/counts?by=entity", told=True),
    ("GET", "/v1/hours"): Way(),
    ("GET", "/v1/customers"): Way(),
    ("GET", "/v1/customers/{key}"): of_customer(),
    ("GET", "/v1/customers/{key}/timeline"): of_customer("/timeline", empty=True),
    ("POST", "/v1/customers/{key}/reveal"): of_customer("/reveal"),
    ("GET", "/v1/loans/{key}"): of("loans", NEAR.loan, FAR.loan),
    ("GET", "/v1/silences"): Way("/v1/silences?over=true", told=True),
    ("POST", "/v1/silences/preview"): Way(body=SILENCE, told=True),
    ("GET", "/v1/audit"): Way("/v1/audit?all=true", told=True),
    ("GET", "/v1/rules"): Way("/v1/rules?sort=id"),
    ("GET", "/v1/rules/{id}"): Way("/v1/rules/third", told=True),
    ("GET", "/v1/rules/{id}/file"): Way("/v1/rules/third/file"),
    ("GET", "/v1/rules/{id}/fired"): Way("/v1/rules/third/fired"),
    ("GET", "/v1/rules/{id}/versions"): Way("/v1/rules/third/versions"),
    ("GET", "/v1/plans"): Way(),
    ("GET", "/v1/plans/{version}"): Way("/v1/plans/none"),
    ("POST", "/v1/plans"): Way(body={"comment": "x"}),
    ("GET", "/v1/models"): Way(),
    ("GET", "/v1/models/{name}"): Way("/v1/models/none"),
    ("GET", "/v1/quality"): Way(),
    ("GET", "/v1/quality/rejects"): Way(),
    ("GET", "/v1/backtests"): Way(),
    ("POST", "/v1/backtests"): Way(),
    ("GET", "/v1/backtests/{id}"): Way("/v1/backtests/none"),
    ("DELETE", "/v1/backtests/{id}"): Way("/v1/backtests/none"),
    ("GET", "/v1/views"): Way(),
    ("GET", "/v1/views/{id}"): Way("/v1/views/mine", "/v1/views/theirs"),
    ("PUT", "/v1/views/{id}"): Way("/v1/views/mine", body=VIEW),
    ("DELETE", "/v1/views/{id}"): Way("/v1/views/none"),
    **{("GET", path): Way(path.replace("{id}", "x").replace("{key}", "x").replace("{name}", "x")) for path in PAGES},
}

#: Answers without an end: who may ask is tried by the first line of it.
ENDLESS = ("GET", "/v1/stream")


@pytest.fixture(scope="module")
def house(kafka: Kafka, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    with crowd(kafka.address, redis_server.url, "matrix", tmp_path_factory.mktemp("matrix")) as found:
        silence = {**SILENCE, "entities": [FAR.entity], "reason": "farthing"}
        assert found.far.post("/v1/acts", {"act": "silence", "silence": silence}).status == 200
        assert found.far.ask("PUT", "/v1/views/theirs", VIEW).status == 200
        yield found


def routes(house: Crowd) -> Mapping[tuple[str, str], str]:
    """(method, path) -> permission of every route that the running console has, but those of signing in."""
    runner = house.console._runner
    assert runner is not None
    own = {(method, path) for method, path, _ in SIGN_IN_ROUTES}
    return {route: needed for route, needed in runner.app[GATE].permissions.items() if route not in own}


def filled(house: Crowd, path: str) -> str:
    return {"near case": f"/v1/cases/{house.near_case}", "far case": f"/v1/cases/{house.far_case}"}.get(path, path)


def ask(house: Crowd, browser: Browser, route: tuple[str, str], path: str) -> Answer:
    method, declared = route
    body = WAYS[route].body if method in {"POST", "PUT"} else None
    return browser.ask(method, filled(house, path or declared), body)


def test_every_route_has_an_entry_here(house: Crowd) -> None:
    """Whoever adds one says how it is asked, and everything below tries it."""
    there = set(routes(house)) - {ENDLESS}
    assert there - set(WAYS) == set(), "say in WAYS how these are asked"
    assert set(WAYS) - there == set(), "these are gone"


def test_each_role_is_answered_what_it_may_and_nothing_else(house: Crowd) -> None:
    """Of its own entity's data; nobody is told to sign in."""
    permissions = {route: WAYS[route].needs or need for route, need in routes(house).items() if route != ENDLESS}
    assert sum(need != PUBLIC for need in permissions.values()) >= 25
    method_of = {path: WAYS[_, path].path or path for _, path in permissions}

    def fill(declared: str) -> str:
        return filled(house, method_of[declared])

    def body(method: str, declared: str) -> object:
        return WAYS[method, declared].body

    assert matrix.wrong_answers(house.near, permissions, fill, body) == []


@pytest.mark.parametrize("route", [route for route, way in WAYS.items() if way.far], ids=" ".join)
def test_what_is_anothers_is_as_if_it_were_not_there(house: Crowd, route: tuple[str, str]) -> None:
    """404 for every role that may ask, and in the words that what never was has; who sees all finds it."""
    way, needed = WAYS[route], routes(house)[route]
    far = filled(house, way.far)
    name = next(part for part in far.split("/")[3:])
    may = [role for role, may in ROLES.items() if needed in may]
    for role in {may[0], may[-1]}:
        answer = ask(house, house.near[role], route, far)
        none = ask(house, house.near[role], route, far.replace(name, NONE))
        if way.empty:
            assert (answer.status, answer.json["items"], none.json["items"]) == (200, [], []), answer.body
            continue
        assert (answer.status, none.status) == (404, 404), answer.body
        assert answer.error == none.error.replace(NONE, name)
    if "views" not in far:
        assert ask(house, house.far, route, far).status == 200


def test_no_answer_has_anything_of_another_entity_in_it(house: Crowd) -> None:
    """Lists, counts, pages: whoever may ask, for whatever is theirs; and it would have been found."""
    for route, way in WAYS.items():
        for role in ("", "officer", "admin"):
            browser = house.near[role]
            said = ask(house, browser, route, way.path).body.decode()
            assert not [mark for mark in MARKS if mark in said], f"{route} as {role or 'nobody'}: {said[:500]}"
        if way.told:
            said = ask(house, house.far, route, way.path).body.decode()
            assert [mark for mark in MARKS if mark in said], f"{route} says nothing of another's to try this with"


@pytest.mark.parametrize("role", ["", *ROLES])
def test_each_act_takes_its_permission(house: Crowd, role: str) -> None:
    """All of them go to one route, which asks of each what it needs."""
    for act, needed in ACT_NEEDS.items():
        if act == "reveal":  # has routes of its own
            continue
        answer = house.near[role].post("/v1/acts", {"act": act, "alerts": [NONE], "comment": "x"})
        may = bool(role) and needed in ROLES[role]
        expected = {409, 400, 200} if may else {403} if role else {401}
        assert answer.status in expected, (act, answer.body)


def test_nothing_can_be_done_with_what_is_anothers(house: Crowd) -> None:
    """By its id, by its case, or by silencing it; and the answer does not say that it is there."""
    officer = house.near["officer"]
    for body in (
        {"act": "acknowledge", "alerts": [FAR.alert.id]},
        {"act": "close", "disposition": "known", "alerts": [FAR.alert.id]},
        {"act": "comment", "comment": "x", "alerts": [FAR.alert.id]},
        {"act": "close", "disposition": "known", "case": house.far_case},
    ):
        answer = officer.post("/v1/acts", body)
        assert answer.status == 409, answer.body
        assert not any(ruling["done"] for ruling in answer.json["rulings"])
    none = officer.post("/v1/acts", {"act": "acknowledge", "alerts": [NONE]}).json["rulings"][0]["why"]
    one = officer.post("/v1/acts", {"act": "acknowledge", "alerts": [FAR.alert.id]}).json["rulings"][0]["why"]
    assert one == none.replace(NONE, FAR.alert.id)
    silence = {**SILENCE, "entities": [FAR.entity]}
    assert officer.post("/v1/acts", {"act": "silence", "silence": silence}).status == 403
    assert officer.post("/v1/silences/preview", silence).json["open"] == 0
    assert house.far.get(f"/v1/alerts/{FAR.alert.id}").json["standing"] == "open"


@pytest.mark.parametrize("role", ["", *ROLES])
def test_who_may_look_on_is_told_what_changes(house: Crowd, role: str) -> None:
    """The stream has no end, so the first line of it is what is tried."""
    browser = house.near[role]
    host, port = browser.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        token = f"Authorization: Bearer {browser.token}\r\n" if role else ""
        line.sendall(f"GET /v1/stream HTTP/1.1\r\nHost: {host}\r\n{token}\r\n".encode())
        status = int(line.makefile("rb").readline().split()[1])
    assert status == (200 if role else 401)


def test_the_document_says_what_each_route_takes(house: Crowd) -> None:
    """Those below /v1, as they are."""
    said = house.near[""].get("/v1/openapi.json").json["paths"]
    there = {(method, path) for method, path in routes(house) if path.startswith("/v1/") and "openapi" not in path}
    documented = {(method.upper(), path) for path, ways in said.items() for method in ways}
    assert there <= documented


def test_pages_have_no_data_in_them(house: Crowd, tmp_path: Path) -> None:
    """All are the same document, whoever asks; what they show is asked of the API."""
    said = {house.near[role].get(path).body for role in house.near for path in ("/", "/alerts", "/customers/x")}
    assert len(said) == 1
