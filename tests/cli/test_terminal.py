"""Another terminal works on the demo's house by one line, and no demo takes another's file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from risk_stream.cli.metrics import Numbers
from risk_stream.cli.terminal import NAME, terminal


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "elsewhere"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "elsewhere").mkdir()
    return tmp_path


def test_a_shell_that_reads_it_has_the_house_and_the_command(here: Path) -> None:
    """Values come through whatever is in them; the file is gone with the demo."""
    with terminal({"broker": "127.0.0.1:1", "rules": ["a b/it's"], "spare": False, "redis_password": ""}) as shown:
        assert shown == "./demo.env"
        said = subprocess.run(
            ["sh", "-c", f". {shown}; which python; env | grep ^RISK_STREAM_ | sort"], capture_output=True, text=True
        ).stdout.splitlines()
    assert Path(said[0]).parent == Path(sys.executable).parent
    assert said[1:] == [
        "RISK_STREAM_BROKER=127.0.0.1:1",
        "RISK_STREAM_REDIS_PASSWORD=",
        'RISK_STREAM_RULES=["a b/it\'s"]',
        "RISK_STREAM_SPARE=false",
    ]
    assert not (here / NAME).exists()


def test_a_second_demo_leaves_the_first_ones_file_alone(here: Path) -> None:
    with terminal({"broker": "one"}), terminal({"broker": "two"}) as second:
        assert Path(second).parent == here / "elsewhere"
        assert "one" in (here / NAME).read_text()
        assert "two" in Path(second).read_text()
    assert [*here.glob("*.env"), *here.glob("elsewhere/*")] == []


def test_what_a_killed_demo_left_is_written_over_and_what_somebody_wrote_is_not(here: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    (here / NAME).write_text(f"# The demo of process {child.pid}: gone\n")
    with terminal({"broker": "new"}) as shown:
        assert shown == "./demo.env"
        assert f"process {os.getpid()}" in (here / NAME).read_text()
    (here / NAME).write_text("MINE=1\n")
    with terminal({"broker": "new"}) as shown:
        assert shown != "./demo.env"
    assert (here / NAME).read_text() == "MINE=1\n"


def test_a_worker_that_was_started_again_goes_on_counting() -> None:
    """Its own counts begin at 0; what is shown does not."""
    first = Numbers(events=100, rejects=2, partitions=4).after(Numbers())
    gone = Numbers().after(first)
    assert (gone.events, gone.partitions) == (100, 4)
    second = Numbers(events=10, rejects=1, partitions=4).after(gone)
    third = Numbers(events=50, rejects=1, partitions=4).after(second)
    assert [(n.events, n.rejects) for n in (second, third)] == [(110, 3), (150, 3)]
    assert Numbers(events=50, rejects=1, partitions=4).after(third).changed == third.changed
