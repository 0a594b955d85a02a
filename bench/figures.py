"""The figures that are committed: what each benchmark is to print, and how far a ratio may be from what it was.

They stand in docs/performance.json, a row for each line of the table in docs/performance.md, which `make docs` makes of
it. A figure is of one of three sorts. *Absolute* ones say how fast a machine is and are not held against anything. A
*ratio* is of two things measured in one run, or a measure of quality: it must not be worse than committed by more than
`ALLOWED`. An *exact* one, what was lost or differs, must be what is committed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

__all__ = ["ALLOWED", "PERFORMANCE", "SCALE", "Committed", "Figure", "Row", "Verdict", "compare", "record"]

#: How much worse than committed a ratio may be, as a share.
ALLOWED = 0.2

DOCS = Path(__file__).parents[1] / "docs"

#: Where the figures of the README and of docs/performance.md stand, and those of docs/scale.md.
PERFORMANCE, FIGURES = DOCS / "performance.json", DOCS / "figures.json"

#: Figures of docs/scale.md: by which benchmark they are measured, under which name, and over which other figure.
SCALE: Mapping[str, tuple[str, str] | tuple[str, str, str]] = {
    "checkpoint_ratio": ("durability", "ratio"),
    "two_workers_cpu_ratio": ("durability", "cpu_ratio_two_workers"),
    "bytes_per_key": ("engine", "bytes_per_key_of_16"),
    "large_key_ratio": ("engine", "key_of_100000_us", "key_of_10_us"),
    "large_key_behind_ratio": ("engine", "key_of_100000_behind_us", "key_of_10_behind_us"),
    "skew_100ms_ratio": ("engine", "skew_100ms_1000_ns", "skew_0ms_1000_ns"),
    "skew_1s_ratio": ("engine", "skew_1000ms_1000_ns", "skew_0ms_1000_ns"),
    "skew_5s_ratio": ("engine", "skew_5000ms_1000_ns", "skew_0ms_1000_ns"),
    "skew_5s_revisions": ("engine", "skew_5000ms_1000_revisions_per_event"),
    "sent_bytes_per_event": ("worker", "sent_bytes_per_event"),
    "recovery_p50_s": ("chaos", "recovery_p50_s"),
    "load_5000_rules_s": ("rules", "load_cpu_s"),
    "reload_of_5000_rules_s": ("rules", "reload_cpu_s"),
    "reload_pause_ms": ("rules", "reload_pause_ms"),
}

Sort: TypeAlias = Literal["absolute", "ratio", "exact"]
Verdict: TypeAlias = Literal["", "as committed", "better", "WORSE", "WRONG", "MISSING"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One committed figure; `of` are the two that it is the quotient of, where a benchmark does not print it itself.

    A `long` one is of so much work that a short form says nothing of it.
    """

    name: str
    value: float
    sort: Sort
    better: Literal["higher", "lower"] = "higher"
    of: tuple[str, str] | None = None
    long: bool = False

    def found(self, printed: Mapping[str, float]) -> float | None:
        """The figure among those that a benchmark printed; None where it is not."""
        if self.of is None:
            return printed.get(self.name)
        above, below = (printed.get(name) for name in self.of)
        return None if above is None or not below else above / below

    @property
    def bound(self) -> str:
        """What a measured figure must be."""
        if self.sort == "exact":
            return f"{self.value:g}"
        least, most = self.value * (1 - ALLOWED), self.value / (1 - ALLOWED)
        return f"at least {least:.3g}" if self.better == "higher" else f"at most {most:.3g}"

    def verdict(self, found: float | None) -> Verdict:
        """What is to be said of a measured figure; nothing of an absolute one."""
        if found is None:
            return "MISSING"
        if self.sort == "absolute":
            return ""
        if self.sort == "exact":
            return "as committed" if found == self.value else "WRONG"
        gain = found / self.value if self.better == "higher" else self.value / max(found, 1e-12)
        return "WORSE" if gain < 1 - ALLOWED else "better" if gain > 1 + ALLOWED else "as committed"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: a benchmark with its arguments, what it measures, and two cells made of its figures."""

    bench: str
    args: tuple[str, ...]
    what: str
    here: str
    beside: str
    figures: tuple[Figure, ...]

    @property
    def command(self) -> str:
        """How to get the figures again."""
        return " ".join(("python -m bench", self.bench, *self.args))

    def cells(self) -> tuple[str, str]:
        """What is measured here and what stands beside it, with the committed values."""
        values = {figure.name: figure.value for figure in self.figures}
        return self.here.format(**values), self.beside.format(**values)


@dataclass(frozen=True, slots=True)
class Committed:
    """All rows, and on what machine and when they were measured."""

    machine: str
    when: str
    rows: tuple[Row, ...]

    @staticmethod
    def read(path: Path = PERFORMANCE) -> Committed:
        """What is committed."""
        said = json.loads(path.read_text(encoding="utf-8"))
        return Committed(said["machine"], said["when"], tuple(map(_row, said["rows"])))


def _row(said: Mapping[str, Any]) -> Row:
    figures = tuple(
        Figure(
            name,
            one["value"],
            one["kind"],
            one.get("better", "higher"),
            tuple(one["of"]) if "of" in one else None,
            one.get("long", False),
        )
        for name, one in said["figures"].items()
    )
    return Row(said["bench"], tuple(said["args"]), said["what"], said["here"], said["beside"], figures)


def compare(row: Row, printed: Mapping[str, float]) -> Iterator[tuple[Figure, float | None, Verdict]]:
    """Each figure of a row, as it was measured now, and what is to be said of it."""
    for figure in row.figures:
        found = figure.found(printed)
        yield figure, found, figure.verdict(found)


def record(printed: Mapping[str, Mapping[str, float]], machine: str, when: str) -> Sequence[str]:
    """Commit what benchmarks printed, by their names, in place of what was; -> the names of what is now other."""
    said, scale = json.loads(PERFORMANCE.read_text(encoding="utf-8")), json.loads(FIGURES.read_text(encoding="utf-8"))
    changed = list[str]()
    for row in said["rows"]:
        for figure in _row(row).figures:
            found = figure.found(printed.get(row["bench"], {}))
            if found is not None and found != figure.value:
                row["figures"][figure.name]["value"] = found
                changed.append(f"{row['bench']}: {figure.name}")
    for name, (bench, above, *below) in SCALE.items():
        figure = Figure(name if below else above, 0.0, "absolute", of=(above, below[0]) if below else None)
        found = figure.found(printed.get(bench, {}))
        if found is not None and round(found, 2) != scale[name]:
            scale[name] = round(found, 2)
            changed.append(f"scale.md: {name}")
    said |= {"machine": machine, "when": when}
    PERFORMANCE.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    FIGURES.write_text(json.dumps(scale, indent=2) + "\n", encoding="utf-8")
    return changed
