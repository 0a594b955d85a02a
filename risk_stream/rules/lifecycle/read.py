"""Reads `lifecycle:` files: each key checked, every problem noted at its place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from risk_stream.calendars import Calendar
from risk_stream.catalogue import Catalogue, Node
from risk_stream.rules.language.check import nearest
from risk_stream.rules.lifecycle.model import JUDGEMENTS, Lifecycle, Limit, Step
from risk_stream.rules.lifecycle.order import impossible
from risk_stream.rules.limits import MAX_WINDOW_MS
from risk_stream.rules.model import MODES, SEVERITIES, STAGES
from risk_stream.rules.reading import Reader, kind_of
from risk_stream.rules.rule.later import read_after
from risk_stream.rules.words import length_ms, written

__all__ = [
    "JUDGEMENT_KEYS",
    "LIFECYCLE_KEYS",
    "MAX_STEPS",
    "STEP_KEYS",
    "WINDOW",
    "Judging",
    "Written",
    "read_lifecycle",
]

#: What a life cycle may hold, one of its steps, and what is said of a judgement.
LIFECYCLE_KEYS = ("lifecycle", "name", "owner", "where", "window", "tags", "judgements", "steps")
STEP_KEYS = (
    *("id", "name", "stage", "owner", "needs", "within", "every", "after", "once", "ends", "proof", "why"),
    "judgements",
)
JUDGEMENT_KEYS = ("mode", "severity", "score", "action")
_NEEDS = ("all", "any")
#: How long a loan is followed where the file does not say.
WINDOW = "3650d"
#: Steps of one life cycle: three outputs of a kind of key tell so many apart.
MAX_STEPS = 150
#: An id of a life cycle, and of a step: together with the judgement they make the id of a rule.
_CYCLE_ID, _STEP_ID = re.compile(r"[a-z][a-z0-9-]{0,19}"), re.compile(r"[a-z][a-z0-9-]{0,29}")


@dataclass(frozen=True, slots=True)
class Judging:
    """How a judgement of a step is said."""

    mode: str = "live"
    severity: str = "medium"
    score: float = 0.0
    action: str = "review"


_DEFAULTS = {
    "skipped": Judging(severity="medium", score=40.0, action="investigate"),
    "repeated": Judging(severity="low", score=10.0, action="review"),
    "out-of-order": Judging(severity="low", score=20.0, action="review"),
    "overdue": Judging(severity="medium", score=30.0, action="chase"),
}


@dataclass(frozen=True, slots=True)
class Written:
    """A life cycle as its file has it: each step with its node, and how each of its judgements is said."""

    lifecycle: Lifecycle
    root: Node
    nodes: Mapping[str, Node]
    judging: Mapping[tuple[str, str], Judging]  # (step, judgement)
    tags: tuple[str, ...]


def read_lifecycle(
    reader: Reader, catalogue: Catalogue, calendars: Mapping[str, Calendar], root: Node
) -> Written | None:
    """What a file says; None with what is wrong noted by `reader`. Raises `EnoughError`."""
    before = len(reader.problems)
    written = _LifecycleReader(reader, catalogue, calendars, root).read()
    return written if len(reader.problems) == before else None


class _LifecycleReader:
    def __init__(self, reader: Reader, catalogue: Catalogue, calendars: Mapping[str, Calendar], root: Node) -> None:
        self.reader, self.catalogue, self.calendars, self.root = reader, catalogue, calendars, root
        self.owner = ""
        self.nodes: dict[str, Node] = {}
        self.judging: dict[tuple[str, str], Judging] = {}

    def read(self) -> Written | None:
        """The whole file."""
        root, reader = self.root, self.reader
        reader.known(root, LIFECYCLE_KEYS, "a life cycle")
        cycle = root["lifecycle"]
        id = str(cycle.plain())
        if not _CYCLE_ID.fullmatch(id):
            reader.report(
                cycle, f"{written(cycle)} cannot be a life cycle's id: use a-z 0-9 - and at most 20 characters"
            )
        name = reader.text(root, "name", id) or id
        self.owner = reader.text(root, "owner", "") or ""
        where = root.get("where")
        window = root.get("window")
        window_ms = length_ms(WINDOW if window is None else window.value)
        if window_ms is None or not 0 < window_ms <= MAX_WINDOW_MS:
            reader.report(window or root, f"window is how long a loan is followed, such as 365d, at most {WINDOW}")
        shared = self._judged(root.get("judgements"), _DEFAULTS)
        steps = self._steps(root.get("steps"), shared)
        if steps is None or window_ms is None:
            return None
        self._check_order(steps)
        said = where.value.strip() if where is not None and where.is_text else ""
        lifecycle = Lifecycle(id, name, self.owner, root.file, cycle.line, said, window_ms, tuple(steps))
        return Written(lifecycle, root, self.nodes, self.judging, reader.tags(root))

    # Steps

    def _steps(self, node: Node | None, shared: Mapping[str, Judging]) -> list[Step] | None:
        reader = self.reader
        if node is None or not node.is_list or not node.value:
            reader.report(node or self.root, "'steps' is missing or empty: a life cycle has a list of one step or more")
            return None
        if len(node.value) > MAX_STEPS:
            reader.report(node, f"there are {len(node.value):,} steps, at most {MAX_STEPS} are allowed")
            return None
        for item in node.value:
            self._name(item)
        steps = [self._step(item, shared) for item in node.value if item.is_mapping]
        sound = [step for step in steps if step is not None]
        return sound if len(sound) == len(node.value) else None

    def _name(self, node: Node) -> None:
        """Take in a step's id, which others may name before it stands."""
        reader = self.reader
        if not node.is_mapping:
            reader.report(node, f"a step is a mapping with id, name and stage; this is {kind_of(node)}")
            return
        if "id" not in node:
            reader.report(node, "'id' is missing: name the step, such as identity-check")
            return
        id = str(node["id"].plain())
        if not _STEP_ID.fullmatch(id):
            reader.report(
                node["id"], f"{written(node['id'])} cannot be a step's id: use a-z 0-9 - and at most 30 characters"
            )
        elif id in self.nodes:
            line = self.nodes[id]["id"].line
            reader.report(node["id"], f"there is a step '{id}' already, in line {line}: choose another id")
        else:
            self.nodes[id] = node

    def _step(self, node: Node, shared: Mapping[str, Judging]) -> Step | None:
        id = str(node["id"].plain()) if "id" in node else ""
        if self.nodes.get(id) is not node:
            return None
        reader = self.reader
        reader.known(node, STEP_KEYS, "a step")
        name = reader.text(node, "name", id) or id
        stage = reader.choice(node, "stage", STAGES, None)
        owner = reader.text(node, "owner", self.owner) or ""
        if not owner:
            reader.report(node, "'owner' is missing: say who answers for the step, here or at the top of the file")
        needs, needs_one = self._needs(node.get("needs"), id)
        limit = self._limit(node, id)
        self.judging |= {(id, what): how for what, how in self._judged(node.get("judgements"), shared).items()}
        step = Step(id, name, stage or STAGES[0], owner, node.line, needs, needs_one, limit)
        return replace(step, once=self._is(node, "once"), ends=self._is(node, "ends"))

    def _is(self, node: Node, key: str) -> bool:
        found = node.get(key)
        if found is not None and not isinstance(found.value, bool):
            self.reader.report(found, f"{key} is true or false, and this is {kind_of(found)}")
        return found is not None and found.value is True

    def _known(self, node: Node, what: str) -> str:
        """The id of a step that a node names; nothing where there is none, which is reported."""
        id = node.plain()
        if isinstance(id, str) and id in self.nodes:
            return id
        if node.is_text:
            advice = nearest(node.value, self.nodes) or ": name one of this file"
            self.reader.report(node, f"there is no step '{node.value}' {what}{advice}")
        else:
            self.reader.report(node, f"{written(node)} is no step {what}: name one of this file")
        return ""

    def _needs(self, node: Node | None, id: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(steps of which all must have been, steps of which one must)."""
        if node is None:
            return (), ()
        if not node.is_mapping:
            return self._listed(node, id), ()
        self.reader.known(node, _NEEDS, "needs")
        one = self._listed(node["any"], id) if "any" in node else ()
        if "any" in node and (len(one) == 1 or not node["any"].value):
            self.reader.report(node["any"], "one step is no choice: write needs: [step], or name two or more")
        return self._listed(node["all"], id) if "all" in node else (), one

    def _listed(self, node: Node, id: str) -> tuple[str, ...]:
        items: Sequence[Node] = node.value if node.is_list else [node]
        found = [self._known(item, "that it could need") for item in items]
        for place, item in enumerate(items):
            if found[place] and found[place] in found[:place]:
                self.reader.report(item, f"'{found[place]}' stands twice among what '{id}' needs")
        return tuple(dict.fromkeys(step for step in found if step))

    def _limit(self, node: Node, id: str) -> Limit | None:
        """The time limit of a step; None where it has none, or what is wrong is reported."""
        reader, given = self.reader, [key for key in ("within", "every") if key in node]
        after = node.get("after")
        if not given:
            if after is not None:
                reader.report(node.key("after"), "after goes with a limit: say within or every too, such as within: 2d")
            return None
        if len(given) > 1:
            reader.report(
                node.key("every"), "a step has one limit: within, once after another step, or every, again and again"
            )
            return None
        limit = node[given[0]]
        if after is None:
            reader.report(limit, f"the limit names no step from which it counts: write after: STEP beside {given[0]}")
            return None
        named = self._known(after, "after which a limit could begin")
        if named == id:
            reader.report(
                after, f"the limit of '{id}' begins with another step, not with itself; every counts from itself too"
            )
            return None
        if not limit.is_mapping and not 0 < (length_ms(limit.value) or 0) <= MAX_WINDOW_MS:
            advice = " or {business_days: 3, calendar: china}" if given[0] == "within" else ""
            reader.report(limit, f"{given[0]} is a length of time such as 2d{advice}, at most {WINDOW}")
            return None
        delay, _ = read_after(limit, self.calendars, reader.report)
        if delay is None or not named:
            return None
        if given[0] == "every" and limit.is_mapping:
            reader.report(limit, "every is a length of time such as 180d; business days are for within")
            return None
        words = str(limit.value) if not limit.is_mapping else f"{delay.business_days} business days"
        return Limit(named, delay, words, given[0] == "every")

    def _judged(self, node: Node | None, shared: Mapping[str, Judging]) -> Mapping[str, Judging]:
        """How each judgement is said, where a mapping says some of it."""
        if node is None:
            return shared
        if not node.is_mapping:
            self.reader.report(node, "judgements is a mapping, such as {overdue: {severity: high}}")
            return shared
        self.reader.known(node, JUDGEMENTS, "judgements")
        found = dict(shared)
        for key, child in node.items():
            if key.value not in JUDGEMENTS:
                continue
            if not child.is_mapping:
                self.reader.report(child, f"{key.value} is a mapping, such as {{mode: shadow, severity: high}}")
                continue
            self.reader.known(child, JUDGEMENT_KEYS, "a judgement")
            was = found[key.value]
            score = child["score"].value if "score" in child else was.score
            if not isinstance(score, int | float) or isinstance(score, bool) or not 0 <= score <= 1_000:
                self.reader.report(child["score"], "score is a number, 0 to 1,000")
                score = was.score
            found[key.value] = Judging(
                self.reader.choice(child, "mode", MODES, was.mode) or was.mode,
                self.reader.choice(child, "severity", SEVERITIES, was.severity) or was.severity,
                float(score),
                self.reader.word(child, "action", was.action),
            )
        return found

    def _check_order(self, steps: Sequence[Step]) -> None:
        for id, why in impossible(steps):
            self.reader.report(self.nodes[id] if id else self.root["steps"], why)
