"""What people send who mean no good, to the console as it runs: each is answered or cut off, and the next is served."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import socket
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import expect, sync_playwright

from risk_stream.access import MAX_BODY
from risk_stream.console.api.acts import LONGEST_COMMENT
from tests.access.served import Answer, Browser
from tests.console.crowd import NEAR, SCRIPT, Crowd, crowd
from tests.live.servers import Kafka, RedisServer

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def house(kafka: Kafka, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    with crowd(kafka.address, redis_server.url, "hostile", tmp_path_factory.mktemp("hostile")) as found:
        yield found


@pytest.fixture(scope="module")
def officer(house: Crowd) -> Browser:
    return house.near["officer"]


@pytest.fixture(autouse=True)
def _still_serves(officer: Browser) -> Iterator[None]:
    """After each of these the next one is answered as if nothing had been."""
    yield
    assert officer.get("/v1/alerts").json["total"] == 1


def port_of(browser: Browser) -> int:
    return int(browser.address.rpartition(":")[2])


def send(browser: Browser, data: bytes, wait: float = 5.0) -> bytes:
    """What is answered to some bytes until the line ends, or nothing comes for a while."""
    with socket.create_connection(("127.0.0.1", port_of(browser)), timeout=wait) as line:
        got = b""
        try:
            line.sendall(data)
            while part := line.recv(1 << 16):
                got += part
        except (TimeoutError, ConnectionError):
            pass
    return got


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else 0


def is_a_sentence(answer: Answer) -> None:
    """Refused in words, without anything of the program in them."""
    assert 400 <= answer.status < 500, (answer.status, answer.body[:300])
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.error
    for inside in ("Traceback", "risk_stream/", "Error(", "object at 0x"):
        assert inside not in answer.error


def test_script_in_names_is_text_to_a_browser(house: Crowd, officer: Browser) -> None:
    """In an alert's sentence, in a path, in a filter and in what the API repeats: shown as it stands, never run."""
    signed = Browser(officer.address)
    assert signed.post("/v1/session", {"token": officer.token}).status == 200
    cookies = [{"name": name, "value": value, "url": officer.address} for name, value in signed.cookies.items()]
    script = quote(SCRIPT, safe="")
    pages = ["/alerts", f"/alerts/{NEAR.alert.id}", f"/alerts?q={script}", f"/alerts/{script}", f"/customers/{script}"]
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium here: make servers says how to get it")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium)
        context = browser.new_context()
        context.add_cookies(cookies)  # type: ignore[arg-type]
        page = context.new_page()
        asked: list[str] = []
        page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
        for path in pages:
            page.goto(f"{officer.address}{path}")
            page.locator("main").wait_for()
            expect(page.locator("main")).to_contain_text(re.compile(r"\w{3,}.{12}"))  # more than that it loads
            assert page.locator("img[src='x'], script:not([src])").count() == 0, path
        page.goto(f"{officer.address}{pages[0]}")
        page.get_by_text("<script>", exact=False).first.wait_for()
        browser.close()
    assert asked == []


def test_what_repeats_a_script_says_that_it_is_json(officer: Browser) -> None:
    """So that no browser takes it for a page, whoever opens it."""
    script = quote(SCRIPT, safe="")
    for path in ("/v1/alerts", f"/v1/alerts?sort={script}", f"/v1/customers/{script}", f"/v1/loans/{script}"):
        answer = officer.get(path)
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert SCRIPT in officer.get(f"/v1/alerts/{NEAR.alert.id}").json["summary"]


@pytest.mark.parametrize("path", ["/v1/alerts/x", "/v1/customers/x", "/v1/cases/x", "/v1/views/x", "/alerts/x"])
@pytest.mark.parametrize("tail", ["%0d%0aSet-Cookie:%20risk=evil", "%0aLocation:%20http://evil", "%0d%0a%0d%0a<html>"])
def test_no_header_can_be_smuggled_into_an_answer(officer: Browser, path: str, tail: str) -> None:
    """By no variable of a path."""
    answer = officer.get(f"{path}{tail}")
    assert answer.status in {200, 400, 404}
    assert answer.headers["Set-Cookie"] is None
    assert answer.headers["Location"] is None
    assert b"<html>\n" not in answer.body


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/%2e%2e/settings.py",
        "/static/%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd",
        "/static//etc/passwd",
        "/static/lib/../../house.py",
        "/static/",
        "/static/lib",
        "/static/lib/%00.js",
        "/v1/alerts/../audit",
        "/v1/%61udit",
        "/v1/audit/",
        "//v1/audit",
        "/v1/audit%2f",
        "/V1/audit",
        "/v1/alerts/%2e%2e/audit",
    ],
)
def test_no_path_leads_to_a_file_or_around_a_permission(officer: Browser, path: str) -> None:
    """As it stands, unnormalised: what may not be asked for by its name cannot be asked for by another."""
    head = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {officer.token}\r\nConnection: close\r\n\r\n"
    )
    answer = send(officer, head.encode(), wait=3)
    assert 400 <= status_of(answer) < 500, answer[:300]
    for inside in (b"root:", b"import ", b"Index of", b'"chain"'):
        assert inside not in answer


ABSURD = (
    *("-1", "1e99", "99999999999999999999", "NaN", "0x10", "１２", "__class__", "-__dict__", "' OR 1=1 --", "\0", "%"),
    *("{{7*7}}", "../../etc/passwd", "true,false", "," * 500, "a," * 300, "☃" * 100, "x" * 2_000),
)


@pytest.mark.parametrize("value", ABSURD, ids=lambda value: ascii(value)[:20])
def test_absurd_parameters_are_answered_or_refused_in_a_sentence(officer: Browser, house: Crowd, value: str) -> None:
    """Every parameter of every list that the API's document names."""
    said = officer.get("/v1/openapi.json").json["paths"]
    asked = [
        (path, param["name"])
        for path, ways in said.items()
        for param in ways.get("get", {}).get("parameters", ())
        if "{" not in path and param["in"] == "query"
    ]
    assert len(asked) > 50
    for path, name in asked:
        answer = house.near["admin"].get(f"{path}?{name}={quote(value, safe='')}")
        if answer.status != 200:
            is_a_sentence(answer)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("limit=-1", "limit is from 1 to 200, not -1"),
        ("offset=1e99", "offset is a whole number, not '1e99'"),
        ("offset=10000001", "offset is from 0 to 10,000,000"),
        ("sort=__class__", "sort is one of"),
        ("q=" + "x" * 4_000, "5 words of 200 characters in all are looked for at most"),
        ("q=a+b+c+d+e+f", "5 words of 200 characters in all are looked for at most"),
        ("rule=" + ",".join(map(str, range(60))), "rule has at most 50 values"),
    ],
)
def test_what_is_too_much_is_said(officer: Browser, query: str, sentence: str) -> None:
    """And what may be asked for."""
    answer = officer.get(f"/v1/alerts?{query}")
    is_a_sentence(answer)
    assert answer.error.startswith(sentence)


def test_a_line_longer_than_any_question_is_refused(officer: Browser) -> None:
    """10 kB of q, and a header of 20 kB."""
    assert 400 <= officer.get("/v1/alerts?q=" + "x" * 10_000).status < 500
    head = f"GET /v1/alerts HTTP/1.1\r\nHost: 127.0.0.1\r\nX: {'y' * 20_000}\r\n\r\n"
    assert status_of(send(officer, head.encode(), wait=3)) in {0, 400, 431}


BODIES = {
    "empty": b"",
    "half": b'{"act": "close", "alerts": [',
    "null": b"null",
    "list": b"[]",
    "deep lists": b"[" * 100_000,
    "deep mappings": b'{"act":' * 30_000,
    "deep inside": b'{"act": "close", "expected": ' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"}",
    "bytes": b"\xff\xfe{}",
    "a number too large": b'{"act": "snooze", "alerts": ["x"], "until": 1e999}',
    "another type": b'{"act": 1}',
    "a member that is none": b'{"act": "close", "by": "somebody else"}',
    "an act that is none": b'{"act": "__init__"}',
    "too many alerts": json.dumps({"act": "close", "alerts": ["x"] * 501}).encode(),
    "a long comment": json.dumps({"act": "comment", "alerts": ["x"], "comment": "x" * (LONGEST_COMMENT + 1)}).encode(),
    "somebody unknown": b'{"act": "assign", "alerts": ["x"], "to": "__proto__"}',
    "an unseen reveal": b'{"act": "reveal", "subject": "customer/CNEAR"}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_is_no_act_is_refused_in_a_sentence(officer: Browser, body: bytes) -> None:
    """No nesting takes the process down, and nobody acts for another."""
    is_a_sentence(officer.post("/v1/acts", body))


def test_a_body_is_bounded(officer: Browser) -> None:
    """Said beforehand or not, squeezed or not, wherever one is taken."""
    for method, path in (("POST", "/v1/acts"), ("POST", "/v1/silences/preview"), ("PUT", "/v1/views/mine")):
        answer = officer.ask(method, path, b"x" * (MAX_BODY + 1))
        assert (answer.status, answer.error) == (413, f"the body has more than {MAX_BODY:,} bytes")
    bomb = gzip.compress(b" " * (50 << 20))
    assert officer.post("/v1/acts", bomb, Content_Encoding="gzip").status in {400, 413, 415}


@pytest.mark.parametrize("key", ["short", "x" * 65, "spaces in it", "key-00000001;DROP", "ключ-000001"])
def test_a_key_that_is_none_is_refused(officer: Browser, key: str) -> None:
    """It becomes part of a name in the log."""
    body = json.dumps({"act": "comment", "alerts": [NEAR.alert.id], "comment": "x"}).encode()
    head = "POST /v1/acts HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n"
    head += f"Authorization: Bearer {officer.token}\r\nIdempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    assert status_of(send(officer, head.encode() + body)) == 400


def test_a_write_of_another_site_is_not_done(house: Crowd, officer: Browser) -> None:
    """A page elsewhere has somebody's browser send an act with their session."""
    signed = Browser(officer.address)
    assert signed.post("/v1/session", {"token": officer.token}).status == 200
    body = {"act": "close", "alerts": [NEAR.alert.id], "disposition": "known"}
    for headers in ({"Origin": "https://evil.example.com"}, {"Sec_Fetch_Site": "cross-site"}, {}):
        assert signed.post("/v1/acts", body, **headers).status == 403
    assert officer.get(f"/v1/alerts/{NEAR.alert.id}").json["standing"] == "open"


def test_slow_clients_hold_nothing(officer: Browser) -> None:
    """Thirty that send half a question, and twenty that do not read what changes, keep nobody waiting."""
    lines = [socket.create_connection(("127.0.0.1", port_of(officer)), timeout=10) for _ in range(50)]
    stream = f"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {officer.token}\r\n\r\n".encode()
    for number, line in enumerate(lines):
        line.sendall(stream if number >= 30 else b"GET /v1/alerts HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
    took = []
    for _ in range(20):
        began = time.monotonic()
        assert officer.get("/v1/alerts").status == 200
        took.append(time.monotonic() - began)
    for line in lines:
        line.close()
    assert min(took) < 5


def test_signing_out_ends_what_one_looks_on_with(house: Crowd, officer: Browser) -> None:
    """The stream of a session that is over says nothing more: it ends when something changes, or at the next beat."""
    signed = Browser(officer.address)
    said = signed.post("/v1/session", {"token": officer.token})
    cookie = "; ".join(f"{name}={value}" for name, value in signed.cookies.items())
    with socket.create_connection(("127.0.0.1", port_of(officer)), timeout=20) as line:
        line.sendall(f"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n".encode())
        reading = line.makefile("rb")
        assert b"200" in reading.readline()
        while reading.readline().strip() != b"event: beat":
            pass
        signed.csrf = said.json["csrf"]
        assert signed.ask("DELETE", "/v1/session").status == 200
        body = {"act": "comment", "alerts": [NEAR.alert.id], "comment": "after it"}
        assert officer.post("/v1/acts", body).status == 200
        rest = b""
        while not rest.endswith(b"\r\n0\r\n"):  # the end of an answer in chunks
            rest += reading.readline()
    assert b"event: alerts" not in rest
