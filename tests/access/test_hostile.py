"""What people send who mean no good, to a server that runs: each is answered or cut off, and the next is served."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from risk_stream.access import web
from risk_stream.access.web import MAX_BODY
from tests.access.served import Browser, Served, served, token_for

ACCESS = "people: {olga: {roles: [officer, author], entities: [SEC-SH]}}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("people")
    (made / "access.yaml").write_text(ACCESS)
    return made


@pytest.fixture(scope="module")
def token(folder: Path) -> str:
    return token_for(folder, "olga")


@pytest.fixture(scope="module")
def server(folder: Path, token: str) -> Iterator[Served]:
    with served(folder, first=0.4) as running:
        yield running


@pytest.fixture(scope="module")
def olga(server: Served, token: str) -> Browser:
    return server.browser(token)


@pytest.fixture(autouse=True)
def _still_serves(server: Served, olga: Browser) -> Iterator[None]:
    """After each of these the next one is answered as if nothing had been."""
    yield
    assert olga.get("/v1/alerts").status == 200


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else 0


SCRIPT = '<script>alert("x")</script><img src=x onerror=alert(1)>'


def test_script_in_names_stays_text(server: Served, olga: Browser) -> None:
    """Whatever repeats it says that it is JSON, and browsers are told not to guess."""
    for answer in (
        olga.post("/v1/acts", {"comment": SCRIPT}),
        olga.get("/v1/alerts/%3Cscript%3Ealert(1)%3C/script%3E"),
    ):
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert json.loads(answer.body)
    assert olga.post("/v1/acts", {"comment": SCRIPT}).json["said"]["comment"] == SCRIPT


@pytest.mark.parametrize(
    "path",
    ["/v1/alerts/x%0d%0aSet-Cookie:%20risk=evil", "/v1/alerts/x%0aLocation:%20http://evil", "/%0d%0a%0d%0a<html>"],
)
def test_no_header_can_be_smuggled_into_an_answer(server: Served, olga: Browser, path: str) -> None:
    answer = olga.get(path)
    assert answer.status in {400, 404}
    assert answer.headers["Set-Cookie"] is None
    assert answer.headers["Location"] is None


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v1/me HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\x00b\r\n\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil\r\n\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /v1/me HTTP/9.9\r\n\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: [\r\nConnection: close\r\n\r\n",
        b"POST /v1/acts HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://[\r\nConnection: close\r\n\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer rst_a_\xff\xfe\r\nConnection: close\r\n\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: risk=\xff.\xff\r\nConnection: close\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 60,
        b"\x00" * 9000,
        b"GET " + b"/a" * 9000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"".join(b"X%d: y\r\n" % n for n in range(500)) + b"\r\n",
    ],
    ids=[
        "zero",
        "hosts",
        "lengths",
        "both",
        "version",
        "host",
        "origin",
        "bearer",
        "cookie",
        "tls",
        "zeros",
        "line",
        "header",
        "headers",
    ],
)
def test_what_is_no_request_is_refused(server: Served, head: bytes) -> None:
    """Two lengths, two hosts, a line or header without end: 4xx, or no answer at all; never served."""
    answer = server.send(head, wait=3)
    assert status_of(answer) in {0, *range(400, 500)}, answer[:200]
    assert b"Traceback" not in answer


@pytest.mark.parametrize(
    "path",
    [
        "/v1/alerts/../audit",
        "/v1/alerts/..%2f..%2f..%2fetc%2fpasswd",
        "/v1/%2e%2e/audit",
        "//v1/audit",
        "/v1/audit/",
        "/v1/audit;x=1",
        "/v1/AUDIT",
        "/v1/audit%00",
        "/static/../access.yaml",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "http://127.0.0.1/v1/audit",
    ],
)
def test_no_path_leads_around_a_permission(server: Served, olga: Browser, path: str) -> None:
    """Nothing that looks like another route is another route: 4xx as it stands, unnormalised."""
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {olga.token}\r\nConnection: close\r\n\r\n"
    answer = server.send(head.encode(), wait=3)
    assert 400 <= status_of(answer) < 500, answer[:300]
    assert b"root:" not in answer


def test_a_body_is_bounded(server: Served, olga: Browser) -> None:
    """Said beforehand or not, squeezed or not."""
    answer = olga.post("/v1/acts", b"x" * (MAX_BODY + 1))
    assert (answer.status, answer.error) == (413, f"the body has more than {MAX_BODY:,} bytes")
    chunks = b"".join(b"4000\r\n" + b" " * 0x4000 + b"\r\n" for _ in range(MAX_BODY // 0x4000 + 2)) + b"0\r\n\r\n"
    head = "POST /v1/acts HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    head += f"Authorization: Bearer {olga.token}\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert status_of(server.send(head.encode() + chunks)) in {0, 413}
    bomb = gzip.compress(b" " * (50 << 20))
    assert olga.post("/v1/acts", bomb, Content_Encoding="gzip").status in {400, 413, 415}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"token": 1}',
    ],
    ids=["empty", "half", "null", "lists", "mappings", "bytes", "nan", "infinite", "number"],
)
def test_a_body_that_is_no_sign_in_is_said_so(server: Served, body: bytes) -> None:
    """Depth too: no nesting takes the process down."""
    answer = server.browser().post("/v1/session", body)
    assert (answer.status, answer.error) == (400, 'the body is {"token": "..."}')


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "GETT"])
def test_other_methods_are_not_answered(server: Served, olga: Browser, method: str) -> None:
    """405, and nothing is repeated to the sender."""
    answer = olga.ask(method, "/v1/alerts")
    assert answer.status in {400, 404, 405}
    assert olga.token.encode() not in answer.body


def test_slow_clients_hold_nothing(server: Served, olga: Browser) -> None:
    """Fifty that send a byte now and then are cut off, and others are answered at once meanwhile."""
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(50)]
    open_ones = set(slow)
    end = time.monotonic() + 10
    for one in slow:
        one.sendall(b"GET /v1/alerts HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
    while open_ones and time.monotonic() < end:
        assert olga.get("/v1/alerts").status == 200
        for one in list(open_ones):
            try:
                one.sendall(b"y")
                one.settimeout(0.001)
                if one.recv(1) == b"":
                    raise ConnectionResetError
            except TimeoutError:
                continue
            except OSError:
                open_ones.discard(one)
    for one in slow:
        one.close()
    assert not open_ones


def test_a_body_that_does_not_come_is_not_waited_for(
    server: Served, olga: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its head says that it has ten bytes, and one comes."""
    monkeypatch.setattr(web, "BODY_SECONDS", 0.1)
    head = f"POST /v1/acts HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {olga.token}\r\nContent-Length: 10"
    assert status_of(server.send(f"{head}\r\n\r\n{{".encode())) == 408


def test_one_after_another_on_one_connection_each_is_judged_by_itself(server: Served, olga: Browser) -> None:
    """A signed-in request lends nothing to the one behind it."""
    one = f"GET /v1/alerts HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {olga.token}\r\n\r\n"
    two = "GET /v1/alerts HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    answers = server.send((one + two).encode()).split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"200", b"401"]
    assert list(pairwise(answers))
