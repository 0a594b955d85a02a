"""What a kind of key must keep for its aggregates: which events count, which fields' values, how many rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from risk_stream.catalogue import Problem, ProblemsError
from risk_stream.features.aggregate import Aggregate

__all__ = ["MOST_STEPS", "MOST_VALUES", "KindLayout"]

#: A row says in one 64-bit word which (event type, where) it counts for.
MOST_BITS: Final = 64
#: An event's flags say in one int64 which of its outputs are not exact.
MOST_OUTPUTS: Final = 63
#: Rows that a key may keep.
MOST_ROWS: Final = 1 << 20
#: Steps of a sequence.
MOST_STEPS: Final = 8
#: Texts that one aggregate looks for: a float64 holds so many bits and one more exactly.
MOST_VALUES: Final = 52


class KindLayout:
    """The aggregates of one kind of key, in output order, and what its rows must hold for them.

    `bits[b]` is the (event type, where) that bit b of a row's mask says it counts for; the bit of (type, "") is set in
    every row of that type. `columns[v]` is the field whose fixed-point values are column v. Where it is a text field,
    columns hold hashes; its missing value 0 is known for one by an aggregate with `text`, or by its name in
    `text_fields`. `cap` is the number of rows a key keeps; older ones live on in panes (counts, sums, extremes).

    Raises `ProblemsError` where a key kind is asked for more than its rows can say.
    """

    def __init__(
        self, kind: str, aggregates: Sequence[Aggregate], *, cap: int = 1024, text_fields: Iterable[str] = ()
    ) -> None:
        self.kind = kind
        self.cap = max(1, cap)
        self.aggregates = tuple(aggregates)
        self.index = {a.id: f for f, a in enumerate(self.aggregates)}
        self.bits = tuple(dict.fromkeys(bit for a in self.aggregates for bit in a.bits))
        self.decimals = {a.field: a.decimals for a in self.aggregates if a.field is not None and a.op.needs_field}
        self.decimals |= {a.due: 0 for a in self.aggregates if a.due is not None}
        self.columns = tuple(self.decimals)
        texts = {a.field for a in self.aggregates if a.text} | set(text_fields)
        self.text_columns = frozenset(texts & set(self.columns))
        self.longest_ms = max((a.window_ms for a in self.aggregates), default=0)
        self._check()

    def _check(self) -> None:
        faults = []
        if len(self.bits) > MOST_BITS:
            faults.append(
                f'the features by "{self.kind}" count {len(self.bits)} different (event type, where), and one kind of'
                f" key can tell {MOST_BITS} apart: share conditions, or put them into the rules' `when`"
            )
        if len(self.aggregates) > MOST_OUTPUTS:
            faults.append(
                f'there are {len(self.aggregates)} features by "{self.kind}", and one kind of key can have'
                f" {MOST_OUTPUTS}: take out those that no rule needs"
            )
        if self.cap > MOST_ROWS:
            faults.append(f'a key of "{self.kind}" is to keep {self.cap:,} rows, and can keep {MOST_ROWS:,}')
        for a in self.aggregates:
            if a.by != self.kind:
                faults.append(f'feature {a.id} is by "{a.by}", and this layout is of "{self.kind}"')
            if a.window_ms <= 0:
                faults.append(f"feature {a.id} has a window of {a.window_ms} ms: a window is longer than nothing")
            if len(a.steps) > MOST_STEPS:
                faults.append(f"feature {a.id} is a sequence of {len(a.steps)} steps, and can have {MOST_STEPS}")
            if len(a.values) > MOST_VALUES:
                faults.append(f"feature {a.id} looks for {len(a.values)} values, and can look for {MOST_VALUES}")
            if a.op.is_arrears and (a.days is None or len(a.steps) != 3):
                faults.append(f"feature {a.id} needs instalments, payments, returned ones, and a calendar's days")
            if a.op.needs_field and a.field is None:
                faults.append(f"feature {a.id} is a {a.op.value} and names no field")
            if a.field is not None and a.op.needs_field and self.decimals[a.field] != a.decimals:
                faults.append(f'feature {a.id} takes "{a.field}" with other decimals than another feature does')
        if faults:
            raise ProblemsError(Problem("rules", 0, 0, fault) for fault in faults)

    def __repr__(self) -> str:
        return f"KindLayout({self.kind!r}, {len(self.aggregates)} aggregates, cap={self.cap})"
