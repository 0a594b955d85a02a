"""Rules that are judged some time after their event: what their `after` may be, and what they may ask."""

from __future__ import annotations

from collections.abc import Sequence

from risk_stream.catalogue import Node
from risk_stream.features import Aggregate
from risk_stream.rules.aggregates import Report, length_ms
from risk_stream.rules.limits import MAX_WINDOW_MS

__all__ = ["misfit", "read_after"]


def read_after(node: Node | None, report: Report) -> int | None:
    """How long after its event a rule is judged, ms; 0 where it says nothing, None with what is wrong reported."""
    if node is None:
        return 0
    after = length_ms(node.value)
    if after is None or after == 0:
        report(node, "after is a length of time such as 2h or 3d: so long after its event the rule is judged")
        return None
    if after > MAX_WINDOW_MS:
        report(node, f"after is {node.value}, at most {MAX_WINDOW_MS // 86_400_000}d are allowed")
        return None
    return after


def misfit(aggregates: Sequence[Aggregate]) -> str:
    """Why a rule with these aggregates cannot be judged later, or nothing."""
    kinds = list(dict.fromkeys(a.by for a in aggregates))
    if not kinds:
        return (
            "'after' needs a feature that counts what happens until then: what the event itself says is known at once"
        )
    if len(kinds) > 1:
        return (
            f"a rule with 'after' asks one kind of key, and this one has features by {' and by '.join(kinds)}:"
            " keep them by one, or make it two rules"
        )
    return ""
