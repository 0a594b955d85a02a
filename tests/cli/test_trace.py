"""`rules trace` says why a rule fired on an event or did not, from a file and from Kafka."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from risk_stream.catalogue import load_catalogue
from tests.cli.conftest import Ask, transfer
from tests.live.servers import Kafka
from tests.stream.past.test_rejects import house, refused, send


def test_every_comparison_is_said_with_its_values(ask: Ask, rules: Path, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join([transfer(1, 0), transfer(2, 1), b"{", transfer(3, 2), transfer(4, 3)]))
    answer = ask("rules", "trace", "t3", "--events", file, "--rules", rules)
    assert answer.code == 0, answer.err
    assert answer.out.splitlines() == [
        "busy-account (high): fires",
        "  yes sent_1h >= 3   [sent_1h is 3]",
        "large-transfer (medium, shadow): is quiet",
        "  no  amount >= 1000000   [amount is 5.00]",
    ]
    said = ask("rules", "trace", "t2", "--events", file, "--rules", rules, "--rule", "busy-account", "--format", "json")
    (one,) = said.json["rules"]
    assert (one["fired"], one["features"], one["step"]["holds"]) == (False, {"account": "A1", "sent_1h": 2}, False)


def test_what_cannot_be_traced_is_said_in_a_sentence(ask: Ask, rules: Path, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(transfer(1, 0))
    answer = ask("rules", "trace", "t9", "--events", file, "--rules", rules)
    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert "No rule that was asked judges an event 't9'" in answer.err
    assert "no such file" in ask("rules", "trace", "t9", "--events", tmp_path / "none", "--rules", rules).err
    assert "no rule 'x'" in ask("rules", "trace", "t9", "--events", file, "--rules", rules, "--rule", "x").err


@pytest.mark.live
@pytest.mark.timeout(120)
def test_the_houses_topics_hold_the_past(ask: Ask, rules: Path, kafka: Kafka) -> None:
    """In whatever partition and order it came; what was refused as too late did not count, and does not here."""
    settings = house(kafka, load_catalogue(), "trace")
    trades = settings.house_topics["trades"]
    late_one = transfer(5, 1.5)
    send(settings, trades, transfer(3, 2), transfer(1, 0), late_one, transfer(9, 1, account="A2"))
    send(settings, trades, transfer(2, 1), partition=1)
    send(settings, settings.rejects_topic, refused(settings, 2, late_one, "late", topic=trades))
    given = {"prefix": settings.prefix, "house_topics": json.dumps(settings.house_topics)}
    answer = ask("rules", "trace", "t3", "--rules", rules, "--broker", settings.broker, **given)
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[1] == "  yes sent_1h >= 3   [sent_1h is 3]"
