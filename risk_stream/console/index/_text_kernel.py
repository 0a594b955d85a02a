"""The numba kernel under `texts`: which of some texts, laid end to end, have a word in them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

__all__ = ["SMALL", "having"]

#: Of each byte the one that it is compared as: letters A to Z are as small ones.
SMALL = np.arange(256, dtype=np.uint8)
SMALL[ord("A") : ord("Z") + 1] += ord("a") - ord("A")


@njit(cache=True, nogil=True)
def having(data: Any, starts: Any, entries: Any, word: Any, small: Any, found: Any) -> None:
    """Mark in `found` those of `entries` whose text holds `word`; `small` is SMALL, and the word is small already.

    Text `e` is data[starts[e]:starts[e + 1]]. The last byte of a word is looked for first: words that people look for
    begin alike more often than they end so.
    """
    ahead = len(word) - 1
    last = word[ahead]
    for number in range(len(entries)):
        entry = entries[number]
        for at in range(starts[entry] + ahead, starts[entry + 1]):
            if small[data[at]] == last:
                begin, same = at - ahead, 0
                while same < ahead and small[data[begin + same]] == word[same]:
                    same += 1
                if same == ahead:
                    found[number] = True
                    break
