"""Rule files in memory: values as nodes that stand at the place of what they were made of."""

from __future__ import annotations

from typing import Any

from risk_stream.catalogue import Node

__all__ = ["made"]


def made(value: Any, at: Node) -> Node:
    """A mapping, list or scalar as a node at the place of another; nodes in it stay where they are."""
    if isinstance(value, Node):
        return value
    node = Node(value, at.file, at.line, at.column, value if isinstance(value, str) else str(value))
    if isinstance(value, dict):
        keys = {key: Node(key, at.file, at.line, at.column, key) for key in value}
        node.fill({key: made(child, at) for key, child in value.items()}, keys)
    elif isinstance(value, list):
        node.value = [made(child, at) for child in value]
    return node
