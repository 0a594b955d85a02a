"""The small words of rule files: the keys of a mapping, lengths of time, and the hash that stands for a content."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import blake2b

from risk_stream.catalogue import Node

__all__ = ["LENGTH", "Report", "begins_with", "content_hash", "keys", "length_ms", "written"]

Report = Callable[[Node, str], None]
"""Notes a problem at a node."""

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
LENGTH = re.compile(r"([0-9]{1,9})\s*([smhdw])")


def content_hash(text: str) -> str:
    """Twelve hex digits that stand for a content."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def length_ms(text: object) -> int | None:
    """The ms of a length such as 10m or 30d; None where it is none."""
    found = LENGTH.fullmatch(text.strip()) if isinstance(text, str) else None
    return int(found[1]) * _UNITS[found[2]] if found else None


def begins_with(root: Node, key: str) -> bool:
    """Whether a file begins with a key, which says of what kind it is."""
    found = keys(root)
    return bool(found) and found[0].value == key


def written(node: Node) -> str:
    """What stands at a node as somebody wrote it, in quotes, or what it is: for a sentence."""
    if node.is_mapping or node.is_list:
        return f"a {node.kind}"
    return f"'{node.raw}'" if node.raw or node.style else "nothing"


def keys(node: Node) -> list[Node]:
    """The keys of a mapping, with their places."""
    return [key for key, _ in node.items()]
