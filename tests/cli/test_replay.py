"""`replay` says what a worker would have said, counts what is no event, and refuses a bad file in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Ask
from tests.cli.test_decide import house_that_decides


def test_alerts_come_as_json_lines_and_the_counts_apart(ask: Ask, rules: Path, transfers: Path) -> None:
    """stdout is for the next program, stderr for the person."""
    answer = ask("replay", transfers, "--rules", rules)
    assert answer.code == 0
    assert [(alert["rule"], alert["event"]) for alert in answer.lines] == [
        ("busy-account", "t2"),
        ("busy-account", "t3"),
    ]
    assert answer.lines[0]["summary"] == "A1 made 3 transfers within an hour"
    assert "4 events, 2 alerts" in answer.err
    assert "1 refused" in answer.err
    assert "line 5" in answer.err


def test_the_same_file_says_the_same_bytes(ask: Ask, rules: Path, transfers: Path) -> None:
    """Twice."""
    assert ask("replay", transfers, "--rules", rules).out == ask("replay", transfers, "--rules", rules).out


def test_a_table_is_for_people(ask: Ask, rules: Path, transfers: Path) -> None:
    """Time, severity, stage, rule and the sentence."""
    answer = ask("replay", transfers, "--rules", rules, "--format", "table")
    assert "2025-03-01 00:02:00" in answer.out
    assert "A1 made 3 transfers within an hour" in answer.out


def test_both_go_into_a_file(ask: Ask, rules: Path, transfers: Path, tmp_path: Path) -> None:
    """And nothing to stdout then."""
    for format in ("jsonl", "table"):
        answer = ask("replay", transfers, "--rules", rules, "--format", format, "-o", tmp_path / format)
        assert answer.out == ""
    assert len((tmp_path / "jsonl").read_text().splitlines()) == 2
    assert "busy-account" in (tmp_path / "table").read_text()


def test_what_was_refused_is_kept_with_its_line_and_reason(
    ask: Ask, rules: Path, transfers: Path, tmp_path: Path
) -> None:
    """To be mended and replayed."""
    ask("replay", transfers, "--rules", rules, "--rejects", tmp_path / "refused.jsonl")
    (refused,) = [json.loads(line) for line in (tmp_path / "refused.jsonl").read_text().splitlines()]
    assert (refused["file"], refused["line"]) == ("events.jsonl", 5)
    assert refused["reason"]
    assert refused["message"]
    assert refused["record"] == '{"type": "transfer", "time": "soon"}'


def test_an_event_without_an_id_is_known_by_its_line(ask: Ask, rules: Path, transfers: Path) -> None:
    """So that the same alert has the same name next time."""
    transfers.write_text(transfers.read_text().replace('"id": "t2", ', ""))
    assert ask("replay", transfers, "--rules", rules).lines[0]["event"] == "events.jsonl/3"


def test_csv_is_read_by_its_mapping(ask: Ask, rules: Path, tmp_path: Path) -> None:
    """The bank's own columns."""
    (tmp_path / "t.csv").write_text("tx,at,acct,sum\n" + "".join(f"{i},{1740787200 + i},A1,10\n" for i in range(3)))
    mapping = tmp_path / "m.yaml"
    mapping.write_text(
        "type: transfer\nfields: {id: tx, time: {column: at, format: s}, account: acct, amount: sum,"
        " direction: {value: out}}\n"
    )
    answer = ask("replay", tmp_path / "t.csv", "--mapping", mapping, "--rules", rules)
    assert answer.code == 0
    assert [alert["event"] for alert in answer.lines] == ["2"]


def test_decisions_are_counted_beside_alerts(ask: Ask, tmp_path: Path) -> None:
    """`decide` shows them."""
    rules, events = house_that_decides(tmp_path)
    assert "2 decisions: 1 approve, 1 decline" in ask("replay", events, "--rules", rules).err


def test_a_file_without_an_event_is_an_error(ask: Ask, rules: Path, tmp_path: Path) -> None:
    """The wrong file was named: say why its first line is none."""
    (tmp_path / "notes.txt").write_text("dear diary\n")
    answer = ask("replay", tmp_path / "notes.txt", "--rules", rules)
    assert answer.code == 1
    assert "no record of notes.txt is an event: line 1: " in answer.err


def test_rules_are_checked_first(ask: Ask, rules: Path, transfers: Path) -> None:
    """Nothing is judged by half a plan."""
    path = rules / "transfers.yaml"
    path.write_text(path.read_text().replace("amount >=", "amuont >="))
    answer = ask("replay", transfers, "--rules", rules)
    assert answer.code == 1
    assert answer.out == ""
    assert f"{path}:14:11" in answer.err


def test_an_event_out_of_order_is_put_in_its_place_and_a_too_late_one_refused(
    ask: Ask, rules: Path, transfers: Path
) -> None:
    """As in a worker; here they come in one batch, so what is said first is what holds."""
    events = [json.loads(line) for line in transfers.read_text().splitlines()[:4]]
    behind = {**events[3], "id": "behind", "time": events[3]["time"] - 5_000}
    late = {**events[3], "id": "late", "time": events[3]["time"] - 3_600_000}
    transfers.write_text("".join(json.dumps(event) + "\n" for event in [*events, behind, late]))
    answer = ask("replay", transfers, "--rules", rules)
    said = [(alert["event"], alert["status"]) for alert in answer.lines]
    assert said == [("t2", "raised"), ("t3", "raised"), ("behind", "raised")]
    assert [alert["features"]["sent_1h"] for alert in answer.lines] == [3, 5, 4]
    assert "5 events, 3 alerts" in answer.err
    assert "1 late" in answer.err
    table = ask("replay", transfers, "--rules", rules, "--format", "table").out
    assert table.count("A1 made") == 3
