"""The guide, walked: its files are written, its commands run in an empty folder, and what it shows is what they say."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from risk_stream import cli

DOCS = Path(__file__).parents[2] / "docs"
GUIDES = [DOCS / "guide.md", DOCS / "guide.zh.md"]


def blocks(page: Path) -> list[tuple[str, str]]:
    """(language, text) of the page's code."""
    return re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def steps(page: Path) -> Iterator[tuple[str, list[str]]]:
    """(command, lines shown below it), in order; a file to write is the command "" with its lines."""
    for language, text in blocks(page):
        if language == "yaml":
            yield "", text.splitlines()
        elif language == "console":
            command, shown = "", list[str]()
            for line in text.splitlines():
                if line.startswith("$ "):
                    if command:
                        yield command, shown
                    command, shown = line[2:], []
                else:
                    shown.append(line)
            yield command, shown


@pytest.fixture
def run(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[str], list[str]]:
    """Gives the lines that a command says in an empty folder, stdout first."""
    for name in [name for name in os.environ if name.startswith("RISK_STREAM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def lines(command: str) -> list[str]:
        capfdbinary.readouterr()
        words = shlex.split(command)
        code = cli.run(words[1:]) if words[0] == "risk-stream" else subprocess.run(words, timeout=60).returncode
        said = capfdbinary.readouterr()
        assert code == 0, f"{command}: {said.err.decode()}"
        return [line.rstrip() for line in (said.out + said.err).decode().splitlines()]

    return lines


def like(shown: str, said: str) -> bool:
    """Whether a line is as shown, where … stands for anything."""
    return re.fullmatch(re.escape(shown.rstrip()).replace("…", ".*"), said) is not None


@pytest.mark.timeout(240)
def test_each_step_of_the_guide_does_what_it_shows(run: Callable[[str], list[str]], tmp_path: Path) -> None:
    for command, shown in steps(GUIDES[0]):
        if not command:
            path = tmp_path / shown[0].removeprefix("# ")
            path.parent.mkdir(exist_ok=True)
            path.write_text("\n".join(shown) + "\n")
            continue
        said = iter(run(command))
        for line in shown:
            if line.strip() != "…":
                assert any(like(line, one) for one in said), f"$ {command}\nnot said, or not in this order: {line}"


def test_the_mistake_it_shows_is_said_so(tmp_path: Path) -> None:
    (shown,) = (text for language, text in blocks(GUIDES[0]) if language == "text")
    first = next(text for language, text in blocks(GUIDES[0]) if language == "yaml")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "burst.yaml").write_text(first.replace("and sent_10m", "and sent_10 "))
    done = subprocess.run(
        [sys.executable, "-m", "risk_stream", "rules", "check"],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "200", "PYTHONPATH": str(DOCS.parent)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert shown.strip() in done.stdout


def test_both_languages_show_the_same_files_and_commands() -> None:
    english, chinese = (blocks(page) for page in GUIDES)
    assert english == chinese
