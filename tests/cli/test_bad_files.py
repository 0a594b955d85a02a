"""`rules check` of a file that is anything at all: exit code 1 and a sentence, in every format."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from risk_stream.cli import run
from tests.cli.conftest import RULES, Ask
from tests.rules.fuzz import PIECES, damaged

#: The fixtures are only a folder and an environment, which examples may share.
_SHARED = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_SHARED
@given(data=st.binary(max_size=300))
@example(data=b"")
@example(data=b"\xff\xfe\x00")
@example(data=b"\x00" * 1_000)
@example(data=b"stage: [" + b"[" * 5_000)
@example(data=b"rules: " + b"9" * 100_000)
def test_random_bytes_end_in_exit_code_1_and_a_sentence(ask: Ask, tmp_path: Path, data: bytes) -> None:
    """With the file's name before it, and no traceback."""
    (tmp_path / "random.yaml").write_bytes(data)
    answer = ask("rules", "check", tmp_path / "random.yaml")
    assert answer.code == 1
    assert str(tmp_path / "random.yaml") in answer.out
    assert "a worker would keep its last good rules" in answer.err
    assert "Traceback" not in answer.out + answer.err


@_SHARED
@given(seed=st.integers(0, 2**40), format=st.sampled_from(["text", "json", "github", "junit"]))
def test_a_damaged_file_is_told_of_in_every_format(ask: Ask, tmp_path: Path, seed: int, format: str) -> None:
    """Which a program can read, and a terminal takes for text."""
    (tmp_path / "damaged.yaml").write_text(damaged(Random(seed)), errors="replace")
    answer = ask("rules", "check", tmp_path / "damaged.yaml", "--format", format)
    assert answer.code in {0, 1}
    assert "Traceback" not in answer.err
    assert "\x1b" not in answer.out
    if format == "json":
        assert json.loads(answer.out)["ok"] == (answer.code == 0)
    if format == "junit":
        assert ET.fromstring(answer.out).get("failures") in (
            {"0"} if answer.code == 0 else {str(n) for n in range(1, 999)}
        )


@pytest.mark.parametrize("piece", PIECES)
def test_a_file_whose_name_is_odd_is_named(tmp_path: Path, piece: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As far as a file can have such a name."""
    name = piece.replace("/", "_").replace("\x00", "_").encode("utf-8", "replace").decode()
    path = tmp_path / f"{name}.yaml"
    path.write_text(RULES.replace("sent_1h >=", "snet_1h >="))
    assert run(["rules", "check", str(path)]) == 1
    assert "did you mean 'sent_1h'" in capsys.readouterr().out
