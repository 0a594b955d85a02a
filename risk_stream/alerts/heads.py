"""Heads of the log of lives: what its last entry was at one time, signed, and kept where who writes the log cannot.

The chain alone shows that something was changed in the middle; who can write the log anew from some entry on, or cut
off its end, makes a chain without a fault. A head vouches for all entries up to its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from risk_stream.alerts.chain import links
from risk_stream.alerts.standing import at_words

__all__ = ["Head", "amiss", "read_heads", "signed_text"]


class Head(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a file of heads. `signature` is of all that stands before it."""

    log: str  # the topic
    entry: int
    digest: str  # of the record of that entry
    time: int  # when it was signed, ms
    key: str  # which key signed: the first half of the SHA-256 of the public one, hexadecimal
    signature: str = ""  # Ed25519, hexadecimal


def signed_text(head: Head) -> bytes:
    """What a head's signature is of."""
    return msgspec.json.encode(msgspec.structs.replace(head, signature=""))


def read_heads(text: bytes, name: str) -> list[Head]:
    """The heads of a file, a line each. Raises `ValueError` with a sentence that names the line."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                found.append(msgspec.json.decode(line, type=Head))
            except (msgspec.DecodeError, msgspec.ValidationError) as exc:
                raise ValueError(f"{name}:{number} is no signed head ({exc})") from exc
    return found


def amiss(records: Iterable[bytes], heads: Iterable[Head]) -> Iterator[str]:
    """What is wrong with records of the log in their order.

    It is the first fault of the chain, and each head that does not hold. Whether the heads are signed by whom they
    should be is asked before.
    """
    waiting: dict[int, list[Head]] = {}
    for head in heads:
        waiting.setdefault(head.entry, []).append(head)
    last = 0
    for link in links(records):
        if isinstance(link, str):
            yield link
            return
        last, digest = link
        for head in waiting.pop(last, ()):
            if head.digest != digest:
                when = at_words(head.time)
                yield f"entry {last} is not the one that was signed at {when}: entries up to it were changed"
    for entry in sorted(waiting):
        when = at_words(waiting[entry][0].time)
        yield f"the log ends with entry {last}, and entry {entry} was signed at {when}: what followed was cut off"
