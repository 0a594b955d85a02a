"""Reads the tests that stand in a rule: the events they give and what the rule is to do on the last of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from risk_stream.catalogue import Catalogue, EventType, Node
from risk_stream.rules.declared.neighbours import Neighbours
from risk_stream.rules.language.check import Noted, nearest
from risk_stream.rules.language.expression import ExpressionError
from risk_stream.rules.limits import MAX_GIVEN, MAX_GIVEN_IN_FILE, MAX_GIVEN_TEXT, MAX_TESTS, MAX_WINDOW_MS
from risk_stream.rules.model import SEVERITIES, VERDICTS, Given, GivenScore, RuleTest
from risk_stream.rules.reading import WRITTEN, Reader, fits, kind_of
from risk_stream.rules.words import keys, length_ms

__all__ = ["DECISION_TEST_KEYS", "SCORE_KEYS", "TEST_KEYS", "TestsReader"]

#: What a test of a rule may hold.
TEST_KEYS = ("name", "given", "scores", "until", "then", "severity")
#: What a test of a decision table may hold.
DECISION_TEST_KEYS = ("name", "given", "scores", "then", "reasons", "limit")
#: What a model says in a test, where a score alone does not say it all.
SCORE_KEYS = ("score", "over", "segment")


class TestsReader:
    """Reads the tests of one file's rules, which may ask its `neighbours`; what is wrong goes to its `reader`."""

    def __init__(self, catalogue: Catalogue, reader: Reader, neighbours: Neighbours) -> None:
        self.catalogue, self.reader, self.neighbours = catalogue, reader, neighbours
        self.report = reader.report
        self.given = 0  # events that the tests of the file give so far

    def read(self, node: Node | None, types: Sequence[str], *, later: bool) -> Iterator[RuleTest]:
        """The tests of a rule that judges events of some types, at once or `later`."""
        for test, named in self._tests(node):
            found = self._test(test, types, named, later=later)
            if found is not None:
                yield found

    def read_decisions(self, node: Node | None, types: Sequence[str]) -> Iterator[RuleTest]:
        """The tests of a decision table on events of some types."""
        for test, named in self._tests(node):
            found = self._decision(test, types, named)
            if found is not None:
                yield found

    def _tests(self, node: Node | None) -> Iterator[tuple[Node, set[str]]]:
        """(a test, the names of those before it) of each that is a mapping."""
        if node is None:
            return
        tests = node.value if node.is_list else [node]
        if len(tests) > MAX_TESTS:
            self.report(node, f"there are {len(tests):,} tests of one rule, at most {MAX_TESTS:,} are allowed")
            return
        named: set[str] = set()
        for test in tests:
            if not test.is_mapping:
                self.report(test, "a test is a mapping with name, given and then")
                continue
            yield test, named

    def _name(self, test: Node, named: set[str]) -> str | None:
        name = self.reader.text(test, "name", None)
        if name in named:
            self.report(test["name"], "another test of this rule has this name: choose one that tells them apart")
        named.add(name or "")
        return name

    def _decision(self, test: Node, types: Sequence[str], named: set[str]) -> RuleTest | None:
        self.reader.known(test, DECISION_TEST_KEYS, "a test of a decision table")
        name, then = self._name(test, named), self.reader.choice(test, "then", VERDICTS, None)
        events = self._events(test, types, later=False)
        reasons, limit, scores = test.get("reasons"), test.get("limit"), self._scores(test)
        if reasons is not None and not (reasons.is_list and all(item.is_text for item in reasons.value)):
            self.report(reasons, "reasons is a list of the sentences that the decision gives, in their order")
            return None
        if limit is not None and (isinstance(limit.value, bool) or not isinstance(limit.value, int | float)):
            self.report(limit, "limit is the amount that is approved, a number")
            return None
        if limit is not None and then not in (None, "approve"):
            self.report(limit, f"a decision to {then} has no limit: leave it out")
        if name is None or then is None or events is None:
            return None
        return RuleTest(
            name,
            events,
            True,
            test.line,
            verdict=then,
            reasons=None if reasons is None else tuple(item.value for item in reasons.value),
            limit=None if limit is None else float(limit.value),
            scores=scores,
        )

    def _test(self, test: Node, types: Sequence[str], named: set[str], *, later: bool) -> RuleTest | None:
        self.reader.known(test, TEST_KEYS, "a test")
        name, then = self._name(test, named), self.reader.choice(test, "then", ("fires", "quiet"), None)
        until = _passes(test.get("until"))
        if until is None:
            self.report(test["until"], "until is a length of time after the last event, such as 10m or 5d, up to 3650d")
        elif until and not later:
            self.report(test["until"], "until is for rules with 'after': this one judges its event at once")
        events = self._events(test, types, later=later)
        scores = self._scores(test)
        if events is None:
            return None
        severity = self.reader.choice(test, "severity", SEVERITIES, "") or ""
        if severity and then == "quiet":
            self.report(test["severity"], "a test that is quiet has no alert that could be severe: leave it out")
        if name is None or then is None:
            return None
        return RuleTest(name, events, then == "fires", test.line, until or 0, severity, scores=scores)

    def _scores(self, test: Node) -> tuple[GivenScore, ...]:
        """What the models say that a test names; what is wrong is reported."""
        node = test.get("scores")
        if node is None:
            return ()
        if not node.is_mapping:
            self.report(node, "scores says what models say of the events given, as in scores: {trade-novelty: 0.97}")
            return ()
        found = [self._score(key, child) for key, child in node.items()]
        return tuple(one for one in found if one is not None)

    def _score(self, key: Node, node: Node) -> GivenScore | None:
        try:
            model = self.neighbours.model_named(str(key.value))
        except ExpressionError as error:
            self.report(key, error.message)
            return None
        except Noted:
            return None
        threshold, over, segment = model.spec.threshold.fixed, None, ""
        if node.is_mapping:
            self.reader.known(node, SCORE_KEYS, "a score")
            over, segment = node.get("over"), self.reader.text(node, "segment", "") or ""
            if segment and model.segment is None:
                self.report(node["segment"], f"the model '{model.id}' gives a score and no segment")
            if segment and "score" not in node:
                return GivenScore(model.id, math.nan, False, segment)
            found = node.get("score")
            node = node if found is None else found
        score = node.value
        if not isinstance(score, int | float) or isinstance(score, bool):
            self.report(node, "a score is a number, or {score: 0.97, over: true}")
            return None
        if over is None and threshold is None:
            said = f"its threshold goes by the scores before: say {{score: {score:g}, over: true}}, or false"
            self.report(node, said)
            return None
        if over is not None and not isinstance(over.value, bool):
            self.report(over, "over is true or false")
            return None
        is_over = over.value if over is not None else threshold is not None and score >= threshold
        return GivenScore(model.id, float(score), is_over, segment)

    def _events(self, test: Node, types: Sequence[str], *, later: bool) -> tuple[Given, ...] | None:
        """The events that a test gives; None with what is wrong in them reported."""
        given = test.get("given")
        if given is None or not given.is_list or not given.value:
            self.report(given or test, "'given' is a list of one event or more")
            return None
        count = sum(_times(event) for event in given.value)
        if count > MAX_GIVEN:
            self.report(given, f"{count:,} events are given, at most {MAX_GIVEN:,} are allowed")
            return None
        self.given += count
        if self.given > MAX_GIVEN_IN_FILE:
            most = f"{MAX_GIVEN_IN_FILE:,}"
            self.report(given, f"the tests of this file give more than {most} events: move some rules to another file")
            return None
        events = [one for event in given.value for one in self._given(event)]
        if later and types and not any(event is None or event.type in types for event in events):
            self.report(given, f"no event given is one that the rule judges: {' or '.join(types)}")
        elif not later and events[-1] is not None and types and events[-1].type not in types:
            self.report(
                given.value[-1],
                f"the last event given is what the rule judges, so it is {' or '.join(types)}, not {events[-1].type}",
            )
        sound = tuple(e for e in events if e is not None)
        return sound if len(sound) == len(events) else None

    def _given(self, node: Node) -> Sequence[Given | None]:
        """The event that a node gives, or as many as it says; None for what is wrong, which is reported."""
        one = self._given_once(node)
        if one is None or "times" not in node:
            return [one]
        times = node["times"].value
        if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= MAX_GIVEN:
            self.report(node["times"], f"times is a whole number, 1 to {MAX_GIVEN:,}, of such events one after another")
            return [None]
        return [replace(one, fields=_numbered(one.fields, n)) for n in range(1, times + 1)]

    def _given_once(self, node: Node) -> Given | None:
        types = [key for key in keys(node) if key.value not in {"after", "times"}]
        if len(types) != 1:
            self.report(node, "a given event is one event type with its fields, and after: 5d before it if time passes")
            return None
        key = types[0]
        if key.value not in self.catalogue:
            self.report(
                key, f"'{key.value}' is no event type{nearest(key.value, [t.name for t in self.catalogue.types])}"
            )
            return None
        after = _passes(node.get("after"))
        if after is None:
            self.report(node["after"], "after is a length of time such as 10m or 5d, up to 3650d")
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
        elif not fits(field, value):
            needed = f"one of {', '.join(field.choices)}" if field.choices else WRITTEN[field.type]
            self.report(value, f"'{field.name}' is {needed}, and this is {value.raw or kind_of(value)}")
        elif value.is_text and len(value.value) > MAX_GIVEN_TEXT:
            self.report(
                value, f"'{field.name}' has {len(value.value):,} characters, at most {MAX_GIVEN_TEXT:,} are allowed"
            )
        else:
            return True
        return False


def _times(node: Node) -> int:
    """How many events a given one stands for; one where that is wrong."""
    times = node.get("times")
    return times.value if times is not None and isinstance(times.value, int) and 1 <= times.value <= MAX_GIVEN else 1


def _passes(node: Node | None) -> int | None:
    """The ms that pass before a given event, or after the last; None where it is no length, or longer than a window."""
    ms = 0 if node is None else length_ms(node.value)
    return None if ms is None or ms > MAX_WINDOW_MS else ms


def _numbered(fields: dict[str, object], n: int) -> dict[str, object]:
    """The fields of the n-th of equal events: {n} in a text is its number."""
    return {name: value.replace("{n}", str(n)) if isinstance(value, str) else value for name, value in fields.items()}
