"""What a model's file says where the model gives segments: that it does, and what marks a segment is called by."""

from __future__ import annotations

from collections.abc import Sequence

from risk_stream.catalogue import Node
from risk_stream.models import Step
from risk_stream.models.components import COMPONENTS
from risk_stream.rules.language.meaning import Value
from risk_stream.rules.reading import Reader

__all__ = ["GIVES", "MARK_KEYS", "SEGMENTS", "SEGMENTS_KIND", "read_gives", "read_marks"]

#: What a model may give beside its score.
GIVES = ("score", "segment")
SEGMENTS = GIVES[1]
#: The kind of file that such a model is, of `load.KINDS`: other models may ask it.
SEGMENTS_KIND = "segments"
#: What an input may hold for the names of segments: what they are called by where it is high, and where it is low.
MARK_KEYS = ("high", "low")


def read_gives(root: Node, steps: Sequence[tuple[Step, Node]] | None, reader: Reader) -> str:
    """One of `GIVES`; whether it fits the pipeline is reported."""
    gives = reader.choice(root, "gives", GIVES, GIVES[0]) or GIVES[0]
    if not steps:
        return gives
    step, place = steps[-1]
    component = COMPONENTS.get(step.component)
    segments = component is not None and component.role == "segmenter"
    if segments and gives != SEGMENTS:
        reader.report(root.get("gives") or place, f"{step.component} gives segments: say gives: segment")
    elif gives == SEGMENTS and component is not None and not segments:
        names = " or ".join(name for name, one in COMPONENTS.items() if one.role == "segmenter")
        reader.report(place, f"{step.component} gives no segment: the pipeline of a model that does is [{names}]")
    return gives


def read_marks(
    root: Node, inputs: Sequence[tuple[str, Value, str]], gives: str, reader: Reader
) -> tuple[tuple[str, str], ...]:
    """(what a segment is called by where an input is low, and where it is high) of each input; none for a score."""
    marks = []
    for name, _, words in inputs:
        node = root["inputs"][name]
        said = dict.fromkeys(MARK_KEYS, "")
        if node.is_mapping:
            said = {key: reader.text(node, key, "") or "" for key in MARK_KEYS}
            given = next((key for key in MARK_KEYS if key in node), "")
            if given and gives != SEGMENTS:
                reader.report(
                    node[given], f"'{given}' is what segments are called by, and this model gives a score: leave it out"
                )
        marks.append(tuple(said[key] or f"{key} {words or name}" for key in ("low", "high")))
    return tuple((low, high) for low, high in marks) if gives == SEGMENTS else ()
