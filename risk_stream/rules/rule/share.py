"""A rule that is live for a share of the keys of one kind, and in shadow for the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass

from risk_stream.catalogue import Catalogue, EventType, Node, text_hash
from risk_stream.features import Aggregate
from risk_stream.rules.words import Report, keys

__all__ = ["PERCENT", "Share", "read_share", "unkeyed"]

#: How a share is written.
PERCENT = re.compile(r"([0-9]{1,2}(?:\.[0-9]{1,4})?)\s*%")
_HASHES = 1 << 64


@dataclass(frozen=True, slots=True)
class Share:
    """So many of a million keys of a kind: which they are follows from the rule's id and the key, and nothing else.

    A larger share has all keys of a smaller one, and no two rules have the same keys.
    """

    millionths: int
    by: str

    def has(self, rule: str, key: str | None) -> bool:
        """Whether a key is among those for which a rule is live; that of an event without one is not."""
        if not key:
            return False
        return (text_hash(f"{rule}\0{key}") + (_HASHES >> 1)) * 1_000_000 < self.millionths * _HASHES

    def __str__(self) -> str:
        """As people write it: 10% by customer."""
        return f"{self.millionths / 10_000:g}% by {self.by}"


def read_share(node: Node, catalogue: Catalogue, report: Report) -> Share | None:
    """The share that `mode: {live: 10%, by: customer}` names; None where it is wrong, which is reported."""
    example = "as in mode: {live: 10%, by: customer}"
    for key in keys(node):
        if key.value not in {"live", "by"}:
            report(key, f"'{key.value}' is no part of a mode: it is live for a share of keys, {example}")
            return None
    live, by = node.get("live"), node.get("by")
    found = PERCENT.fullmatch(live.value.strip()) if live is not None and live.is_text else None
    millionths = round(float(found[1]) * 10_000) if found else 0
    if not millionths:
        report(live or node, f"live is a share of keys, more than 0% and less than 100%, {example}")
        return None
    kinds = [kind.name for kind in catalogue.kinds]
    if by is None or by.value not in kinds:
        report(by or node, f"by names the kind of key of which a share is live, one of {', '.join(kinds)}, {example}")
        return None
    return Share(millionths, by.value)


def unkeyed(kind: str, types: tuple[EventType, ...], aggregates: tuple[Aggregate, ...]) -> str:
    """Why it is not known of each event of some types which key of a kind it has, or nothing.

    A key that events need not have is filled in where a feature is kept by it, and perhaps not elsewhere.
    """
    if any(aggregate.by == kind for aggregate in aggregates):
        return ""
    for event_type in types:
        name = event_type.keys.get(kind)
        if not any(f.required for f in event_type.all_fields if f.name == name):
            return f"not each {event_type.name} says its {kind}: choose a key that all have, or ask a feature by {kind}"
    return ""
