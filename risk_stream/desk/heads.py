"""Signs heads of the log of lives with Ed25519 and keeps them in a file to which they are only added.

The file belongs where who may write the log cannot write: another machine's share, or storage that is written once.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from risk_stream.alerts import Head, read_heads, signed_text

__all__ = [
    "HEADS_FILE",
    "HeadsError",
    "HeadsFile",
    "is_signed",
    "key_name",
    "make_key",
    "private_key",
    "public_key",
    "signed",
]

#: The file of the folder that heads are written to.
HEADS_FILE = "heads.jsonl"


class HeadsError(Exception):
    """Raised when a key or a file of heads cannot be used; the text is one sentence."""


def make_key() -> tuple[bytes, bytes]:
    """A new pair of keys, PEM: the private one, and the public one."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private_key(pem: str) -> Ed25519PrivateKey:
    """The key that signs. Raises `HeadsError`."""
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError) as exc:
        raise HeadsError(
            "RISK_STREAM_AUDIT_KEY_FILE has no private key in it: risk-stream audit key makes one"
        ) from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise HeadsError("RISK_STREAM_AUDIT_KEY_FILE has a key of another kind than Ed25519: risk-stream audit key")
    return key


def public_key(pem: bytes, name: str) -> Ed25519PublicKey:
    """The key that signatures are checked by; `name` is what a message calls it. Raises `HeadsError`."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError) as exc:
        raise HeadsError(
            f"{name} has no public key in it: risk-stream audit key writes one beside the private key"
        ) from exc
    if not isinstance(key, Ed25519PublicKey):
        raise HeadsError(
            f"{name} has a key of another kind than Ed25519: name the one that risk-stream audit key wrote"
        )
    return key


def key_name(key: Ed25519PublicKey) -> str:
    """What a key is called in heads."""
    return sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:32]


def signed(log: str, entry: int, digest: str, now: int, key: Ed25519PrivateKey) -> Head:
    """A head, signed at a time, ms."""
    head = Head(log=log, entry=entry, digest=digest, time=now, key=key_name(key.public_key()))
    return msgspec.structs.replace(head, signature=key.sign(signed_text(head)).hex())


def is_signed(head: Head, key: Ed25519PublicKey) -> bool:
    """Whether a head was signed by the private key that belongs to this one, and is as it was then."""
    try:
        key.verify(bytes.fromhex(head.signature), signed_text(head))
    except (InvalidSignature, ValueError):
        return False
    return True


class HeadsFile:
    """heads.jsonl of a folder. Raises `HeadsError` where it cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / HEADS_FILE

    def read(self) -> list[Head]:
        """All heads, the oldest first; none where there is no file yet."""
        try:
            return read_heads(self.path.read_bytes(), str(self.path))
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as exc:
            why = exc.strerror if isinstance(exc, OSError) else str(exc)
            raise HeadsError(f"{self.path} cannot be read ({why}): give this user the right, or mend it") from exc

    def add(self, head: Head) -> None:
        """Write a head behind the others, onto the disk."""
        try:
            with self.path.open("ab") as file:
                file.write(msgspec.json.encode(head) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as exc:
            raise HeadsError(
                f"{self.path} cannot be written ({exc.strerror}): give the desk the right to write there, or make room"
            ) from exc
