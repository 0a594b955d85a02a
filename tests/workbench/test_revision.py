"""Rule files as they were at a revision: named as they are now, and only what is a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from risk_stream.workbench.revision import GitError, texts_at
from tests.workbench.test_history import RULES, Repository


def test_files_are_as_they_were_by_the_names_that_they_have_now(tmp_path: Path) -> None:
    """A byte order mark is none of their text; what is hidden or a link is no rule file."""
    house = Repository(tmp_path / "house")
    (house.top / "desk").mkdir()
    (house.top / ".old.yaml").write_text("stage: trading\n")
    (house.top / "linked.yaml").symlink_to("desk/a.yml")
    (house.top / "desk" / "a.yml").write_text("\ufeff" + RULES)
    house.commit(b=RULES)
    house.commit(b=None, c=RULES)
    desk, old, new = (str(house.top / name) for name in ("desk/a.yml", "b.yaml", "c.yaml"))
    assert texts_at("HEAD~1", [house.top]) == {desk: RULES, old: RULES}
    assert texts_at("HEAD", [Path(new), house.top / "desk"]) == {new: RULES, desk: RULES}
    assert texts_at("HEAD~1", [Path(new)]) == {}


def test_what_is_no_revision_or_no_text_is_said(tmp_path: Path) -> None:
    """Not taken for one without rules."""
    house = Repository(tmp_path / "house")
    (house.top / "b.yaml").write_bytes(b"\xff\xfe")
    house.commit(a=RULES)
    with pytest.raises(UnicodeDecodeError):
        texts_at("HEAD", [house.top])
    with pytest.raises(GitError):
        texts_at("--all", [house.top])
