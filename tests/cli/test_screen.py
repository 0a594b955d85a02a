"""An alert on the terminal: a first one, and what is said of one that changed, went, or was found afterwards."""

from __future__ import annotations

import pytest

from risk_stream.cli.screen import Screen
from tests.sinks.test_redis import alert


def shown(capfd: pytest.CaptureFixture[str], **more: object) -> str:
    Screen().alerts([alert(1, **more)])
    return capfd.readouterr().out.strip()


def test_a_first_alert_is_its_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    """And nothing behind it."""
    assert shown(capfd).endswith("说明")


def test_a_changed_alert_says_what_it_was_and_is(capfd: pytest.CaptureFixture[str]) -> None:
    """Only figures that differ; what was unknown is called so."""
    said = shown(capfd, status="changed", features={"n": 4, "m": 2.5, "k": 1}, was={"n": 3, "m": None, "k": 1})
    assert said.endswith("[changed by a late event: n was 3, is 4, m was unknown, is 2.5]")


def test_a_withdrawn_alert_is_told_from_one_that_stands(capfd: pytest.CaptureFixture[str]) -> None:
    """With the figure that no longer reaches the rule."""
    said = shown(capfd, status="withdrawn", features={"n": 2}, was={"n": 3})
    assert said.endswith("[withdrawn after a late event: n was 3, is 2]")


def test_an_alert_says_which_of_its_features_are_still_warming(capfd: pytest.CaptureFixture[str]) -> None:
    """What a change of rules brought counts only what came since."""
    assert shown(capfd, warming=["n"]).endswith("说明  [still warming: n]")
    assert "warming" not in shown(capfd, status="withdrawn", warming=["n"], was={"n": 3})


def test_a_recovered_alert_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    """It has no values before."""
    assert shown(capfd, status="recovered").endswith("[found afterwards, the event came too late]")
