"""A receiver's address: from its file or the environment, as what Apprise makes of it. It is never printed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import apprise

from risk_stream.notices import Receiver

__all__ = ["AddressError", "address_of", "target_of", "without_secrets"]

#: Texts of an address that are shorter are no secret, and would be hidden in any sentence.
_SHORTEST = 6

#: How long a server may take to take a connection, and to answer, s.
CONNECT, ANSWER = 4.0, 4.0


class AddressError(Exception):
    """Raised where a receiver has no address that can be used; the text is one sentence, without the address."""


def address_of(receiver: Receiver) -> str:
    """The address, as Apprise writes it. Raises `AddressError`."""
    if receiver.url:
        return receiver.url
    if receiver.url_env:
        found = os.environ.get(receiver.url_env, "").strip()
        if not found:
            raise AddressError(f"receiver {receiver.name}: the variable {receiver.url_env} is not set")
        return found
    try:
        found = Path(receiver.url_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise AddressError(
            f"receiver {receiver.name}: {receiver.url_file} cannot be read: {why}; give this"
            " user the right, or name another"
        ) from error
    if not found:
        raise AddressError(f"receiver {receiver.name}: {receiver.url_file} is empty: write the address into it")
    return found


def target_of(receiver: Receiver, address: str) -> Any:
    """What Apprise sends with; new for each notice, for headers are set in it. Raises `AddressError`."""
    target = apprise.Apprise.instantiate(address, suppress_exceptions=True)
    if target is None:
        schema = address.partition("://")[0] if "://" in address else ""
        known = f"{schema[:20]}://" if schema.isalnum() else "it"
        raise AddressError(
            f"receiver {receiver.name}: Apprise cannot use its address ({known}...): see https://appriseit.com for how"
            " each channel is written"
        )
    target.retry = 0  # it is the post's to try again
    target.socket_connect_timeout, target.socket_read_timeout = CONNECT, ANSWER
    return target


def without_secrets(text: str, address: str) -> str:
    """A sentence of a channel, with nothing in it of an address but its host's name."""
    rest = address.partition("://")[2]
    pieces = [rest]
    for separator in "/@:?&=":
        pieces = [part for piece in pieces for part in piece.split(separator)]
    host = rest.rpartition("@")[2].split("/")[0].split("?")[0].split(":")[0]
    for piece in sorted(set(pieces) - {host}, key=len, reverse=True):
        if len(piece) >= _SHORTEST:
            text = text.replace(piece, "***")
    return text
