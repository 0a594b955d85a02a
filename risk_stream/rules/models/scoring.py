"""Models: files that say on which events a model scores, by which inputs and with which pipeline, and when it learns.

Expressions of rules and tables ask `score("name")`, a number, and `over("name")`, whether it is over its threshold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from risk_stream.catalogue import EventType, Node
from risk_stream.features import Aggregate, Op
from risk_stream.models import LEARNING, Spec, Threshold
from risk_stream.models.registry import bounds
from risk_stream.rules.declared.scope import RuleScope
from risk_stream.rules.language.events import has_key
from risk_stream.rules.language.expression import MOVED, OVER, SCORE, SEGMENT
from risk_stream.rules.language.kinds import COUNTED
from risk_stream.rules.language.meaning import Chosen, Constant, Kind, Meaning, Value, lists_of, wording
from risk_stream.rules.model import MODES, STAGES
from risk_stream.rules.models.outcomes import read_labels
from risk_stream.rules.models.pipeline import (
    read_budget,
    read_number,
    read_pipeline,
    read_spec,
    read_threshold,
    read_whole,
)
from risk_stream.rules.models.segmenting import MARK_KEYS, SEGMENTS, read_gives, read_marks
from risk_stream.rules.models.upkeep import read_drift, read_generation, read_promote
from risk_stream.rules.reading import ID, NAME
from risk_stream.rules.rule.judging import Asked, Judging
from risk_stream.rules.rule.terms import Terms
from risk_stream.rules.scored import OUTCOME, ROLES, Scored
from risk_stream.rules.words import content_hash

__all__ = ["INPUT_KEYS", "MAX_INPUTS", "MODEL_KEYS", "Models"]

#: What a file of a model may hold, and an input that is more than an expression.
MODEL_KEYS = (
    *("model", "stage", "owner", "tags", "import", "constants", "patterns", "features"),
    *("on", "by", "mode", "why", "gives", "inputs", "pipeline", "learn", "labels", "each"),
    *("warm_up", "threshold", "sample", "budget", "drift", "generation", "role", "challenges", "promote"),
)
INPUT_KEYS = ("value", "words", *MARK_KEYS)
#: Inputs of one model.
MAX_INPUTS = 100
#: Events that a model sees before it scores, where its file does not say.
WARM_UP, MAX_WARM_UP = 500, 10_000_000
#: Where a model gives segments, and its file says no threshold.
NEVER = Threshold(fixed=math.inf)
#: Kinds of values that are the number of an input.
_NUMBERS = (*COUNTED, Kind.TIME, Kind.BOOLEAN)


class Models(Judging):
    """Reads the model of one file, whose names are `known`, into what is `loaded` of it."""

    kind = "model"  # of `load.KINDS`

    def read(self, root: Node) -> None:
        """Read the model. One with problems is not loaded."""
        self._reader.rule = str(root["model"].plain())
        try:
            model = self._model(root)
            if model is not None and not self._loaded.problems:
                self._loaded.model = model
        finally:
            self._reader.rule = ""

    def _model(self, root: Node) -> Scored | None:
        reader = self._reader
        reader.known(root, MODEL_KEYS, "a model")
        name = self._name(root)
        types = self._types(root, "name the event types that are scored, such as on: trade", "no model can score it")
        stage = reader.choice(root, "stage", STAGES, None)
        owner, why = reader.text(root, "owner", None), reader.text(root, "why", "") or ""
        mode = reader.choice(root, "mode", MODES, "live") or "live"
        learning = reader.choice(root, "learn", LEARNING, LEARNING[0]) or LEARNING[0]
        role, challenges = self._role(root)
        tags = reader.tags(root)
        steps = read_pipeline(root, reader)
        gives = read_gives(root, steps, reader)
        threshold = NEVER if gives == SEGMENTS and "threshold" not in root else read_threshold(root, reader)
        warm_up = read_whole(root, "warm_up", WARM_UP, MAX_WARM_UP, reader)
        sample = read_number(root, "sample", 1.0, "a share of the events, above 0 and at most 1", 0.0, 1.0, reader)
        labels = read_labels(root, learning, self._catalogue, reader)
        drift, generation = read_drift(root, labels, reader), read_generation(root, reader)
        promote = read_promote(root, challenges, labels, reader)
        if types is None:  # without them no name means anything
            return None
        scope = RuleScope(self._known, types)
        terms = Terms(reader, scope)
        inputs = self._inputs(root, terms)
        group = self._group(root, terms)
        if inputs is None or steps is None or threshold is None or name is None or self._loaded.problems:
            return None
        asked = self._asked(scope, (*(value for _, value, _ in inputs), *([group] if group else [])))
        by = self._hop(root, types, asked)
        self._asks_no_list(root, inputs, asked)
        if by is None:
            return None
        if labels is not None and not has_key(self._catalogue, self._catalogue.type(OUTCOME), by):
            reader.report(root["labels"], f"outcomes have no {by}, by which this model scores: they never come to it")
        texts = frozenset(key for key, value, _ in inputs if value.kind.is_text)
        spec = Spec(
            inputs=tuple(key for key, _, _ in inputs),
            texts=texts,
            steps=tuple(step for step, _ in steps),
            learning=learning,
            warm_up=warm_up,
            threshold=threshold,
            grouped=group is not None,
            sample=sample,
            marks=read_marks(root, inputs, gives, reader),
        )
        read_spec(spec, [place for _, place in steps], reader)
        if self._loaded.problems:
            return None
        low, high = bounds(spec.steps)
        says = Aggregate("", Op.SCORE, (), "", by, 0)
        return _with_version(
            Scored(
                id=name,
                file=root.file,
                line=root["model"].line,
                on=tuple(t.name for t in types),
                by=by,
                stage=stage or STAGES[0],
                owner=owner or "",
                mode=mode,
                role=role,
                challenges=challenges,
                why=why,
                tags=tuple(dict.fromkeys(tags)),
                inputs=tuple((key, value) for key, value, _ in inputs),
                words={key: words for key, _, words in inputs if words},
                group=group,
                spec=spec,
                labels=labels,
                aggregates=asked.aggregates,
                fields=asked.fields,
                score=says,
                over=says,
                moved=replace(says, text=True),
                segment=replace(says, text=True) if gives == SEGMENTS else None,
                version="",
                limits=drift.limits,
                drifting=drift.then,
                promises=drift.promises,
                generation=generation,
                promote=promote,
                budget_us=read_budget(root, spec, reader),
                low=-math.inf if low is None else low,
                high=math.inf if high is None else high,
                features=asked.features,
            )
        )

    def _asks_no_list(self, root: Node, inputs: Sequence[tuple[str, Value, str]], asked: Asked) -> None:
        if asked.lists:
            asking = next((key for key, value, _ in inputs if any(lists_of(value))), None)
            at = root["each"] if asking is None else root["inputs"][asking]
            self._reader.report(at, f"this asks the list '{min(asked.lists)}', which only rules and tables can do")

    def _name(self, root: Node) -> str | None:
        name = self._reader.text(root, "model", None)
        if name is not None and not ID.fullmatch(name):
            said = f"'{name}' cannot be a model's name: use a-z 0-9 . _ - and at most 64 characters"
            self._reader.report(root["model"], said)
            name = None
        self._loaded.model_ids.append((name or "", root["model"]))
        return name

    def _role(self, root: Node) -> tuple[str, str]:
        """(what it is to other models, the id of the one that it challenges)."""
        reader = self._reader
        challenges = reader.word(root, "challenges", "") if "challenges" in root else ""
        role = reader.choice(root, "role", ROLES, ROLES[bool(challenges)]) or ROLES[0]
        if challenges and role == ROLES[0]:
            reader.report(root["role"], "a model that challenges another is no champion: leave 'role' out")
        elif role == ROLES[1] and not challenges:
            reader.report(root["role"], "a challenger says which model it challenges, as in challenges: trade-novelty")
        return role, challenges

    # Inputs

    def _inputs(self, root: Node, terms: Terms) -> list[tuple[str, Value, str]] | None:
        """(name, value, words) of each input, or None with what is wrong in them reported."""
        node, report = root.get("inputs"), self._reader.report
        if node is None or not node.is_mapping or not node.value:
            report(
                node or root, "'inputs' is missing or empty: name what the model looks at, as in size: amount / usual"
            )
            return None
        if len(node.value) > MAX_INPUTS:
            report(node, f"there are {len(node.value):,} inputs of one model, at most {MAX_INPUTS} are allowed")
            return None
        found = [self._input(key, child, terms) for key, child in node.items()]
        sound = [one for one in found if one is not None]
        return sound if len(sound) == len(found) else None

    def _input(self, key: Node, node: Node, terms: Terms) -> tuple[str, Value, str] | None:
        reader, words = self._reader, ""
        if not NAME.fullmatch(str(key.value)):
            reader.report(key, f"'{key.value}' cannot be an input's name: use letters, digits and _")
            return None
        if node.is_mapping:
            reader.known(node, INPUT_KEYS, "an input")
            words = reader.text(node, "words", "") or ""
            if "value" not in node:
                reader.report(node, "'value' is missing: an input is an expression, such as amount / usual_30d")
                return None
            node = node["value"]
        meaning = terms.meaning(node, "an input")
        value = None if meaning is None else _as_value(meaning)
        if value is None:
            return None
        if value.kind not in _NUMBERS and not value.kind.is_text:
            reader.report(node, f"an input is a number or a text, and this is {value.kind.value}")
            return None
        if isinstance(value, Constant):
            reader.report(node, "this input is the same for each event, so no model learns from it: leave it out")
            return None
        return str(key.value), value, words

    def _group(self, root: Node, terms: Terms) -> Value | None:
        """The text for each value of which there is one pipeline."""
        if "each" not in root:
            return None
        meaning = terms.meaning(root["each"], "each")
        if meaning is None:
            return None
        if not isinstance(meaning, Value) or not meaning.kind.is_text or isinstance(meaning, Constant):
            said = meaning.kind.value if isinstance(meaning, Value) else "a condition"
            self._reader.report(root["each"], f"each names a text, such as each: instrument, and this is {said}")
            return None
        return meaning

    # Where it scores

    def _hop(self, root: Node, types: Sequence[EventType], asked: Asked) -> str | None:
        """The kind of key at whose hop it scores: the one named, else the last that its features are kept by."""
        order = [kind.name for kind in self._catalogue.kinds]
        last = max((order.index(a.by) for a in asked.aggregates), default=-1)
        if "by" in root:
            by = self._reader.choice(root, "by", tuple(order), "")
            if not by:
                return None
            at, lacking = root["by"], [t.name for t in types if not has_key(self._catalogue, t, by)]
            if lacking:
                self._reader.report(at, f"{lacking[0]} has no {by}, so no model can score it there")
                return None
            if last > order.index(by):
                late = next(a for a in asked.aggregates if order.index(a.by) == last)
                name = next((n for n, feature in asked.features if feature == late), late.op.value)
                said = f"the feature '{name}' is kept by {late.by}, and events come to {late.by} after {by}"
                self._reader.report(at, f"{said}: say by: {late.by}, or leave 'by' out")
                return None
            return by
        if last >= 0:
            return order[last]
        firsts = {min(t.keys, key=order.index) for t in types}
        if len(firsts) > 1:
            kinds = " and ".join(sorted(firsts))
            self._reader.report(root["on"], f"these events come to {kinds} first: say by which key the model scores")
            return None
        return firsts.pop()


def _as_value(meaning: Meaning) -> Value:
    """A condition as a number: 1 where it is true, 0 where it is false."""
    if isinstance(meaning, Value):
        return meaning
    return Chosen(Kind.NUMBER, meaning, Constant(Kind.NUMBER, 1.0), Constant(Kind.NUMBER, 0.0))


def _with_version(model: Scored) -> Scored:
    """The model with its version and what stands for its scores."""
    spec = model.spec
    steps = [(step.component, sorted(step.parameters.items())) for step in spec.steps]
    inputs = [(name, value.kind.name, wording(value)) for name, value in model.inputs]
    group = "" if model.group is None else wording(model.group)
    learns = (spec.learning, spec.warm_up, spec.threshold, spec.sample, spec.most_groups, model.labels)
    kept = (model.limits, model.drifting, model.promises, model.generation)
    version = content_hash(repr((model.id, sorted(model.on), model.by, inputs, steps, group, learns, kept)))
    score, over, moved, *segment = (
        replace(one, id=content_hash(f"{which} {model.id} {version}"), values=(model.id, which))
        for which, one in zip((SCORE, OVER, MOVED, SEGMENT), model.says, strict=False)  # few have the last
    )
    return replace(model, version=version, score=score, over=over, moved=moved, segment=segment[0] if segment else None)
