"""The numba kernel under `texts`: which of some texts, laid end to end, have a word in them."""

from __future__ import annotations

from typing import Any

import numpy as np

from risk_stream.catalogue.kernel import njit

__all__ = ["SMALL", "having"]

#: Of each byte the one that it is compared as: letters A to Z are as small ones.
SMALL = np.arange(256, dtype=np.uint8)
SMALL[ord("A") : ord("Z") + 1] += ord("a") - ord("A")


@njit(cache=True, nogil=True)
def having(data: Any, starts: Any, entries: Any, word: Any, small: Any, found: Any) -> None:
    """Mark in `found` those of `entries` whose text holds `word`; `small` is SMALL, and the word is small already.

    Text `e` is data[starts[e]:starts[e + 1]]. With bit 5 set, capital and small letters are one byte; and some others
    are another's, so what begins right is compared whole.
    """
    length, first = len(word), word[0] | 32
    for number in range(len(entries)):
        entry = entries[number]
        for at in range(starts[entry], starts[entry + 1] - length + 1):
            if (data[at] | 32) == first:
                same = 0
                while same < length and small[data[at + same]] == word[same]:
                    same += 1
                if same == length:
                    found[number] = True
                    break
