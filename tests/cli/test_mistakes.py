"""The likeliest mistakes, made: each ends in seconds, in one sentence that says what to do, and in no traceback."""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from risk_stream.cli import house
from risk_stream.embedded import EmbeddedBroker
from tests.cli.conftest import Answer, Ask

ROOT = Path(__file__).parents[2]
RULE = """
  - id: large
    on: transfer
    when: amount > 1000
    severity: low
    summary: "{account} moved {amount}"
"""
FILE = f"stage: trading\nowner: desk\nrules:{RULE}"
EVENT = b'{"type": "transfer", "time": 1740787200000, "account": "A", "direction": "out", "amount": 10}\n'
#: Files that commands are given, by name; a folder where there is no text.
FILES: dict[str, str | bytes | None] = {
    "empty": None,
    "own.yaml": FILE,
    "tabs.yaml": FILE.replace("  - id", "\t- id"),
    "twice.yaml": FILE + RULE,
    "field.yaml": FILE.replace("amount >", "amuont >"),
    "events.txt": "hello\nworld\n",
    "events.csv": "a,b\n1,2\n",
    "zone.yaml": "type: transfer\nfields:\n  time: {column: a, format: '%Y', zone: Asia/Bejing}\n",
    "cut.jsonl.gz": gzip.compress(b"".join(EVENT.replace(b"A", b"%d" % n) for n in range(900)))[:-500],
    "emperor/access.yaml": "people:\n  li: {roles: [emperor], entities: all}\n",
    "calendar.yaml": "name: ours\ntimezone: Moon/Base\n",
}
#: Makes a port that says the same to everybody, or nothing; gives its host:port.
Answering = Callable[[bytes | None], str]
NOBODY = "127.0.0.1:1"


@dataclass(frozen=True)
class Mistake:
    """What is typed and set, and what must be said on stderr or stdout; `says` is in the order of the sentence."""

    typed: str
    says: tuple[str, ...]
    settings: dict[str, str] = field(default_factory=dict)
    code: int = 1


HERE = {
    "a command that is none": Mistake("dmeo", ("dmeo", "Did you mean 'demo'? Try risk-stream --help"), code=2),
    "a folder without rules": Mistake("rules check empty", ("empty", "holds no rule file", "put a .yaml file there")),
    "no such folder": Mistake("rules check", ("/nowhere", "name a rule file"), {"rules": '["/nowhere"]'}),
    "tabs": Mistake("rules check tabs.yaml", ("tabs.yaml:4:1", "a tab", "write spaces")),
    "an id twice": Mistake("rules check twice.yaml", ("twice.yaml:10", "is taken by the rule at", "choose another")),
    "a field that is none": Mistake("rules check field.yaml", ("field.yaml:6", "'amuont'", "did you mean 'amount'?")),
    "no number": Mistake(
        "events", ("RISK_STREAM_METRICS_PORT: 'http' is no whole number", "take it away"), {"metrics_port": "http"}
    ),
    "a port that is none": Mistake("events", ("'70000' must be 65535 or less",), {"metrics_port": "70000"}),
    "neither yes nor no": Mistake("events", ("'maybe' is neither true nor false",), {"spare": "maybe"}),
    "a list that is no JSON": Mistake("events", ("RISK_STREAM_RULES", "as JSON", '["rules"'), {"rules": "rules"}),
    "a misspelt setting": Mistake(
        "events transfer",
        ("RISK_STREAM_BROKERS is no setting", "did you mean RISK_STREAM_BROKER?"),
        {"brokers": "kafka:9092"},
        code=0,
    ),
    "no port": Mistake("events", ("RISK_STREAM_BROKER: 'kafka' is no host:port",), {"broker": "kafka"}),
    "no time zone": Mistake("console", ("'Asia/Bejing' is no time zone", "Asia/"), {"console_zone": "Asia/Bejing"}),
    "no broker": Mistake("desk", (f"{NOBODY}: connection refused", "set RISK_STREAM_BROKER"), {"broker": NOBODY}),
    "no host": Mistake("desk", ("name or service not known", "RISK_STREAM_BROKER"), {"broker": "kafka.invalid:9092"}),
    "no Redis": Mistake(
        "profile C1", ("connection refused", "start Redis, or set RISK_STREAM_REDIS"), {"redis": f"redis://{NOBODY}/0"}
    ),
    "no JSON lines": Mistake("replay events.txt --rules own.yaml", ("events.txt", "line 1", "not JSON", "send one")),
    "CSV and no mapping": Mistake("replay events.csv --rules own.yaml", ("events.csv is CSV", "--mapping FILE")),
    "a folder of events": Mistake("replay empty --rules own.yaml", ("empty is a folder", "name one file")),
    "no file": Mistake("replay nowhere.jsonl --rules own.yaml", ("nowhere.jsonl", "no such file", "look whether")),
    "a file cut short": Mistake("replay cut.jsonl.gz --rules own.yaml", ("cut.jsonl.gz is damaged", "copy it again")),
    "a zone of a column": Mistake(
        "replay events.csv --mapping zone.yaml --rules own.yaml",
        ("zone.yaml: time", "'Asia/Bejing'", "Asia/"),
    ),
    "a zone of a calendar": Mistake(
        "rules check", ("calendar.yaml:2", "write a time zone", "Asia/"), {"calendars": '["calendar.yaml"]'}
    ),
    "a role that is none": Mistake(
        "access show", ("access.yaml:2", "'emperor' is no role", "officer"), {"people": "emperor"}
    ),
    "a token nobody has": Mistake("alerts list", ("RISK_STREAM_TOKEN", "not known", "ask for a new one")),
    "no Alertmanager": Mistake("mirror", ("No Alertmanager", "set RISK_STREAM_ALERTMANAGER")),
    "a key without its folder": Mistake(
        "desk --check", ("RISK_STREAM_AUDIT_KEY_FILE", "cannot be read"), {"audit_key_file": "/nowhere/key"}
    ),
    "another's certificate": Mistake(
        "topics create", ("RISK_STREAM_KAFKA_CA", "no file"), {"kafka_security": "ssl", "kafka_ca": "/nowhere/ca.pem"}
    ),
}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """FILES in the folder that commands are run in."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if text is None:
            path.mkdir()
        else:
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return tmp_path


def holds(answer: Answer, mistake: Mistake) -> None:
    """The code, the words in their order, and nothing for programmers."""
    said = answer.err + answer.out
    assert answer.code == mistake.code, said
    assert "Traceback" not in said
    at = 0
    for words in mistake.says:
        at = said.find(words, at)
        assert at >= 0, f"{words!r} is not said: {said}"
    assert ".." not in answer.err.replace("...", "")


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("name", HERE)
def test_a_mistake_is_told_in_a_sentence(ask: Ask, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What, where, what to do; and a code that a script notices."""
    mistake = HERE[name]
    house.say_what_is_unknown.cache_clear()
    if name == "a token nobody has":
        monkeypatch.setenv("RISK_STREAM_TOKEN", "rs_nobody")
    holds(ask(*mistake.typed.split(), **mistake.settings), mistake)


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """A broker without topics."""
    with EmbeddedBroker() as embedded:
        yield embedded.address


def test_a_missing_topic_is_named(ask: Ask, broker: str) -> None:
    """With the command that makes it; nobody waits for it for ever."""
    for command in ("desk --metrics-port 0", "rejects list", "margin --metrics-port 0"):
        answer = ask(*command.split(), broker=broker)
        holds(answer, Mistake(command, ("there is no topic risk.", broker, "risk-stream topics create")))
        assert len(answer.err.splitlines()) == 1


def test_topics_with_another_number_of_partitions_are_named(ask: Ask, broker: str) -> None:
    """They stay as they are, which who asked for another number should know."""
    assert ask("topics", "create", "--partitions", 1, broker=broker, prefix="few.").code == 0
    again = ask("topics", "create", "--partitions", 2, broker=broker, prefix="few.")
    assert "0 topics created" in again.out
    assert "left with another number of partitions than is asked for" in again.err
    assert "few.alerts 1" in again.err


def test_a_port_that_is_taken_is_named_with_its_setting(ask: Ask, broker: str) -> None:
    """The one of /metrics, and the console's own."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for command, setting in (("desk --metrics-port {}", "DESK_PORT"), ("canary --metrics-port {}", "CANARY_PORT")):
            said = (f"127.0.0.1:{port}", "address already in use", f"set RISK_STREAM_{setting} to a free port")
            holds(ask(*command.format(port).split(), broker=broker), Mistake(command, said))


@pytest.fixture
def answering() -> Iterator[Answering]:
    """Makes a port that says the same to everybody who says something, or nothing; gives its host:port."""
    sockets: list[socket.socket] = []

    def serve(listening: socket.socket, said: bytes | None) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            sockets.append(connection)
            with contextlib.suppress(OSError):  # who has gone before is not told
                if said is not None:
                    connection.recv(4096)
                    connection.sendall(said)
                    connection.shutdown(socket.SHUT_WR)

    def make(said: bytes | None) -> str:
        listening = socket.create_server(("127.0.0.1", 0))
        sockets.append(listening)
        threading.Thread(target=serve, args=(listening, said), daemon=True).start()
        return f"127.0.0.1:{listening.getsockname()[1]}"

    yield make
    for one in sockets:
        one.close()


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", None], ids=["web", "closes", "silent"])
@pytest.mark.parametrize("command", ["alerts list", "desk", "simulate --days 1"])
def test_what_speaks_no_kafka_is_found_out_at_once(
    ask: Ask,
    answering: Answering,
    said: bytes | None,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A web server's port, one that closes, one that hangs: no client's patience is waited for."""
    monkeypatch.setattr("risk_stream.cli.broker.PATIENCE_MS", 200)
    address, began = answering(said), time.monotonic()
    answer = ask(*command.split(), broker=address, clock="simulated")
    says = (address, "speaks no Kafka", "RISK_STREAM_KAFKA_SECURITY", "set RISK_STREAM_BROKER")
    holds(answer, Mistake(command, says))
    assert time.monotonic() - began < 10


def test_tls_that_nobody_speaks_is_found_out(
    ask: Ask, broker: str, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the setting that asked for it: a broker in the clear, and a port that only hangs."""
    monkeypatch.setattr("risk_stream.cli.broker.PATIENCE_MS", 300)
    for address in (broker, answering(None)):
        answer = ask("alerts", "list", broker=address, kafka_security="ssl")
        holds(answer, Mistake("alerts list", (address, "no TLS is spoken there", "RISK_STREAM_KAFKA_SECURITY")))


def test_a_redis_with_a_password_asks_for_it(ask: Ask, answering: Answering) -> None:
    """And its address is said without the one that was wrong."""
    address = answering(b"-NOAUTH Authentication required.\r\n" * 4)
    answer = ask("profile", "C1", redis=f"redis://:hush@{address}/0")
    holds(answer, Mistake("profile", (f"redis://{address}/0 wants another", "set RISK_STREAM_REDIS_PASSWORD_FILE")))
    assert "hush" not in answer.err


# What a process of its own must show.

#: As a user without rights sees files, though it is root: as its owner, who may not read them.
_NO_RIGHTS = "setpriv --bounding-set=-dac_override,-dac_read_search " if os.geteuid() == 0 else ""
ALONE = {
    "a full disk": Mistake("risk-stream events > /dev/full", ("no space left on device", "make room")),
    "a file too large": Mistake(
        "ulimit -f 8; risk-stream simulate --days 1 -o big.jsonl", ("file too large", "ulimit -f")
    ),
    "no right to a folder": Mistake(f"{_NO_RIGHTS}risk-stream rules check locked", ("locked", "not readable"), code=2),
    "no right to write": Mistake(
        f"{_NO_RIGHTS}risk-stream simulate --days 1 -o locked/x", ("locked/x", "permission denied", "the right")
    ),
    "no home, another folder": Mistake("cd / && env -u HOME risk-stream events transfer", ("transfer",), code=0),
    "a terminal of 1970": Mistake(
        "LANG=C LC_ALL=C PYTHONIOENCODING=ascii TERM=dumb COLUMNS=40 risk-stream alerts list --help",
        ("risk-stream alerts list",),
        code=0,
    ),
    "Python too old": Mistake(
        "make -s install PYTHON=./python2", ("needs Python 3.11 or newer", "found Python 2.7.18", "install one"), code=2
    ),
    "no Python": Mistake("make -s install PYTHON=./none", ("needs Python 3.11 or newer", "or name it"), code=2),
    "Ctrl-C while Kafka is away": Mistake(
        "exec risk-stream worker", (NOBODY, "connection refused", "Waiting for it."), {"broker": NOBODY}, code=0
    ),
    "rules that a worker cannot read, and a log it cannot write": Mistake(
        "exec risk-stream worker --rules /nowhere",
        ("/nowhere/log (no such file", "set RISK_STREAM_LOG_FILE", "/nowhere:", "name the folder", "cannot start"),
        {"broker": "here", "log_file": "/nowhere/log", "prefix": "alone."},
    ),
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, broker: str) -> dict[str, Answer]:
    """What each of ALONE said, all tried side by side."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "locked").mkdir()
    (folder / "locked").chmod(0)
    (folder / "python2").write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 2.7.18\nexit 1\n')
    (folder / "python2").chmod(0o755)
    shutil.copy(ROOT / "Makefile", folder)
    bare = {name: value for name, value in os.environ.items() if not name.startswith("RISK_STREAM_")}
    bare |= {"PATH": f"{Path(sys.executable).parent}:{bare['PATH']}", "PYTHONPATH": str(ROOT)}

    def make(mistake: Mistake) -> Answer:
        given = {f"RISK_STREAM_{n.upper()}": broker if v == "here" else v for n, v in mistake.settings.items()}
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = ["bash", "-c", mistake.typed]
        with subprocess.Popen(command, cwd=folder, env={**bare, **given}, **pipes) as process:  # type: ignore[call-overload]
            if mistake.says[-1:] == ("Waiting for it.",):
                line = process.stderr.readline().decode()
                process.send_signal(signal.SIGINT)
                return Answer(process.wait(30), "", line + process.stderr.read().decode())
            out, err = process.communicate()
        return Answer(process.returncode, out.decode(), err.decode())

    with ThreadPoolExecutor(4) as pool:
        answers = dict(zip(ALONE, pool.map(make, ALONE.values()), strict=True))
    (folder / "locked").chmod(0o700)
    return answers


@pytest.mark.parametrize("name", ALONE)
def test_a_mistake_ends_a_process_with_a_sentence(alone: dict[str, Answer], name: str) -> None:
    """On the terminal of who made it."""
    holds(alone[name], ALONE[name])
