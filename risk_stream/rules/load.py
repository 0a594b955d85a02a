"""One rule file: from YAML with places to checked rules, every problem noted."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from risk_stream.calendars import Calendar
from risk_stream.catalogue import Catalogue, Node, Problem
from risk_stream.features import Aggregate
from risk_stream.rules.aggregates import Feature, content_hash, event_types, keys, read_aggregate
from risk_stream.rules.check import Noted, nearest
from risk_stream.rules.expression import RESERVED, ExpressionError, names, parse
from risk_stream.rules.expression import Node as Tree
from risk_stream.rules.given import TestsReader
from risk_stream.rules.later import misfit, read_after
from risk_stream.rules.limits import (
    MAX_FEATURES,
    MAX_FILE_NODES,
    MAX_INLINED_DEPTH,
    MAX_LITERAL,
    MAX_NODES,
    MAX_RULES,
    MAX_TEXT,
)
from risk_stream.rules.meaning import Condition, Constant, Kind, Meaning, Value, depth, wording
from risk_stream.rules.model import DEFAULT_ACTION, MODES, SEVERITIES, STAGES, Band, Rule
from risk_stream.rules.reading import ID, NAME, EnoughError, Reader, kind_of
from risk_stream.rules.scope import Features, RuleScope, too_large
from risk_stream.rules.sentence import said

__all__ = ["LIBRARY_KEYS", "OTHERWISE", "RULE_KEYS", "TOP_KEYS", "LoadedFile", "is_library", "load_file"]

#: What a rule file and a rule may hold.
TOP_KEYS = ("stage", "owner", "tags", "import", "constants", "features", "rules")
LIBRARY_KEYS = ("constants", "features")
RULE_KEYS = (
    *("id", "on", "when", "severity", "owner", "summary", "why"),
    *("score", "action", "mode", "tags", "approximate", "after", "tests"),
)
#: The condition of the lowest level of a severity that depends on values.
OTHERWISE = "otherwise"
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(slots=True)
class LoadedFile:
    """What a file holds, and what is wrong in it."""

    rules: list[Rule] = field(default_factory=list)
    ids: list[tuple[str, Node]] = field(default_factory=list)  # of every rule, sound or not, and where it stands
    wheres: dict[tuple[str, str], Condition] = field(default_factory=dict)  # (type, canonical text) -> condition
    calendars: dict[str, Calendar] = field(default_factory=dict)  # that its features go by
    features: Features | None = None  # that others may import, with its constants
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def is_library(root: Node) -> bool:
    """Whether a file has no rules and says of no stage: it holds what others import."""
    return root.is_mapping and bool(root.value) and all(key.value in LIBRARY_KEYS for key in keys(root))


def load_file(
    catalogue: Catalogue,
    calendars: Mapping[str, Calendar],
    root: Node,
    source: str,
    libraries: Mapping[str, LoadedFile] | None = None,
) -> LoadedFile:
    """Check a whole rule file; `source` is its text, for the places of errors within expressions.

    `libraries` are the loaded files, by name, that it may import constants and features of.
    """
    loader = _Loader(catalogue, calendars, root, source, libraries or {})
    with suppress(EnoughError):
        loader.load()
    return loader.loaded


class _Loader(Reader):
    def __init__(
        self,
        catalogue: Catalogue,
        calendars: Mapping[str, Calendar],
        root: Node,
        source: str,
        libraries: Mapping[str, LoadedFile],
    ) -> None:
        self.loaded = LoadedFile()
        super().__init__(source, self.loaded.problems)
        self.catalogue, self.calendars, self.root, self.libraries = catalogue, calendars, root, libraries
        self.features = self.loaded.features = Features(catalogue, self.report_in)
        self.tests = TestsReader(catalogue, self)
        self.nodes = 0  # operations and names of the rules so far, for all features in them
        self.own: dict[str, Node] = {}  # the names that this file declares itself

    # The file

    def load(self) -> None:
        """Read the file into `loaded`. Raises `EnoughError`."""
        root = self.root
        if not root.is_mapping:
            self.report(root, "a rule file is a mapping with stage, features and rules; this is " + kind_of(root))
            return
        if is_library(root):
            self._constants(root.get("constants"))
            self._features(root.get("features"))
            self.features.check()
            return
        self.known(root, TOP_KEYS, "a rule file")
        stage = self.choice(root, "stage", STAGES, None)
        owner = self.text(root, "owner", None) if "owner" in root else ""
        tags = self.tags(root)
        self._imports(root.get("import"))
        self._constants(root.get("constants"))
        self._features(root.get("features"))
        self.features.check()
        rules = root.get("rules")
        if rules is None or not rules.is_list or not rules.value:
            self.report(rules or root, "'rules' is missing or empty: a rule file has a list of one rule or more")
        elif len(rules.value) > MAX_RULES:
            self.report(
                rules, f"there are {len(rules.value):,} rules in one file, at most {MAX_RULES:,} are allowed: split it"
            )
        else:
            for node in rules.value:
                self._rule(node, stage or STAGES[0], owner or "", tags)
        self._unused()

    def _unused(self) -> None:
        if self.loaded.problems:
            return
        for name, node in self.own.items():
            if name not in self.features.used:
                what = "constant" if name in self.features.constants else "feature"
                self.loaded.warnings.append(node.problem(f"no rule of this file uses the {what} '{name}'"))

    # What is imported, and constants

    def _imports(self, node: Node | None) -> None:
        """The constants and features of other files, named from this one's folder on."""
        if node is None:
            return
        for item in node.value if node.is_list else [node]:
            if not item.is_text:
                self.report(item, f"import names a file, such as import: constants.yaml, and this is {kind_of(item)}")
                continue
            name = posixpath.normpath(posixpath.join(posixpath.dirname(self.root.file), item.value))
            library = self.libraries.get(name)
            if library is None or library.features is None:
                known = [posixpath.relpath(other, posixpath.dirname(self.root.file)) for other in self.libraries]
                advice = (
                    nearest(item.value, known) or ": it is among the rule files, and has constants, features or both"
                )
                self.report(item, f"there is no file '{item.value}' to import{advice}")
                continue
            self._take_in(item, library, library.features)

    def _take_in(self, node: Node, library: LoadedFile, theirs: Features) -> None:
        mine = self.features
        for name in (*theirs.constants, *theirs.declared):
            if name in mine.constants or name in mine.declared:
                self.report(node, f"'{node.value}' declares '{name}', and so does another file that is imported here")
                return
        mine.constants.update(theirs.constants)
        broken = bool(library.problems)  # they are said there
        mine.declared.update(dict.fromkeys(theirs.declared) if broken else theirs.declared)
        self.loaded.wheres.update(library.wheres)
        self.loaded.calendars.update(library.calendars)

    def _constants(self, node: Node | None) -> None:
        for key, child in self._declarations(node, "constants", "numbers and texts"):
            if not self._may_declare(key, "a constant"):
                continue
            self.own[key.value] = key
            self.features.constants[key.value] = self._constant(key, child)

    def _constant(self, key: Node, node: Node) -> Constant | None:
        value = node.value
        if isinstance(value, bool):
            return Constant(Kind.BOOLEAN, float(value))
        if isinstance(value, int | float) and abs(value) <= MAX_LITERAL:
            return Constant(Kind.NUMBER, float(value))
        if isinstance(value, str) and 0 < len(value) <= MAX_TEXT:
            return Constant(Kind.TEXT, value)
        self.report(node, f"the constant '{key.value}' is a number, a text, true or false")
        return None

    def _declarations(self, node: Node | None, what: str, of: str) -> Iterable[tuple[Node, Node]]:
        """The names that a mapping declares, each with what it stands for; none where it is no mapping or too large."""
        if node is None or node.value is None:
            return ()
        if not node.is_mapping:
            self.report(node, f"{what} is a mapping of names to {of}")
            return ()
        if len(node.value) > MAX_FEATURES:
            self.report(node, f"there are {len(node.value):,} {what} in one file, at most {MAX_FEATURES:,} are allowed")
            return ()
        return node.items()

    def _may_declare(self, key: Node, what: str) -> bool:
        """Whether a name can be given to a feature or a constant; if not, it is reported."""
        name = key.value
        if not NAME.fullmatch(name) or name in RESERVED:
            self.report(
                key, f"'{name}' cannot be {what}'s name: use letters, digits and _, and no word of the language"
            )
        elif self.catalogue.field(name) is not None:
            self.report(key, f"'{name}' is a field of the catalogue: give {what.replace('a ', 'the ')} another name")
        elif name in self.features.constants:
            self.report(key, f"'{name}' is a constant already: choose another name")
        elif name in self.features.declared:
            self.report(key, f"'{name}' is a feature that is imported: choose another name")
        else:
            return True
        return False

    # Features

    def _features(self, node: Node | None) -> None:
        declared = self.features.declared
        for key, child in self._declarations(node, "features", "features"):
            may_be = self._may_declare(key, "a feature")
            declared[key.value] = None
            self.own[key.value] = child
            if not may_be:
                continue
            if child.is_mapping:
                declared[key.value] = self._aggregate(key.value, child)
            elif child.is_text:
                declared[key.value] = self._expression(key.value, child)
            else:
                self.report(child, "a feature is an aggregate {count: TYPE, by: KEY, window: 30d} or an expression")

    def _aggregate(self, name: str, node: Node) -> Feature | None:
        known = self.features
        feature = read_aggregate(
            self.catalogue,
            self.calendars,
            name,
            node,
            self.report,
            self.report_in,
            lambda name: known.constant(name) if name in known.constants else None,
        )
        if feature is not None and feature.calendar is not None:
            self.loaded.calendars[feature.calendar.name] = feature.calendar
        if feature is not None and feature.where is not None and feature.aggregate is not None:
            for type_name in feature.aggregate.of:
                self.loaded.wheres[type_name, feature.aggregate.where] = feature.where
        return feature

    def _expression(self, name: str, node: Node) -> Feature | None:
        tree = self._parsed(node)
        return Feature(name, node, tree=tree) if tree is not None else None

    def _parsed(self, node: Node) -> Tree | None:
        try:
            return parse(node.value)
        except ExpressionError as error:
            self.report_in(node, error)
            return None

    # Rules

    def _rule(self, node: Node, stage: str, owner: str, file_tags: tuple[str, ...]) -> None:
        before = len(self.loaded.problems)
        self.rule = str(node["id"].plain()) if node.is_mapping and "id" in node else ""
        try:
            if node.is_mapping:
                rule = self._read_rule(node, stage, owner, file_tags)
                if rule is not None and len(self.loaded.problems) == before:
                    self.loaded.rules.append(rule)
            else:
                self.report(
                    node, f"a rule is a mapping with id, on, when, severity and summary; this is {kind_of(node)}"
                )
        finally:
            self.rule = ""

    def _read_rule(self, node: Node, stage: str, owner: str, file_tags: tuple[str, ...]) -> Rule | None:
        self.known(node, RULE_KEYS, "a rule")
        rule_id = self.text(node, "id", None)
        if rule_id is not None and not ID.fullmatch(rule_id):
            self.report(node["id"], f"'{rule_id}' cannot be a rule's id: use a-z 0-9 . _ - and at most 64 characters")
        elif rule_id is not None:
            self.loaded.ids.append((rule_id, node["id"]))
        if "on" not in node:
            self.report(node, "'on' is missing: name the event type that is judged")
        types = event_types(self.catalogue, node.get("on"), self.report)
        mode = self.choice(node, "mode", MODES, "live") or "live"
        action = self.word(node, "action", DEFAULT_ACTION)
        owner = self.text(node, "owner", owner or None) or ""
        summary = self.text(node, "summary", None)
        why = self.text(node, "why", "") or ""
        tags = tuple(dict.fromkeys((*file_tags, *self.tags(node))))
        approximate = self.choice(node, "approximate", ("ok",), "") == "ok"
        after, calendar = read_after(node.get("after"), self.calendars, self.report)
        if calendar is not None:
            self.loaded.calendars[calendar.name] = calendar
        tests = tuple(self.tests.read(node.get("tests"), [t.name for t in types or ()], later="after" in node))
        if "when" not in node:
            self.report(node, "'when' is missing: say what makes the rule fire, such as when: amount > 1000")
        for event_type in types or ():
            if not event_type.keys:
                self.report(node["on"], f"{event_type.name} has no key, so no rule can judge it: choose another type")
        if types is None:  # without them no name means anything
            return None
        scope = RuleScope(self.features, types)
        if summary is not None:
            summary = self._with_constants(node["summary"], summary)
        severity, bands = self._severity(node, scope)
        condition = self._condition(node.get("when"), scope)
        score = self._score(node.get("score"), scope)
        placeholders = self._placeholders(node.get("summary"), scope)
        self.nodes += len(scope.named)
        if self.nodes > MAX_FILE_NODES:
            most = f"{MAX_FILE_NODES:,} operations, features and fields"
            self.report(node, f"the rules of this file up to here have more than {most}: split it into several")
            raise EnoughError
        if condition is None or score is None or summary is None or rule_id is None or severity is None:
            return None
        if after is not None and (misfits := misfit(scope.aggregates())):
            self.report(node["after"], misfits)
        features = tuple((n, self._feature_of(n)) for n in scope.named if n in self.features.declared)
        rule = Rule(
            id=rule_id,
            file=self.root.file,
            line=node.line,
            on=tuple(t.name for t in types),
            stage=stage,
            severity=severity,
            bands=bands,
            action=action,
            owner=owner,
            mode=mode,
            when=node["when"].value.strip(),
            condition=condition,
            score=score,
            summary=summary,
            summary_names=placeholders,
            why=why,
            tags=tags,
            approximate=approximate,
            features=features,
            named=tuple(scope.named.items()),
            aggregates=scope.aggregates(),
            version="",
            after=after,
            tests=tests,
        )
        return replace(rule, version=_version(rule))

    def _severity(self, node: Node, scope: RuleScope) -> tuple[str | None, tuple[Band, ...]]:
        """How severe a rule is: (where no condition holds, conditions of others from the highest on)."""
        levelled = node.get("severity")
        if levelled is None or not levelled.is_mapping:
            return self.choice(node, "severity", SEVERITIES, None), ()
        self.known(levelled, SEVERITIES, "severity")
        levels = [level for level in reversed(SEVERITIES) if level in levelled]
        if not levels or levelled[levels[-1]].value != OTHERWISE or len(levels) < 2:
            advice = "severity: {high: amount > 1000000, medium: otherwise}"
            self.report(levelled, f"severity by value names two levels or more, the lowest of them otherwise: {advice}")
            return None, ()
        bands = []
        for level in levels[:-1]:
            condition = self._condition(levelled[level], scope, "a severity")
            if condition is None:
                return None, ()
            bands.append(Band(level, levelled[level].value.strip(), condition))
        return levels[-1], tuple(bands)

    def _feature_of(self, name: str) -> Aggregate | str:
        feature = self.features.declared[name]
        assert feature is not None
        return feature.aggregate if feature.aggregate is not None else str(feature.node.value)

    def _condition(self, node: Node | None, scope: RuleScope, what: str = "when") -> Condition | None:
        """The meaning of `when`, or of a level of severity, or None with its problems reported."""
        if node is None:
            return None
        if not node.is_text:
            example = "when: amount > 1000" if what == "when" else "amount > 1000"
            self.report(node, f"{what} is a condition, such as {example}, and this is {kind_of(node)}")
            return None
        tree = self._parsed(node)
        if tree is None:
            return None
        if self._is_too_large(tree, scope):
            self.report(node, too_large("the condition"))
            return None
        condition = scope.checker.condition(tree)
        for error in scope.checker.errors:
            self.report_in(node, error)
        if condition is not None and depth(condition) > MAX_INLINED_DEPTH:
            self.report(node, too_large("the condition"))
            return None
        return condition

    def _is_too_large(self, tree: Tree, scope: RuleScope) -> bool:
        nodes = scope.size(name.name for name in names(tree))
        self.nodes += nodes
        return nodes > MAX_NODES

    def _score(self, node: Node | None, scope: RuleScope) -> Value | None:
        """The meaning of `score`, a number or an expression, or None with its problems reported."""
        if node is None:
            return Constant(Kind.NUMBER, 0.0)
        if isinstance(node.value, int | float) and not isinstance(node.value, bool):
            if abs(node.value) <= MAX_LITERAL:
                return Constant(Kind.NUMBER, float(node.value))
            self.report(node, "score is too large a number")
            return None
        if not node.is_text:
            self.report(node, f"score is a number or an expression, and this is {kind_of(node)}")
            return None
        tree = self._parsed(node)
        if tree is None:
            return None
        if self._is_too_large(tree, scope):
            self.report(node, too_large("score"))
            return None
        value = scope.checker.value(tree)
        for error in scope.checker.errors:
            self.report_in(node, error)
        if value is not None and value.kind not in {Kind.NUMBER, Kind.MONEY, Kind.DURATION}:
            self.report(node, f"score is a number, and this is {value.kind.value}")
            return None
        return value

    def _placeholders(self, node: Node | None, scope: RuleScope) -> tuple[str, ...]:
        """The names in a summary, problems reported."""
        found: dict[str, None] = {}
        for hole in _PLACEHOLDER.finditer(node.value) if node is not None and node.is_text else ():
            if hole[0] in {"{{", "}}"}:
                continue
            name = (hole[1] or "").strip()
            try:
                if not NAME.fullmatch(name):
                    raise ExpressionError(
                        "a brace holds the name of a field or a feature: write {name}, or {{ for a brace"
                    )
                if not isinstance(scope.resolve(name), Constant):
                    found[name] = None
            except ExpressionError as error:
                at = hole.start() + (hole[1] is not None)
                self.report_in(node or self.root, ExpressionError(error.message, at))
            except Noted:
                pass
        return tuple(found)

    def _with_constants(self, node: Node, summary: str) -> str | None:
        """A summary with the constants it names in their place; None where it is too long so, which is reported."""

        def put(hole: re.Match[str]) -> str:
            constant = self.features.constants.get((hole[1] or "").strip())
            if constant is None:
                return hole[0]
            return said(constant, constant.value).replace("{", "{{").replace("}", "}}")

        whole = _PLACEHOLDER.sub(put, summary)
        if len(whole) > MAX_TEXT:
            most = f"at most {MAX_TEXT:,} are allowed"
            self.report(node, f"summary has {len(whole):,} characters with its constants, {most}")
            return None
        return whole


def _version(rule: Rule) -> str:
    """A hash of what a rule means and says, however it is written and wherever it stands."""
    named = dict(rule.named)
    summary = _PLACEHOLDER.sub(lambda hole: _meant(hole, named), rule.summary)
    meant: tuple[object, ...] = wording(rule.condition), wording(rule.score), rule.approximate
    if rule.bands:
        meant = (*meant, [(band.severity, wording(band.condition)) for band in rule.bands])
    if rule.after is not None:
        meant = (*meant, rule.after.wording)
    return content_hash(repr((rule.id, rule.stage, rule.severity, rule.action, summary, sorted(rule.on), *meant)))


def _meant(hole: re.Match[str], named: Mapping[str, Meaning]) -> str:
    """A placeholder of a summary by what it stands for: a feature of another name and equal meaning is the same."""
    meaning = named.get((hole[1] or "").strip())
    return hole[0] if meaning is None else f"{{{wording(meaning)}}}"
