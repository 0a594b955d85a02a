"""What is changed in refused records before they are judged again: a YAML file of renames and defaults, checked.

    - reason: missing              # which refused records; what is left out does not matter
      topic: risk.trades
      type: transfr                # as the record says it
      rename: {acct: account}      # the record's field: the catalogue's
      set: {type: transfer}        # whatever it was
      default: {entity: Alpha}     # where it is missing
      drop: [internal_note]

Every entry that fits a record is applied, in the order of the file: drop, rename, set, default.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from risk_stream.catalogue import REASONS, Catalogue, Node, Problem, ProblemsError, did_you_mean, read_yaml

__all__ = ["Mend", "mended", "read_mends"]

_CONDITIONS = ("reason", "topic", "type")
_CHANGES = ("drop", "rename", "set", "default")


@dataclass(frozen=True, slots=True)
class Mend:
    """One entry: which records, by `reason`, `topic` and the `type` they say (None: any), and what is changed."""

    reason: str | None = None
    topic: str | None = None
    type: str | None = None
    drop: tuple[str, ...] = ()
    rename: dict[str, str] = field(default_factory=dict)
    set: dict[str, Any] = field(default_factory=dict)
    default: dict[str, Any] = field(default_factory=dict)

    def fits(self, reason: str, topic: str, said: dict[str, Any]) -> bool:
        """Whether it is for a record that was refused for `reason` and says `said`."""
        return (
            self.reason in {None, reason}
            and self.topic in {None, topic}
            and (self.type is None or self.type == said.get("type"))
        )

    def apply(self, said: dict[str, Any]) -> dict[str, Any]:
        """What the record says then. A field that is renamed does not replace one that is there."""
        changed = {name: value for name, value in said.items() if name not in self.drop}
        for name, known in self.rename.items():
            if name in changed and changed.get(known) is None:
                changed[known] = changed.pop(name)
        changed |= self.set
        return changed | {name: value for name, value in self.default.items() if changed.get(name) is None}


def mended(value: bytes, *, reason: str, topic: str, id: str, mends: Sequence[Mend]) -> bytes:
    """A refused record as it is judged again.

    An event that has no id of its own gets `id`, the name it had when it was refused. What is no JSON object stays.
    """
    try:
        said = orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
    if not isinstance(said, dict):
        return value
    changed = said
    for mend in mends:
        if mend.fits(reason, topic, said):
            changed = mend.apply(changed)
    if changed.get("id") is None:
        changed = {**changed, "id": id}
    return value if changed is said else orjson.dumps(changed)


def read_mends(path: Path, catalogue: Catalogue, topics: Iterable[str]) -> list[Mend]:
    """The entries of a file. Raises `ProblemsError` with every fault and its place."""
    root = read_yaml(path, str(path))
    checker = _Checker(catalogue, (*REASONS, "late", "future"), tuple(topics))
    if not root.is_list or not root.value:
        raise ProblemsError([root.problem("a map file is a list: each entry says which records, and what is changed")])
    mends = [checker.entry(node) for node in root.value]
    if checker.problems:
        raise ProblemsError(checker.problems)
    return mends


class _Checker:
    def __init__(self, catalogue: Catalogue, reasons: tuple[str, ...], topics: tuple[str, ...]) -> None:
        self.catalogue, self.reasons, self.topics = catalogue, reasons, topics
        self.problems: list[Problem] = []

    def entry(self, node: Node) -> Mend:
        if not node.is_mapping:
            self.problems.append(node.problem("an entry is a mapping of conditions and changes"))
            return Mend()
        known = (*_CONDITIONS, *_CHANGES)
        for key in [key for key, _ in node.items() if key.value not in known]:
            near = did_you_mean(str(key.value), known)
            self.problems.append(key.problem(f"an entry has no {key.value!r}{near}; it may have {', '.join(known)}"))
        if not any(name in node for name in _CHANGES):
            self.problems.append(node.problem(f"an entry changes something: {', '.join(_CHANGES)}"))
        return Mend(
            reason=self._one_of(node.get("reason"), "reason", self.reasons),
            topic=self._one_of(node.get("topic"), "topic", self.topics),
            type=self._text(node.get("type"), "type"),
            drop=self._names(node.get("drop")),
            rename=self._rename(node.get("rename")),
            set=self._values(node.get("set"), "set"),
            default=self._values(node.get("default"), "default"),
        )

    def _text(self, node: Node | None, what: str) -> str | None:
        if node is None or isinstance(node.value, str):
            return None if node is None else str(node.value)
        self.problems.append(node.problem(f"{what} is text, not a {node.kind}"))
        return None

    def _one_of(self, node: Node | None, what: str, known: tuple[str, ...]) -> str | None:
        said = self._text(node, what)
        if node is not None and said is not None and said not in known:
            near = did_you_mean(said, known)
            self.problems.append(node.problem(f"there is no {what} {said!r}{near}; there are {', '.join(known)}"))
        return said

    def _names(self, node: Node | None) -> tuple[str, ...]:
        if node is None:
            return ()
        if not node.is_list or not all(child.is_text for child in node.value):
            self.problems.append(node.problem("drop is a list of the record's fields"))
            return ()
        return tuple(child.value for child in node.value)

    def _rename(self, node: Node | None) -> dict[str, str]:
        if node is None:
            return {}
        if not node.is_mapping or not all(child.is_text for _, child in node.items()):
            self.problems.append(node.problem("rename is a mapping of the record's field to the catalogue's"))
            return {}
        children = {key.value: child for key, child in node.items()}
        for child in children.values():
            self._known(child.value, child)
        return {name: child.value for name, child in children.items()}

    def _values(self, node: Node | None, what: str) -> dict[str, Any]:
        if node is None:
            return {}
        if not node.is_mapping or any(child.is_mapping or child.is_list for _, child in node.items()):
            self.problems.append(node.problem(f"{what} is a mapping of the catalogue's fields to values"))
            return {}
        for key, child in node.items():
            self._known(key.value, key)
            if key.value == "type" and child.value not in self.catalogue:
                near = did_you_mean(str(child.value), [t.name for t in self.catalogue])
                self.problems.append(child.problem(f"there is no event type {child.value!r}{near}"))
        return {key.value: child.value for key, child in node.items()}

    def _known(self, name: str, at: Node) -> None:
        if name not in self.catalogue.fields:
            near = did_you_mean(name, self.catalogue.fields)
            self.problems.append(at.problem(f"no event type has a field {name!r}{near}"))
