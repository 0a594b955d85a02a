"""Decision tables: what becomes of an application, row by row from the top. A table is a rule that decides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from risk_stream.catalogue import Node
from risk_stream.rules.declared.cases import OTHERWISE
from risk_stream.rules.declared.scope import RuleScope
from risk_stream.rules.language.expression import FIRED
from risk_stream.rules.language.meaning import (
    Condition,
    Constant,
    FieldValue,
    Kind,
    Meaning,
    Presence,
    Value,
    parts_of,
)
from risk_stream.rules.model import MODES, REQUEST, STAGES, VERDICTS, Card, Row, Rule, Table
from risk_stream.rules.reading import kind_of
from risk_stream.rules.rule.given import TestsReader
from risk_stream.rules.rule.judging import Judging
from risk_stream.rules.rule.terms import Terms, with_constants
from risk_stream.rules.rule.version import version_of
from risk_stream.rules.tables.reach import unreachable

__all__ = ["MAX_ROWS", "ROW_KEYS", "TABLE_KEYS", "Tables"]

#: What a file of a decision table may hold, and a row of it.
TABLE_KEYS = (
    *("table", "stage", "owner", "group", "tags", "import", "constants", "patterns", "features"),
    *("on", "when", "score", "mode", "why", "rows", "tests"),
)
ROW_KEYS = ("when", "verdict", "limit", "rate", "reason")
#: Rows of one table.
MAX_ROWS = 200
#: What a deciding rule does.
ACTION = "decide"

_ALWAYS = Presence(FieldValue(Kind.TIME, "time"), missing=False)


class Tables(Judging):
    """Reads the table of one file, whose names are `known`, into what is `loaded` of it."""

    kind = "table"  # of `load.KINDS`

    def read(self, root: Node) -> None:
        """Read the table. One with problems is not loaded."""
        reader = self._reader
        reader.rule = str(root["table"].plain())
        try:
            rule = self._rule(root)
            if rule is not None and not self._loaded.problems:
                self._loaded.rules.append(rule)
        finally:
            reader.rule = ""

    def _rule(self, root: Node) -> Rule | None:
        reader = self._reader
        reader.known(root, TABLE_KEYS, "a decision table")
        name = self._id(root, "table", "table's name")
        types = self._types(
            root, "name the event type that is decided, such as on: application", "no table can decide on it"
        )
        stage = reader.choice(root, "stage", STAGES, STAGES[0])
        owner, why = reader.text(root, "owner", None) or "", reader.text(root, "why", "") or ""
        group = reader.word(root, "group", "") if "group" in root else ""
        mode = reader.choice(root, "mode", MODES, "live") or "live"
        names = [t.name for t in types or ()]
        tests = tuple(
            TestsReader(self._catalogue, reader, self._known.neighbours).read_decisions(root.get("tests"), names)
        )
        if types is None:  # without them no name means anything
            return None
        scope = RuleScope(self._known, types)
        terms = Terms(reader, scope)
        condition = terms.condition(root.get("when")) if "when" in root else _ALWAYS
        score = terms.value(root["score"], "score", (Kind.NUMBER,)) if "score" in root else None
        rows = self._rows(root, terms)
        if name is None or condition is None or rows is None:
            return None
        for place, said in unreachable([row.condition for row in rows]):
            reader.report(root["rows"].value[place], said)
        written = [value for row in rows for value in (row.condition, row.limit, *(row.rate or ())) if value]
        asked = self._asked(scope, (condition, *written, *([score] if score else [])))
        if any(t.field(REQUEST) for t in types):
            asked = asked._replace(fields=asked.fields | {REQUEST})
        rule = Rule(
            id=name,
            file=root.file,
            line=root["table"].line,
            on=tuple(t.name for t in types),
            stage=stage or STAGES[0],
            severity="info",
            action=ACTION,
            owner=owner,
            mode=mode,
            when=root["when"].value.strip() if "when" in root else "time is not missing",
            condition=condition,
            score=Constant(Kind.NUMBER, 0.0),
            summary=f"Decides by the table {name}",
            summary_names=(),
            why=why,
            tags=tuple(dict.fromkeys(reader.tags(root))),
            approximate=False,
            **asked._asdict(),
            version="",
            group=group,
            tests=tests,
            table=Table(rows, score),
        )
        return replace(rule, version=version_of(rule))

    # Rows

    def _rows(self, root: Node, terms: Terms) -> tuple[Row, ...] | None:
        """The rows, or None with what is wrong in them reported."""
        node, report = root.get("rows"), self._reader.report
        if node is None or not node.is_list or not node.value:
            report(node or root, "'rows' is missing or empty: a decision table has a list of rows, read from the top")
            return None
        if len(node.value) > MAX_ROWS:
            report(node, f"there are {len(node.value):,} rows in one table, at most {MAX_ROWS} are allowed")
            return None
        found = [self._row(item, terms, last=item is node.value[-1]) for item in node.value]
        sound = tuple(row for row in found if row is not None)
        return sound if len(sound) == len(found) else None

    def _row(self, node: Node, terms: Terms, *, last: bool) -> Row | None:
        reader = self._reader
        if not node.is_mapping:
            reader.report(node, f"a row is a mapping with when, verdict and reason; this is {kind_of(node)}")
            return None
        reader.known(node, ROW_KEYS, "a row")
        verdict = reader.choice(node, "verdict", VERDICTS, None)
        if "when" not in node:
            reader.report(node, "'when' is missing: say when the row decides; the last one says when: otherwise")
            return None
        is_otherwise = node["when"].value == OTHERWISE
        if is_otherwise != last:
            reader.report(
                node["when"],
                "a table ends with a row that decides all others: write when: otherwise in the last row"
                if last
                else "nothing is left for the rows below otherwise: make it the last row",
            )
            return None
        condition = None if is_otherwise else terms.condition(node["when"])
        reason = self._reason(node, terms, condition)
        limit = self._limit(node, terms, verdict)
        rate = self._rate(node, terms, verdict)
        if verdict is None or reason is None or (condition is None and not is_otherwise):
            return None
        cards = tuple(self._cards(condition)) if condition is not None else ()
        return Row(node["when"].value.strip(), condition, verdict, reason, limit, rate, cards)

    def _reason(self, node: Node, terms: Terms, condition: Condition | None) -> str | None:
        """The sentence of a row; without one, the summary of the rule that the row asks, if it asks just that."""
        if "reason" in node:
            reason = self._reader.text(node, "reason", None)
            terms.placeholders(node["reason"])
            return None if reason is None else with_constants(self._reader, node["reason"], reason, self._known)
        when = node["when"].value
        for function, name in tuple(self._known.neighbours.asked) if isinstance(when, str) else ():
            if function == FIRED and when.strip() in (f'{FIRED}("{name}")', f"{FIRED}('{name}')"):
                return None if condition is None else terms.said_of(name, self._known.neighbours.rule(name).summary)
        self._reader.report(node, "'reason' is missing: say in a sentence why, with {names} of fields and features")
        return None

    def _limit(self, node: Node, terms: Terms, verdict: str | None) -> Value | None:
        if "limit" not in node:
            return None
        if verdict not in (None, "approve"):
            self._reader.report(node["limit"], f"only what is approved has a limit, and this row says {verdict}")
            return None
        return terms.value(node["limit"], "limit", (Kind.NUMBER, Kind.MONEY))

    def _rate(self, node: Node, terms: Terms, verdict: str | None) -> tuple[Value, Value] | None:
        """The price band: shares a year, such as {from: 0.048, to: 0.072}."""
        band = node.get("rate")
        if band is None:
            return None
        report = self._reader.report
        if verdict not in (None, "approve"):
            report(band, f"only what is approved has a rate, and this row says {verdict}")
            return None
        if not band.is_mapping or set(band.value) != {"from", "to"}:
            report(band, "rate is a band of shares a year, such as {from: 0.048, to: 0.072}")
            return None
        low, high = (terms.value(band[key], "a rate", (Kind.NUMBER,)) for key in ("from", "to"))
        if low is None or high is None:
            return None
        match low, high:
            case Constant(_, float(least)), Constant(_, float(most)) if not 0 <= least <= most:
                report(band, f"a rate from {least:g} to {most:g} is no band: from is not above to, and neither below 0")
        return low, high

    def _cards(self, condition: Condition) -> Iterator[Card]:
        """The scorecards that a condition asks, itself or in a feature."""
        cards = {found.value: found for found in self._known.neighbours.asked.values() if isinstance(found, Card)}
        pending: list[Meaning] = [condition]
        told: set[str] = set()
        while pending and len(told) < len(cards):
            meaning = pending.pop()
            card = cards.get(meaning) if isinstance(meaning, Value) else None
            if card is not None and card.id not in told:
                told.add(card.id)
                yield card
            pending += parts_of(meaning)
