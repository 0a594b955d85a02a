"""Python's collector in our own processes: what stays is not looked at again, and what has gone is let go."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass, field

from risk_stream.garbage import settle, unsettle


@dataclass(eq=False)
class _Turn:
    """One that names itself: only the collector finds that nobody else does."""

    names: list[_Turn] = field(default_factory=list)


def test_a_turn_that_was_settled_and_is_over_is_let_go() -> None:
    turn = _Turn()
    turn.names.append(turn)
    gone = weakref.ref(turn)
    settle()
    del turn
    gc.collect()
    assert gone() is not None  # it is not looked at: that is what settling is for
    unsettle()
    gc.collect()
    assert gone() is None
