"""One rule file: from YAML with places to checked rules, every problem noted."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from risk_stream.calendars import Calendar
from risk_stream.catalogue import Catalogue, Node
from risk_stream.rules.declared.declare import Declarations
from risk_stream.rules.declared.loaded import LoadedFile
from risk_stream.rules.declared.neighbours import NOTHING, Name, Neighbour, Neighbours
from risk_stream.rules.declared.scope import Features
from risk_stream.rules.language.check import nearest
from risk_stream.rules.language.functions import Vocabulary
from risk_stream.rules.lifecycle.load import Parts, load_lifecycle
from risk_stream.rules.limits import MAX_RULES
from risk_stream.rules.model import STAGES
from risk_stream.rules.models.scoring import Models
from risk_stream.rules.models.segmenting import SEGMENTS, SEGMENTS_KIND
from risk_stream.rules.policy import read_policy
from risk_stream.rules.reading import EnoughError, Reader, kind_of
from risk_stream.rules.rule.rule import Rules, Shared
from risk_stream.rules.tables.card import Cards
from risk_stream.rules.tables.table import Tables
from risk_stream.rules.words import begins_with, keys

__all__ = ["KINDS", "LIBRARY_KEYS", "TOP_KEYS", "is_library", "kind_of_file", "load_file"]

#: What a rule file may hold, and one that is only imported.
TOP_KEYS = ("stage", "owner", "group", "tags", "import", "constants", "patterns", "features", "rules")
LIBRARY_KEYS = ("constants", "patterns", "features")
#: The kinds of files, each before those that may ask it.
KINDS = ("library", "scorecard", "segments", "model", "rules", "table")


def is_library(root: Node) -> bool:
    """Whether a file has no rules and says of no stage: it holds what others import."""
    return root.is_mapping and bool(root.value) and all(key.value in LIBRARY_KEYS for key in keys(root))


def kind_of_file(root: Node) -> str:
    """Which of `KINDS` a file is: it has the key of its kind, or holds what others import, or else is one of rules."""
    if is_library(root):
        return "library"
    kind = next((kind for kind in ("scorecard", "model", "table") if root.is_mapping and kind in root), "rules")
    gives = root.get("gives") if kind == "model" else None
    return SEGMENTS_KIND if gives is not None and gives.value == SEGMENTS else kind


def load_file(
    catalogue: Catalogue,
    calendars: Mapping[str, Calendar],
    root: Node,
    source: str,
    libraries: Mapping[str, LoadedFile] | None = None,
    known: Mapping[Name, Neighbour] = NOTHING,
) -> LoadedFile:
    """Check a whole rule file; `source` is its text, for the places of errors within expressions.

    `libraries` are the loaded files, by name, that it may import constants, patterns and features of; `known` are the
    scorecards, models and rules of other files, which it may ask.
    """
    loader = _Loader(catalogue, calendars, root, source, libraries or {}, known)
    with suppress(EnoughError):
        loader.load()
    loader.loaded.asked = loader.neighbours.asked
    return loader.loaded


class _Loader(Reader):
    def __init__(
        self,
        catalogue: Catalogue,
        calendars: Mapping[str, Calendar],
        root: Node,
        source: str,
        libraries: Mapping[str, LoadedFile],
        known: Mapping[Name, Neighbour],
    ) -> None:
        self.loaded = LoadedFile()
        super().__init__(source, self.loaded.problems)
        self.root, self.libraries, self.kind = root, libraries, kind_of_file(root)
        self.catalogue, self.calendars = catalogue, calendars
        self.neighbours = Neighbours(known, self.kind)
        self.features = Features(catalogue, Vocabulary(calendars), self.report_in, self.neighbours)
        self.declarations = Declarations(self, catalogue, calendars, self.loaded, self.features)
        self.rules = Rules(self, catalogue, calendars, self.loaded, self.features)
        self.tables = Tables(self, catalogue, self.loaded, self.features)
        self.cards = Cards(self, catalogue, self.loaded, self.features)
        self.models = Models(self, catalogue, self.loaded, self.features)

    def load(self) -> None:
        """Read the file into `loaded`. Raises `EnoughError`."""
        root = self.root
        if not root.is_mapping:
            self.report(root, "a rule file is a mapping with stage, features and rules; this is " + kind_of(root))
            return
        if begins_with(root, "profile"):
            read_policy(self, root, self.loaded)
            return
        if self.kind == "library":
            self.loaded.features = self.features
            self.declarations.read(root)
            return
        if begins_with(root, "lifecycle"):
            load_lifecycle(
                Parts(self, self.catalogue, self.calendars, self.loaded, self.features, self.declarations, self.rules),
                root,
            )
            return
        kind = self.models.kind if self.kind == SEGMENTS_KIND else self.kind
        apart = next((one for one in (self.cards, self.models, self.tables) if one.kind == kind), None)
        if apart is not None:
            self.declarations.imports(root.get("import"), self.libraries)
            self.declarations.read(root)
            apart.read(root)
            self._unused()
            return
        if self._is_unknown(root):
            return
        self.known(root, TOP_KEYS, "a rule file")
        stage = self.choice(root, "stage", STAGES, None)
        owner = self.text(root, "owner", None) if "owner" in root else ""
        group = self.word(root, "group", "") if "group" in root else ""
        shared = Shared(stage or STAGES[0], owner or "", group, self.tags(root))
        self.declarations.imports(root.get("import"), self.libraries)
        self.declarations.read(root)
        rules = root.get("rules")
        if rules is None or not rules.is_list or not rules.value:
            self.report(rules or root, "'rules' is missing or empty: a rule file has a list of one rule or more")
        elif len(rules.value) > MAX_RULES:
            self.report(
                rules, f"there are {len(rules.value):,} rules in one file, at most {MAX_RULES:,} are allowed: split it"
            )
        else:
            for node in rules.value:
                self.rules.read(node, shared)
        self._unused()

    def _is_unknown(self, root: Node) -> bool:
        """Whether it is a file of another kind, with no key of a rule file or one that is like it; it is reported."""
        found = keys(root)
        begins = found[: len(TOP_KEYS)]  # whoever misspells does so there; to look at thousands takes its time
        if not found or any(key.value in TOP_KEYS for key in found) or any(nearest(k.value, TOP_KEYS) for k in begins):
            return False
        first = found[0]
        self.report(
            first,
            f"a file that begins with '{first.value}' is of no kind that is known here: one of rules has stage and"
            " rules, one that others import has constants, features or both, others begin with profile, scorecard,"
            " model, table or lifecycle",
        )
        return True

    def _unused(self) -> None:
        if self.loaded.problems:
            return
        for name, node in self.declarations.own.items():
            if name not in self.features.used:
                known = self.features
                what = "constant" if name in known.constants else "pattern" if name in known.patterns else "feature"
                whose = {
                    "scorecard": "nothing in this scorecard",
                    "model": "no input of this model",
                    SEGMENTS_KIND: "no input of this model",
                    "table": "no row of this table",
                }
                whose_use = whose.get(self.kind, "no rule of this file")
                self.loaded.warnings.append(node.problem(f"{whose_use} uses the {what} '{name}'"))
