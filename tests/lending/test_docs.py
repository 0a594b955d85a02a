"""The page on lending says what the functions give."""

from __future__ import annotations

import doctest
from pathlib import Path


def test_every_example_of_the_page_gives_what_it_says() -> None:
    page = Path(__file__).parents[2] / "docs" / "lending.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert tried >= 6
    assert failed == 0
