"""A token lets its person in until it expires, and is kept as a hash alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from risk_stream.access import make_token, read_access, store_token
from risk_stream.access.tokens import TokenError, check_token, token_id

NOW = 1_790_000_000_000


def test_a_token_is_known_again(tmp_path: Path) -> None:
    """Through the file, for several of them; only their owner reads that file, and no secret is in it."""
    secrets = []
    for person in ("wang", "li"):
        text, token = make_token(person, now=NOW, expires=NOW + 1000 if person == "wang" else None)
        path = store_token(tmp_path, token)
        secrets.append(text)
    tokens = read_access(tmp_path).tokens
    assert [check_token(text, tokens, NOW).person for text in secrets] == ["wang", "li"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not any(text.split("_", 2)[2] in path.read_text() for text in secrets)


def test_an_expired_token_says_when() -> None:
    """And what to do."""
    text, token = make_token("wang", now=NOW, expires=NOW + 1000)
    assert check_token(text, {token.id: token}, NOW + 999) == token
    with pytest.raises(TokenError, match=r"this token expired on 2026-09-21: ask for a new one"):
        check_token(text, {token.id: token}, NOW + 1000)


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: t + "x", lambda t: t.replace("rst_", "rst_0"), str.upper]
)
def test_a_token_that_is_wrong_anywhere_is_not_known(change: object) -> None:
    """All in one sentence: it does not say which part was right."""
    text, token = make_token("wang", now=NOW, expires=None)
    with pytest.raises(TokenError, match="this token is not known"):
        check_token(change(text), {token.id: token}, NOW)  # type: ignore[operator]


@pytest.mark.parametrize("text", ["", "_", "rst_", "rst_a_", "Bearer x", "\x00" * 5000, "rst_" + "a" * 10_000 + "_b"])
def test_whatever_is_sent_is_no_token(text: str) -> None:
    """Nothing that a stranger sends is more than unknown."""
    assert len(token_id(text)) <= 16
    with pytest.raises(TokenError):
        check_token(text, {}, NOW)
