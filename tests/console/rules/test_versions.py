"""Which versions of a rule there were: of the files that the console has, wherever it was started."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

from risk_stream.console.rules.versions import Versions
from tests.live.house import RULES


def commit(folder: Path, text: str, subject: str) -> None:
    (folder / "rules.yaml").write_text(text)
    who = ("-c", "user.name=li", "-c", "user.email=li@house")
    for arguments in (("add", "."), (*who, "commit", "-q", "-m", subject)):
        subprocess.run(["git", "-C", str(folder), *arguments], check=True)


def test_they_are_of_its_own_files_the_newest_first(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    commit(tmp_path, RULES, "begin")
    commit(tmp_path, RULES.replace("severity: high", "severity: low"), "less of it")
    told = asyncio.run(Versions([tmp_path]).of("third", "a plan"))
    assert told is not None
    assert [(one["subject"], one["by"], one["changed"]) for one in told] == [
        ("less of it", "li", ["severity"]),
        ("begin", "li", ["new"]),
    ]


def test_of_a_rule_that_is_in_no_repository_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    assert asyncio.run(Versions([tmp_path]).of("third", "a plan")) == []
