"""Functions of texts over columns of them. A column holds hashes: what is read of a text is kept by its hash."""

from __future__ import annotations

import numpy as np

from risk_stream.catalogue import text_hash
from risk_stream.rules.evaluation.run import Array, Run
from risk_stream.rules.language.meaning import (
    AggregateValue,
    Clocked,
    Computed,
    Constant,
    FieldValue,
    Resembling,
    Value,
    parts_of,
    texts_of,
)
from risk_stream.rules.language.texts import CHANGES, changed, text_function

__all__ = ["ClosestColumn", "TextColumn", "texts_in"]

#: Texts of which a function keeps what it gave; when there are more it begins anew.
_MOST_KEPT = 10_000


class TextColumn:
    """A function of texts over the column of `value`, which has a slot: computed once for each text."""

    __slots__ = ("_function", "_is_text", "_kept", "_of", "_slot")

    def __init__(self, value: Computed, slot: int) -> None:
        written = value.parts[1].value if len(value.parts) > 1 and isinstance(value.parts[1], Constant) else None
        assert written is None or isinstance(written, str)
        self._function = text_function(value.op, written)
        self._of, self._slot, self._is_text = value.parts[0], slot, value.kind.is_text
        self._kept: dict[int, float | int] = {}

    def __call__(self, run: Run) -> Array:
        """What it gives in each row: float64 with NaN, or hashes with 0, where the text is unknown."""
        hashes, rows, which = run.distinct(self._slot)
        unknown = 0 if self._is_text else np.nan
        given = np.array([self._kept.get(hashed, unknown) for hashed in hashes])
        given = given.astype(np.int64 if self._is_text else np.float64, copy=False)
        new = [i for i, hashed in enumerate(hashes) if hashed and hashed not in self._kept]
        if new:
            self._read(run, [hashes[i] for i in new], [rows[i] for i in new])
            given[new] = [self._kept.get(hashes[i], unknown) for i in new]
        return given[which]

    def _read(self, run: Run, hashes: list[int], rows: list[int]) -> None:
        """Keep what the function gives for the texts in some rows."""
        if len(self._kept) + len(hashes) > max(_MOST_KEPT, len(hashes)):
            self._kept.clear()
        for hashed, text in zip(hashes, texts_in(run, self._of, rows), strict=True):
            if text is not None:
                given = self._function(text)
                self._kept[hashed] = given if isinstance(given, float) else text_hash(given) if given else 0


class ClosestColumn:
    """How alike the texts of a column, which has a slot, are to a list of the house, or to whom."""

    __slots__ = ("_slot", "_value")

    def __init__(self, value: Resembling, slot: int) -> None:
        self._value, self._slot = value, slot

    def __call__(self, run: Run) -> Array:
        """Float64 from 0 to 1, NaN where there is no text; or hashes, 0 where nobody is like it."""
        closest = closest_in(run, self._value, self._slot)
        if self._value.kind.is_text:
            return np.array([0 if found is None else text_hash(found[1]) for found in closest], np.int64)
        scores = np.array([0.0 if found is None else found[0] for found in closest])
        scores[run.column(self._slot) == 0] = np.nan
        return scores


def closest_in(run: Run, value: Resembling, slot: int) -> list[tuple[float, str] | None]:
    """(how alike, the member) of each row, for the texts in a slot."""
    found = run.closest.get((slot, value.list_name))
    if found is None:
        _, rows, which = run.distinct(slot)
        texts = texts_in(run, value.value, rows)
        found = run.view.closest(value.list_name, [texts[i] for i in which.tolist()])
        run.closest[slot, value.list_name] = found
    return found


def texts_in(run: Run, value: Value, rows: list[int]) -> list[str | None]:
    """The texts of a value in some rows; None where there is none, or where its hash alone is known."""
    match value:
        case Constant(_, str(text)):
            return [text] * len(rows)
        case FieldValue(_, name):
            return run.view.texts(name, rows)
        case AggregateValue():
            hashes = run.of(value)[rows].tolist()
            return [run.view.text_of(hashed) if hashed else None for hashed in hashes]
        case Resembling(_, part):
            closest = closest_in(run, value, run.program.value(part))
            return [None if (found := closest[row]) is None else found[1] for row in rows]
        case Computed(_, op, (part,)) if op in CHANGES:
            read = texts_in(run, part, rows)
            return [None if text is None else changed(op, text) or None for text in read]
        case _:
            return _texts_of_one(run, value, rows)


def _texts_of_one(run: Run, value: Value, rows: list[int]) -> list[str | None]:
    """The texts of a value that is one of several, by their hashes."""
    hashes = run.of(value)[rows].tolist()
    written = {text_hash(text): text for text in texts_of(value)}
    found = [written.get(hashed) if hashed else None for hashed in hashes]
    for part in parts_of(value):
        if not isinstance(part, Value) or isinstance(part, Constant | Clocked) or not part.kind.is_text:
            continue
        theirs = run.of(part)[rows].tolist()
        left = [i for i, text in enumerate(found) if text is None and hashes[i] and hashes[i] == theirs[i]]
        for i, text in zip(left, texts_in(run, part, [rows[i] for i in left]), strict=True):
            found[i] = text
    return found
