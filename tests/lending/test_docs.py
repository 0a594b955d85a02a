"""The pages on lending and on margin accounts say what the functions give."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest


def test_every_worked_value_is_a_test() -> None:
    """No table of tests/lending/data lies there unread."""
    folder = Path(__file__).parent
    read = "".join(path.read_text() for path in folder.glob("test_*.py"))
    tables = sorted(path.stem for path in (folder / "data").glob("*.csv"))
    assert len(tables) == 30
    assert [name for name in tables if f'rows("{name}")' not in read] == []


@pytest.mark.parametrize("name", ["lending", "margin"])
def test_every_example_of_the_page_gives_what_it_says(name: str) -> None:
    page = Path(__file__).parents[2] / "docs" / f"{name}.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert tried >= 6
    assert failed == 0
