"""Commands that go on until they are told to stop: what they say is for people, and nothing depends on it."""

from __future__ import annotations

import sys

import pytest

from risk_stream.cli.serving import tell


class _FullDisk:
    """Where nothing more can be written."""

    encoding = "utf-8"

    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        raise OSError(28, "No space left on device")

    def isatty(self) -> bool:
        return False


def test_a_sentence_that_no_disk_takes_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A desk that could not say that Redis was away once stopped showing there what people did."""
    monkeypatch.setattr(sys, "stderr", _FullDisk())
    tell("Redis cannot be written: it shows old standings")


def test_a_sentence_is_said_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, whatever brackets are in it."""
    tell("active: [bold]12[/] alerts known, " + "and so on " * 30)
    assert capsys.readouterr().err.startswith("active: [bold]12[/] alerts known, and so on")
