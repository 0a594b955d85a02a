"""The plan that pages explain rules by where none was published: that of the files, as they were last right."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from risk_stream.console import plans
from risk_stream.console.plans import Plans
from risk_stream.settings import Settings
from tests.rules.house import catalogue, rule_file


def test_a_bad_edit_is_said_until_it_is_mended_and_the_last_good_plan_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And files that were never right have no plan."""
    monkeypatch.setattr(plans, "LOOK", 0.0)
    file = tmp_path / "a.yaml"

    async def course() -> None:
        of_house = Plans(Settings(rules=[tmp_path]), catalogue())
        file.write_text(rule_file("piad > 5"))
        assert await of_house.of_files() is None
        assert "did you mean 'paid'" in of_house.problem
        file.write_text(rule_file("paid > 5"))
        good = await of_house.of_files()
        assert (good is None, of_house.problem) == (False, "")
        file.write_text(rule_file("piad > 6"))
        assert await of_house.of_files() is good
        assert await of_house.of_files() is good
        assert "did you mean 'paid'" in of_house.problem
        file.write_text(rule_file("paid > 5"))
        assert (await of_house.of_files(), of_house.problem) == (good, "")

    asyncio.run(course())
