"""Rules reload when their files change; a bad edit is refused whole and the last good plan stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from risk_stream.rules import PlanError, PlanSource
from tests.rules.house import catalogue, rule_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.yaml").write_text(rule_file("paid > 5"))
    return tmp_path


def conditions(source: PlanSource) -> list[str]:
    return [rule.when for rule in source.plan.rules]


def test_nothing_changed_is_no_new_plan(folder: Path) -> None:
    source = PlanSource([folder], catalogue())
    assert [source.poll() for _ in range(3)] == [None, None, None]


def test_an_edit_makes_a_new_plan_once(folder: Path) -> None:
    source = PlanSource([folder], catalogue())
    (folder / "a.yaml").write_text(rule_file("paid > 6"))
    assert source.poll() is source.plan
    assert (conditions(source), source.poll()) == (["paid > 6"], None)


def test_a_file_put_there_or_taken_away_makes_a_new_plan(folder: Path) -> None:
    source = PlanSource([folder], catalogue())
    (folder / "b.yaml").write_text(rule_file("cost > 7").replace("r0", "r1"))
    assert source.poll() is not None
    assert conditions(source) == ["paid > 5", "cost > 7"]
    (folder / "a.yaml").unlink()
    assert source.poll() is not None
    assert conditions(source) == ["cost > 7"]


def test_a_bad_edit_is_said_once_and_the_last_good_plan_stays(folder: Path) -> None:
    source = PlanSource([folder], catalogue())
    good = source.plan
    (folder / "a.yaml").write_text(rule_file("piad > 6"))
    with pytest.raises(PlanError, match="did you mean 'paid'"):
        source.poll()
    assert (source.plan, source.poll()) == (good, None)
    (folder / "a.yaml").write_text(rule_file("paid > 7"))
    assert source.poll() is not None
    assert conditions(source) == ["paid > 7"]


def test_taking_a_bad_edit_back_leaves_the_plan_as_it_was(folder: Path) -> None:
    source = PlanSource([folder], catalogue())
    (folder / "a.yaml").write_text("rules: [")
    with pytest.raises(PlanError):
        source.poll()
    (folder / "a.yaml").write_text(rule_file("paid > 5"))
    assert (source.poll(), conditions(source)) == (None, ["paid > 5"])


def test_a_comment_or_a_touch_is_no_new_plan(folder: Path) -> None:
    source = PlanSource([folder], catalogue())
    os.utime(folder / "a.yaml", (1, 1))
    assert source.poll() is None
    (folder / "a.yaml").write_text("# why not\n" + rule_file("paid > 5"))
    assert source.poll() is None


def test_a_file_of_the_same_size_and_time_is_noticed(folder: Path) -> None:
    source = PlanSource([folder], catalogue())
    old = (folder / "a.yaml").stat()
    (folder / "new").write_text(rule_file("paid > 8"))
    os.utime(folder / "new", ns=(old.st_atime_ns, old.st_mtime_ns))
    (folder / "new").replace(folder / "a.yaml")
    assert source.poll() is not None
    assert conditions(source) == ["paid > 8"]


def test_a_folder_that_vanishes_or_empties_is_refused_and_the_plan_stays(folder: Path) -> None:
    source = PlanSource([folder], catalogue())
    (folder / "a.yaml").unlink()
    with pytest.raises(PlanError, match="this folder holds no rule file"):
        source.poll()
    folder.rmdir()
    assert conditions(source) == ["paid > 5"]
    folder.mkdir()
    (folder / "a.yaml").write_text(rule_file("paid > 9"))
    assert source.poll() is not None
    assert conditions(source) == ["paid > 9"]


def test_rules_that_are_bad_at_the_start_are_refused(folder: Path) -> None:
    (folder / "a.yaml").write_text("stage: nowhere\n")
    with pytest.raises(PlanError, match="stage cannot be 'nowhere'"):
        PlanSource([folder], catalogue())


def test_why_the_files_cannot_be_used_is_known_until_they_are_mended(folder: Path) -> None:
    """Also where the edit is taken back, which makes no new plan."""
    source = PlanSource([folder], catalogue())
    assert source.problem is None
    (folder / "a.yaml").write_text(rule_file("piad > 6"))
    with pytest.raises(PlanError) as raised:
        source.poll()
    assert (source.poll(), source.problem) == (None, raised.value)
    (folder / "a.yaml").write_text(rule_file("paid > 5"))
    assert (source.poll(), source.problem) == (None, None)
