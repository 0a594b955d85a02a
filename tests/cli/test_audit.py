"""`audit` as it is typed: keys, and what is said of a copy of the log that is, or is not, as it was signed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from risk_stream.alerts import digest, read_entry
from risk_stream.desk.heads import HeadsFile, private_key, signed
from tests.alerts.test_desk import NOON, Office
from tests.cli.conftest import Ask


@pytest.fixture
def kept(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with keys, a copy of a log of nine entries, and a head of its sixth."""
    (tmp_path / "access.yaml").write_text("local: [admin]\n")
    monkeypatch.setenv("RISK_STREAM_PEOPLE", str(tmp_path))
    monkeypatch.setenv("RISK_STREAM_AUDIT_FOLDER", str(tmp_path))
    assert ask("audit", "key", tmp_path / "audit.pem").code == 0
    office = Office()
    for event in range(9):
        office.hear("r", str(event))
    (tmp_path / "life.jsonl").write_bytes(b"".join(record + b"\n" for record in office.log))
    key = private_key((tmp_path / "audit.pem").read_text())
    record = office.log[5]
    HeadsFile(tmp_path).add(signed("risk.life", read_entry(record).number, digest(record), NOON, key))
    return tmp_path


def verify(ask: Ask, kept: Path, key: str = "audit.pem.pub") -> tuple[int, str]:
    answer = ask("audit", "verify", "--key", kept / key, "--from", kept / "life.jsonl")
    return answer.code, answer.out + answer.err


def test_a_key_is_its_owners_alone_and_never_overwritten(ask: Ask, kept: Path) -> None:
    """The public one is everybody's."""
    assert stat.S_IMODE((kept / "audit.pem").stat().st_mode) == 0o600
    assert "PRIVATE" not in (kept / "audit.pem.pub").read_text()
    answer = ask("audit", "key", kept / "audit.pem")
    assert (answer.code, "is there already" in answer.err) == (1, True)


def test_a_log_that_is_as_it_was_signed_is_ok(ask: Ask, kept: Path) -> None:
    code, said = verify(ask, kept)
    assert code == 0
    assert "is as 1 head vouch for, up to entry 6 of 9, signed at 2026-03-04 12:00:00 UTC" in said


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("changed", "entry 3 is not as it was when entry 4 was written"),
        ("cut", "the log ends with entry 5, and entry 6 was signed at 2026-03-04 12:00 UTC: what followed was cut off"),
        (
            "key",
            "the head of entry 6, signed at 2026-03-04 12:00:00 UTC, was not signed by this key, or was changed since",
        ),
        ("broken key", "audit.pem.pub has no public key in it"),
        ("head", "heads.jsonl:2 is no signed head"),
        ("no head", "No head of risk.life was signed yet"),
    ],
)
def test_what_is_not_as_it_was_is_one_sentence(ask: Ask, kept: Path, how: str, said: str) -> None:
    """And exit code 1."""
    log = kept / "life.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    if how == "changed":
        lines[2] = lines[2].replace(b'"high"', b'"info"')
    if how in {"changed", "cut"}:
        log.write_bytes(b"".join(lines[:5] if how == "cut" else lines))
    if how == "key":
        ask("audit", "key", kept / "other.pem")
        (kept / "audit.pem.pub").write_bytes((kept / "other.pem.pub").read_bytes())
    if how == "broken key":
        (kept / "audit.pem.pub").write_text("nonsense")
    if how == "head":
        with (kept / "heads.jsonl").open("a") as file:
            file.write("{}\n")
    if how == "no head":
        (kept / "heads.jsonl").unlink()
    code, heard = verify(ask, kept)
    assert (code, said in heard) == (1, True), heard
    assert len(heard.splitlines()) == 1


def test_who_may_not_read_the_log_may_not_check_it(ask: Ask, kept: Path) -> None:
    (kept / "access.yaml").write_text("local: [officer]\n")
    code, said = verify(ask, kept)
    assert (code, "that takes the permission audit" in said) == (1, True)
