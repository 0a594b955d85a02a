"""`rejects list`, `show` and `replay` as they are typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from risk_stream.embedded import EmbeddedBroker, free_port
from risk_stream.kafka import reject_message
from tests.cli.conftest import Ask
from tests.cli.test_rebuild import send

NOW = 1_740_787_200_000  # 2025-03-01
TRANSFER = {"id": "t1", "type": "transfer", "time": NOW, "account": "A1", "direction": "out", "amount": 5.0}


@pytest.fixture
def broker() -> Iterator[str]:
    """An embedded broker with refused records on it."""
    from risk_stream.catalogue import load_catalogue
    from risk_stream.kafka import create_topics, wanted_topics
    from risk_stream.settings import Settings

    with EmbeddedBroker() as server:
        create_topics(server.address, wanted_topics(Settings(), load_catalogue()))
        unnamed = {name: value for name, value in TRANSFER.items() if name != "account"}
        values = [
            ("risk.trades", 1, "key", "an event needs its account", json.dumps({**unnamed, "acct": "A1"})),
            ("risk.trades", 2, "json", "this is no JSON", "{"),
            ("risk.trades", 3, "late", "3,000 s late", json.dumps({**TRANSFER, "id": "t3"})),
            ("risk.reference", 1, "field", "no number", json.dumps({"type": "customer", "name": "Wang", "time": NOW})),
        ]
        for topic, offset, reason, message, value in values:
            said = reject_message(
                topic=topic,
                partition=0,
                offset=offset,
                reason=reason,
                message=message,
                value=value.encode(),
                time_ms=NOW + offset * 1000,
            )
            send(server.address, "risk.rejects", said)
        yield server.address


def test_what_was_refused_is_counted_by_reason(ask: Ask, broker: str) -> None:
    """With a sentence of each; filters leave the rest out."""
    answer = ask("rejects", "list", "--broker", broker)
    assert answer.code == 0, answer.err
    assert "an event needs its account" in answer.out
    assert "4 refused" in answer.out
    few = ask("rejects", "list", "--broker", broker, "--topic", "risk.trades", "--since", "2025-03-01T00:00:02")
    assert "2 refused" in few.out
    assert "0 refused" in ask("rejects", "list", "--broker", broker, "--since", "1h").out
    assert "1 refused" in ask("rejects", "list", "--broker", broker, "--text", "wang").out


def test_each_record_is_listed(ask: Ask, broker: str) -> None:
    """By time, the newest where there are more than asked for; personal data masked."""
    answer = ask("rejects", "list", "--broker", broker, "--format", "rows", "--topic", "risk.trades", "--last", 2)
    assert "risk.trades/0/3" in answer.out
    assert "risk.trades/0/1" not in answer.out
    assert "and 1 older" in answer.out
    lines = ask("rejects", "list", "--broker", broker, "--format", "json").lines
    assert [line["record"].rpartition("/")[2] for line in lines] == ["1", "1", "2", "3"]
    assert "Wang" not in json.dumps(lines)


def test_one_record_is_shown(ask: Ask, broker: str) -> None:
    """Place, reason, sentence, value; masked unless asked otherwise."""
    answer = ask("rejects", "show", "risk.reference/0/1", "--broker", broker)
    assert answer.code == 0, answer.err
    assert "no number" in answer.out
    assert "2025-03-01 00:00:01 UTC" in answer.out
    assert "Wang" not in answer.out
    assert "Wang" in ask("rejects", "show", "risk.reference/0/1", "--broker", broker, "--unmasked").out
    said = ask("rejects", "show", "risk.trades/0/2", "--broker", broker, "--format", "json").json
    assert (said["value"], said["sent_again"]) == ("{", False)
    missing = ask("rejects", "show", "risk.trades/0/99", "--broker", broker)
    assert missing.code == 1
    assert "There is no refused record risk.trades/0/99" in missing.err


def test_records_are_mended_and_sent_once(ask: Ask, broker: str, tmp_path: Path) -> None:
    """First said, then done, then nothing is left to do."""
    (tmp_path / "mend.yaml").write_text("- {reason: key, rename: {acct: account}}\n")
    with_map = ("rejects", "replay", "--broker", broker, "--map", "mend.yaml")
    tried = ask(*with_map, "--dry-run")
    assert tried.code == 0, tried.err
    assert "1 would be accepted; nothing was sent" in tried.out
    assert "2 would be refused again" in tried.out
    assert "1 came too late and would be refused again: --recover judges them" in tried.out
    assert "1 sent to risk.mended" in ask(*with_map).out
    again = ask(*with_map)
    assert "0 sent to risk.mended" in again.out
    assert "1 were sent before" in again.out
    assert ask("rejects", "show", "risk.trades/0/1", "--broker", broker, "--format", "json").json["sent_again"]


def test_what_a_rule_judges_later_is_said_to_wait(ask: Ask, broker: str, rules: Path) -> None:
    """With the time from which on another run has something to say."""
    path = rules / "transfers.yaml"
    path.write_text(path.read_text().replace("    when: sent_1h", "    after: 400d\n    when: sent_1h"))
    tried = ask("rejects", "replay", "--recover", "--dry-run", "--broker", broker, "--rules", rules)
    assert tried.code == 0, tried.err
    assert "alerts that would be said: 0" in tried.out
    assert "1 wait for a rule that judges later: run it again when these are due, from 2026-04-05" in tried.out


def test_what_came_too_late_is_recovered(ask: Ask, broker: str, rules: Path) -> None:
    """Judged over its keys' history; what it means is shown."""
    for n in (1, 2):
        send(broker, "risk.trades", json.dumps({**TRANSFER, "id": f"before-{n}", "time": NOW - n}).encode())
    answer = ask("rejects", "replay", "--recover", "--broker", broker, "--rules", rules)
    assert answer.code == 0, answer.err
    assert "A1 made 3 transfers within an hour" in answer.out
    assert "too late and judged now: 1, over 2 events of their keys; alerts said: 1" in answer.out
    assert (
        "too late and judged now: 0" in ask("rejects", "replay", "--recover", "--broker", broker, "--rules", rules).out
    )


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        (("list", "--since", "yesterday"), 2, "'yesterday' is no time"),
        (("replay", "--map", "nowhere.yaml"), 1, "nowhere.yaml: cannot read the file"),
        (("list",), 1, "Kafka does not answer at"),
        (("replay",), 1, "Kafka does not answer at"),
        (("show", "risk.trades/0/1"), 1, "Kafka does not answer at"),
    ],
)
def test_what_is_wrong_is_one_sentence(ask: Ask, arguments: tuple[str, ...], code: int, what: str, broker: str) -> None:
    """A time that is none, a file or broker that is not there."""
    address = broker if "--since" in arguments else f"127.0.0.1:{free_port()}"
    answer = ask("rejects", *arguments, "--broker", address)
    assert (answer.code, len(answer.err.strip().splitlines())) == (code, 1), answer.err
    assert what in answer.err
