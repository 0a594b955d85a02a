"""One rule of a file: its keys read and checked, every problem noted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from risk_stream.calendars import Calendar
from risk_stream.catalogue import Catalogue, Node
from risk_stream.rules.declared.cases import OTHERWISE
from risk_stream.rules.declared.loaded import LoadedFile
from risk_stream.rules.declared.scope import Features, RuleScope
from risk_stream.rules.limits import MAX_FILE_NODES
from risk_stream.rules.model import DEFAULT_ACTION, MODES, SEVERITIES, Band, Rule
from risk_stream.rules.reading import EnoughError, Reader, kind_of
from risk_stream.rules.rule.at_most import read_at_most
from risk_stream.rules.rule.given import TestsReader
from risk_stream.rules.rule.judging import Judging
from risk_stream.rules.rule.later import misfit, read_after
from risk_stream.rules.rule.share import Share, read_share, unkeyed
from risk_stream.rules.rule.terms import Terms, with_constants
from risk_stream.rules.rule.validity import read_validity, within
from risk_stream.rules.rule.version import version_of

__all__ = ["RULE_KEYS", "Rules", "Shared"]

#: What a rule may hold.
RULE_KEYS = (
    *("id", "on", "when", "severity", "owner", "summary", "why"),
    *("score", "action", "mode", "at_most", "tags", "approximate"),
    *("after", "from", "until", "calendar", "group", "tests"),
)


@dataclass(frozen=True, slots=True)
class Shared:
    """What a file says for all its rules."""

    stage: str
    owner: str = ""
    group: str = ""
    tags: tuple[str, ...] = ()


class Rules(Judging):
    """Reads the rules of one file, whose names are `known`, into what is `loaded` of it."""

    def __init__(
        self,
        reader: Reader,
        catalogue: Catalogue,
        calendars: Mapping[str, Calendar],
        loaded: LoadedFile,
        known: Features,
    ) -> None:
        super().__init__(reader, catalogue, loaded, known)
        self._calendars = calendars
        self._tests = TestsReader(catalogue, reader, known.neighbours)
        self._nodes = 0  # operations and names of the rules so far, for all features in them

    def read(self, node: Node, shared: Shared) -> None:
        """Read one rule of a file that says `shared`. One with problems is not loaded."""
        before = len(self._loaded.problems)
        self._reader.rule = str(node["id"].plain()) if node.is_mapping and "id" in node else ""
        try:
            if node.is_mapping:
                rule = self._read_rule(node, shared)
                if rule is not None and len(self._loaded.problems) == before:
                    self._loaded.rules.append(rule)
            else:
                self._reader.report(
                    node, f"a rule is a mapping with id, on, when, severity and summary; this is {kind_of(node)}"
                )
        finally:
            self._reader.rule = ""

    def _read_rule(self, node: Node, shared: Shared) -> Rule | None:
        self._reader.known(node, RULE_KEYS, "a rule")
        rule_id = self._id(node, "id", "rule's id")
        types = self._types(node, "name the event type that is judged", "no rule can judge it: choose another type")
        mode, share = self._mode(node)
        at_most = read_at_most(node.get("at_most"), self._catalogue, self._reader.report)
        action = self._reader.word(node, "action", DEFAULT_ACTION)
        owner = self._reader.text(node, "owner", shared.owner or None) or ""
        summary = self._reader.text(node, "summary", None)
        why = self._reader.text(node, "why", "") or ""
        group = self._reader.word(node, "group", shared.group) if "group" in node else shared.group
        tags = tuple(dict.fromkeys((*shared.tags, *self._reader.tags(node))))
        approximate = self._reader.choice(node, "approximate", ("ok",), "") == "ok"
        after, calendar = read_after(node.get("after"), self._calendars, self._reader.report)
        if calendar is not None:
            self._loaded.calendars[calendar.name] = calendar
        tests = tuple(self._tests.read(node.get("tests"), [t.name for t in types or ()], later="after" in node))
        if "when" not in node:
            self._reader.report(node, "'when' is missing: say what makes the rule fire, such as when: amount > 1000")
        if types is None:  # without them no name means anything
            return None
        scope = RuleScope(self._known, types)
        terms = Terms(self._reader, scope)
        if summary is not None:
            summary = with_constants(self._reader, node["summary"], summary, self._known)
        severity, bands = self._severity(node, terms)
        condition = terms.condition(node.get("when"))
        score = terms.score(node.get("score"))
        placeholders = terms.placeholders(node.get("summary"))
        self._nodes += terms.nodes + len(scope.named)
        if self._nodes > MAX_FILE_NODES:
            most = f"{MAX_FILE_NODES:,} operations, features and fields"
            self._reader.report(node, f"the rules of this file up to here have more than {most}: split it into several")
            raise EnoughError
        validity = read_validity(node, self._calendars, self._reader.report)
        if condition is None or score is None or summary is None or rule_id is None or severity is None:
            return None
        if after is not None and (misfits := misfit(scope.aggregates())):
            self._reader.report(node["after"], misfits)
        for key, kind in (("mode", share.by if share else ""), ("at_most", at_most.per if at_most else "")):
            if kind and (misfits := unkeyed(kind, types, scope.aggregates())):
                self._reader.report(node[key], misfits)
        said = (condition, *(band.condition for band in bands), score)
        asked = self._asked(scope, said, () if after is None else [after.periods])
        rule = Rule(
            id=rule_id,
            file=node.file,
            line=node.line,
            on=tuple(t.name for t in types),
            stage=shared.stage,
            severity=severity,
            bands=bands,
            action=action,
            owner=owner,
            mode=mode,
            when=node["when"].value.strip(),
            condition=within(validity, condition),
            score=score,
            summary=summary,
            summary_names=placeholders,
            why=why,
            tags=tags,
            approximate=approximate,
            **asked._asdict(),
            version="",
            after=after,
            validity=validity,
            share=share,
            at_most=at_most,
            group=group,
            tests=tests,
        )
        return replace(rule, version=version_of(rule))

    def _mode(self, node: Node) -> tuple[str, Share | None]:
        """(mode, the share of keys for which it is live, where that is not all)."""
        mode = node.get("mode")
        if mode is not None and mode.is_mapping:
            return "live", read_share(mode, self._catalogue, self._reader.report)
        return self._reader.choice(node, "mode", MODES, "live") or "live", None

    def _severity(self, node: Node, terms: Terms) -> tuple[str | None, tuple[Band, ...]]:
        """How severe a rule is: (where no condition holds, conditions of others from the highest on)."""
        levelled = node.get("severity")
        if levelled is None or not levelled.is_mapping:
            return self._reader.choice(node, "severity", SEVERITIES, None), ()
        self._reader.known(levelled, SEVERITIES, "severity")
        levels = [level for level in reversed(SEVERITIES) if level in levelled]
        if not levels or levelled[levels[-1]].value != OTHERWISE or len(levels) < 2:
            advice = "severity: {high: amount > 1000000, medium: otherwise}"
            self._reader.report(
                levelled, f"severity by value names two levels or more, the lowest of them otherwise: {advice}"
            )
            return None, ()
        bands = []
        for level in levels[:-1]:
            condition = terms.condition(levelled[level], "a severity")
            if condition is None:
                return None, ()
            bands.append(Band(level, levelled[level].value.strip(), condition))
        return levels[-1], tuple(bands)
