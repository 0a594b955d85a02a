"""What decision tables decided, as text for a terminal and as lines of a Markdown comment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from risk_stream.engine import Decided
from risk_stream.workbench.backtest.figures import cost_lines, keys_of, of_edited, share
from risk_stream.workbench.backtest.tables import Because, Mix, Moved, TableReport
from risk_stream.workbench.markup import code, plain

__all__ = [
    "because_line",
    "example_line",
    "line_of_table",
    "mix_line",
    "moved_line",
    "table_in_markdown",
    "table_lines",
]


def table_lines(table: TableReport) -> Iterator[str]:
    """A table: what its author changed, the mix of each side, who goes from what to what and why, and examples."""
    yield f"{table.table}: {line_of_table(table)}"
    if table.edited is not None:
        yield from (f"  {line}" for line in of_edited(table.edited))
    for name, mix in table.sides.items():
        yield f"  {name:8} {mix_line(mix)}"
    for moved in table.moved:
        yield f"  {moved_line(moved)}: {keys_of(moved.keys, moved.more_keys)}"
        yield from (f"    {because_line(because)}" for because in moved.because)
        yield from (f"    {example_line(*pair)}" for pair in moved.examples)
    if table.cost is not None:
        yield from (f"  costs: {line}" for line in cost_lines(table.cost))


def table_in_markdown(table: TableReport) -> Iterator[str]:
    """What a changed table does, as items of a list."""
    for name, mix in table.sides.items():
        yield f"* {plain(name)}: {plain(mix_line(mix))}"
    for moved in table.moved:
        yield f"* {plain(moved_line(moved))}: {plain(keys_of(moved.keys, moved.more_keys))}"
        yield from (f"  * {code(because_line(because))}" for because in moved.because[:3])
        yield from (f"  * {plain(example_line(*pair))}" for pair in moved.examples[:3])


def line_of_table(table: TableReport) -> str:
    """What becomes of a table's decisions, in words."""
    if len(table.sides) < 2 and not table.moved:
        said = [f"{mix.decisions:,} decisions" for mix in table.sides.values()]
    else:
        others = sum(moved.decisions for moved in table.moved if moved.before != moved.after)
        said = [f"{others:,} decisions with another verdict"] if others else []
        same = sum(moved.decisions for moved in table.moved if moved.before == moved.after)
        said += [f"{same:,} with the same verdict on other terms or for another reason"] if same else []
        if table.swapped_in or table.swapped_out:
            said.append(f"swapped in {table.swapped_in:,}, out {table.swapped_out:,}")
    modes = [mix.mode for mix in table.sides.values()]
    if len(set(modes)) > 1:
        said.append(f"goes from {modes[0]} to {modes[-1]}")
    return ", ".join(said) or "the same decisions"


def mix_line(mix: Mix) -> str:
    """How many are approved, referred and declined, the terms of approvals, and what became of them."""
    said = ", ".join(f"{one.verdict} {one.decisions:,} ({share(one.share)})" for one in mix.verdicts)
    if mix.mean_limit is not None:
        said += f"; mean limit {mix.mean_limit:,.2f}"
    if mix.mean_rate_from is not None and mix.mean_rate_to is not None:
        said += f"; mean rate {mix.mean_rate_from:.2%} to {mix.mean_rate_to:.2%}"
    if mix.mean_score is not None:
        said += f"; mean score {mix.mean_score:,.1f}"
    turned = [f"{share(one.bad_rate)} of {one.verdict}" for one in mix.verdicts if one.bad_rate is not None]
    if turned:
        said += f"; went badly: {', '.join(turned)}"
    if mix.judged.precision is not None or mix.judged.recall is not None:
        said += f"; declining: precision {share(mix.judged.precision)}, recall {share(mix.judged.recall)}"
    return said if mix.mode == "live" else f"{said}  {mix.mode}"


def moved_line(moved: Moved) -> str:
    """From what to what, how many, and what became of them."""
    if moved.before == moved.after:
        what = "with other terms" if moved.before == "approve" else "for another reason"
        said = f"{moved.before} {what} {moved.decisions:,}"
    else:
        said = f"{moved.before or 'not decided'} -> {moved.after or 'not decided'} {moved.decisions:,}"
    if moved.mean_limit_before is not None and moved.mean_limit_after is not None:
        said += f", mean limit {moved.mean_limit_before:,.2f} -> {moved.mean_limit_after:,.2f}"
    known = moved.bad + moved.good
    return f"{said} ({moved.bad:,} of {known:,} went badly)" if known else said


def because_line(because: Because) -> str:
    """Which row decided before and which does now."""
    rows = [row for row in (because.before, because.after) if row]
    return f"{because.decisions:,} by {'  ->  '.join(dict.fromkeys(rows))}"


def example_line(before: Decided | None, after: Decided | None) -> str:
    """One application, and what is said of it on each side."""
    one = after or before
    assert one is not None
    at = datetime.fromtimestamp(one.time / 1000, UTC)
    said = (_said(decided) for decided in (before, after) if decided is not None)
    return f"{at:%Y-%m-%d %H:%M:%S} {one.event}: {'  ->  '.join(said)}"


def _said(decided: Decided) -> str:
    limit = "" if decided.limit is None else f" up to {decided.limit:,.2f}"
    return f"{decided.verdict}{limit} ({'; '.join(decided.reasons)})"
