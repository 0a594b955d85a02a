"""Python's collector of garbage, in processes of our own: it looks for cycles where there are hardly any.

A start makes a million objects that stay, and looking through them over and over was a fifth of it; records, alerts and
answers come and go by the thousand afterwards, and none is in a cycle. Only who owns a process may say so: a library
that is imported leaves the collector as it is.
"""

from __future__ import annotations

import gc

__all__ = ["collect_rarely", "settle", "unsettle"]

#: Objects made before the collector looks at the young ones, and how often before it looks at older ones.
RARELY = (100_000, 50, 100)


def collect_rarely() -> None:
    """For the whole process, from its first import on."""
    gc.set_threshold(*RARELY)


def settle() -> None:
    """What is there by now stays: it need not be looked at again until `unsettle`."""
    gc.collect()
    gc.freeze()


def unsettle() -> None:
    """What had stayed may go, as a turn that is over: the next collection looks at it."""
    gc.unfreeze()
