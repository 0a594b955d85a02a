"""What decision tables decided on each side of a backtest, as data: the mix, who goes from what to what, and why."""

from __future__ import annotations

from dataclasses import dataclass

from risk_stream.engine import Decided
from risk_stream.rules import Rule
from risk_stream.rules.explain import Cost, explain_rule
from risk_stream.workbench.backtest.decided import VERDICTS, Move, TableCount
from risk_stream.workbench.backtest.edits import Edited
from risk_stream.workbench.backtest.outcomes import Judged
from risk_stream.workbench.backtest.tally import Tally

__all__ = ["Because", "Mix", "Moved", "RowCount", "TableReport", "VerdictShare", "tables"]

#: Keys that are named, and pairs of rows.
MOST_KEYS, MOST_REASONS = 10, 5


@dataclass(frozen=True, slots=True)
class VerdictShare:
    """Decisions with one verdict, and what became of them as far as outcomes say."""

    verdict: str
    decisions: int
    share: float | None  # of all decisions of the table
    bad: int
    good: int
    bad_rate: float | None  # of those whose outcome is known


@dataclass(frozen=True, slots=True)
class RowCount:
    """One row of a table, its place from 1 on, and the decisions it gave, those that were referred as unknown too."""

    row: int
    verdict: str
    when: str
    decisions: int


@dataclass(frozen=True, slots=True)
class Mix:
    """What a table decided on one side. Means are of approvals, in major units and shares a year; None of nothing."""

    mode: str
    decisions: int
    verdicts: tuple[VerdictShare, ...]
    rows: tuple[RowCount, ...]
    mean_limit: float | None
    mean_rate_from: float | None
    mean_rate_to: float | None
    mean_score: float | None  # of all decisions whose score is known
    judged: Judged  # of what was declined, held against the bad outcomes that decisions were about


@dataclass(frozen=True, slots=True)
class Because:
    """What decided before and after, in words; nothing where nothing did."""

    before: str
    after: str
    decisions: int


@dataclass(frozen=True, slots=True)
class Moved:
    """Applications that go from one verdict to another, or keep theirs with other terms or for another reason."""

    before: str  # the verdict; nothing where that side decided nothing
    after: str
    decisions: int
    bad: int
    good: int
    mean_limit_before: float | None
    mean_limit_after: float | None
    because: tuple[Because, ...]  # those with the most
    keys: tuple[tuple[str, int], ...]
    more_keys: int
    examples: tuple[tuple[Decided | None, Decided | None], ...]


@dataclass(frozen=True, slots=True)
class TableReport:
    """One decision table on all sides."""

    table: str
    sides: dict[str, Mix]  # those that have it
    edited: Edited | None
    moved: tuple[Moved, ...]
    swapped_in: int  # declined before and approved now
    swapped_out: int  # approved before and declined now
    cost: Cost | None  # of a table that was edited: what the last plan has because of it

    @property
    def differs(self) -> bool:
        """Whether the sides differ in what the table is or in what it said."""
        return self.edited is not None or bool(self.moved)


def tables(tally: Tally, differ: dict[str, Edited]) -> tuple[TableReport, ...]:
    """The tables of all sides, by id; `differ` are the rules that do."""
    ids = sorted({rule.id for plan in tally.sides.plans.values() for rule in plan.judged if rule.table is not None})
    return tuple(_table(tally, table, differ.get(table)) for table in ids)


def _table(tally: Tally, table: str, edited: Edited | None) -> TableReport:
    counts, sides = tally.decided.counts, tally.sides
    mixes = {
        name: _mix(rule, counts[name, table])
        for name in sides.plans
        if (rule := sides.rule(name, table)) is not None and (name, table) in counts
    }
    found = {(before, after): move for (of, before, after), move in tally.decided.moves.items() if of == table}
    order = (*VERDICTS, "")
    moved = tuple(
        _moved(before, after, found[before, after]) for before in order for after in order if (before, after) in found
    )
    swapped = {(one.before, one.after): one.decisions for one in moved}
    last = list(sides.plans.values())[-1]
    judged = edited is not None and any(rule.id == table for rule in last.rules)
    return TableReport(
        table,
        mixes,
        edited,
        moved,
        swapped.get(("decline", "approve"), 0),
        swapped.get(("approve", "decline"), 0),
        explain_rule(last, table).cost if judged else None,
    )


def _mix(rule: Rule, count: TableCount) -> Mix:
    assert rule.table is not None
    decisions = sum(one.decisions for one in count.verdicts.values())
    verdicts = tuple(
        VerdictShare(
            verdict,
            one.decisions,
            _share(one.decisions, decisions),
            one.bad,
            one.good,
            _share(one.bad, one.bad + one.good),
        )
        for verdict, one in count.verdicts.items()
    )
    rows = tuple(
        RowCount(place, row.verdict, " ".join(row.when.split()), count.rows[place])
        for place, row in enumerate(rule.table.rows, 1)
    )
    declined = count.verdicts["decline"]
    means = count.limit.mean, count.rate_from.mean, count.rate_to.mean, count.points.mean
    judged = Judged.of(declined.bad, declined.good, len(count.declined), len(count.bad))
    mode = rule.mode if rule.share is None else f"{rule.mode} {rule.share}"
    return Mix(mode, decisions, verdicts, rows, *means, judged)


def _moved(before: str, after: str, move: Move) -> Moved:
    because = sorted(move.rows.items(), key=lambda item: (-item[1], item[0]))
    keys = sorted(move.keys.items(), key=lambda item: (-item[1], item[0]))
    count = move.count
    return Moved(
        before,
        after,
        count.decisions,
        count.bad,
        count.good,
        move.limits[0].mean,
        move.limits[1].mean,
        tuple(Because(*rows, n) for rows, n in because[:MOST_REASONS]),
        tuple(keys[:MOST_KEYS]),
        len(keys[MOST_KEYS:]),
        move.examples.drawn,
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
