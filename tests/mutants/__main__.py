"""`python -m tests.mutants`: which test reaches what, then a seeded sample of mutants; ends with 1 below what is asked.

Kernels are measured and mutated in a process of their own where numba does not compile, so that neither machine code
hides a branch nor numba's cache a mutant; all other modules where it does, since their tests are then fifty times
quicker.
"""

from __future__ import annotations

import argparse
import functools
import gc
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import yaml

from tests.mutants.places import Mutant, mutants_of

ROOT = Path(__file__).parents[2]
#: Rooms that are mutated, and those whose branches are counted.
MUTATED = ("engine", "features", "rules")
CORE = (
    *("catalogue", "calendars", "features", "models", "screening", "profiles", "rules", "lending", "engine"),
    *("decisions", "alerts", "notices"),
)
TESTS = {
    "python": [
        *(f"tests/{room}" for room in (*CORE, "packs", "workbench", "cli", "desk", "sinks", "stream")),
        *("tests/service", "tests/console", "tests/docs/test_docs.py"),
    ],
    "kernels": [
        *("tests/features", "tests/models", "tests/screening", "tests/engine/test_ring.py"),
        *(
            "tests/catalogue/test_hashing.py",
            "tests/catalogue/test_fixed.py",
            "tests/rules/evaluation/test_evaluate.py",
        ),
        *(
            "tests/lending/test_margin_figures.py",
            "tests/lending/test_margin_book.py",
            "tests/lending/test_past_due.py",
        ),
        *("tests/lending/test_losses.py", "tests/lending/ledger/test_lines.py", "tests/lending/ledger/test_changes.py"),
        "tests/lending/ledger/test_allowances.py",
    ],
}
#: What runs commands as processes of their own: no mutant is seen there.
APART = ("tests/cli/test_demo.py", "tests/cli/test_mistakes.py")
#: Examples of a property: what is compiled is quick.
EXAMPLES = {"python": 15, "kernels": 6}
UNSEEN = {"survived", "unreached"}
ASKED_BRANCHES, ASKED_CAUGHT = 95.0, 85.0
#: Of the sample, how much must have been planted for the rest to say anything, %.
ASKED_PLANTED = 80.0


def is_kernel(path: str) -> bool:
    """Whether a module's functions are compiled."""
    text = (ROOT / path).read_text()
    return "import njit" in text or ("_jit import" in text and Path(path).name.startswith("_kernel"))


def main() -> int:
    """Run one step, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("step", nargs="?", choices=("all", "reach", "cover", "run", "report"), default="all")
    parser.add_argument("--kind", choices=tuple(TESTS), help="of the modules; both where it is left out")
    parser.add_argument("--count", type=int, default=500, help="mutants that are drawn")
    parser.add_argument("--seed", type=int, default=17, help="by which they are drawn")
    parser.add_argument("--folder", type=Path, default=ROOT / "var" / "mutants", help="of what was measured")
    parser.add_argument("--longer", action="store_true", help="run those again that were not seen, with more tests")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    if args.step in {"reach", "run"} and args.kind:
        os.environ["NUMBA_DISABLE_JIT"] = str(int(args.kind == "kernels"))
        return reach(args.folder, args.kind) if args.step == "reach" else run(args)
    reaching, running = (("reach",),), (("run",), ("run", "--longer"))
    if args.step == "all":
        for kind in TESTS:
            (args.folder / f"{kind}.told").unlink(missing_ok=True)
    steps = {"all": reaching + running, "cover": reaching, "reach": reaching, "run": running}.get(args.step, ())
    for step in steps:
        same = ("--count", str(args.count), "--seed", str(args.seed), "--folder", str(args.folder))
        command = (sys.executable, "-m", "tests.mutants", *step, *same, "--kind")
        running = [subprocess.Popen([*command, kind], cwd=ROOT) for kind in TESTS]  # each takes one core
        if code := max(each.wait() for each in running):
            return code
    return cover(args.folder) if args.step == "cover" else report(args) if args.step in {"all", "report"} else 0


def tested(kind: str, *plugins: object) -> int:
    """One run of pytest over the tests of a kind of modules."""
    import pytest

    loaded = ("-pno:cacheprovider", "-pno:xdist", "-ptests.mutants.interpreted")
    options = ("-q", "--no-header", "--hypothesis-profile=full", *loaded)
    # What is skipped for want of time elsewhere is no fault here: a kernel in Python takes minutes.
    more = ("--timeout=0", "--durations=0", "--durations-min=60", "-m", "not live and not slow")
    apart = [f"--ignore={path}" for path in APART]
    return int(pytest.main([*options, *more, *apart, *TESTS[kind]], plugins=list(plugins)))


def reach(folder: Path, kind: str) -> int:
    """Run the tests of a kind once, and keep which reaches what and how long it takes."""
    import coverage

    from tests.mutants.plugin import Reach

    times = folder / f"{kind}.times"
    times.unlink(missing_ok=True)
    rooms = [str(ROOT / "risk_stream" / room) for room in CORE]
    measured = coverage.Coverage(data_file=str(folder / f"{kind}.coverage"), branch=True, source=rooms)
    measured.erase()
    measured.start()
    try:
        return tested(kind, Reach(times, EXAMPLES[kind]))
    finally:
        measured.stop()
        measured.save()


def cover(folder: Path) -> int:
    """Print which lines and branches of the core no test reaches; 1 where too few are reached."""
    import coverage

    told = coverage.Coverage(data_file=str(folder / "core.coverage"), branch=True)
    told.combine([str(folder / f"{kind}.coverage") for kind in TESTS], keep=True)
    told.set_option(
        "report:exclude_also", ["if TYPE_CHECKING:", r"^\s+\.\.\.$", "raise AssertionError", "assert_never"]
    )
    told.report(show_missing=True, skip_covered=True, sort="cover")
    told.json_report(outfile=str(folder / "core.json"))
    totals = json.loads((folder / "core.json").read_text())["totals"]
    reached = 100 * totals["covered_branches"] / totals["num_branches"]
    lines = 100 * totals["covered_lines"] / totals["num_statements"]
    print(f"{reached:.2f} % of the core's branches and {lines:.2f} % of its lines are reached;", end=" ")
    print(f"asked for: {ASKED_BRANCHES:.0f} % of the branches")
    return int(reached < ASKED_BRANCHES)


def run(args: argparse.Namespace) -> int:
    """Run the mutants of a kind that have not been run; what was told in a run broken off is kept."""
    from tests.mutants.plugin import Runner

    reached, seconds = reach_of(args.folder, args.kind)
    told = args.folder / f"{args.kind}.told"
    became = read(told)
    mutants = [
        mutant for mutant in sampled(args.count, args.seed) if is_kernel(mutant.path) == (args.kind == "kernels")
    ]
    left = [mutant for mutant in mutants if mutant.place not in became]
    if args.longer:
        known = {tuple(each[k] for k in ("path", "function", "was", "now")) for each in explained()}
        mutants = [m for m in mutants if m.place in became and became[m.place]["outcome"] in UNSEEN]
        left = [m for m in mutants if m.name not in known and not became[m.place]["longer"]]
    print(f"{len(mutants)} mutants of {args.kind}, {len(left)} of them to run", flush=True)
    return tested(args.kind, Runner(left, reached, seconds, told, EXAMPLES[args.kind], warm, longer=args.longer))


def warm() -> None:
    """Have compiled kernels read from numba's cache before the first fork, and nothing else remembered."""
    if os.environ.get("NUMBA_DISABLE_JIT") == "1":
        return
    from risk_stream.catalogue import load_catalogue
    from risk_stream.rules import load_plan
    from risk_stream.stream.warm import warm_up

    warm_up(load_plan([ROOT / "rules"], load_catalogue()))
    for thing in gc.get_objects():
        if isinstance(thing, functools._lru_cache_wrapper):
            thing.cache_clear()


def sampled(count: int, seed: int) -> list[Mutant]:
    """So many mutants of all, by a lot that the seed gives each: no change elsewhere, and no move, draws others."""
    rooms = [ROOT / "risk_stream" / room for room in MUTATED]
    every = [mutant for room in rooms for path in sorted(room.rglob("*.py")) for mutant in mutants_of(path, ROOT)]
    alike: Counter[tuple[str, ...]] = Counter()

    def lot(mutant: Mutant) -> bytes:
        _, room, *_, module = mutant.path.split("/")  # whatever folders are between
        name = (f"risk_stream/{room}/{module}", *mutant.name[1:])
        alike[name] += 1
        words = (str(seed), str(alike[name]), *name)
        return hashlib.blake2b("\0".join(words).encode(), digest_size=8).digest()

    return sorted(every, key=lot)[:count]


def read(told: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    """What became of each mutant at last, by its place."""
    lines = told.read_text().splitlines() if told.exists() else []
    return {tuple(each["place"]): each for each in map(json.loads, lines)}


def reach_of(folder: Path, kind: str) -> tuple[dict[tuple[str, int], list[str]], dict[str, float]]:
    """((file, line) -> the tests that reach it, the quickest first; how long each takes)."""
    import coverage

    seconds = dict(json.loads(line) for line in (folder / f"{kind}.times").read_text().splitlines())
    data = coverage.CoverageData(str(folder / f"{kind}.coverage"))
    data.read()
    reached: dict[tuple[str, int], list[str]] = defaultdict(list)
    for name in data.measured_files():
        path = str(Path(name).relative_to(ROOT))
        for line, contexts in data.contexts_by_lineno(name).items():
            reached[path, line] = sorted(seconds.keys() & contexts, key=lambda id: (seconds[id], id))
    return reached, seconds


def report(args: argparse.Namespace) -> int:
    """Print what became of the sample, and each that was not seen; 1 where too few were or one is not explained."""
    known = {tuple(each[k] for k in ("path", "function", "was", "now")) for each in explained()}
    told = {place: each for kind in TESTS for place, each in read(args.folder / f"{kind}.told").items()}
    rooms: dict[str, Counter[str]] = defaultdict(Counter)
    unexplained = 0
    for mutant in sampled(args.count, args.seed):
        outcome = told.get(mutant.place, {"outcome": "unplanted"})["outcome"]
        if outcome == "unplanted":
            continue
        became = "caught" if outcome not in UNSEEN else "explained" if mutant.name in known else outcome
        for room in (mutant.path.split("/")[1], "all"):
            rooms[room][became] += 1
        if became == outcome:
            unexplained += 1
            print(f"{outcome}: {mutant}")
    for room, counts in rooms.items():
        total = counts.total()
        share = 100 * counts["caught"] / total
        print(f"{room:10} {total:5} mutants {share:5.1f} % caught, {counts['explained']} explained")
    planted = rooms["all"].total()
    print(f"{planted} of {args.count} mutants were planted; asked for: {ASKED_PLANTED:.0f} %")
    few = 100 * planted < ASKED_PLANTED * args.count
    return int(few or 100 * rooms["all"]["caught"] < ASKED_CAUGHT * planted or unexplained > 0)


def explained() -> list[dict[str, str]]:
    """The mutants that are known to be no faults."""
    return list(yaml.safe_load((Path(__file__).parent / "explained.yaml").read_text()) or [])


if __name__ == "__main__":
    sys.exit(main())
