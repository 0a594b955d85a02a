"""Notices sealed to their receiver: who has the private key reads them, and nobody on the way.

A sealed box (PyNaCl, libsodium: X25519, XSalsa20-Poly1305) of title and text, as base64 between two lines, so that it
goes through any channel as text and is found again in whatever was put around it.
"""

from __future__ import annotations

import base64
import binascii
import re

import msgspec
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

__all__ = ["BEGIN", "END", "SealError", "make_keys", "open_text", "seal_text"]

BEGIN, END = "-----BEGIN RISK-STREAM NOTICE-----", "-----END RISK-STREAM NOTICE-----"

_LINE = 76


class SealError(Exception):
    """Raised where a notice cannot be opened; the text is one sentence."""


def make_keys() -> tuple[str, str]:
    """A new private key and its public key, base64."""
    private = PrivateKey.generate()
    return tuple(base64.b64encode(bytes(key)).decode() for key in (private, private.public_key))  # type: ignore[return-value]


def seal_text(title: str, text: str, public_key: str) -> str:
    """What is sent instead of a text."""
    box = SealedBox(PublicKey(base64.b64decode(public_key)))
    sealed = base64.b64encode(box.encrypt(msgspec.json.encode([title, text]))).decode()
    return "\n".join([BEGIN, *(sealed[at : at + _LINE] for at in range(0, len(sealed), _LINE)), END])


def open_text(message: str, private_key: str) -> tuple[str, str]:
    """Title and text of a sealed notice, wherever it stands in a message. Raises `SealError`."""
    try:
        key = PrivateKey(base64.b64decode(private_key.strip(), validate=True))
    except (binascii.Error, ValueError, TypeError) as error:
        raise SealError("this is no private key: it is one line of 44 characters, as notices key writes it") from error
    found = re.search(f"{BEGIN}(.*?){END}", message, re.DOTALL)
    if found is None:
        raise SealError(f"there is no sealed notice in it: one begins with the line {BEGIN}")
    try:
        sealed = base64.b64decode(re.sub(r"[^A-Za-z0-9+/=]", "", found[1]), validate=True)
        title, text = msgspec.json.decode(SealedBox(key).decrypt(sealed), type=tuple[str, str])
    except (binascii.Error, CryptoError, ValueError, TypeError, msgspec.MsgspecError) as error:
        raise SealError("it cannot be opened: it was sealed to another key, or changed on the way") from error
    return title, text
