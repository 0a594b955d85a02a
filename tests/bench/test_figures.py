"""Figures that are published are printed by a benchmark, stand in one place, and `make bench` holds ratios to them."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench import everything, figures
from bench.__main__ import BENCHMARKS
from bench.figures import SCALE, Committed, Figure, Row, compare, record
from risk_stream.cli.sizing import MEASURED

ROOT = Path(__file__).parents[2]
ROWS = {row.bench: row for row in Committed.read().rows}

RATIO = Figure("ratio", 1.5, "ratio")
LOST = Figure("lost", 0, "exact")
ROW = Row("worker", (), "what", "{ratio:.1f}", "{lost:.0f}", (RATIO, LOST, Figure("rate", 1000, "absolute")))


def names_in(bench: str) -> list[re.Pattern[str]]:
    """The texts in a benchmark's modules, those with values in them as patterns."""
    place = ROOT / "bench" / bench
    files = list(place.glob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    found = []
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text()))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(re.escape(node.value))
        elif isinstance(node, ast.JoinedStr):
            parts = [re.escape(str(p.value)) if isinstance(p, ast.Constant) else r"\w+" for p in node.values]
            if any(len(part) > 3 and part != r"\w+" for part in parts):
                found.append("".join(parts))
    return [re.compile(pattern) for pattern in found]


def numbers(text: str) -> set[str]:
    """Numbers as people write them, without what is the name of something."""
    return {found.rstrip(".,").replace(",", "") for found in re.findall(r"(?<![\w.])\d[\d,.]*", text)}


@pytest.mark.parametrize("bench", [*ROWS, *{bench for bench, *_ in SCALE.values()} - set(ROWS)])
def test_each_committed_figure_is_printed_by_its_benchmark(bench: str) -> None:
    """Under the name by which it is committed; a figure nobody can measure again is none."""
    assert bench in BENCHMARKS
    row, printed = ROWS.get(bench), names_in(bench)
    wanted = {name for of, *names in SCALE.values() if of == bench for name in names}
    wanted |= {name for figure in (row.figures if row else ()) for name in figure.of or (figure.name,)}
    assert [name for name in sorted(wanted) if not any(pattern.fullmatch(name) for pattern in printed)] == []


@pytest.mark.parametrize("bench", ROWS)
def test_what_a_row_shows_is_made_of_its_figures(bench: str) -> None:
    """So that measuring anew changes the page."""
    shown = set(re.findall(r"\{(\w+)[:}]", ROWS[bench].here + ROWS[bench].beside))
    known = {figure.name: figure for figure in ROWS[bench].figures}
    assert shown <= set(known)
    assert {name for name, figure in known.items() if figure.sort == "absolute"} <= shown
    assert all(ROWS[bench].cells()[:1])


def test_each_figure_of_the_readme_is_one_of_the_page_on_performance() -> None:
    """The first page says less, and nothing else."""
    readme = (ROOT / "README.md").read_text()
    there = (ROOT / "docs" / "performance.md").read_text()
    rows = re.findall(r"^\| .*python -m bench (\w+).*\|$", readme, re.MULTILINE)
    assert set(rows) <= set(ROWS)
    for line in re.findall(r"^\| .*python -m bench \w+.*\|$", readme, re.MULTILINE):
        assert numbers(line) - numbers(there) == set(), line


def test_what_sizes_a_house_is_what_the_worker_was_measured_to_do() -> None:
    """`topics advise` reckons with the figure that is published."""
    worker = {figure.name: figure.value for figure in ROWS["worker"].figures}
    assert worker["events_per_second_per_core"] == MEASURED.rate


@pytest.mark.parametrize(
    ("figure", "found", "verdict"),
    [
        (RATIO, 1.5, "as committed"),
        (RATIO, 1.21, "as committed"),
        (RATIO, 1.19, "WORSE"),
        (RATIO, 2.0, "better"),
        (RATIO, None, "MISSING"),
        (Figure("pause", 1.2, "ratio", "lower"), 1.6, "WORSE"),
        (Figure("pause", 1.2, "ratio", "lower"), 0.9, "better"),
        (LOST, 0, "as committed"),
        (LOST, 1, "WRONG"),
        (Figure("rate", 1000, "absolute"), 1, ""),
    ],
)
def test_a_ratio_may_be_a_fifth_worse_and_what_is_exact_may_not_differ(
    figure: Figure, found: float | None, verdict: str
) -> None:
    assert figure.verdict(found) == verdict


def test_a_quotient_of_two_figures_is_a_figure() -> None:
    figure = Figure("share", 0.5, "ratio", of=("less", "more"))
    assert figure.found({"less": 1.0, "more": 4.0}) == 0.25
    assert figure.found({"less": 1.0}) is None


def test_what_is_not_as_it_must_be_is_said_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """Which figure of which benchmark, what it is and was, and how to look again; absolute ones are only shown."""
    assert [verdict for *_, verdict in compare(ROW, {"ratio": 1.6, "lost": 0, "rate": 7})] == ["as committed"] * 2 + [
        ""
    ]
    problems = everything._summary([ROW], {"worker": {"ratio": 1.0, "lost": 2, "rate": 7}}, quick=False)
    assert [problem.split(":")[0] for problem in problems] == ["worker", "worker"]
    assert "ratio is 1, more than 20% worse than the committed 1.5" in problems[0]
    assert "lost is 2 and must be 0: run `python -m bench worker`" in problems[1]
    assert "worker: rate" in capsys.readouterr().out


def test_a_short_form_is_not_held_to_what_only_the_long_one_can_show() -> None:
    """Two processes gain nothing where starting them takes longer than the work."""
    row = Row("backtest", (), "what", "", "", (Figure("speedup", 1.6, "ratio", long=True),))
    assert everything._summary([row], {"backtest": {"speedup": 0.5}}, quick=True) == []
    assert len(everything._summary([row], {"backtest": {"speedup": 0.5}}, quick=False)) == 1


def test_short_forms_are_not_recorded() -> None:
    with pytest.raises(SystemExit, match="short forms are not committed"):
        everything.run_all(["worker"], quick=True, keep=True)


def test_recording_changes_the_committed_figures_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PERFORMANCE", "FIGURES"):
        copy = tmp_path / getattr(figures, name).name
        shutil.copy(getattr(figures, name), copy)
        monkeypatch.setattr(figures, name, copy)
    before = json.loads(figures.PERFORMANCE.read_text())
    changed = record({"worker": {"ratio_to_bare_consumer": 0.25, "sent_bytes_per_event": 900}}, "a machine", "today")
    after = json.loads(figures.PERFORMANCE.read_text())
    assert changed == ["worker: ratio_to_bare_consumer", "scale.md: sent_bytes_per_event"]
    assert (after["machine"], after["when"]) == ("a machine", "today")
    worker = next(row for row in after["rows"] if row["bench"] == "worker")
    assert worker["figures"]["ratio_to_bare_consumer"]["value"] == 0.25
    assert [row for row in after["rows"] if row not in before["rows"]] == [worker]
    assert json.loads(figures.FIGURES.read_text())["sent_bytes_per_event"] == 900


def test_a_benchmark_without_a_row_is_refused_in_a_sentence() -> None:
    command = [sys.executable, "-m", "bench", "all", "wave"]
    said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert said.returncode == 1
    assert said.stderr.startswith("wave has no row in docs/performance.md; those that have: engine, worker")
