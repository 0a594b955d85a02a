"""What a model's file says of its keeping: its drift, when it begins anew, and when it is promoted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import NamedTuple

from risk_stream.catalogue import Node
from risk_stream.models import Limits
from risk_stream.rules.models.pipeline import read_number, read_whole
from risk_stream.rules.reading import Reader
from risk_stream.rules.scored import DRIFTING, Labels, Promote

__all__ = ["DRIFT_KEYS", "DRIFT_LIMITS", "PROMOTE_KEYS", "Drift", "read_drift", "read_generation", "read_promote"]

#: What drift may hold: what follows, and from where on it is one (`models.watch.Limits`).
DRIFT_KEYS = ("then", *(one.name for one in fields(Limits)))
PROMOTE_KEYS = ("after", "better_by")
#: A generation beyond this is a slip of the keyboard.
MOST_GENERATIONS = 1_000_000
#: Blocks of events after which what drifts is usual, at most; outcomes after which a challenger is promoted.
MOST_BLOCKS, MOST_OUTCOMES = 1_000_000, 1_000_000_000
#: What each limit is: for the sentence, above which and at most.
DRIFT_LIMITS: Mapping[str, tuple[str, float, float]] = {
    "psi": ("the population stability index from where on an input has drifted, such as 0.25", 0.0, 100.0),
    "clear": ("the population stability index below which a drift is over, such as 0.1", 0.0, 100.0),
    "chance": ("how likely a false alarm of the test of means may be, such as 1e-7", 0.0, 0.1),
    "loss": ("the rise of the mean loss that is tolerated, such as 0.02", 0.0, 1.0),
    "patience": ("the sum of losses above that which is not, such as 20", 0.0, 1e6),
    "calibration": ("how many standard errors promises may be from what came, such as 5", 0.0, 1e6),
}
_PROMOTE = "promote: {after: 1000, better_by: 0.02}"


class Drift(NamedTuple):
    """From where on a model drifts, what follows (one of DRIFTING), and whether its scores are held as promises."""

    limits: Limits
    then: str
    promises: bool


def read_drift(root: Node, labels: Labels | None, reader: Reader) -> Drift:
    """The policy of drift; what is wrong is reported."""
    node = root.get("drift")
    if node is None:
        return Drift(Limits(), DRIFTING[0], promises=False)
    if not node.is_mapping:
        reader.report(node, "drift says from where on the model drifts and what follows: {psi: 0.25, then: no_score}")
        return Drift(Limits(), DRIFTING[0], promises=False)
    reader.known(node, DRIFT_KEYS, "drift")
    then = reader.choice(node, "then", DRIFTING, DRIFTING[0]) or DRIFTING[0]
    usual = Limits()
    given = {
        name: read_number(node, name, getattr(usual, name), what, above, most, reader)
        for name, (what, above, most) in DRIFT_LIMITS.items()
    }
    limits = Limits(**given, adopt=read_whole(node, "adopt", usual.adopt, MOST_BLOCKS, reader, unit="blocks of events"))
    if limits.clear > limits.psi:
        reader.report(node.get("clear") or node["psi"], f"clear must be at most psi, which is {limits.psi:g}")
    promises = "calibration" in node
    if promises and labels is None:
        said = "calibration holds scores against outcomes: say under labels which are bad and which good"
        reader.report(node["calibration"], said)
    return Drift(limits, then, promises)


def read_generation(root: Node, reader: Reader) -> int:
    """How often the model was begun anew on purpose, and once."""
    return read_whole(root, "generation", 1, MOST_GENERATIONS, reader, 1, unit="times that the model was begun")


def read_promote(root: Node, challenges: str, labels: Labels | None, reader: Reader) -> Promote | None:
    """When a challenger takes its champion's place; None where nothing is said, or what is wrong is reported."""
    node = root.get("promote")
    if node is None:
        return None
    if not node.is_mapping or "after" not in node:
        reader.report(node, f"promote says after how many outcomes a better challenger may take over: {_PROMOTE}")
        return None
    reader.known(node, PROMOTE_KEYS, "promote")
    if not challenges:
        reader.report(node, "only a challenger is promoted: say which model it challenges, or leave 'promote' out")
    if labels is None:
        reader.report(node, "who is better is told by outcomes: say under labels which are bad and which good")
    after = read_whole(node, "after", 1000, MOST_OUTCOMES, reader, 1, unit="outcomes")
    what = "by how much the challenger's average precision must be above the champion's, such as 0.02"
    return Promote(after, read_number(node, "better_by", 0.0, what, -1e-9, 1.0, reader))
