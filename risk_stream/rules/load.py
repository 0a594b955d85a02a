"""One rule file: from YAML with places to checked rules, every problem noted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from risk_stream.calendars import Calendar
from risk_stream.catalogue import Catalogue, EventType, Field, FieldType, Node, Problem
from risk_stream.features import Aggregate
from risk_stream.rules.aggregates import Feature, content_hash, event_types, keys, length_ms, read_aggregate
from risk_stream.rules.check import Noted, nearest
from risk_stream.rules.expression import RESERVED, ExpressionError, names, parse
from risk_stream.rules.expression import Node as Tree
from risk_stream.rules.later import misfit, read_after
from risk_stream.rules.limits import MAX_FEATURES, MAX_INLINED_DEPTH, MAX_LITERAL, MAX_NODES, MAX_RULES, MAX_TEXT
from risk_stream.rules.meaning import Condition, Constant, Kind, Meaning, Value, depth, wording
from risk_stream.rules.model import DEFAULT_ACTION, MODES, SEVERITIES, STAGES, Given, Rule, RuleTest
from risk_stream.rules.place import problem_at
from risk_stream.rules.scope import Features, RuleScope, too_large

__all__ = ["RULE_KEYS", "TEST_KEYS", "TOP_KEYS", "LoadedFile", "load_file"]

#: What a rule file, a rule and a test of one may hold.
TOP_KEYS = ("stage", "owner", "tags", "features", "rules")
RULE_KEYS = (
    *("id", "on", "when", "severity", "owner", "summary", "why"),
    *("score", "action", "mode", "tags", "approximate", "after", "tests"),
)
TEST_KEYS = ("name", "given", "until", "then")
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


#: What to do where a text is missing.
_MISSING = {
    "id": "give the rule a name that no other has, such as large-outflow",
    "owner": "say who answers for the rule, here or at the top of the file",
    "summary": "say in a sentence what an alert means, with {names} of fields and features",
    "name": "say in a sentence what the test shows",
}

#: What a field's value is in a given event, for a sentence.
_WRITTEN = {
    FieldType.STRING: "text (put a number in quotes)",
    FieldType.CHOICE: "text",
    FieldType.INTEGER: "a whole number",
    FieldType.NUMBER: "a number",
    FieldType.MONEY: "an amount",
    FieldType.BOOLEAN: "true or false",
    FieldType.TIMESTAMP: 'a time such as "2024-01-31T09:30:00Z"',
}


@dataclass(slots=True)
class LoadedFile:
    """What a file holds, and what is wrong in it."""

    rules: list[Rule] = field(default_factory=list)
    ids: list[tuple[str, Node]] = field(default_factory=list)  # of every rule, sound or not, and where it stands
    wheres: dict[tuple[str, str], Condition] = field(default_factory=dict)  # (type, canonical text) -> condition
    calendars: dict[str, Calendar] = field(default_factory=dict)  # that its features go by
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def _kind(node: Node) -> str:
    """What a node is, for a sentence."""
    return node.kind if node.kind in {"text", "nothing"} else f"a {node.kind}"


def load_file(catalogue: Catalogue, calendars: Mapping[str, Calendar], root: Node, source: str) -> LoadedFile:
    """Check a whole rule file; `source` is its text, for the places of errors within expressions."""
    return _Loader(catalogue, calendars, root, source).load()


class _Loader:
    def __init__(self, catalogue: Catalogue, calendars: Mapping[str, Calendar], root: Node, source: str) -> None:
        self.catalogue, self.calendars, self.root, self.source = catalogue, calendars, root, source
        self.lines: list[str] | None = None
        self.loaded = LoadedFile()
        self.features = Features(catalogue, self.report_in)
        self.rule = ""

    # Reports

    def report(self, node: Node, message: str) -> None:
        self.loaded.problems.append(node.problem(message, self.rule))

    def report_in(self, node: Node, error: ExpressionError) -> None:
        if self.lines is None:
            self.lines = self.source.splitlines()
        self.loaded.problems.append(problem_at(node, error.at, error.message, self.rule, self.lines))

    # The file

    def load(self) -> LoadedFile:
        root = self.root
        if not root.is_mapping:
            self.report(root, "a rule file is a mapping with stage, features and rules; this is " + _kind(root))
            return self.loaded
        self._known(root, TOP_KEYS, "a rule file")
        stage = self._choice(root, "stage", STAGES, None)
        owner = self._text(root, "owner", None) if "owner" in root else ""
        tags = self._tags(root)
        self._features(root.get("features"))
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
        return self.loaded

    def _unused(self) -> None:
        if self.loaded.problems:
            return
        for name, feature in self.features.declared.items():
            if name not in self.features.used and feature is not None:
                self.loaded.warnings.append(feature.node.problem(f"no rule of this file uses the feature '{name}'"))

    def _known(self, node: Node, known: tuple[str, ...], what: str) -> None:
        for key in keys(node):
            if key.value not in known:
                advice = nearest(key.value, known) or f": there are {', '.join(known)}"
                self.report(key, f"'{key.value}' is no part of {what}{advice}")

    def _choice(self, node: Node, key: str, choices: tuple[str, ...], default: str | None) -> str | None:
        found = node.get(key)
        if found is None:
            if default is None:
                self.report(node, f"'{key}' is missing: it is one of {', '.join(choices)}")
            return default
        if found.value not in choices:
            said = found.raw or _kind(found)
            advice = nearest(said, choices) or f": it is one of {', '.join(choices)}"
            if len(choices) == 1:
                advice = f": it is {choices[0]}, or left out"
            self.report(found, f"{key} cannot be '{said}'{advice}")
            return default
        return str(found.value)

    def _text(self, node: Node, key: str, default: str | None) -> str | None:
        found = node.get(key)
        if found is None:
            if default is None:
                self.report(node, f"'{key}' is missing: {_MISSING[key]}")
            return default
        if not found.is_text:
            self.report(found, f"{key} must be text, and this is {_kind(found)}")
            return default
        if not found.value.strip():
            self.report(found, f"{key} is empty")
            return default
        if len(found.value) > MAX_TEXT:
            self.report(found, f"{key} has {len(found.value):,} characters, at most {MAX_TEXT:,} are allowed")
            return default
        return str(found.value).strip()

    def _tags(self, node: Node) -> tuple[str, ...]:
        found = node.get("tags")
        if found is None:
            return ()
        if not found.is_list or not all(t.is_text and _ID.fullmatch(t.value) for t in found.value):
            self.report(found, "tags is a list of words (a-z 0-9 . _ -)")
            return ()
        return tuple(t.value for t in found.value)

    # Features

    def _features(self, node: Node | None) -> None:
        if node is None or node.value is None:
            return
        if not node.is_mapping:
            self.report(node, "features is a mapping of names to features")
            return
        if len(node.value) > MAX_FEATURES:
            self.report(
                node, f"there are {len(node.value):,} features in one file, at most {MAX_FEATURES:,} are allowed"
            )
            return
        declared = self.features.declared
        for key, child in node.items():
            declared[key.value] = None
            if not _NAME.fullmatch(key.value) or key.value in RESERVED:
                self.report(
                    key,
                    f"'{key.value}' cannot be a feature's name: use letters, digits and _, and no word of the language",
                )
            elif self.catalogue.field(key.value) is not None:
                self.report(key, f"'{key.value}' is a field of the catalogue: give the feature another name")
            elif child.is_mapping:
                declared[key.value] = self._aggregate(key.value, child)
            elif child.is_text:
                declared[key.value] = self._expression(key.value, child)
            else:
                self.report(child, "a feature is an aggregate {count: TYPE, by: KEY, window: 30d} or an expression")
        self.features.check()

    def _aggregate(self, name: str, node: Node) -> Feature | None:
        feature = read_aggregate(self.catalogue, self.calendars, name, node, self.report, self.report_in)
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
                self.report(node, f"a rule is a mapping with id, on, when, severity and summary; this is {_kind(node)}")
        finally:
            self.rule = ""

    def _read_rule(self, node: Node, stage: str, owner: str, file_tags: tuple[str, ...]) -> Rule | None:
        self._known(node, RULE_KEYS, "a rule")
        rule_id = self._text(node, "id", None)
        if rule_id is not None and not _ID.fullmatch(rule_id):
            self.report(node["id"], f"'{rule_id}' cannot be a rule's id: use a-z 0-9 . _ - and at most 64 characters")
        elif rule_id is not None:
            self.loaded.ids.append((rule_id, node["id"]))
        if "on" not in node:
            self.report(node, "'on' is missing: name the event type that is judged")
        types = event_types(self.catalogue, node.get("on"), self.report)
        severity = self._choice(node, "severity", SEVERITIES, None)
        mode = self._choice(node, "mode", MODES, "live") or "live"
        action = self._word(node, "action", DEFAULT_ACTION)
        owner = self._text(node, "owner", owner or None) or ""
        summary = self._text(node, "summary", None)
        why = self._text(node, "why", "") or ""
        tags = (*file_tags, *(t for t in self._tags(node) if t not in file_tags))
        approximate = self._choice(node, "approximate", ("ok",), "") == "ok"
        after, calendar = read_after(node.get("after"), self.calendars, self.report)
        if calendar is not None:
            self.loaded.calendars[calendar.name] = calendar
        tests = tuple(self._tests(node.get("tests"), [t.name for t in types or ()], later="after" in node))
        if "when" not in node:
            self.report(node, "'when' is missing: say what makes the rule fire, such as when: amount > 1000")
        for event_type in types or ():
            if not event_type.keys:
                self.report(node["on"], f"{event_type.name} has no key, so no rule can judge it: choose another type")
        if types is None:  # without them no name means anything
            return None
        scope = RuleScope(self.features, types)
        condition = self._condition(node.get("when"), scope)
        score = self._score(node.get("score"), scope)
        placeholders = self._placeholders(node.get("summary"), scope)
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

    def _feature_of(self, name: str) -> Aggregate | str:
        feature = self.features.declared[name]
        assert feature is not None
        return feature.aggregate if feature.aggregate is not None else str(feature.node.value)

    def _word(self, node: Node, key: str, default: str) -> str:
        word = self._text(node, key, default) or default
        if not _ID.fullmatch(word):
            self.report(node[key], f"{key} is one word of a-z 0-9 . _ -")
        return word

    def _condition(self, node: Node | None, scope: RuleScope) -> Condition | None:
        """The meaning of `when`, or None with its problems reported."""
        if node is None:
            return None
        if not node.is_text:
            self.report(node, f"when is a condition, such as when: amount > 1000, and this is {_kind(node)}")
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
        return scope.size(name.name for name in names(tree)) > MAX_NODES

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
            self.report(node, f"score is a number or an expression, and this is {_kind(node)}")
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
                if not _NAME.fullmatch(name):
                    raise ExpressionError(
                        "a brace holds the name of a field or a feature: write {name}, or {{ for a brace"
                    )
                scope.resolve(name)
                found[name] = None
            except ExpressionError as error:
                at = hole.start() + (hole[1] is not None)
                self.report_in(node or self.root, ExpressionError(error.message, at))
            except Noted:
                pass
        return tuple(found)

    # Tests

    def _tests(self, node: Node | None, types: Sequence[str], *, later: bool) -> Iterator[RuleTest]:
        """The tests of a rule that judges events of some types, at once or `later`."""
        if node is None:
            return
        named: set[str] = set()
        for test in node.value if node.is_list else [node]:
            if not test.is_mapping:
                self.report(test, "a test is a mapping with name, given and then")
                continue
            self._known(test, TEST_KEYS, "a test")
            name, then = self._text(test, "name", None), self._choice(test, "then", ("fires", "quiet"), None)
            if name in named:
                self.report(test["name"], "another test of this rule has this name: choose one that tells them apart")
            named.add(name or "")
            given = test.get("given")
            if given is None or not given.is_list or not given.value:
                self.report(given or test, "'given' is a list of one event or more")
                continue
            events = [self._given(event) for event in given.value]
            until = length_ms(test["until"].value) if "until" in test else 0
            if until is None:
                self.report(test["until"], "until is a length of time after the last event, such as 10m or 5d")
            elif until and not later:
                self.report(test["until"], "until is for rules with 'after': this one judges its event at once")
            if later and types and not any(event is None or event.type in types for event in events):
                self.report(given, f"no event given is one that the rule judges: {' or '.join(types)}")
            elif not later and events[-1] is not None and types and events[-1].type not in types:
                self.report(
                    given.value[-1],
                    f"the last event given is what the rule judges, so it is {' or '.join(types)},"
                    f" not {events[-1].type}",
                )
            if name is not None and then is not None and all(e is not None for e in events):
                yield RuleTest(name, tuple(e for e in events if e is not None), then == "fires", test.line, until or 0)

    def _given(self, node: Node) -> Given | None:
        types = [key for key in keys(node) if key.value != "after"]
        if len(types) != 1:
            self.report(node, "a given event is one event type with its fields, and after: 5d before it if time passes")
            return None
        key = types[0]
        if key.value not in self.catalogue:
            self.report(
                key, f"'{key.value}' is no event type{nearest(key.value, [t.name for t in self.catalogue.types])}"
            )
            return None
        after = length_ms(node["after"].value) if "after" in node else 0
        if after is None:
            self.report(node["after"], "after is a length of time such as 10m or 5d")
            return None
        fields = node[key.value]
        event_type = self.catalogue.type(key.value)
        if not fields.is_mapping and fields.value is not None:
            self.report(fields, "the fields of a given event are a mapping such as {amount: 100}")
            return None
        sound = [self._is_sound(event_type, name, fields[name.value]) for name in keys(fields)]
        return Given(after, event_type.name, fields.plain() or {}) if all(sound) else None

    def _is_sound(self, event_type: EventType, name: Node, value: Node) -> bool:
        """Whether an event of a type can have a field of this name and value; if not, it is reported."""
        field = event_type.field(name.value)
        if field is None:
            known = [f.name for f in event_type.all_fields]
            self.report(name, f"{event_type.name} has no field '{name.value}'{nearest(name.value, known)}")
        elif field.name == "type":
            self.report(name, "the event type stands before the fields: leave 'type' out")
        elif not _fits(field, value):
            needed = f"one of {', '.join(field.choices)}" if field.choices else _WRITTEN[field.type]
            self.report(value, f"'{field.name}' is {needed}, and this is {value.raw or _kind(value)}")
        else:
            return True
        return False


def _version(rule: Rule) -> str:
    """A hash of what a rule means and says, however it is written and wherever it stands."""
    named = dict(rule.named)
    summary = _PLACEHOLDER.sub(lambda hole: _meant(hole, named), rule.summary)
    meant: tuple[object, ...] = wording(rule.condition), wording(rule.score), rule.approximate
    if rule.after is not None:
        meant = (*meant, rule.after.wording)
    return content_hash(repr((rule.id, rule.stage, rule.severity, rule.action, summary, sorted(rule.on), *meant)))


def _meant(hole: re.Match[str], named: Mapping[str, Meaning]) -> str:
    """A placeholder of a summary by what it stands for: a feature of another name and equal meaning is the same."""
    meaning = named.get((hole[1] or "").strip())
    return hole[0] if meaning is None else f"{{{wording(meaning)}}}"


def _fits(field: Field, node: Node) -> bool:
    """Whether a written value can be a field's; nothing can be any field's."""
    value = node.value
    if value is None:
        return True
    if field.type.is_text:
        return isinstance(value, str) and (not field.choices or value in field.choices)
    if field.type is FieldType.TIMESTAMP:
        return isinstance(value, str | int) and not isinstance(value, bool)
    if field.type is FieldType.BOOLEAN:
        return isinstance(value, bool)
    whole = int if field.type is FieldType.INTEGER else int | float
    return isinstance(value, whole) and not isinstance(value, bool)
