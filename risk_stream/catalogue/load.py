"""Reads event types and kinds of key from YAML: the package's own, then a house's, every fault with its place.

A file holds `types` and `kinds`, either or both:

    kinds:
      - {kind: broker, meaning: Who brought the customer., belongs_to: group, learnt_from: [referral]}
    types:
      - type: referral
        meaning: A broker sends us a customer.
        topic: loans                    # trades, loans or reference
        fields:
          - {name: broker, type: string, key: broker, required: true, meaning: Who sends.}
          - {name: fee, type: money, meaning: What the broker is paid.}
      - extend: application             # more fields for a type that another file declares
        fields:
          - {name: shop, type: string, meaning: The shop where it was signed.}

An event visits a kind that belongs to another before its owner: `broker` goes in front of `group`. Other kinds of a
house come last, in the order of its files.

A field name means one thing in the whole catalogue: what a later declaration leaves unsaid (but type, meaning and
required) is as the first said, and what it says must agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from risk_stream.catalogue.problems import CatalogueError, Problem, ProblemsError, did_you_mean
from risk_stream.catalogue.types import DECIMALS, ENVELOPE, Catalogue, EventType, Field, FieldType, KeyKind
from risk_stream.catalogue.yaml import Node, read_yaml

__all__ = ["MAX_FIELDS", "MAX_TYPES", "TOPICS", "load_catalogue"]

#: What a type's `topic` may be: which of the house's three feeds carries it.
TOPICS = ("trades", "loans", "reference")
#: Event types and kinds in one catalogue, fields in one type: far above what a house has, small enough for any column.
MAX_TYPES, MAX_KINDS, MAX_FIELDS = 1000, 32, 500

_CORE = Path(__file__).parent / "events"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
#: Names the language of rules or the batches use for something else.
_RESERVED = frozenset(("and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "missing", "lambda"))
_MAX_DECIMALS = 9
#: What must agree wherever a field's name appears; `required` and the words of `meaning` may differ.
_ONE_THING = ("type", "unit", "decimals", "key", "personal", "choices", "minimum", "maximum")

_TEXT, _YES_NO, _NUMBER, _TEXTS = "text", "yes-or-no", "number", "list of texts"
_FIELD_KEYS = {
    "name": _TEXT,
    "type": _TEXT,
    "meaning": _TEXT,
    "unit": _TEXT,
    "decimals": _NUMBER,
    "key": _TEXT,
    "personal": _YES_NO,
    "required": _YES_NO,
    "choices": _TEXTS,
    "minimum": _NUMBER,
    "maximum": _NUMBER,
}
_KIND_KEYS = {"kind": _TEXT, "meaning": _TEXT, "belongs_to": _TEXT, "learnt_from": _TEXTS, "many_rows": _YES_NO}
_TYPE_KEYS = {
    "type": _TEXT,
    "meaning": _TEXT,
    "topic": _TEXT,
    "any_key": _YES_NO,
    "broadcast": _YES_NO,
    "passes_time": _YES_NO,
    "fields": "list",
}
_EXTEND_KEYS = {"extend": _TEXT, "fields": "list"}


def load_catalogue(*paths: Path) -> Catalogue:
    """The package's own event types and those of the house's files; of a folder, every .yaml and .yml file in it.

    Raises CatalogueError with everything that is wrong in any of them.
    """
    return _load(_CORE, *paths) if paths else _own()


@cache
def _own() -> Catalogue:
    """The package's own event types alone, read once: their files do not change while a process lives."""
    return _load(_CORE)


def _load(*paths: Path) -> Catalogue:
    loader = _Loader()
    for path in _files(*paths, problems=loader.problems):
        loader.read(path)
    return loader.finish()


def _files(*paths: Path, problems: list[Problem]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix in {".yaml", ".yml"} and p.is_file())
            if not inside:
                problems.append(Problem(str(path), 0, 0, "the folder holds no .yaml file; put the event types there"))
            found += inside
        else:
            found.append(path)
    return list(dict.fromkeys(found))


@dataclass(slots=True)
class _Draft:
    """An event type while its files are read."""

    node: Node
    meaning: str
    topic: str
    any_key: bool
    broadcast: bool = False
    passes_time: bool = False
    sound: bool = True  # every field of it could be read
    fields: dict[str, tuple[Field, Node]] = field(default_factory=dict)


class _Loader:
    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.kinds: dict[str, tuple[KeyKind, Node]] = {}
        self.types: dict[str, _Draft] = {}
        self.extensions: list[Node] = []
        self.fields: dict[str, tuple[Field, Node]] = {f.name: (f, Node(None, "", 0, 0)) for f in ENVELOPE}

    def read(self, path: Path) -> None:
        """Take in one file; its faults are kept for later."""
        try:
            root = read_yaml(path, path.name if path.parent == _CORE else str(path))
        except ProblemsError as error:
            self.problems += error.problems
            return
        if not self._shape(root, {"types": "list", "kinds": "list"}, "file", ()):
            return
        for node in _list(root.get("kinds")):
            self._kind(node)
        for node in _list(root.get("types")):
            if "extend" in node:
                self.extensions.append(node)  # once every type is known
            else:
                self._type(node)

    def finish(self) -> Catalogue:
        """What was read, as a catalogue, once it all fits together."""
        for node in self.extensions:
            self._extend(node)
        self._check_references()
        if len(self.types) > MAX_TYPES or len(self.kinds) > MAX_KINDS:
            most = f"{MAX_TYPES} event types and {MAX_KINDS} kinds of key"
            self.problems.append(Problem("the catalogue", 0, 0, f"there are more than {most}; declare fewer"))
        if self.problems:
            raise CatalogueError(self.problems)
        types = (
            EventType(
                name,
                d.meaning,
                d.topic,
                tuple(f for f, _ in d.fields.values()),
                d.node.file,
                any_key=d.any_key,
                broadcast=d.broadcast,
                passes_time=d.passes_time,
            )
            for name, d in self.types.items()
        )
        return Catalogue(tuple(types), tuple(self._in_order()))

    def _in_order(self) -> list[KeyKind]:
        """The kinds in hop order: as declared, but what belongs to a kind declared earlier goes in front of that."""
        order: list[KeyKind] = []
        for kind, _ in self.kinds.values():
            owners = [i for i, other in enumerate(order) if other.name == kind.belongs_to]
            order.insert(owners[0] if owners else len(order), kind)
        return order

    # One entry of a file.

    def _kind(self, node: Node) -> None:
        if not self._shape(node, _KIND_KEYS, "kind of key", ("kind", "meaning")):
            return
        name = self._name(node["kind"], "a kind of key")
        if name is None or self._twice(node["kind"], self.kinds, "kind of key"):
            return
        kind = KeyKind(
            name,
            node["meaning"].value,
            _plain(node, "belongs_to", None),
            tuple(_plain(node, "learnt_from", ())),
            many_rows=_plain(node, "many_rows", False),
        )
        self.kinds[name] = (kind, node)

    def _type(self, node: Node) -> None:
        if not self._shape(node, _TYPE_KEYS, "event type", ("type", "meaning", "topic", "fields")):
            return
        name = self._name(node["type"], "an event type")
        if name is None or self._twice(node["type"], self.types, "event type"):
            return
        topic = node["topic"]
        if topic.value not in TOPICS:
            self._say(topic, f'topic "{topic.value}" is none of {", ".join(TOPICS)}{did_you_mean(topic.value, TOPICS)}')
        draft = _Draft(
            node["type"],
            node["meaning"].value,
            topic.value,
            _plain(node, "any_key", False),
            _plain(node, "broadcast", False),
            _plain(node, "passes_time", False),
        )
        self.types[name] = draft
        self._fields(draft, node["fields"])

    def _extend(self, node: Node) -> None:
        if not self._shape(node, _EXTEND_KEYS, "extension", ("extend", "fields")):
            return
        name = node["extend"]
        draft = self.types.get(name.value)
        if draft is None:
            known = did_you_mean(name.value, self.types)
            self._say(name, f'there is no event type "{name.value}" to extend{known}')
            return
        self._fields(draft, node["fields"])

    def _fields(self, draft: _Draft, nodes: Node) -> None:
        for node in nodes.value:
            declared = self._field(node)
            if declared is None:
                draft.sound = False
                continue
            if declared.name in draft.fields:
                _, first = draft.fields[declared.name]
                said = f'field "{declared.name}" is declared twice (first at {_place(first)})'
                self._say(node["name"], f"{said}; remove one")
                continue
            draft.fields[declared.name] = (declared, node["name"])
            self._one_thing(declared, node)
        if len(draft.fields) > MAX_FIELDS:
            self._say(nodes, f"an event type has at most {MAX_FIELDS} fields; split it")

    def _field(self, node: Node) -> Field | None:
        if not self._shape(node, _FIELD_KEYS, "field", ("name", "type", "meaning")):
            return None
        name = self._name(node["name"], "a field")
        if name is None:
            return None
        if name in {f.name for f in ENVELOPE}:
            self._say(node["name"], f'every event has "{name}" already; give this field another name')
            return None
        said = node["type"].value
        types = [t.value for t in FieldType]
        if said not in types:
            self._say(node["type"], f'type "{said}" is none of {", ".join(types)}{did_you_mean(said, types)}')
            return None
        # What a later declaration leaves unsaid is as the first said: a name means one thing.
        known, _ = self.fields.get(name, (None, None))
        first = known if known is not None and known.type.value == said else Field(name, FieldType(said), "")
        declared = Field(
            name,
            FieldType(said),
            node["meaning"].value,
            unit=_plain(node, "unit", first.unit),
            decimals=_plain(node, "decimals", first.decimals if first is known else DECIMALS.get(first.type, 0)),
            key=_plain(node, "key", first.key),
            personal=_plain(node, "personal", first.personal),
            required=_plain(node, "required", False),
            choices=tuple(_plain(node, "choices", first.choices)),
            minimum=_plain(node, "minimum", first.minimum),
            maximum=_plain(node, "maximum", first.maximum),
        )
        return declared if self._fits(declared, node) else None

    # What must hold.

    def _fits(self, f: Field, node: Node) -> bool:
        """Whether a field's attributes go together; says what does not."""
        before = len(self.problems)
        of = f.type.value

        def check(fault: bool, attribute: str, message: str) -> None:
            if fault:
                self._say(node.get(attribute) or node, f'field "{f.name}": {message}')

        check("decimals" in node and f.type not in DECIMALS, "decimals", f"a {of} has no decimals; remove this")
        check(
            f.decimals not in range(_MAX_DECIMALS + 1),
            "decimals",
            f"decimals must be a whole number from 0 to {_MAX_DECIMALS}",
        )
        is_choice = f.type is FieldType.CHOICE
        check(is_choice and not f.choices, "type", "a choice needs choices: [one, another]")
        check(not is_choice and bool(f.choices), "choices", f"a {of} has no choices; make its type choice")
        check(len(set(f.choices)) < len(f.choices), "choices", "a choice stands there twice; remove one")
        check(any(not c or len(c) > 200 for c in f.choices), "choices", "a choice has 1 to 200 characters")
        for bound in ("minimum", "maximum"):
            numeric = f.type in {FieldType.INTEGER, FieldType.NUMBER, FieldType.MONEY}
            check(bound in node and not numeric, bound, f"a {of} has no {bound}; remove this")
        if f.minimum is not None and f.maximum is not None:
            check(f.minimum > f.maximum, "maximum", "maximum is below minimum; exchange them")
        check(f.key is not None and f.type is not FieldType.STRING, "type", "a key is a string; change its type")
        wrong = f.key is not None and f.key != f.name
        check(wrong, "key", f'a key of kind "{f.key}" is named "{f.key}" in every event type; rename the field')
        return len(self.problems) == before

    def _one_thing(self, f: Field, node: Node) -> None:
        """A name means one thing in the whole catalogue, so that a batch of many types is one table."""
        first, at = self.fields.setdefault(f.name, (f, node["name"]))
        for attribute in _ONE_THING:
            here, there = getattr(f, attribute), getattr(first, attribute)
            if here != there and (attribute == "type" or f.type is first.type):
                said = f'"{f.name}" has {attribute} {_show(there)} at {_place(at)} and {_show(here)} here'
                at_fault = node.get(attribute) or node["name"]
                self._say(at_fault, f"{said}; a name means one thing: make them equal, or rename")

    def _check_references(self) -> None:
        """Kinds and event types that are spoken of exist."""
        kinds = list(self.kinds)
        for f, at in self.fields.values():
            if f.key is not None and f.key not in self.kinds:
                known = did_you_mean(f.key, kinds)
                self._say(at, f'field "{f.name}" is a key of kind "{f.key}", and there is no such kind{known}')
        order = [kind.name for kind in self._in_order()]
        for kind, node in self.kinds.values():
            if kind.belongs_to is not None and kind.belongs_to not in self.kinds:
                known = did_you_mean(kind.belongs_to, kinds)
                self._say(node["belongs_to"], f'"{kind.belongs_to}" is no kind of key{known}')
                continue
            if kind.belongs_to is not None and order.index(kind.belongs_to) <= order.index(kind.name):
                said = f'events visit "{kind.name}" before its owner "{kind.belongs_to}"'
                self._say(node["belongs_to"], f"{said}, so declare the owner first, and no circle of owners")
            if kind.learnt_from and kind.belongs_to is None:
                said = f'"{kind.name}" belongs to nothing that could be learnt'
                self._say(node["learnt_from"], f"{said}; add belongs_to")
            for teacher in kind.learnt_from:
                self._check_teacher(kind, teacher, node["learnt_from"])
        for name, draft in self.types.items():
            keys = [f for f, _ in draft.fields.values() if f.key is not None]
            if keys and draft.broadcast:
                self._say(
                    draft.node,
                    f'"{name}" is told to every hop and belongs to no key: leave its keys, or broadcast, out',
                )
            if draft.passes_time and (keys or draft.broadcast):
                said = "only says what time it is: leave its keys, broadcast, or passes_time, out"
                self._say(draft.node, f'"{name}" {said}')
            if not keys and draft.sound and not (draft.broadcast or draft.passes_time):
                self._say(draft.node, f'event type "{name}" has no key; give one field a key, such as key: customer')
            elif keys and draft.sound and not draft.any_key and not any(f.required for f in keys):
                self._say(draft.node, f'no key of event type "{name}" is required; require one, or say any_key: true')

    def _check_teacher(self, kind: KeyKind, teacher: str, at: Node) -> None:
        draft = self.types.get(teacher)
        if draft is None:
            self._say(at, f'"{teacher}" is no event type{did_you_mean(teacher, self.types)}')
        elif kind.name not in draft.fields or kind.belongs_to not in draft.fields:
            said = f'"{teacher}" does not have both "{kind.name}" and "{kind.belongs_to}"'
            self._say(at, f"{said}; name an event type that has")

    # The form of an entry.

    def _shape(self, node: Node, keys: dict[str, str], what: str, needed: Iterable[str]) -> bool:
        """Whether a mapping has known keys only, each of the right kind, and all it needs."""
        if node.value is None and not needed:
            return False
        if not node.is_mapping:
            self._say(node, f"a {what} is a mapping with {', '.join(keys)}; here is {_article(node.kind)}")
            return False
        before = len(self.problems)
        for key, child in node.items():
            wanted = keys.get(key.raw)
            if wanted is None:
                known = did_you_mean(key.raw, keys) or f"; known are {', '.join(keys)}"
                self._say(key, f'"{key.raw}" is not known in {_article(what)}{known}')
            elif not _is(child, wanted):
                self._say(child, f'"{key.raw}" must be {_article(wanted)}; here is {_article(child.kind)}')
        for name in needed:
            if name not in node:
                self._say(node, f'this {what} lacks "{name}"; add it')
        return len(self.problems) == before

    def _name(self, node: Node, what: str) -> str | None:
        name = str(node.value)
        if _NAME.fullmatch(name) is None:
            self._say(node, f'"{name}" cannot name {what}; use a-z, 0-9 and _, a letter first, at most 63')
            return None
        if name in _RESERVED:
            self._say(node, f'"{name}" is a word of the language and cannot name {what}; choose another')
            return None
        return name

    def _twice(self, node: Node, known: dict[str, Any], what: str) -> bool:
        if node.value not in known:
            return False
        entry = known[node.value]
        first = entry.node if isinstance(entry, _Draft) else entry[1]
        advice = f"to add fields to it write extend: {node.value}" if what == "event type" else "remove one"
        self._say(node, f'{what} "{node.value}" is declared already at {_place(first)}; {advice}')
        return True

    def _say(self, node: Node, message: str) -> None:
        self.problems.append(node.problem(message))


_IS: dict[str, Callable[[Node], bool]] = {
    _TEXT: lambda node: isinstance(node.value, str),
    _YES_NO: lambda node: isinstance(node.value, bool),
    _NUMBER: lambda node: isinstance(node.value, int | float) and not isinstance(node.value, bool),
    _TEXTS: lambda node: node.is_list and all(child.is_text for child in node.value),
    "list": lambda node: node.is_list,
}


def _is(node: Node, wanted: str) -> bool:
    return _IS[wanted](node)


def _list(node: Node | None) -> list[Node]:
    return [] if node is None else list(node.value)


def _plain(node: Node, key: str, default: Any) -> Any:
    child = node.get(key)
    return default if child is None else child.plain()


def _place(node: Node) -> str:
    return f"{node.file}:{node.line}"


def _article(word: str) -> str:
    if word in {_TEXT, _YES_NO, "nothing"}:
        return word
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def _show(value: object) -> str:
    if isinstance(value, FieldType):
        return value.value
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return "none" if value in {None, ""} else str(value)
