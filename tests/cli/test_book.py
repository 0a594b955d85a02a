"""`rules docs` writes the page for auditors, with versions where git knows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import RULES, Ask
from tests.workbench.test_history import Repository


@pytest.mark.parametrize("name", ["rules.html", "rules.md"])
def test_the_page_is_written_with_rules_and_versions(ask: Ask, tmp_path: Path, name: str) -> None:
    """As the suffix says."""
    house = Repository(tmp_path / "repository")
    house.commit("Bob", "Watch accounts", a=RULES)
    answer = ask("rules", "docs", house.top, "--out", tmp_path / name)
    assert (answer.code, answer.out.strip()) == (0, f"ok 2 rules in {tmp_path / name}")
    page = (tmp_path / name).read_text()
    assert page.startswith("<!DOCTYPE html>" if name.endswith("html") else "# Rules")
    assert all(word in page for word in ("busy-account", "large-transfer", "desk", "Bob", "Watch accounts"))


def test_without_git_the_rest_is_written(
    ask: Ask, rules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is said what is missing."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    answer = ask("rules", "docs", rules, "--out", "rules.html")
    assert (answer.code, "without history: " in answer.err) == (0, True)
    assert "busy-account" in (tmp_path / "rules.html").read_text()


def test_what_cannot_be_written_is_a_sentence(ask: Ask, rules: Path) -> None:
    """Another kind of file, a folder that is not there, wrong rules."""
    answer = ask("rules", "docs", rules, "--out", "rules.pdf")
    assert (answer.code, "neither HTML nor Markdown" in answer.err) == (1, True)
    answer = ask("rules", "docs", rules, "--out", "nowhere/rules.html")
    assert (answer.code, "no such file or directory" in answer.err) == (1, True)
    (rules / "wrong.yaml").write_text("stage: x\n")
    answer = ask("rules", "docs", rules, "--out", "rules.html")
    assert (answer.code, "wrong.yaml:1:8" in answer.err) == (1, True)
