"""A change of who may counts while the console runs; a bad one changes nothing; and nobody is let in by accident."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from aiohttp import web

from risk_stream.access import AccessError, AccessSource, LocalError, install_gate, make_token, store_token
from risk_stream.settings import Settings

PEOPLE = "people: {wang: {roles: [officer], entities: all}}\n"


class Clock:
    """One that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 2
        return self.now


def write(folder: Path, text: str, *, age: int) -> None:
    """Write access.yaml as of another second each time."""
    path = folder / "access.yaml"
    path.write_text(text)
    os.utime(path, (age, age))


def test_a_change_counts_and_a_bad_one_does_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Said once, with its place; the mended one counts again."""
    write(tmp_path, PEOPLE, age=1)
    source = AccessSource(tmp_path, clock=Clock())
    assert set(source.current().people) == {"wang"}
    write(tmp_path, PEOPLE.replace("wang", "li"), age=2)
    assert set(source.current().people) == {"li"}
    write(tmp_path, "people: {zhao: {roles: [oficer], entities: all}}", age=3)
    assert set(source.current().people) == set(source.current().people) == {"li"}
    assert [record.levelname for record in caplog.records if "access.yaml:1:25" in record.getMessage()] == ["ERROR"]
    write(tmp_path, PEOPLE, age=4)
    assert set(source.current().people) == {"wang"}


def test_a_token_that_is_taken_away_is_gone(tmp_path: Path) -> None:
    """And a new one is there."""
    write(tmp_path, PEOPLE, age=1)
    source = AccessSource(tmp_path, clock=Clock())
    _, token = make_token("wang", now=1000, expires=None)
    path = store_token(tmp_path, token)
    assert set(source.current().tokens) == {token.id}
    path.unlink()
    assert source.current().tokens == {}


def test_nobody_opens_a_running_console_to_all_by_an_edit(tmp_path: Path) -> None:
    """`local` needs a start, which looks at where the console listens."""
    write(tmp_path, PEOPLE, age=1)
    source = AccessSource(tmp_path, clock=Clock())
    write(tmp_path, f"local: officer\n{PEOPLE}", age=2)
    assert source.current().local is None


@pytest.mark.parametrize(
    ("host", "url", "refused"),
    [
        ("127.0.0.1", "", False),
        ("::1", "", False),
        ("0.0.0.0", "", True),
        ("192.168.1.5", "", True),
        ("127.0.0.1", "https://risk.example.com", True),
        ("0.0.0.0", "http://127.0.0.1:8088", False),
    ],
)
def test_local_is_refused_where_others_reach_the_console(tmp_path: Path, host: str, url: str, refused: bool) -> None:
    """A container that is published on this machine's own address alone says so by its URL."""
    write(tmp_path, "local: officer", age=1)
    settings = Settings(people=tmp_path, console_host=host, console_url=url)
    if refused:
        with pytest.raises(LocalError, match="lets everybody in as officer"):
            install_gate(web.Application(), settings, {})
    else:
        install_gate(web.Application(), settings, {})


def test_a_file_that_is_wrong_at_the_start_ends_it(tmp_path: Path) -> None:
    """Nothing is guessed."""
    write(tmp_path, "people: [", age=1)
    with pytest.raises(AccessError):
        install_gate(web.Application(), Settings(people=tmp_path), {})
