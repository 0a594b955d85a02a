"""Parts of a report in words: days, shares, whom it is about, what was edited and what that costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from risk_stream.rules.explain import Cost
from risk_stream.workbench.backtest.edits import Edited

__all__ = ["cost_lines", "day", "keys_of", "number_of", "of_edited", "share"]


def day(since_1970: int) -> str:
    """A day as 2026-01-31."""
    return f"{datetime.fromtimestamp(since_1970 * 86_400, UTC):%Y-%m-%d}"


def share(value: float | None) -> str:
    """A share in per cent; a dash where there is none."""
    return "-" if value is None else f"{100 * value:.1f} %"


def number_of(n: int, what: str) -> str:
    """So many of something: 1 alert, 2 alerts."""
    return f"{n:,} {what}{'s' * (n != 1)}"


def keys_of(keys: Sequence[tuple[str, int]], more: int) -> str:
    """Whom it is about, with how often, and how many others there are."""
    named = ", ".join(f"{key} ({n:,})" if n > 1 else key for key, n in keys)
    return f"{named} and {more:,} more" if more else named


def of_edited(edited: Edited) -> Iterator[str]:
    """What changed in a rule, a line for each thing that it says."""
    if edited.status != "edited":
        yield f"{edited.status} (version {edited.version_after or edited.version_before})"
        return
    if edited.means:
        yield f"version {edited.version_before} is now {edited.version_after}"
    for edit in edited.edits:
        if edit.before and edit.after:
            yield f"{edit.what}: {edit.before}  ->  {edit.after}"
        else:
            yield f"{edit.what}: {edit.after}  (new)" if edit.after else f"{edit.what}: {edit.before}  (gone)"


def cost_lines(cost: Cost) -> Iterator[str]:
    """What a rule costs, or that it costs nothing that is not there already."""
    said = [f"{number_of(len(hops), 'hop')} more for {name}: {', '.join(hops)}" for name, hops in cost.hops.items()]
    if cost.features:
        said.append(f"{number_of(len(cost.features), 'feature')} more: {', '.join(cost.features)}")
    said += [
        f"events by {kind} are kept {now}, without it {had or 'not at all'}" for kind, (had, now) in cost.longer.items()
    ]
    if cost.carried:
        said.append(f"carried to a later hop: {', '.join(cost.carried)}")
    yield from said or ["no hop and no feature that other rules do not need"]
