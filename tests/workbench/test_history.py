"""What git knows of rules: each version once, with who and when, wherever its file was."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from risk_stream.calendars import shipped
from risk_stream.catalogue import load_catalogue
from risk_stream.workbench.history import History, RuleVersion, history
from risk_stream.workbench.revision import GitError

CORE = load_catalogue()

RULES = """\
stage: trading
owner: desk
features:
  sent_1h: {count: transfer, by: account, window: 1h}
rules:
  - id: burst
    on: transfer
    when: sent_1h >= 3
    severity: low
    summary: "{account} sent {sent_1h}"
"""


class Repository:
    """A repository in a folder, in which each commit is a minute after the one before."""

    def __init__(self, top: Path) -> None:
        self.top, self.minutes = top, 0
        top.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, author: str = "Ann") -> None:
        """Run git as an author."""
        when = f"2026-03-02T09:{self.minutes:02}:00+08:00"
        who = {"NAME": author, "EMAIL": f"{author}@example.com".replace("\n", ""), "DATE": when}
        named = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
        own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        subprocess.run(["git", "-C", self.top, *arguments], env={**os.environ, **named, **own}, check=True, timeout=60)

    def commit(self, author: str = "Ann", subject: str = "Change", **files: str | None) -> None:
        """Write files, `a` as a.yaml, None to remove it, and commit them."""
        for name, text in files.items():
            path = self.top / f"{name}.yaml"
            if text is None:
                path.unlink()
            else:
                path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", subject, author=author)
        self.minutes += 1

    def history(self) -> History:
        """What is known of the whole folder."""
        return history([self.top], CORE, shipped())


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """An empty one."""
    return Repository(tmp_path / "house")


def told(versions: tuple[RuleVersion, ...]) -> list[tuple[str, ...]]:
    """What changed, version by version."""
    return [version.changed for version in versions]


def test_each_version_is_there_with_who_when_and_what_changed(repository: Repository) -> None:
    """In the order in which they came."""
    repository.commit(a=RULES)
    repository.commit("Bob", "Fire later", a=RULES.replace(">= 3", ">= 4"))
    repository.commit("Eve", a=RULES.replace(">= 3", ">= 4").replace("low", "{high: amount > 9, low: otherwise}"))
    versions = repository.history().rules["burst"]
    assert told(versions) == [("new",), ("when",), ("severity",)]
    assert len({version.version for version in versions}) == 3
    commits = [version.commit for version in versions]
    assert [(c.author, c.when, c.subject) for c in commits if c is not None] == [
        ("Ann", "2026-03-02T09:00:00+08:00", "Change"),
        ("Bob", "2026-03-02T09:01:00+08:00", "Fire later"),
        ("Eve", "2026-03-02T09:02:00+08:00", "Change"),
    ]
    assert [(version.file, version.line) for version in versions] == [("a.yaml", 6)] * 3


CHANGES = {
    "when": (">= 3", ">= 4"),
    "severity": ("severity: low", "severity: high"),
    "features": ("window: 1h", "window: 2h"),
    "summary": ("sent {sent_1h}", "has sent {sent_1h}"),
    "on": ("on: transfer", "on: [transfer, order]"),
    "stage": ("stage: trading", "stage: portfolio"),
    "mode": ("severity: low", "severity: low\n    mode: shadow"),
    "owner": ("owner: desk", "owner: office"),
    "why": ("severity: low", "severity: low\n    why: It is so."),
    "tags": ("owner: desk", "owner: desk\ntags: [fraud]"),
    "at_most": ("severity: low", "severity: low\n    at_most: {alerts: 1, per: account, within: 1d}"),
    "score": ("severity: low", "severity: low\n    score: 5"),
    "action": ("severity: low", "severity: low\n    action: call"),
    "approximate": ("severity: low", "severity: low\n    approximate: ok"),
    "after": ("severity: low", "severity: low\n    after: 3d"),
    "validity": ("severity: low", "severity: low\n    until: 2026-12-31"),
    "group": ("severity: low", "severity: low\n    group: reports"),
}


@pytest.mark.parametrize("word", CHANGES)
def test_what_changed_is_said_in_a_word(repository: Repository, word: str) -> None:
    """The version is another where the rule's meaning is, and not where its mode, its owner or a reason changed."""
    repository.commit(a=RULES)
    repository.commit(a=RULES.replace(*CHANGES[word]))
    first, second = repository.history().rules["burst"]
    assert second.changed == (word,)
    assert (first.version == second.version) == (word in {"mode", "owner", "why", "tags", "group", "at_most"})


def test_a_rule_that_is_live_for_more_keys_has_another_mode(repository: Repository) -> None:
    """For a tenth, for a half, for all."""
    for mode in ("{live: 10%, by: account}", "{live: 50%, by: account}", "live"):
        repository.commit(a=RULES.replace("severity: low", f"severity: low\n    mode: {mode}"))
    assert told(repository.history().rules["burst"]) == [("new",), ("mode",), ("mode",)]


def test_a_constant_in_another_file_makes_a_version_of_the_rule_that_uses_it(repository: Repository) -> None:
    """Though its own file is the same."""
    text = RULES.replace("owner: desk", "owner: desk\nimport: shared.yaml").replace(">= 3", ">= most")
    repository.commit(a=text, shared="constants: {most: 3}\n")
    repository.commit(shared="constants: {most: 4}\n")
    assert told(repository.history().rules["burst"]) == [("new",), ("constants",)]


def test_a_rule_that_moves_or_is_written_in_another_way_has_no_new_version(repository: Repository) -> None:
    """Between files, lines and names of features."""
    repository.commit(a=RULES)
    repository.commit(a=None, b="# moved\n\n" + RULES)
    repository.commit(b=RULES.replace("sent_1h", "sent").replace("when: sent >= 3", "when: >\n      (sent >= 3)"))
    [only] = repository.history().rules["burst"]
    assert (only.changed, only.file) == (("new",), "a.yaml")


def test_a_rule_that_is_removed_and_comes_back_is_new_again(repository: Repository) -> None:
    """With the version that it had."""
    other = RULES.replace("burst", "other")
    repository.commit(a=RULES, b=other)
    repository.commit(a=None)
    repository.commit(a=RULES)
    versions = repository.history().rules["burst"]
    assert told(versions) == [("new",), ("removed",), ("new",)]
    assert versions[1].version == ""
    assert versions[0].version == versions[2].version
    assert told(repository.history().rules["other"]) == [("new",)]


def test_what_is_not_committed_comes_last(repository: Repository) -> None:
    """Of a repository without any commit too."""
    (repository.top / "a.yaml").write_text(RULES)
    [only] = repository.history().rules["burst"]
    assert (only.changed, only.commit) == (("new",), None)
    repository.commit(a=RULES)
    (repository.top / "a.yaml").write_text(RULES.replace(">= 3", ">= 5"))
    first, last = repository.history().rules["burst"]
    assert first.commit is not None
    assert (last.changed, last.commit) == (("when",), None)


def test_a_file_that_did_not_load_changes_nothing_and_is_named(repository: Repository) -> None:
    """As in a worker: its last good rules stay."""
    repository.commit(a=RULES)
    repository.commit(a=RULES.replace("sent_1h >=", "snet_1h >="))
    repository.commit(b="# nothing to do with it\n")
    repository.commit(a=RULES.replace(">= 3", ">= 4"), b=None)
    found = repository.history()
    assert told(found.rules["burst"]) == [("new",), ("when",)]
    assert [(gap.file, "did you mean 'sent_1h'" in gap.said) for gap in found.unread] == [
        ("a.yaml", True),
        ("b.yaml", False),
    ]


def test_a_merged_branch_is_one_change_where_it_came_in(repository: Repository) -> None:
    """What was tried on the branch is its own affair."""
    repository.commit(a=RULES)
    repository.git("checkout", "--quiet", "-b", "work")
    repository.commit(a=RULES.replace(">= 3", ">= 7"))
    repository.commit(a=RULES.replace(">= 3", ">= 8"))
    repository.git("checkout", "--quiet", "main")
    repository.commit(b=RULES.replace("burst", "other"))
    repository.git("merge", "--quiet", "--no-ff", "-m", "Merge work", "work", author="Bob")
    versions = repository.history().rules["burst"]
    assert told(versions) == [("new",), ("when",)]
    assert versions[1].commit is not None
    assert (versions[1].commit.author, versions[1].commit.subject) == ("Bob", "Merge work")


def test_only_the_files_that_are_asked_for_are_read(repository: Repository) -> None:
    """A folder, or a file; not what is hidden, no rule file, or larger than one may be."""
    inner = repository.top / "odd [name]" / "in"
    inner.mkdir(parents=True)
    (inner / "a.yaml").write_text(RULES)
    (inner / ".hidden.yaml").write_text(RULES.replace("burst", "hidden"))
    (inner / "notes.txt").write_text("no rules")
    repository.commit(b=RULES.replace("burst", "other"), c="# " + "x" * 2_000_001)
    (repository.top / "c.yaml").unlink()
    assert set(history([inner.parent], CORE, shipped()).rules) == {"burst"}
    assert set(history([inner / "a.yaml"], CORE, shipped()).rules) == {"burst"}
    assert set(repository.history().rules) == {"burst", "other"}


def test_what_git_stores_is_shown_without_what_could_command_a_terminal(repository: Repository) -> None:
    """Names and subjects come from whoever commits."""
    repository.commit("A\x1b[31mB", "Do \x1b]0;it\u202e", a=RULES)
    [only] = repository.history().rules["burst"]
    assert only.commit is not None
    assert (only.commit.author, only.commit.subject) == ("A?[31mB", "Do ?]0;it?")


def test_a_shallow_clone_says_that_it_is_one(repository: Repository, tmp_path: Path) -> None:
    """What it calls new may be older."""
    repository.commit(a=RULES)
    repository.commit(a=RULES.replace(">= 3", ">= 4"))
    assert not repository.history().shallow
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.top}", str(tmp_path / "clone"))
    found = history([tmp_path / "clone"], CORE, shipped())
    assert found.shallow
    assert told(found.rules["burst"]) == [("new",)]


def test_where_there_is_no_git_it_is_said_in_a_sentence(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No repository, several of them, or no program."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.yaml").write_text(RULES)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(GitError, match="is in no git repository"):
        history([outside], CORE, shipped())
    other = Repository(tmp_path / "other")
    with pytest.raises(GitError, match="several git repositories"):
        history([repository.top, other.top], CORE, shipped())
    monkeypatch.setenv("PATH", str(outside))
    with pytest.raises(GitError, match="git is not installed here"):
        history([repository.top], CORE, shipped())
