"""Whatever is typed: help with an example, or one sentence and a code; never a traceback."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from risk_stream import __version__
from risk_stream.cli import app
from risk_stream.settings import shipped
from tests.cli.conftest import Ask


def commands(command: Any = None, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command and subcommand, as it is typed."""
    command = command or get_command(app)
    if not hasattr(command, "commands"):
        return [words]
    return [found for name, sub in command.commands.items() for found in commands(sub, (*words, name))]


def test_the_commands_are_those_the_readme_promises() -> None:
    """And the loops below have something to do."""
    assert {" ".join(words) for words in commands()} >= {
        *("demo", "worker", "simulate", "replay", "events", "doctor", "version"),
        *("rules check", "topics create", "topics describe"),
    }


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_help_says_what_it_does_and_gives_an_example(ask: Ask, words: tuple[str, ...]) -> None:
    """A sentence, each option explained, a line to copy."""
    answer = ask(*words, "--help")
    assert answer.code == 0
    assert "Example" in answer.out
    assert f"risk-stream {' '.join(words)}" in answer.out.split("Example")[1]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_option_is_explained(words: tuple[str, ...]) -> None:
    """No bare name in a help page."""
    command: Any = get_command(app)
    for word in words:
        command = command.commands[word]
    assert all(parameter.help for parameter in command.params)


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_an_unknown_option_is_one_sentence(ask: Ask, words: tuple[str, ...]) -> None:
    """It names the option and where to look."""
    answer = ask(*words, "--colour-of-the-sky")
    assert answer.code == 2
    assert answer.out == ""
    assert "--colour-of-the-sky" in answer.err
    assert f"Try risk-stream {' '.join(words)} --help" in answer.err
    assert len(answer.err.strip().splitlines()) == 1


@pytest.mark.parametrize("words", [(), ("rules",), ("topics",)], ids=lambda words: " ".join(words) or "alone")
def test_a_group_alone_shows_its_commands(ask: Ask, words: tuple[str, ...]) -> None:
    """As `--help` would."""
    answer = ask(*words)
    assert answer.code == 0
    assert "Commands" in answer.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("dmeo",), "No such command 'dmeo'"),
        (("replay",), "Missing argument"),
        (("demo", "--for", "1 fortnight"), "no duration: write 30s"),
        (("demo", "--for", "1s"), "--for must be 6s or more"),
        (("replay", "nowhere.jsonl"), "nowhere.jsonl: no such file or directory"),
        (("rules", "check", "nowhere"), "nowhere does not exist"),
        (("events", "trnsfer"), "did you mean transfer?"),
        (("simulate", "--rate", "10", "--factor", "2"), "give one"),
        (("simulate", "--rate", "0"), "above 0"),
        (("simulate", "--start", "yesterday"), "no day"),
        (("simulate", "--customers", "1", "-o", "x"), "20 customers"),
        (("simulate", "-o", "x", "--rate", "1"), "for Kafka"),
        (("simulate", "-o", "no/such/folder/x", "--days", "1"), "no such file or directory"),
        (("simulate", "--rate", "5"), "RISK_STREAM_CLOCK=simulated"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_use_is_one_sentence(ask: Ask, arguments: tuple[str, ...], said: str) -> None:
    """What is wrong, and a code that a script notices."""
    answer = ask(*arguments)
    assert answer.code in {1, 2}
    assert said in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    assert answer.err.startswith("risk-stream: ")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"broker": "kafka"}, "RISK_STREAM_BROKER: 'kafka' is no host:port"),
        ({"redis": "localhost"}, "RISK_STREAM_REDIS"),
        ({"partitions": "many"}, "RISK_STREAM_PARTITIONS"),
        ({"rules": "rules"}, "JSON"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_setting_is_named(ask: Ask, settings: dict[str, str], said: str) -> None:
    """By the variable that holds it."""
    answer = ask("events", **settings)
    assert answer.code == 1
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_our_own_mistake_is_a_sentence_with_a_log(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The traceback is kept for the report, not thrown at the user."""
    monkeypatch.setattr("risk_stream.cli.events.catalogue_of", lambda settings: 1 / 0)
    answer = ask("events")
    assert answer.code == 70
    assert "Traceback" not in answer.err
    log = Path(answer.err.rstrip().rstrip(".").rsplit(" ", 1)[1])
    assert "ZeroDivisionError" in log.read_text()
    log.unlink()


def test_a_reader_who_leaves_early_is_no_error(rules: Path, transfers: Path) -> None:
    """`risk-stream … | head -1` ends quietly."""
    many = transfers.read_text().splitlines()[0]
    transfers.write_text("".join(many.replace('"t0"', f'"t{i}"') + "\n" for i in range(20_000)))
    command = [sys.executable, "-m", "risk_stream", "replay", str(transfers), "--rules", str(rules)]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout.readline().startswith(b'{"id"')
        process.stdout.close()
        said = process.stderr.read().decode()
    assert "Traceback" not in said
    assert "Broken" not in said


def test_the_version_is_the_packages(ask: Ask) -> None:
    """Both ways of asking."""
    assert ask("--version").out.strip() == __version__
    assert f"risk-stream {__version__}" in ask("version").out


def test_the_shipped_rules_are_found_from_any_folder(ask: Ask) -> None:
    """`rules` of the settings where it is, the repository's own where it is not."""
    assert shipped("rules").is_dir()
    assert ask("rules", "check").code == 0


def test_help_is_there_at_once() -> None:
    """Nothing heavy is imported before it is needed."""
    heavy = ["numba", "numpy", "pyarrow", "faust", "aiokafka", "pydantic"]
    code = f"import sys; import risk_stream.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_checks_that_fail_show_no_traceback_and_name_the_file_that_has_it(tmp_path: Path) -> None:
    """A command has no log: what led to it is kept for whoever mends it."""
    script = (
        "import sys, importlib; from risk_stream.rules import kept; kept.load_file = lambda *given: 1 / 0;"
        "sys.exit(importlib.import_module('risk_stream.cli.app').run(['rules', 'check', sys.argv[1]]))"
    )
    (tmp_path / "a.yaml").write_text("stage: trading\n")
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a.yaml")],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 1
    assert "this file could not be checked (ZeroDivisionError)" in done.stdout
    assert "Traceback" not in done.stderr
    kept = re.search(r"Send (\S+) with it, which has what led to it", done.stderr)
    assert kept is not None
    assert "ZeroDivisionError: division by zero" in Path(kept[1]).read_text()
