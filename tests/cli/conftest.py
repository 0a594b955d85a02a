"""The command line as a user meets it: arguments in; exit code, stdout and stderr out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from risk_stream.cli import run

RULES = """
stage: trading
owner: desk
features:
  sent_1h: {count: transfer, by: account, window: 1h}
rules:
  - id: busy-account
    on: transfer
    when: sent_1h >= 3
    severity: high
    summary: "{account} made {sent_1h} transfers within an hour"
  - id: large-transfer
    on: transfer
    when: amount >= 1000000
    severity: medium
    mode: shadow
    summary: "{account} moved {amount}"
"""


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout as JSON."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """stdout as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


Ask = Callable[..., Answer]


@pytest.fixture
def ask(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ask:
    """Runs a command in an empty folder, with no setting but those given as keywords."""
    import os

    for name in list(os.environ):
        if name.startswith("RISK_STREAM_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def answer(*arguments: object, **settings: str) -> Answer:
        for name, value in settings.items():
            monkeypatch.setenv(f"RISK_STREAM_{name.upper()}", value)
        capfdbinary.readouterr()
        code = run([str(argument) for argument in arguments])
        said = capfdbinary.readouterr()
        return Answer(code, said.out.decode(), said.err.decode())

    return answer


NOW = 1_700_000_000_000


def transfer(n: int, minute: float, **more: Any) -> bytes:
    """A transfer of account A1, so many minutes after NOW."""
    said = {"id": f"t{n}", "type": "transfer", "time": NOW + round(60_000 * minute), "account": "A1", "amount": 5.0}
    return json.dumps({**said, "direction": "out", **more}).encode()


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A folder with one rule file of two rules."""
    folder = tmp_path / "house"
    folder.mkdir()
    (folder / "transfers.yaml").write_text(RULES)
    return folder


@pytest.fixture
def transfers(tmp_path: Path) -> Path:
    """Five transfers of one account within an hour, the fifth a broken record."""
    path = tmp_path / "events.jsonl"
    events = [
        {
            "id": f"t{i}",
            "type": "transfer",
            "time": 1_740_787_200_000 + i * 60_000,
            "account": "A1",
            "direction": "out",
            "amount": 10 * i + 1,
        }
        for i in range(4)
    ]
    path.write_text("".join(json.dumps(event) + "\n" for event in events) + '{"type": "transfer", "time": "soon"}\n')
    return path
