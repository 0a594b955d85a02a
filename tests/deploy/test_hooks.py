"""The hooks for pre-commit call commands that there are."""

from __future__ import annotations

import shlex
from pathlib import Path

import yaml
from typer.main import get_command

from risk_stream.cli import app

HOOKS = yaml.safe_load((Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text())


def test_each_hook_calls_a_command_that_there_is() -> None:
    assert [hook["id"] for hook in HOOKS] == ["risk-stream-rules-check", "risk-stream-rules-test"]
    for hook in HOOKS:
        program, group, command = shlex.split(hook["entry"])
        assert program == "risk-stream"
        assert command in get_command(app).commands[group].commands  # type: ignore[attr-defined]
        assert {"name", "description", "language", "types"} <= hook.keys()
