"""The figures of a closed book as gauges in the text format of Prometheus: numerators and denominators, no ratios.

A closing is the one place that has seen every loan once and knows which day it speaks of. A worker would have to keep
a standing of each loan to count them, and would show a mixture of two days while the standings of a day arrive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from risk_stream.lending.day_count import dates
from risk_stream.lending.ledger.figures import Figures

__all__ = ["GAUGES", "Gauge", "as_metrics"]


class Gauge(NamedTuple):
    """One family of lines."""

    labels: tuple[str, ...]
    meaning: str


_BAND = ("entity", "product", "bucket", "classification", "stage", "currency")
#: By name; money is in major units of the label `currency`.
GAUGES: Mapping[str, Gauge] = {
    "risk_stream_book_day_seconds": Gauge((), "The day that is closed, as seconds since 1970 of its midnight in UTC."),
    "risk_stream_book_loans": Gauge(_BAND, "Loans on the book."),
    "risk_stream_book_outstanding": Gauge(_BAND, "What is outstanding of them."),
    "risk_stream_book_past_due": Gauge(_BAND, "What is past due of them."),
    "risk_stream_book_expected_loss": Gauge(_BAND, "The allowance for them."),
    "risk_stream_book_rolled_loans": Gauge(
        ("from", "to", "currency"), "Loans of each bucket a month before (from), by where they are now (to)."
    ),
    "risk_stream_book_written_off": Gauge(("currency",), "What was ever written off."),
    "risk_stream_book_recovered": Gauge(("currency",), "What was recovered of it."),
    "risk_stream_book_unused_events": Gauge(("kind",), "Events that could not be used as they came."),
}


def as_metrics(found: Figures) -> str:
    """The text of a file for a collector. Each combination of labels that holds a loan is a line."""
    day = int(dates(found.as_of).astype("datetime64[s]").astype(int))
    currency = {"currency": found.currency}
    lines: dict[str, list[str]] = {name: [] for name in GAUGES}
    lines["risk_stream_book_day_seconds"].append(_line("risk_stream_book_day_seconds", {}, str(day)))
    for cell in found.bands:
        values = (cell.entity, cell.product, cell.bucket, cell.classification, str(cell.stage), found.currency)
        labels = dict(zip(_BAND, values, strict=True))
        for name, value in (
            ("risk_stream_book_loans", str(cell.loans)),
            ("risk_stream_book_outstanding", _major(cell.outstanding)),
            ("risk_stream_book_past_due", _major(cell.past_due)),
            ("risk_stream_book_expected_loss", _major(cell.expected_loss)),
        ):
            lines[name].append(_line(name, labels, value))
    lines["risk_stream_book_rolled_loans"] += _rolled(found, currency)
    for name, amount in (
        ("risk_stream_book_written_off", found.written_off),
        ("risk_stream_book_recovered", found.recovered),
    ):
        lines[name].append(_line(name, currency, _major(amount)))
    unused = "risk_stream_book_unused_events"
    lines[unused] += [_line(unused, {"kind": kind}, str(count)) for kind, count in found.faults.items()]
    return "".join(_family(name, of) for name, of in lines.items() if of)


def _rolled(found: Figures, currency: Mapping[str, str]) -> Iterator[str]:
    if found.rolls is None:
        return
    for before, row in zip(found.rolls.states, found.rolls.counts, strict=False):
        for after, count in zip(found.rolls.states, row, strict=True):
            if count:
                labels = {"from": before, "to": after, **currency}
                yield _line("risk_stream_book_rolled_loans", labels, str(count))


def _family(name: str, lines: Sequence[str]) -> str:
    return f"# HELP {name} {GAUGES[name].meaning}\n# TYPE {name} gauge\n" + "".join(lines)


def _line(name: str, labels: Mapping[str, str], value: str) -> str:
    said = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{said}}} {value}\n" if said else f"{name} {value}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _major(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"
