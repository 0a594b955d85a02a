"""Runs every benchmark of the README, each in a process of its own, and holds what it prints to what is committed.

An hour and a half, or with `--quick` half an hour of short forms. Ratios that are worse than committed by more than a
fifth, and exact figures that are others, end it with a sentence each and exit code 1; absolute ones are printed beside
the committed ones with the machine they were measured on.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import ALLOWED, Committed, Row, Verdict, compare, record
from bench.report import machine, table

__all__ = ["run_all"]

ROOT = Path(__file__).parents[1]

#: How long one benchmark may take, s.
PATIENCE = 3600.0


def run_all(names: Sequence[str], *, quick: bool, keep: bool) -> int:
    """Run the benchmarks of these names, or of all rows, and say what came of it; the exit code.

    With `keep` what was measured is committed in place of what was. Raises SystemExit for a name without a row, and
    for short forms that are to be committed.
    """
    if keep and quick:
        raise SystemExit("short forms are not committed: leave out --quick or --record")
    committed = Committed.read()
    rows = {row.bench: row for row in committed.rows}
    if unknown := [name for name in names if name not in rows]:
        raise SystemExit(f"{unknown[0]} has no row in docs/performance.md; those that have: {', '.join(rows)}")
    print(f"{_here()}\n", flush=True)
    printed, silent = dict[str, Mapping[str, float]](), dict[str, str]()
    for name in names or rows:
        args = sorted({*rows[name].args, "--quick"}) if quick and "--quick" not in rows[name].args else rows[name].args
        found, last = _run(name, args)
        if found is None:
            silent[name] = last
        else:
            printed[name] = found
    problems = _summary([rows[name] for name in printed], printed, quick=quick)
    for name, last in silent.items():
        print(f"{name} did not run: {last}")
    for problem in problems:
        print(problem)
    if keep and not problems:
        changed = record(printed, _here(), datetime.now(UTC).strftime("%Y-%m-%d"))
        print(f"\ncommitted: {', '.join(changed) or 'all as it was'}; `make docs` writes the pages anew")
    return 1 if problems or silent else 0


def _here() -> str:
    """The machine and what runs on it."""
    kafka = sorted((ROOT / ".servers").glob("**/kafka-clients-*.jar"))
    versions = [kafka[-1].stem.replace("kafka-clients-", "Kafka ")] if kafka else []
    versions += [f"{name} {importlib.metadata.version(name)}" for name in ("faust-streaming", "aiokafka", "numpy")]
    return f"{machine()}, {', '.join(versions)}"


def _run(name: str, args: Sequence[str]) -> tuple[Mapping[str, float] | None, str]:
    """(what a benchmark printed as its line of JSON, the last line that it said); its output is shown as it comes."""
    began = time.monotonic()
    command = [sys.executable, "-m", "bench", name, *args]
    said = list[str]()
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            said.append(line.strip())
            if time.monotonic() - began > PATIENCE:
                process.kill()
                return None, f"it took longer than {PATIENCE / 60:.0f} minutes"
    print(f"({name}: {time.monotonic() - began:.0f} s)\n", flush=True)
    found = _figures(name, said)
    last = next((line for line in reversed(said) if line), f"it ended with code {process.returncode}")
    return (found if process.returncode == 0 else None), last


def _figures(name: str, said: Sequence[str]) -> Mapping[str, float] | None:
    for line in reversed(said):
        if line.startswith("{"):
            figures = json.loads(line)
            return figures if figures.get("bench") == name else None
    return None


def _summary(rows: Sequence[Row], printed: Mapping[str, Mapping[str, float]], *, quick: bool) -> list[str]:
    """Print all figures beside the committed ones; -> a sentence for each that is not as it must be."""
    lines, problems = list[tuple[str, ...]](), list[str]()
    for row in rows:
        for figure, found, verdict in compare(row, printed[row.bench]):
            if quick and figure.long and verdict == "WORSE":
                verdict = ""
            shown = "" if found is None else f"{found:,.4g}" if found < 1000 else f"{found:,.0f}"
            was = f"{figure.value:,.4g}" if figure.value < 1000 else f"{figure.value:,.0f}"
            lines.append((f"{row.bench}: {figure.name}", figure.sort, was, shown, verdict))
            problems += _problem(row, figure.name, was, shown, verdict)
    print(
        _here() + (", short forms: absolute figures are of less work than the committed ones" if quick else "") + "\n"
    )
    table(("figure", "sort", "committed", "here", ""), lines)
    return problems


def _problem(row: Row, name: str, was: str, now: str, verdict: Verdict) -> Iterator[str]:
    again = f"run `{row.command}` again on a quiet machine, and look at docs/performance.md"
    if verdict == "WORSE":
        yield f"{row.bench}: {name} is {now}, more than {ALLOWED:.0%} worse than the committed {was}: {again}"
    elif verdict == "WRONG":
        yield f"{row.bench}: {name} is {now} and must be {was}: {again}"
    elif verdict == "MISSING":
        yield f"{row.bench} did not print {name}: its figures and docs/performance.json have parted"
