"""`python -m tests.protocol --schedules N --seed S [--mutant NAME | --mutants]`: the long form of the tests."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter

from tests.protocol.hunt import caught, run_many
from tests.protocol.mutants import MUTANTS


def _hunt(args: tuple[str, int, int]) -> tuple[str, tuple[int, str] | None]:
    return args[0], caught(*args)


def main() -> int:
    """Run schedules, or hunt planted bugs. Exit code 1 where a schedule fails or a bug is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.protocol", description=__doc__)
    parser.add_argument("--schedules", type=int, default=2000, help="how many (default 2000)")
    parser.add_argument("--seed", type=int, default=1, help="seed N begins at schedule N x 10^7")
    parser.add_argument("--mutant", choices=MUTANTS, help="plant one bug and count the schedules that it survives")
    parser.add_argument("--mutants", action="store_true", help="plant every bug in turn")
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count())
    args = parser.parse_args()
    first, began = args.seed * 10**7, time.monotonic()
    if args.mutant or args.mutants:
        names = [args.mutant] if args.mutant else list(MUTANTS)
        missed = 0
        with multiprocessing.Pool(args.processes) as pool:
            for name, found in pool.imap(_hunt, [(name, first, args.schedules) for name in names]):
                missed += found is None
                said = f"schedule {found[0]:5}: {found[1][:140]}" if found else f"NOT CAUGHT in {args.schedules}"
                print(f"{name:26} {said}", flush=True)
        return missed > 0
    total: Counter[str] = Counter()
    for counts, why in run_many(first, args.schedules, None, args.processes):
        total += counts
        if why:
            print(why)
            return 1
    for name, number in sorted(total.items()):
        print(f"{name:52}{number:12,}")
    print(f"no difference; {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
