"""`doctor --security` names what lets in more than is meant, each with what to do; and a careful house has nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from risk_stream.access import make_token, store_token
from risk_stream.cli.checkup import Finding, State
from risk_stream.cli.security import look_at_security
from risk_stream.settings import Settings
from tests.cli.conftest import Ask

NOW = 1_790_000_000_000
PEOPLE = "four_eyes: true\npeople: {wang: {roles: [officer], entities: [SEC-SH]}}\n"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    folder = tmp_path / "people"
    folder.mkdir(mode=0o755)
    (folder / "access.yaml").write_text(PEOPLE)
    return folder


@pytest.fixture
def careful(people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Settings of a house that took care."""
    (tmp_path / "ca.pem").write_text("")
    return {
        "people": people,
        "rules": [people],
        "broker": "kafka-1.example.com:9093",
        "kafka_security": "sasl_ssl",
        "kafka_ca": tmp_path / "ca.pem",
        "kafka_user": "worker",
        "kafka_password": "hush",
        "redis": "rediss://redis.example.com:6380/0",
        "redis_password": "hush",
        "console_url": "https://risk.example.com",
        "console_key": "hush",
        "models_key": "hush",
        "audit_key": "hush",
    }


def found(settings: dict[str, Any]) -> dict[str, Finding]:
    """What is not as it should be, by name; the last of a name."""
    look = look_at_security(Settings(**settings), now=NOW, grafana="http://127.0.0.1:9/api/org")
    return {one.what: one for one in look if one.state is not State.OK}


def test_a_careful_house_has_nothing_to_mend(careful: dict[str, Any]) -> None:
    assert found(careful) == {}


@pytest.mark.parametrize(
    ("change", "what", "state", "said"),
    [
        (
            {"kafka_security": "plaintext"},
            "Kafka",
            "fail",
            "events and alerts go to kafka-1.example.com:9093 unencrypted",
        ),
        ({"kafka_security": "sasl_plaintext"}, "Kafka", "fail", "how we prove who we are go to"),
        ({"kafka_security": "ssl"}, "Kafka", "warn", "anybody may be anybody"),
        ({"redis": "redis://redis.example.com/0"}, "Redis", "fail", "unencrypted"),
        ({"redis_password": ""}, "Redis", "fail", "asks for no password"),
        ({"console_url": "", "console_host": "0.0.0.0"}, "console", "fail", "listens on 0.0.0.0:8088 without TLS"),
        ({"console_url": "http://risk.example.com"}, "console", "fail", "without TLS"),
        ({"console_key": ""}, "sessions", "warn", "signed out when the console is started again"),
        ({"decisions_port": 8500, "decisions_host": "0.0.0.0"}, "decisions", "warn", "may ask for decisions"),
        ({"metrics_host": "0.0.0.0"}, "metrics", "warn", "0.0.0.0:9464 may read them"),
        ({"models_key": ""}, "models key", "warn", "not sealed"),
        ({"audit_key": ""}, "audit key", "warn", "is not signed"),
    ],
)
def test_each_weakness_of_the_settings_is_said(
    careful: dict[str, Any], change: dict[str, Any], what: str, state: str, said: str
) -> None:
    """Alone, with what to do, and without the secrets of the rest."""
    findings = found({**careful, **change})
    assert list(findings) == [what]
    assert (findings[what].state, said in findings[what].seen, bool(findings[what].do)) == (state, True, True)
    assert "hush" not in str(findings)


@pytest.mark.parametrize(
    ("text", "what", "state", "said"),
    [
        (PEOPLE.replace("true", "false"), "four eyes", "warn", "whoever writes the folder"),
        (PEOPLE + "local: officer", "local", "fail", "and the console listens to others"),
        (PEOPLE.replace("[SEC-SH]", "all"), "personal data", "warn", "shown to wang"),
        ("peple: {}", "access", "fail", "did you mean"),
    ],
)
def test_each_weakness_of_the_people_is_said(
    careful: dict[str, Any], people: Path, text: str, what: str, state: str, said: str
) -> None:
    (people / "access.yaml").write_text(text)
    findings = found(careful)
    assert (findings[what].state, said in findings[what].seen) == (state, True)


def test_local_is_only_a_warning_where_nobody_else_reaches_the_console(careful: dict[str, Any], people: Path) -> None:
    (people / "access.yaml").write_text("four_eyes: true\nlocal: officer")
    assert found({**careful, "console_url": ""})["local"].state == "warn"


@pytest.mark.parametrize(
    ("person", "expires", "said"),
    [
        ("wang", None, "1 never end: "),
        ("wang", NOW - 1, "1 have ended: "),
        ("gone", NOW + 60_000, "1 are nobody's: "),
        ("wang", NOW + 60_000, ""),
    ],
)
def test_tokens_that_should_not_be_are_named(
    careful: dict[str, Any], people: Path, person: str, expires: int | None, said: str
) -> None:
    """By their id and person, never by what they are."""
    text, token = make_token(person, now=NOW, expires=expires)
    store_token(people, token)
    findings = found(careful)
    assert ("tokens" in findings) == bool(said)
    if said:
        assert findings["tokens"].seen == f"{said}{token.id} of {person}"
    assert text.split("_", 2)[2] not in str(findings)


def test_files_that_others_can_read_or_change_are_named(
    careful: dict[str, Any], people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that mends it."""
    secret = tmp_path / "password"
    secret.write_text("hush")
    secret.chmod(0o644)
    del careful["kafka_password"]
    monkeypatch.setenv("RISK_STREAM_KAFKA_PASSWORD_FILE", str(secret))
    (people / "access.yaml").chmod(0o666)
    findings = found(careful)
    assert findings["secrets"].do == f"chmod 600 {secret}"
    assert findings["files"].do == f"chmod o-w {people / 'access.yaml'}"


@pytest.fixture
def grafana() -> Iterator[HTTPServer]:
    """One that takes admin:admin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            good = self.headers.get("Authorization") == "Basic YWRtaW46YWRtaW4="
            self.send_response(self.server.status if good else 401)  # type: ignore[attr-defined]
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("status", "state"), [(200, "fail"), (401, "ok")])
def test_a_grafana_with_the_password_it_came_with_is_said(
    careful: dict[str, Any], grafana: HTTPServer, status: int, state: str
) -> None:
    grafana.status = status  # type: ignore[attr-defined]
    url = f"http://127.0.0.1:{grafana.server_port}/api/org"
    last = list(look_at_security(Settings(**careful), now=NOW, grafana=url))[-1]
    assert (last.what, last.state) == ("Grafana", state)


def test_the_command_says_it_and_ends_with_one_where_something_must_be_mended(ask: Ask, people: Path) -> None:
    good = ask("doctor", "--security", people=str(people), rules=json.dumps([str(people)]))
    assert good.code == 0
    assert "Nothing has to be mended" in good.out
    bad = ask("doctor", "--security", "--format", "json", broker="kafka.example.com:9092")
    assert bad.code == 1
    assert {one["what"]: one["state"] for one in bad.json["findings"]}["Kafka"] == "fail"


def test_a_token_is_made_shown_once_and_listed(ask: Ask, people: Path) -> None:
    """Its secret on stdout alone, so that it can go to a file; the rest is on stderr."""
    made = ask("access", "token", "wang", "--expires", "90d", people=str(people))
    assert made.code == 0
    assert made.out.startswith("rst_")
    assert made.out.count("\n") == 1
    assert "It is not shown again." in made.err
    assert made.out.strip().split("_", 2)[2] not in (people / "tokens.yaml").read_text()
    shown = ask("access", "show", "--format", "json").json
    assert shown["people"] == [
        {
            "name": "wang",
            "roles": ["officer"],
            "may": ["compose", "reveal", "see", "silence", "work"],
            "entities": ["SEC-SH"],
            "tokens": 1,
        }
    ]
    assert "wang" in ask("access", "show").out
    nobody = ask("access", "token", "wnag")
    assert nobody.code == 1
    assert 'did you mean "wang"?' in nobody.err
