"""Scorecards: files that give points to what is known of an applicant, which expressions ask by the card's name."""

from __future__ import annotations

import numpy as np

from risk_stream.catalogue import Catalogue, Node
from risk_stream.lending import CARD_KEYS, Scorecard, TableError, read_scorecard
from risk_stream.lending import Characteristic as Scored
from risk_stream.rules.declared.loaded import LoadedFile
from risk_stream.rules.declared.scope import Features
from risk_stream.rules.language.check import Noted
from risk_stream.rules.language.expression import ExpressionError
from risk_stream.rules.language.kinds import COUNTED
from risk_stream.rules.language.meaning import Binned, Computed, Kind, Value
from risk_stream.rules.model import Card, Characteristic
from risk_stream.rules.reading import ID, Reader

__all__ = ["SCORECARD_KEYS", "Cards"]

_BESIDE = ("scorecard", "owner", "why", "import", "constants", "patterns", "features")
#: What a file of a scorecard may hold.
SCORECARD_KEYS = (*_BESIDE, *CARD_KEYS)


class Cards:
    """Reads the scorecard of one file, whose names are `known`, into what is `loaded` of it."""

    kind = "scorecard"  # of `load.KINDS`

    def __init__(self, reader: Reader, catalogue: Catalogue, loaded: LoadedFile, known: Features) -> None:
        self._reader, self._catalogue = reader, catalogue
        self._loaded, self._known = loaded, known

    def read(self, root: Node) -> None:
        """Read the card. One with problems is not loaded."""
        reader, before = self._reader, len(self._loaded.problems)
        name = reader.text(root, "scorecard", None)
        if name is not None and not ID.fullmatch(name):
            reader.report(
                root["scorecard"], f"'{name}' cannot be a scorecard's name: use a-z 0-9 . _ - and at most 64 characters"
            )
        self._loaded.card_ids.append((name or "", root["scorecard"]))
        for key in ("owner", "why"):
            reader.text(root, key, "")
        try:
            scored = read_scorecard(root, name or "", _BESIDE)
        except TableError as error:
            for problem in error.problems:
                reader.note(problem)
            return
        parts = [self._characteristic(root["characteristics"][one.name], one) for one in scored.characteristics]
        sound = tuple(part for part in parts if part is not None)
        if len(self._loaded.problems) == before and name is not None and len(sound) == len(parts):
            value = _total(scored, sound)
            self._loaded.card = Card(name, root.file, root["scorecard"].line, sound, value)

    def _characteristic(self, node: Node, scored: Scored) -> Characteristic | None:
        named = scored.of or scored.name
        at = node.get("of") or node
        try:
            value = self._known.resolve(named)
        except ExpressionError as error:
            self._reader.report(at, error.message)
            return None
        except Noted:
            return None
        self._use(named)
        if not isinstance(value, Value) or value.kind not in COUNTED:
            what = value.kind.value if isinstance(value, Value) else "a condition"
            self._reader.report(at, f"a scorecard puts numbers into bins, and '{named}' is {what}: name a number")
            return None
        if scored.is_reason and not scored.words:
            self._reader.report(node, f"{scored.name} says no words: why are points lost, or write reason: false")
            return None
        points = _binned(scored, value, scored.points)
        return Characteristic(scored.name, value, points, max(scored.points), scored.words if scored.is_reason else "")

    def _use(self, name: str) -> None:
        """A name is used, and so are those in it."""
        pending = [name]
        while pending:
            used = pending.pop()
            self._known.used.add(used)
            pending += (part for part in self._known.needs(used) if part not in self._known.used)


def _binned(scored: Scored, value: Value, points: tuple[float, ...]) -> Binned:
    """The points of each bin of a characteristic, as an expression."""
    ranges = len(scored.edges) - 1
    missing = points[ranges] if scored.has_missing else None
    return Binned(Kind.NUMBER, value, scored.edges[1:-1], points[:ranges], missing)


def _total(scored: Scorecard, parts: tuple[Characteristic, ...]) -> Value:
    """The sum of rounded points, as `Scorecard.score` has it."""
    total: Value | None = None
    for one, part in zip(scored.characteristics, parts, strict=True):
        rounded = tuple(np.floor(np.array(one.points) + 0.5).tolist())
        points = _binned(one, part.value, rounded)
        total = points if total is None else Computed(Kind.NUMBER, "+", (total, points))
    assert total is not None
    return total
