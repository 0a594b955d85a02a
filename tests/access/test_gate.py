"""Nobody passes the gate but who may: every role at every route, sessions, writes of other sites, guessing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from aiohttp import web
from msgspec.structs import replace

from risk_stream.access import ROLES, Gate, install_gate
from risk_stream.access.sessions import RENEW_MS
from risk_stream.access.throttle import BY_ADDRESS
from risk_stream.settings import Settings
from tests.access import matrix
from tests.access.served import Browser, Served, served, token_for

ACCESS = """
roles: {monitor: [metrics]}
people:
  vera: {roles: [viewer], entities: [SEC-SH]}
  olga: {roles: [officer], entities: [SEC-SH]}
  otto: {roles: [officer], entities: all}
  anna: {roles: [author], entities: [SEC-SH]}
  adam: {roles: [admin], entities: all}
  prom: {roles: [monitor], entities: []}
"""

#: (method, path) -> who is answered; everybody else is told why not.
ALLOWED = {
    ("GET", "/healthz"): "nobody vera olga otto anna adam prom",
    ("GET", "/v1/me"): "vera olga otto anna adam prom",
    ("GET", "/v1/alerts"): "vera olga otto anna adam",
    ("POST", "/v1/acts"): "olga otto adam",
    ("POST", "/v1/backtests"): "anna adam",
    ("GET", "/v1/audit"): "adam",
    ("GET", "/metrics"): "adam prom",
    ("GET", "/v1/forgotten"): "",
}
PEOPLE = ("nobody", "vera", "olga", "otto", "anna", "adam", "prom")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("people")
    (made / "access.yaml").write_text(ACCESS)
    return made


@pytest.fixture(scope="module")
def tokens(folder: Path) -> dict[str, str]:
    return {name: "" if name == "nobody" else token_for(folder, name) for name in PEOPLE}


@pytest.fixture(scope="module")
def server(folder: Path, tokens: dict[str, str]) -> Iterator[Served]:
    with served(folder) as running:
        yield running


def signed_in(server: Served, token: str) -> Browser:
    browser = server.browser()
    answer = browser.post("/v1/session", {"token": token})
    assert answer.status == 200, answer.body
    browser.csrf = answer.json["csrf"]
    return browser


@pytest.mark.parametrize(("route", "name"), list(product(ALLOWED, PEOPLE)))
def test_who_may_is_answered_and_who_may_not_is_told_why(
    server: Served, tokens: dict[str, str], route: tuple[str, str], name: str
) -> None:
    """By token and by session alike."""
    method, path = route
    browsers = [server.browser(tokens[name])]
    if tokens[name]:
        browsers.append(signed_in(server, tokens[name]))
    expected = 200 if name in ALLOWED[route].split() else 401 if name == "nobody" and ALLOWED[route] else 403
    for browser in browsers:
        answer = browser.ask(method, path, {} if method == "POST" else None)
        assert answer.status == expected, answer.body
        if expected != 200:
            assert answer.error


def test_every_route_of_the_table_is_asked_as_every_role(tmp_path: Path) -> None:
    """The table alone says what each is answered: a route that is added to it is tried here."""
    (tmp_path / "access.yaml").write_text(matrix.PEOPLE)
    tokens = {role: token_for(tmp_path, role) for role in ROLES}
    with served(tmp_path) as running:
        browsers = {"": running.browser(), **{role: running.browser(token) for role, token in tokens.items()}}
        open_routes = {route: need for route, need in running.gate.permissions.items() if "session" not in route[1]}
        assert len(open_routes) == 9
        fill = {"/v1/alerts/{id}": "/v1/alerts/own", "/v1/broken": "/healthz"}
        assert matrix.wrong_answers(browsers, open_routes, lambda path: fill.get(path, path)) == []
        assert len(matrix.wrong_answers(browsers, {("GET", "/v1/alerts"): "audit"})) == 3, "it finds what is wrong"


@pytest.mark.parametrize(("name", "seen"), [("olga", ["own"]), ("otto", ["own", "foreign", "none"]), ("vera", ["own"])])
def test_a_scope_ends_at_its_entities(server: Served, tokens: dict[str, str], name: str, seen: list[str]) -> None:
    """In lists, and by id: what is another's is not there at all, so its id tells nothing."""
    browser = server.browser(tokens[name])
    assert [row["id"] for row in browser.get("/v1/alerts").json["rows"]] == seen
    missing = browser.get("/v1/alerts/unheard-of")
    for id in ("own", "foreign", "none"):
        answer = browser.get(f"/v1/alerts/{id}")
        assert answer.status == (200 if id in seen else 404)
        if id not in seen:
            assert answer.error == missing.error.replace("unheard-of", id)


def test_every_answer_has_the_headers_that_browsers_heed(server: Served, tokens: dict[str, str]) -> None:
    """Errors too."""
    for path in ("/healthz", "/v1/alerts", "/nothing", "/v1/broken", "/v1/forgotten"):
        headers = server.browser(tokens["vera"]).get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
        assert (headers["Cache-Control"] == "no-store") == path.startswith("/v1/")
        assert headers["Server"] == "risk-stream"


def test_a_fault_inside_is_not_shown(server: Served) -> None:
    """The log has it; who asks learns nothing of it."""
    answer = server.browser().get("/v1/broken")
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert b"Traceback" not in answer.body


def test_a_session_cookie_is_out_of_reach_of_scripts_and_other_sites(server: Served, tokens: dict[str, str]) -> None:
    """HttpOnly, SameSite=Strict, one path; with a proxy that has TLS, by TLS alone and for this host alone."""
    said = server.browser().post("/v1/session", {"token": tokens["olga"]}).headers["Set-Cookie"]
    assert said.startswith("risk=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in said.split(";")}
    with served(server.folder, url="https://risk.example.com") as behind:
        answer = behind.browser().post("/v1/session", {"token": tokens["olga"]}, Host="risk.example.com")
        said = answer.headers["Set-Cookie"]
        assert said.startswith("__Host-risk=")
        assert "Secure" in said
        assert "Domain" not in said
        assert answer.headers["Strict-Transport-Security"]
        assert behind.browser().get("/healthz", Host="evil.example.com").status == 421


def test_writes_of_a_session_come_from_its_own_page(server: Served, tokens: dict[str, str]) -> None:
    """Without the page's token, with another session's, or sent by another site, nothing is done."""
    browser, other = signed_in(server, tokens["olga"]), signed_in(server, tokens["otto"])
    assert browser.post("/v1/acts").status == 200
    for csrf in ("", "x", other.csrf, browser.csrf.upper()):
        forged = Browser(server.address, cookies=dict(browser.cookies), csrf=csrf)
        answer = forged.post("/v1/acts")
        assert answer.status == 403
        assert "X-Risk-Csrf" in answer.error
    own = server.address.removeprefix("http://")
    for headers in ({"Origin": "https://evil.example.com"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"}):
        answer = browser.post("/v1/acts", **headers)
        assert answer.status == 403
        assert "another site" in answer.error
    assert browser.post("/v1/acts", Origin=f"http://{own}", Sec_Fetch_Site="same-origin").status == 200


def test_a_session_that_was_given_before_is_not_taken_over(server: Served, tokens: dict[str, str]) -> None:
    """Session fixation: the attacker's cookie stays the attacker's."""
    attacker = signed_in(server, tokens["vera"])
    victim = Browser(server.address, cookies=dict(attacker.cookies))
    answer = victim.post("/v1/session", {"token": tokens["adam"]})
    assert answer.status == 200
    assert victim.cookies != attacker.cookies
    assert attacker.get("/v1/me").json["name"] == "vera"
    assert victim.get("/v1/me").json["name"] == "adam"


def test_what_a_page_asks_by_itself_keeps_no_session_alive(server: Served, tokens: dict[str, str]) -> None:
    """Pages look for news every few seconds: a screen that nobody is at would never be signed out."""
    browser, now = signed_in(server, tokens["olga"]), int(time.time() * 1000)
    session, _ = server.gate.sessions.read(browser.cookies[server.gate.cookie], server.gate.access.current(), now)
    browser.cookies[server.gate.cookie] = old = server.gate.sessions.cookie(replace(session, active=now - 2 * RENEW_MS))
    assert browser.get("/v1/me", X_Risk_Background="1").status == 200
    assert browser.cookies[server.gate.cookie] == old
    assert browser.get("/v1/me").status == 200
    assert browser.cookies[server.gate.cookie] != old


def test_who_signed_out_is_out(server: Served, tokens: dict[str, str]) -> None:
    """With a copy of the cookie too."""
    browser = signed_in(server, tokens["olga"])
    copy = Browser(server.address, cookies=dict(browser.cookies), csrf=browser.csrf)
    assert browser.ask("DELETE", "/v1/session").status == 200
    assert browser.cookies == {}
    answer = copy.get("/v1/me")
    assert answer.status == 401
    assert "signed out" in answer.error


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("Bearer rst_0_x", "this token is not known"),
        ("Basic b2xnYTo=", "write Bearer TOKEN"),
        ("Bearer", "this token is not known"),
        ("Bearer rst_a_\xff", "this token is not known"),
    ],
)
def test_a_header_that_signs_nobody_in_says_why(server: Served, header: str, said: str) -> None:
    answer = server.browser().get("/v1/alerts", Authorization=header)
    assert answer.status == 401
    assert said in answer.error
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_expired_token_says_so(folder: Path) -> None:
    """Its day, and what to do."""
    token = token_for(folder, "olga", expires=1_780_000_000_000)
    with served(folder) as running:
        answer = running.browser(token).get("/v1/alerts")
        assert (answer.status, answer.error[:32]) == (401, "this token expired on 2026-05-28")
        assert running.browser().post("/v1/session", {"token": token}).status == 401


def test_guessing_becomes_slow_even_with_the_right_token_at_last(folder: Path) -> None:
    """Who has signed in, or asks with a good token, is not kept out by that."""
    token = token_for(folder, "olga")
    wrong = token[:-2] + "!!"
    with served(folder) as running:
        for _ in range(BY_ADDRESS.free + 4):
            assert running.browser().post("/v1/session", {"token": wrong}).status == 401
        answer = running.browser().post("/v1/session", {"token": token})
        assert answer.status == 401
        assert "try again in" in answer.error
        assert running.browser(token).get("/v1/me").status == 200


def test_on_this_machine_one_setting_lets_in(tmp_path: Path) -> None:
    """By this machine's own names alone, and not for pages of other sites."""
    (tmp_path / "access.yaml").write_text("local: officer")
    with served(tmp_path) as running:
        browser = running.browser()
        assert browser.get("/v1/me").json["name"] == "local"
        assert browser.post("/v1/acts").json["by"] == "local"
        assert browser.post("/v1/backtests").status == 403
        assert browser.post("/v1/acts", Origin="https://evil.example.com").status == 403
        for host in ("evil.example.com", "127.0.0.1.evil.example.com", "localhost.evil"):
            answer = browser.get("/v1/alerts", Host=host)
            assert answer.status == 421, "a name that somebody points at 127.0.0.1"
        assert browser.get("/v1/alerts", Host=f"localhost:{running.port}").status == 200


def test_a_permission_that_is_none_is_refused_at_the_start(server: Served) -> None:
    """A table with a slip of the pen does not start."""
    with pytest.raises(ValueError, match="no such permission: sea"):
        Gate(server.gate.access, server.gate.sessions, {("GET", "/"): "sea"})


def test_a_route_without_a_permission_does_not_start(tmp_path: Path) -> None:
    """Whoever adds one says who may ask for it; the pages' own files need none."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response()

    async def start() -> None:
        app = web.Application()
        gate = install_gate(app, Settings(people=tmp_path), {("GET", "/v1/alerts"): "see"})
        app.router.add_get("/v1/alerts", handler)
        app.router.add_static("/static", tmp_path)
        assert gate.unnamed(app) == []
        app.router.add_post("/v1/alerts/{id}", handler)
        app.router.add_static("/files", tmp_path)
        await web.AppRunner(app).setup()

    with pytest.raises(ValueError, match=r"POST /v1/alerts/\{id\}, GET /files") as error:
        asyncio.run(start())
    assert "/static" not in str(error.value)
