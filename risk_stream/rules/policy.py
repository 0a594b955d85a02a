"""Reads `profile:` files: how alerts add up to a customer's standing grade, score and labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite

from risk_stream.catalogue import Node, Problem
from risk_stream.profiles import DEFAULT_MOST, Exceptional, Held, Mark, Policy, Selector, Weight
from risk_stream.rules.declared.loaded import LoadedFile
from risk_stream.rules.language.check import nearest
from risk_stream.rules.model import SEVERITIES, STAGES
from risk_stream.rules.reading import ID, Reader, kind_of
from risk_stream.rules.words import keys, length_ms

__all__ = [
    "HELD_KEYS",
    "LABEL_KEYS",
    "MAX_GRADES",
    "MAX_LABELS",
    "MAX_POINTS",
    "OWN_SCORE",
    "POLICY_KEYS",
    "RULE_KEYS",
    "STAGE_KEYS",
    "more_than_one",
    "named_by_nobody",
    "read_policy",
]

#: What a profile file may hold, and what stands under its keys.
POLICY_KEYS = ("profile", "owner", "points", "most", "stages", "rules", "grades", "group_grades", "labels", "at_once")
STAGE_KEYS = ("weight", "half_life", "points")
RULE_KEYS = ("weight", "most")
_SELECTED = ("tags", "rules", "severities")
LABEL_KEYS = (*_SELECTED, "for")
HELD_KEYS = ("grade", *_SELECTED, "for", "why")

#: The word for points that are the alert's own score.
OWN_SCORE = "score"

#: Bounds: points, weights and lines; grades; labels and grades held at once; ids and tags of one of them.
MAX_POINTS, MAX_GRADES, MAX_LABELS, MAX_NAMED = 1e6, 12, 200, 500

#: Lengths of time that a half-life, a label or a held grade may have, ms.
_SHORTEST, _LONGEST = 60_000, 3650 * 86_400_000

_GRADES = "grades says from how many points each begins, the best first and at 0, as in grades: {A: 0, B: 10, C: 30}"


def read_policy(reader: Reader, root: Node, loaded: LoadedFile) -> None:
    """Read a file into `loaded`; what is wrong is noted by `reader`. Raises `EnoughError`."""
    loaded.policy_at = root.key("profile")
    before = len(reader.problems)
    policy = _PolicyReader(reader, loaded).policy(root)
    if len(reader.problems) == before:
        loaded.policy = policy


def more_than_one(files: Iterable[LoadedFile]) -> Iterator[Problem]:
    """What is wrong where several files say how profiles are made."""
    places = [file.policy_at for file in files if file.policy_at is not None]
    for place in places[1:]:
        where = f"{places[0].file}:{places[0].line}"
        yield place.problem(f"a house has one file of profiles, and there is another at {where}: make them one")


def named_by_nobody(files: Sequence[LoadedFile]) -> Iterator[Problem]:
    """A warning for each id or tag that a policy names and no rule has; none where there are no rules at all."""
    rules = [rule for file in files for rule in file.rules]
    known = {"id": {rule.id for rule in rules}, "tag": {tag for rule in rules for tag in rule.tags}}
    for what, node in (name for file in files if rules for name in file.policy_names):
        if node.value not in known[what]:
            yield node.problem(f"no rule has the {what} '{node.value}'{nearest(str(node.value), known[what])}")


class _PolicyReader:
    """One file."""

    def __init__(self, reader: Reader, loaded: LoadedFile) -> None:
        self.reader, self.loaded = reader, loaded
        self.report = reader.report

    def policy(self, root: Node) -> Policy:
        """What the file says, with something in the place of what is wrong."""
        self.reader.known(root, POLICY_KEYS, "a profile file")
        lines = self._lines(root, "grades")
        group_lines = self._lines(root, "group_grades") if "group_grades" in root else lines
        if [name for name, _ in group_lines] != [name for name, _ in lines]:
            self.report(root["group_grades"], "group_grades must have the grades of grades, in the same order")
        points = self._points(root, None)
        return Policy(
            name=self.reader.word(root, "profile", "profile"),
            owner=self._owner(root),
            lines=lines,
            group_lines=group_lines,
            stages=self._stages(root, points),
            most=self._number(root, "most", DEFAULT_MOST),
            rules=self._rules(root),
            marks=tuple(self._marks(root)),
            held=tuple(self._held(root, [name for name, _ in lines])),
        )

    def _owner(self, root: Node) -> str:
        if "owner" not in root:
            self.report(root, "'owner' is missing: say who answers for how customers are graded")
        return self.reader.text(root, "owner", "") or ""

    def _number(self, node: Node, key: str, default: float) -> float:
        found = node.get(key)
        if found is None:
            return default
        value = found.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_POINTS:
            self.report(found, f"{key} is a number from 0 to {MAX_POINTS:,.0f}")
            return default
        return float(value)

    def _lines(self, root: Node, key: str) -> tuple[tuple[str, float], ...]:
        found = root.get(key)
        if found is None or not found.is_mapping or len(found.value) < 2:
            self.report(found or root, f"'{key}' is missing or no list of grades: {_GRADES}")
            return ()
        if len(found.value) > MAX_GRADES:
            self.report(found, f"there are {len(found.value)} grades, at most {MAX_GRADES} are allowed")
            return ()
        lines: list[tuple[str, float]] = []
        for name, at in found.items():
            value = at.value
            number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else -1.0
            if not lines and number != 0:
                self.report(at, f"the best grade begins at 0 points: {_GRADES}")
            elif not (isfinite(number) and number <= MAX_POINTS) or (lines and number <= lines[-1][1]):
                self.report(at, f"'{name.value}' must begin at more points than the grade before it: {_GRADES}")
            lines.append((str(name.value), number))
        return tuple(lines)

    def _points(self, node: Node, default: Mapping[str, float] | None) -> Mapping[str, float] | None:
        """Points by severity; None for the alert's own score."""
        found = node.get("points")
        if found is None:
            return default
        if found.value == OWN_SCORE:
            return None
        if not found.is_mapping:
            self.report(
                found, f"points is '{OWN_SCORE}', the alert's own, or points by severity, as in points: {{high: 20}}"
            )
            return default
        for key in keys(found):
            if key.value not in SEVERITIES:
                advice = nearest(key.value, SEVERITIES) or f": there are {', '.join(SEVERITIES)}"
                self.report(key, f"'{key.value}' is no severity{advice}")
        return {severity: self._number(found, severity, 0.0) for severity in SEVERITIES}

    def _stages(self, root: Node, points: Mapping[str, float] | None) -> dict[str, Weight]:
        found = root.get("stages")
        if found is None or not found.is_mapping or not found.value:
            self.report(
                found or root,
                "'stages' is missing or empty: say how the alerts of each stage weigh and fade, as in stages: {trading:"
                " {weight: 1, half_life: 90d}}",
            )
            return {}
        stages = {}
        for key, node in found.items():
            if key.value not in STAGES:
                advice = nearest(key.value, STAGES) or f": there are {', '.join(STAGES)}"
                self.report(key, f"'{key.value}' is no stage{advice}")
                continue
            if not self._mapping(node, key, STAGE_KEYS, "half_life", f"'{key.value}'"):
                continue
            length = self._length(node, "half_life", "after which half of an alert's points is left")
            stages[str(key.value)] = Weight(self._number(node, "weight", 1.0), length, self._points(node, points))
        return stages

    def _rules(self, root: Node) -> dict[str, Exceptional]:
        found = root.get("rules")
        if found is None:
            return {}
        if not found.is_mapping:
            self.report(found, "rules names those that weigh otherwise, as in rules: {transfer-burst: {weight: 0.5}}")
            return {}
        own = {}
        for key, node in found.items():
            self.loaded.policy_names.append(("id", key))
            if self._mapping(node, key, RULE_KEYS, None, f"'{key.value}'"):
                most = self._number(node, "most", 0.0) if "most" in node else None
                own[str(key.value)] = Exceptional(self._number(node, "weight", 1.0), most)
        return own

    def _marks(self, root: Node) -> Iterable[Mark]:
        found = root.get("labels")
        if found is None:
            return
        if not found.is_mapping or len(found.value) > MAX_LABELS:
            self.report(
                found,
                f"labels is a mapping of at most {MAX_LABELS} names, as in labels: {{multi-lender: {{tags:"
                " [multi-lending], for: 180d}}",
            )
            return
        for key, node in found.items():
            if not ID.fullmatch(str(key.value)):
                self.report(key, "a label is one word of a-z 0-9 . _ -")
            if self._mapping(node, key, LABEL_KEYS, "for", f"'{key.value}'"):
                yield Mark(str(key.value), self._selector(node), self._length(node, "for", "for which it stands"))

    def _held(self, root: Node, grades: list[str]) -> Iterable[Held]:
        found = root.get("at_once")
        if found is None:
            return
        if not found.is_list or len(found.value) > MAX_LABELS:
            self.report(
                found,
                f"at_once is a list of at most {MAX_LABELS} grades that alerts bring at once, as in at_once:"
                " [{grade: E, tags: [confirmed-fraud], for: 730d}]",
            )
            return
        for node in found.value:
            if not self._mapping(node, node, HELD_KEYS, "for", "a part of at_once"):
                continue
            grade = node.get("grade")
            if not grades:
                continue
            if grade is None or grade.value not in grades:
                self.report(grade or node, f"grade is one of those under grades: {', '.join(grades)}")
                continue
            why = self.reader.text(node, "why", "") if "why" in node else ""
            length = self._length(node, "for", "for which it is held")
            yield Held(str(grade.value), self._selector(node), length, why or "")

    def _mapping(self, node: Node, at: Node, known: tuple[str, ...], needs: str | None, what: str) -> bool:
        """Whether a node is a mapping of these keys that has the one it needs; `what` it is, for the sentence."""
        if not node.is_mapping:
            self.report(node, f"{what} is a mapping of {', '.join(known)}; this is {kind_of(node)}")
            return False
        self.reader.known(node, known, what)
        if needs is not None and needs not in node:
            self.report(at, f"'{needs}' is missing: it is a length of time such as 90d")
            return False
        return True

    def _length(self, node: Node, key: str, what: str) -> int:
        found = node[key]
        length = length_ms(found.value)
        if length is None or not _SHORTEST <= length <= _LONGEST:
            self.report(found, f"{key} is the time {what}, from 1m to 3650d, such as 90d")
            return _SHORTEST
        return length

    def _selector(self, node: Node) -> Selector:
        before = len(self.reader.problems)
        tags, rules = self._words(node, "tags", "tag"), self._words(node, "rules", "id")
        severities = self._words(node, "severities", "")
        if not tags and not rules and len(self.reader.problems) == before:
            self.report(node, "name the alerts by tags or ids of rules, as in tags: [multi-lending]")
        for one in node["severities"].value if severities else ():
            if one.value not in SEVERITIES:
                self.report(one, f"severities are among {', '.join(SEVERITIES)}{nearest(one.value, SEVERITIES)}")
        return Selector(rules, tags, severities)

    def _words(self, node: Node, key: str, what: str) -> tuple[str, ...]:
        found = node.get(key)
        if found is None:
            return ()
        if not found.is_list or not all(one.is_text and ID.fullmatch(one.value) for one in found.value):
            self.report(found, f"{key} is a list of words (a-z 0-9 . _ -)")
            return ()
        if len(found.value) > MAX_NAMED:
            self.report(found, f"there are {len(found.value):,} under {key}, at most {MAX_NAMED} are allowed")
            return ()
        if what:
            self.loaded.policy_names += [(what, one) for one in found.value]
        return tuple(str(one.value) for one in found.value)
