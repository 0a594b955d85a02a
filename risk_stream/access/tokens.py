"""Tokens: made once, shown once, kept as a salted hash; checked with a sentence for what is wrong.

A secret has 256 random bits, so one round of SHA-256 is enough: there is nothing to be guessed, as there is with
passwords, for which a slow hash is meant.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from risk_stream.access.people import Token
from risk_stream.access.read import TOKENS_FILE

__all__ = ["TokenError", "check_token", "make_token", "store_token", "token_id"]

#: First part of every token: by it scanners of leaked secrets know one.
PREFIX = "rst"

_HEAD = (
    "# Tokens of people and programs, as hashes. Written by `risk-stream access token NAME`;\n"
    "# take an entry out to end that token.\n"
)


class TokenError(Exception):
    """Raised for a token that lets nobody in; the text is one sentence."""


def make_token(person: str, *, now: int, expires: int | None) -> tuple[str, Token]:
    """A new token of a person, and what is kept of it. Times in ms."""
    id, salt, secret = secrets.token_hex(4), secrets.token_hex(16), secrets.token_urlsafe(32)
    return f"{PREFIX}_{id}_{secret}", Token(id, person, salt, _hash(salt, secret), now, expires)


def token_id(text: str) -> str:
    """The part of a token that is no secret; "" of what is no token."""
    parts = text.split("_", 2)
    return parts[1][:16] if len(parts) == 3 and parts[0] == PREFIX else ""


def check_token(text: str, tokens: Mapping[str, Token], now: int) -> Token:
    """The token that a text is. Raises `TokenError`: unknown ones in one sentence, whatever of them is wrong."""
    token = tokens.get(token_id(text))
    secret = text.split("_", 2)[-1]
    salt, known = (token.salt, token.hash) if token else ("00" * 16, "0" * 64)
    if not hmac.compare_digest(_hash(salt, secret), known) or token is None:
        raise TokenError("this token is not known: ask for a new one (risk-stream access token NAME)")
    if token.expires is not None and now >= token.expires:
        when = datetime.fromtimestamp(token.expires / 1000, UTC)
        raise TokenError(f"this token expired on {when:%Y-%m-%d}: ask for a new one (risk-stream access token NAME)")
    return token


def store_token(folder: Path, token: Token) -> Path:
    """Add a token to the folder's file, which its owner alone can read; returns the file. Raises OSError."""
    path = folder / TOKENS_FILE
    before = path.read_text(encoding="utf-8") if path.exists() else _HEAD
    entry = [
        f'"{token.id}":',
        f"  person: {token.person}",
        f'  salt: "{token.salt}"',
        f'  hash: "{token.hash}"',
        f'  made: "{_iso(token.made)}"',
        f'  expires: "{_iso(token.expires)}"' if token.expires is not None else "  expires: never",
    ]
    draft = path.with_suffix(".new")  # a console that reads meanwhile has the file as it was, or as it will be
    draft.touch(mode=0o600)
    end = "" if before.endswith("\n") else "\n"
    draft.write_text(before + end + "\n".join(entry) + "\n", encoding="utf-8")
    draft.replace(path)
    return path


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).isoformat()


def _hash(salt: str, secret: str) -> str:
    return sha256(f"{salt}:{secret}".encode("utf-8", "surrogatepass")).hexdigest()  # bytes of a header that are no text
