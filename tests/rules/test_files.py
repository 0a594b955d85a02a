"""Only what a house means to be rules is read: no editor's files, no hidden ones, no links that lead nowhere."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from risk_stream.rules import PlanError, PlanSource, load_plan
from risk_stream.rules.files import read_rule_file, rule_files
from risk_stream.rules.limits import MAX_FILE_BYTES
from tests.rules.house import catalogue, rule_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "a.yaml").write_text(rule_file("paid > 1"))
    return rules


def names(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in rule_files([folder])]


def test_folders_within_folders_are_read_in_the_order_of_their_names(folder: Path) -> None:
    for name in ("b/c/d.yml", "b/a.yaml", "Z.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    assert names(folder) == ["Z.yaml", "a.yaml", "b/a.yaml", "b/c/d.yml"]


@pytest.mark.parametrize(
    "name",
    [".a.yaml.swp", "a.yaml~", "4913", "a.yaml.tmp", "#a.yaml#", ".#a.yaml", ".git/config.yaml", "a.json", "README.md"],
)
def test_what_editors_and_git_leave_there_is_no_rule_file(folder: Path, name: str) -> None:
    source = PlanSource([folder], catalogue())
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("half a")
    assert (names(folder), source.poll()) == (["a.yaml"], None)


def test_an_editor_that_writes_beside_and_renames_is_followed(folder: Path) -> None:
    source = PlanSource([folder], catalogue())
    (folder / "a.yaml.tmp").write_text(rule_file("paid > 3"))
    assert source.poll() is None
    (folder / "a.yaml.tmp").replace(folder / "a.yaml")
    assert source.poll() is not None
    assert source.plan.rules[0].when == "paid > 3"


def test_a_link_that_leads_nowhere_or_to_a_folder_is_no_rule_file(folder: Path) -> None:
    (folder / "lost.yaml").symlink_to(folder / "gone")
    (folder / "round").symlink_to(folder)
    assert names(folder) == ["a.yaml"]


def test_the_files_of_a_config_map_are_read_once_and_followed_when_they_are_swapped(tmp_path: Path) -> None:
    for version, when in (("..v1", "paid > 1"), ("..v2", "paid > 2")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "a.yaml").write_text(rule_file(when))
    (tmp_path / "..data").symlink_to("..v1")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    source = PlanSource([tmp_path], catalogue())
    (tmp_path / "..data_tmp").symlink_to("..v2")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")
    assert source.poll() is not None
    assert [rule.when for rule in source.plan.rules] == ["paid > 2"]


def test_a_file_moved_to_another_folder_gives_no_new_plan(folder: Path) -> None:
    source = PlanSource([folder], catalogue())
    (folder / "below").mkdir()
    (folder / "a.yaml").rename(folder / "below" / "z.yaml")
    assert source.poll() is None


def test_an_edit_of_one_file_does_not_come_in_while_another_is_bad(folder: Path) -> None:
    source = PlanSource([folder], catalogue())
    (folder / "b.yaml").write_text(rule_file("paid > 2").replace("id: r", "id: b"))
    (folder / "a.yaml").write_text(rule_file("piad > 1"))
    with pytest.raises(PlanError) as refused:
        source.poll()
    assert [Path(problem.file).name for problem in refused.value.problems] == ["a.yaml"]
    assert [rule.id for rule in source.plan.rules] == ["r0"]


def test_a_byte_order_mark_is_no_fault(folder: Path) -> None:
    (folder / "a.yaml").write_bytes(b"\xef\xbb\xbf" + rule_file("paid > 1").encode())
    assert len(load_plan([folder], catalogue()).rules) == 1


def test_a_file_that_cannot_be_read_is_a_sentence(folder: Path) -> None:
    with pytest.raises(PlanError, match=r"^[^:]*: cannot read the file: Is a directory"):
        read_rule_file(folder)
    with pytest.raises(PlanError, match="cannot read the file: No such file"):
        read_rule_file(folder / "gone.yaml")


def test_a_file_too_large_is_not_read_to_its_end(folder: Path) -> None:
    with (folder / "a.yaml").open("ab") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(PlanError, match="more than 2,000,000 bytes: split it into several"):
        read_rule_file(folder / "a.yaml")


def test_looking_at_a_thousand_files_takes_milliseconds(tmp_path: Path) -> None:
    for i in range(1000):
        (tmp_path / f"{i:04d}.yaml").write_text(rule_file("paid > 1").replace("id: r", f"id: r{i}-"))
    source = PlanSource([tmp_path], catalogue())
    spent = []
    for _ in range(5):
        start = time.thread_time()
        assert source.poll() is None
        spent.append(time.thread_time() - start)
    assert min(spent) < 0.05


def test_a_folder_without_rules_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PlanError) as caught:
        rule_files([tmp_path])
    assert [str(problem) for problem in caught.value.problems] == [
        f"{tmp_path}: this folder holds no rule file: put a .yaml file there"
    ]
