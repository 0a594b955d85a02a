"""What a model's file says of outcomes: which of them count as bad and as good, and what becomes of silence."""

from __future__ import annotations

from risk_stream.catalogue import Catalogue, Node
from risk_stream.rules.language.check import nearest
from risk_stream.rules.limits import MAX_WINDOW_MS
from risk_stream.rules.models.pipeline import read_number, read_whole
from risk_stream.rules.reading import Reader
from risk_stream.rules.scored import LABELS, OUTCOME, Labels
from risk_stream.rules.words import length_ms

__all__ = ["LABEL_KEYS", "SILENCE", "read_labels"]

LABEL_KEYS = ("bad", "good", "within", "silence", "weigh", "reviewed", "keep")
#: What no outcome within the time says of an event: nothing, or that it was good.
SILENCE = ("unknown", "good")
#: How outcomes weigh: all alike, or so that bad and good ones do in all.
WEIGH = ("alike", "balanced")
#: Events that wait for an outcome: where the file does not say, and at most.
KEEP, MOST_KEPT = 200_000, 5_000_000
_EXAMPLE = "labels: {bad: [fraud], good: [false_alarm], within: 30d}"


def read_labels(root: Node, learning: str, catalogue: Catalogue, reader: Reader) -> Labels | None:
    """Which outcomes teach a model that learns so; None where nothing is said, or what is wrong is reported."""
    node = root.get("labels")
    if node is None:
        if learning == "outcomes":
            reader.report(root["learn"], f"a model that learns from outcomes says which: {_EXAMPLE}")
        return None
    if OUTCOME not in catalogue:
        reader.report(node, f"there is no event type '{OUTCOME}', which would say what turned out to be true")
        return None
    if not node.is_mapping:
        reader.report(node, f"labels says which outcomes are bad and which good, {_EXAMPLE}")
        return None
    reader.known(node, LABEL_KEYS, "labels")
    bad, good = (_words(node, key, catalogue, reader) for key in ("bad", "good"))
    within = node.get("within")
    ms = None if within is None else length_ms(within.value)
    if not ms or ms > MAX_WINDOW_MS:
        reader.report(within or node, f"within is how long events wait for an outcome, such as 7d or 90d: {_EXAMPLE}")
        return None
    silence = reader.choice(node, "silence", SILENCE, SILENCE[0])
    weigh = reader.choice(node, "weigh", WEIGH, WEIGH[0])
    reviewed = read_number(node, "reviewed", 1.0, "a share of the events, above 0 and at most 1", 0.0, 1.0, reader)
    keep = read_whole(node, "keep", KEEP, MOST_KEPT, reader, 1)
    if bad is None or good is None:
        return None
    both = [word for word in bad if word in good]
    if both:
        reader.report(node["good"], f"'{both[0]}' is among the bad outcomes: keep it in one of the two")
    if not bad:
        reader.report(
            node.get("bad") or node, f"'bad' is missing or empty: name the outcomes that count as 1, {_EXAMPLE}"
        )
    if not good and silence != "good":
        reader.report(node, "nothing counts as good: name outcomes under good, or say silence: good")
    if reviewed < 1 and silence == "good":
        reader.report(node["silence"], "where only a share is reviewed, silence says nothing: leave it out")
    return Labels(
        bad,
        good,
        ms,
        silence_is_good=silence == "good",
        balanced=weigh == "balanced",
        reviewed=reviewed,
        keep=keep,
    )


def _words(node: Node, key: str, catalogue: Catalogue, reader: Reader) -> tuple[str, ...] | None:
    """The outcomes under a key; None with what is wrong reported."""
    found = node.get(key)
    if found is None:
        return ()
    field = catalogue.type(OUTCOME).field("label")
    known = LABELS if field is None or not field.choices else field.choices
    words = []
    for item in found.value if found.is_list else [found]:
        if item.value not in known:
            said = str(item.plain())
            advice = nearest(said, known) or f": there are {', '.join(known)}"
            reader.report(item, f"'{said}' is no outcome{advice}")
            return None
        words.append(item.value)
    return tuple(dict.fromkeys(words))
