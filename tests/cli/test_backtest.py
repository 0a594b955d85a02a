"""`rules backtest`, `rules diff` and `rules tune`: what rules would have said of a past, from files and from Kafka."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from risk_stream.catalogue import load_catalogue
from tests.cli.conftest import RULES, Ask, transfer
from tests.live.servers import Kafka
from tests.stream.past.test_rejects import house, refused, send

EVENTS = b"\n".join([transfer(1, 0), transfer(2, 1), b"{", transfer(3, 2), transfer(4, 3, amount=2e6), transfer(5, 4)])


@pytest.fixture
def changed(rules: Path, tmp_path: Path) -> Path:
    """The folder `rules` with another threshold, and its shadow rule promoted."""
    folder = tmp_path / "changed"
    shutil.copytree(rules, folder)
    text = RULES.replace("sent_1h >= 3", "sent_1h >= 4").replace("    mode: shadow\n", "")
    (folder / "transfers.yaml").write_text(text)
    return folder


def test_a_change_is_tried_on_files_beside_the_rules_in_force(
    ask: Ask, rules: Path, changed: Path, tmp_path: Path
) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl.gz"
    lines = EVENTS.splitlines(keepends=True)
    one.write_bytes(b"".join(lines[:3]))
    two.write_bytes(gzip.compress(b"".join(lines[3:])))
    answer = ask("rules", "backtest", one, two, "--rules", changed, "--against", rules)
    assert answer.code == 0, answer.err
    said = answer.out.splitlines()
    assert said[:3] == [
        "5 events of 1 day (2023-11-14 to 2023-11-14)",
        "  before: 2 rules, 3 alerts (3.0 a day), 1 of shadow rules",
        "  after: 2 rules, 3 alerts (3.0 a day)",
    ]
    assert "one.jsonl, line 3" in answer.out
    assert "busy-account: drops 1 alert" in said
    assert "large-transfer: the same alerts" not in said
    assert "large-transfer: goes from shadow to live" in said
    assert "  when: sent_1h >= 3  ->  sent_1h >= 4" in said


def test_what_programs_read_has_every_figure(ask: Ask, rules: Path, changed: Path, tmp_path: Path) -> None:
    file, cases = tmp_path / "events.jsonl", tmp_path / "cases.jsonl"
    file.write_bytes(EVENTS)
    cases.write_text('{"event": "t3", "label": "fraud"}\n{"event": "t5", "label": "false_alarm"}\n')
    options = ("--against", rules, "--outcomes", cases, "--processes", "1", "--format", "json")
    answer = ask("rules", "backtest", file, "--rules", changed, *options)
    assert answer.code == 0, answer.err
    busy = next(rule for rule in answer.json["rules"] if rule["rule"] == "busy-account")
    assert busy["sides"]["before"]["judged"] == {
        "right": 1,
        "wrong": 1,
        "found": 1,
        "to_find": 1,
        "precision": 0.5,
        "recall": 1.0,
    }
    assert busy["sides"]["after"]["judged"]["recall"] == 0.0
    assert busy["dropped"]["examples"][0]["event"] == "t3"


def test_the_page_needs_nothing_else_and_takes_no_text_for_markup(ask: Ask, rules: Path, tmp_path: Path) -> None:
    file, page = tmp_path / "events.jsonl", tmp_path / "report.html"
    evil = "<script>alert(1)</script>"
    file.write_bytes(b"\n".join(transfer(n, n, account=evil) for n in range(4)))
    changed = tmp_path / "changed.yaml"
    changed.write_text(RULES.replace(">= 3", ">= 2"))
    assert ask("rules", "backtest", file, "--rules", changed, "--against", rules, "--html", page).code == 0
    text = page.read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    tags = list[str]()

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            assert not {name for name, _ in attrs} & {"src", "href"}

    Tags().feed(text)
    assert tags.count("svg") == 1
    assert "table" in tags


def test_a_difference_is_said_without_a_history_and_with_one(
    ask: Ask, rules: Path, changed: Path, tmp_path: Path
) -> None:
    answer = ask("rules", "diff", rules, changed)
    assert answer.out.splitlines()[0] == "busy-account: edited"
    assert "2 rules differ" in answer.err
    file = tmp_path / "events.jsonl"
    file.write_bytes(EVENTS)
    comment = ask("rules", "diff", rules, changed, "--events", file, "--format", "markdown").out
    assert "| busy-account | edited | 3 | 2 | 0 | 1 | 0 |" in comment
    assert "* `when: sent_1h >= 3 -> sent_1h >= 4`" in comment
    said = ask("rules", "diff", rules, changed, "--format", "json").json
    assert [one["rule"] for one in said["edited"]] == ["busy-account", "large-transfer"]


def test_rules_are_compared_with_those_of_a_revision(ask: Ask, rules: Path, changed: Path) -> None:
    def git(*arguments: str) -> None:
        given = ["-c", "user.name=N", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *given, *arguments], cwd=rules, check=True, capture_output=True)

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    (rules / "transfers.yaml").write_text((changed / "transfers.yaml").read_text())
    answer = ask("rules", "diff", "HEAD", rules=json.dumps([str(rules)]))
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[0] == "busy-account: edited"
    assert "no revision of the rules" in ask("rules", "diff", "HAED", rules=json.dumps([str(rules)])).err


def test_thresholds_are_moved_and_the_one_in_force_is_marked(ask: Ask, rules: Path, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(EVENTS)
    answer = ask("rules", "tune", "busy-account", file, "--rules", rules)
    assert answer.code == 0, answer.err
    said = answer.out.splitlines()
    assert said[0] == "sent_1h >= 3"
    assert [line.split()[:1] for line in said if line.startswith(" *")] == [["*"]]
    assert "no rule 'x'" in ask("rules", "tune", "x", file, "--rules", rules).err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("backtest", "none.jsonl"), "no such file"),
        (("backtest", "empty.jsonl"), "There is no event to judge"),
        (("tune", "busy-account", "empty.jsonl"), "There is no event to judge"),
        (("backtest", "empty.jsonl", "--from", "soon"), "--from soon is no time"),
        (("backtest", "empty.jsonl", "--from", "2026-01-02", "--until", "2026-01-01"), "--until must be later"),
        (("backtest", "empty.jsonl", "--outcomes", "cases.jsonl"), "cases.jsonl: line 1 has no label"),
        (("diff", "nowhere"), "nowhere is no file"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    ask: Ask, rules: Path, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "cases.jsonl").write_text('{"event": "t1"}\n')
    answer = ask("rules", *arguments, rules=json.dumps([str(rules)]))
    assert answer.code == 1
    assert sentence in answer.err
    assert answer.err.count("\n") == 1


@pytest.mark.live
@pytest.mark.timeout(120)
def test_the_houses_topics_hold_the_past(ask: Ask, rules: Path, kafka: Kafka) -> None:
    """Partitions far apart in time are one past in order; what was refused as too late is left out."""
    settings = house(kafka, load_catalogue(), "backtest")
    trades = settings.house_topics["trades"]
    late_one = transfer(5, 1.5)
    send(
        settings,
        trades,
        transfer(3, 2),
        transfer(1, 0),
        late_one,
        *(transfer(n, 500 + n, account="A2") for n in (6, 7)),
    )
    send(settings, trades, transfer(2, 1), transfer(8, 501, account="A2"), partition=1)
    send(settings, settings.rejects_topic, refused(settings, 2, late_one, "late", topic=trades))
    given = {"prefix": settings.prefix, "house_topics": json.dumps(settings.house_topics)}
    options = ("--rules", rules, "--broker", settings.broker, "--processes", "1", "--format", "json")
    answer = ask("rules", "backtest", *options, **given)
    assert answer.code == 0, answer.err
    assert (answer.json["counted"]["events"], answer.json["counted"]["late"]) == (6, 0)
    assert answer.json["sides"]["rules"]["live"] == 2  # on t3 and on t7, each the third within its hour


@pytest.mark.live
@pytest.mark.timeout(120)
def test_rules_are_compared_with_those_that_all_workers_go_by(
    ask: Ask, rules: Path, changed: Path, kafka: Kafka
) -> None:
    settings = house(kafka, load_catalogue(), "published")
    given = {"prefix": settings.prefix, "house_topics": json.dumps(settings.house_topics), "broker": settings.broker}
    assert "No rules are published" in ask("rules", "diff", "published", changed, **given).err
    assert ask("rules", "publish", rules, **given).code == 0
    answer = ask("rules", "diff", "published", changed)
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[0] == "busy-account: edited"
