"""`rules history` tells an auditor which versions of a rule there were, and says where it cannot know."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import RULES, Ask
from tests.workbench.test_history import Repository


@pytest.fixture
def house(tmp_path: Path) -> Repository:
    """A repository with two versions of one of its rules."""
    made = Repository(tmp_path / "repository")
    made.commit(a=RULES)
    made.commit("Bob", "Fire later", a=RULES.replace("sent_1h >= 3", "sent_1h >= 4"))
    return made


def test_a_rule_is_shown_with_its_versions_the_newest_first(ask: Ask, house: Repository) -> None:
    """When, which, what changed, by whom, in which commit."""
    answer = ask("rules", "history", "busy-account", "--rules", house.top)
    head, newest, oldest = [" ".join(line.split()) for line in answer.out.splitlines()]
    assert head == "busy-account a.yaml:7"
    assert newest.startswith("2026-03-02 09:01 ")
    assert " when Bob " in newest
    assert newest.endswith(" Fire later")
    assert " new Ann " in oldest


def test_without_a_name_each_rule_has_a_row(ask: Ask, house: Repository) -> None:
    """How it is now."""
    out = ask("rules", "history", "--rules", house.top).out
    rows = {words[0]: words for words in map(str.split, out.splitlines()) if words}
    assert rows["busy-account"][1] == "2"
    assert rows["busy-account"][-2:] == ["when", "Bob"]
    assert rows["large-transfer"][1] == "1"


def test_all_of_it_is_data_too(ask: Ask, house: Repository) -> None:
    """Whole, with commit and author."""
    said = ask("rules", "history", "busy-account", "--rules", house.top, "--format", "json").json
    assert (said["shallow"], said["unread"], list(said["rules"])) == (False, [], ["busy-account"])
    first, second = said["rules"]["busy-account"]
    assert (first["changed"], second["changed"], second["commit"]["author"]) == (["new"], ["when"], "Bob")
    assert first["version"] != second["version"]


def test_what_cannot_be_told_is_a_sentence(
    ask: Ask, house: Repository, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown rule, an unknown folder, a folder outside git."""
    answer = ask("rules", "history", "busy-acount", "--rules", house.top)
    assert (answer.code, 'did you mean "busy-account"?' in answer.err) == (1, True)
    assert "does not exist" in ask("rules", "history", "--rules", "nowhere").err
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(rules.parent))
    answer = ask("rules", "history", "--rules", rules)
    assert (
        answer.code,
        "is in no git repository, so nothing is known of its past: keep the rules in one." in answer.err,
    ) == (1, True)
