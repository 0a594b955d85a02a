"""The report of a closed book in lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from risk_stream.lending.ledger import Figures, Part, Rolls, Vintage

__all__ = ["as_text"]

#: Months on book that a line of a vintage shows, the newest months of origination, faults of a kind in full.
AGES, MONTHS, SHOWN = (3, 6, 9, 12, 18, 24, 36), 12, 3


def as_text(found: Figures) -> Iterator[str]:
    """The figures of a closed book, a section after the other."""
    whole = found.all
    yield (
        f"The book at the end of {found.as_of}: {whole.loans:,} loans, {_money(whole.outstanding)} {found.currency} "
        f"outstanding, {_money(whole.past_due)} past due"
    )
    ratios = found.ratios
    yield (
        f"  non-performing {_share(ratios.npl)}, special mention {_share(ratios.special_mention)}, "
        f"coverage {_share(ratios.coverage)}, provision {_share(ratios.provision)}"
    )
    yield (
        f"  written off {_money(found.written_off)}, recovered of it {_money(found.recovered)}, "
        f"restructured and observed {found.restructured.loans:,} loans of {_money(found.restructured.outstanding)}"
    )
    if found.since_opening is not None:
        since = found.since_opening
        yield (
            f"  since opening: {since.loans:,} loans of {_money(since.outstanding)} are known from "
            f"{since.from_day} on: vintages leave them out, probations and months on time count from there"
        )
    if found.other_currencies:
        yield f"  {found.other_currencies:,} loans in other currencies are in no figure: --currency has theirs"
    for title, parts in (
        ("days past due", found.buckets),
        ("class", found.classes),
        ("IFRS 9 stage", found.stages),
        ("entity, product", [_named(entity, part) for entity, part in found.cells]),
    ):
        yield ""
        yield from _parts(title, parts)
    if found.rolls is not None:
        yield ""
        yield from _rolls(found.rolls)
    if found.vintages:
        yield ""
        yield from _vintages(found.vintages)
    yield ""
    yield from _faults(found)


def _named(entity: str, part: Part) -> Part:
    from dataclasses import replace

    return replace(part, name=f"{entity}, {part.name}")


def _parts(title: str, parts: Sequence[Part]) -> Iterator[str]:
    head = (title, "loans", "outstanding", "past due", "non-performing", "expected loss")
    rows = [
        (
            part.name,
            f"{part.loans:,}",
            *(_money(one) for one in (part.outstanding, part.past_due, part.non_performing, part.expected_loss)),
        )
        for part in parts
    ]
    yield from _table(head, rows)


def _rolls(rolls: Rolls) -> Iterator[str]:
    rows = [
        (name, f"{count:,}", *(_share(rate) if count else "" for rate in row))
        for name, count, row in zip(rolls.states, rolls.loans, rolls.rates, strict=False)
    ]
    yield from _table((f"from {rolls.since}", "loans", *rolls.states), rows)


def _vintages(vintages: Sequence[Vintage]) -> Iterator[str]:
    head = ("begun in", "loans", "lent", *(f"{age} months" for age in AGES))
    rows = [
        (
            one.month,
            f"{one.loans:,}",
            _money(one.lent),
            *(_share(one.bad[age]) if age < len(one.bad) else "" for age in AGES),
        )
        for one in vintages[-MONTHS:]
    ]
    yield "ever over 90 days late, of what was lent, by months on book"
    yield from _table(head, rows)


def _faults(found: Figures) -> Iterator[str]:
    if not found.faults:
        yield f"{found.events:,} events; all that are of the book could be used"
        return
    from risk_stream.lending.ledger import KINDS

    yield f"{found.events:,} events; what could not be used as it came:"
    for kind, count in found.faults.items():
        yield f"  {count:,} {kind}: {KINDS[kind]}"
        for fault in [one for one in found.told if one.kind == kind][:SHOWN]:
            yield f"    {fault.message}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    for row in (head, *rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        yield "  ".join(cells).rstrip()


def _money(minor: int) -> str:
    return f"{minor / 100:,.2f}"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"
