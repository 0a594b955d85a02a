"""What a file that a person writes is read with: values of a kind, and a sentence for each that is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from risk_stream.catalogue.problems import Problem, did_you_mean
from risk_stream.catalogue.yaml import Node

__all__ = ["FileReader"]


class FileReader:
    """One file; `problems` holds what is wrong in it. What is wrong is read as if it were not there."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.problems: list[Problem] = []

    def report(self, node: Node, message: str) -> None:
        """Something is wrong here."""
        self.problems.append(node.problem(message))

    def mapping(self, node: Node, keys: Iterable[str], what: str) -> bool:
        """Whether a node is a mapping; keys of it that are not known are reported."""
        if not node.is_mapping:
            self.report(node, f"{what} is a mapping; this is a {node.kind}")
            return False
        known = list(keys)
        for key in [key for key, _ in node.items()]:
            if key.value not in known:
                advice = did_you_mean(str(key.value), known) or f": there are {', '.join(known)}"
                self.report(key, f"'{key.value}' is no part of {what}{advice}")
        return True

    def each(self, node: Node | None, what: str) -> Iterator[tuple[Node, Node]]:
        """Names and what stands under them; nothing where there is nothing."""
        if node is None or node.value is None:
            return
        if not node.is_mapping:
            self.report(node, f"{what} is a mapping of names; this is a {node.kind}")
            return
        yield from node.items()

    def items(self, node: Node | None, what: str) -> list[Node]:
        """The items of a list."""
        if node is None or node.value is None:
            return []
        if not node.is_list:
            self.report(node, f"{what} is a list; this is a {node.kind}")
            return []
        return list(node.value)

    def text(self, node: Node, key: str, default: str | None = None) -> str:
        """A text; where none must be, the default."""
        child = node.get(key)
        if child is None and default is not None:
            return default
        if child is None or child.is_mapping or child.is_list or child.raw == "":
            self.report(child or node, f"{key} is missing: a text")
            return default or ""
        return str(child.raw)

    def yes(self, node: Node, key: str, *, default: bool = False) -> bool:
        """true or false; the default where nothing is said."""
        child = node.get(key)
        if child is None:
            return default
        if not isinstance(child.value, bool):
            self.report(child, f"{key} is true or false")
        return child.value is True
