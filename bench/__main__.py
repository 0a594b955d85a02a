"""Command line of the benchmarks: `python -m bench` lists them, `python -m bench NAME [--quick]` runs one.

`python -m bench all [NAME ...]` runs those of the README, or some of them, and holds them against what is committed.
"""

from __future__ import annotations

import argparse
import importlib
import sys

import orjson

from bench.everything import run_all
from bench.report import machine

#: name -> what it measures; each is a module of this package with `run(quick: bool) -> dict[str, float]`.
BENCHMARKS = {
    "engine": "bytes to judgements in one process: 30 features over 4 keys, 200 rules; and how cost grows",
    "backtest": "5 million events through 200 rules and 200 changed ones in one pass, by one, two and four processes",
    "worker": "the same plan in a Faust worker on real Kafka, beside a bare aiokafka loop in the same run",
    "chaos": "kill -9, pauses, restarts of two workers, Kafka and Redis: lost, doubled, changed; time to recovery",
    "soak": "minutes or an hour at 10,000 events/s with reloads and faults: memory, files and tasks flat, nothing lost",
    "durability": "what checkpoints cost: throughput, pauses, memory with a million keys; two workers beside one",
    "latency": "from produce to the alert in Redis at 2,000 events/s, real Kafka and Redis",
    "decisions": "500 decisions a second by HTTP beside 5,000 trades a second: how long, lost, differing",
    "wave": "what one wave of such a worker costs without Kafka: us by part, for 1 to 1,000 events",
    "cards": "a rule pack on card transactions with fraud labels: average precision, card precision at 100",
    "early_warning": "real credit card clients through the early-warning pack: AUC on next month's defaults",
    "peers": "two jobs beside Quix Streams, Bytewax, Flink and Kafka Streams, every alert checked (quick: 4 minutes)",
    "lifecycle": "a life cycle of 127 steps: read and checked, and what it costs an event of loans that follow it",
    "month_end": "200,000 loans at a month's end on one core: arrears, five classes, IFRS 9 stages; mismatches",
    "margin": "50,000 margin accounts as 500 instruments tick: cost of a tick that updates all who hold it; mismatches",
    "drift": "drift planted in a model's inputs: events until it is noticed, missed, false alarms per million",
    "models": "half-space trees and a logistic regression on every event, beside River; what each component costs",
    "rules": "5,000 rules in 100 files: load, check, and one file changed beneath a steady stream",
    "model_cards": "models on real data beside one fitted anew each day: card frauds, defaults, pump and dump",
    "desk": "acts and alerts a desk decides in a second, and how fast another reads what was decided",
    "console": "a million alerts: lists, 200 that look on at 50 changes a second, pages; lost updates",
    "notices": "alert to mail server and web hook at 20/s, a third of receivers failing, kill -9, a storm of 10,000",
    "partitions": "one model for all beside one for each partition, and beside their mean: average precision on cards",
    "simulate": "how fast the simulated market is made",
}

#: Of which benchmarks an option is.
BOTH = "of chaos and soak"


def _given(args: argparse.Namespace) -> dict[str, object]:
    """The options that were given and that not every benchmark has."""
    return {n: v for n, v in vars(args).items() if n not in {"name", "names", "record", "quick"} and v is not None}


def main() -> int:
    """Run what the command line asks for; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", nargs="?", choices=[*sorted(BENCHMARKS), "all"], help="which one; none lists them")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of all: only these")
    parser.add_argument("--quick", action="store_true", help="a short form, under 45 s")
    parser.add_argument("--record", action="store_true", help="of all: commit what is measured")
    for name in ("rounds", "seed", "events", "rate"):
        parser.add_argument(f"--{name}", type=int, help="of chaos" if name in {"rounds", "events"} else BOTH)
    parser.add_argument("--blows", help=f"{BOTH}: the kinds that may come, separated by commas")
    parser.add_argument("--keep", action="store_const", const=True, help=f"{BOTH}: leave the logs of a good run too")
    parser.add_argument("--for", dest="length", metavar="TIME", help="of soak: how long, as 5m or 1h")
    parser.add_argument("--workers", type=int, choices=(1, 2), help="of soak: how many workers")
    args = parser.parse_args()
    if args.name is None:
        for name, what in BENCHMARKS.items():
            print(f"{name:13} {what}")
        print("all           those of the README one after the other, held against what is committed")
        return 0
    if args.name == "all":
        return run_all(args.names, quick=args.quick, keep=args.record)
    if args.names:
        parser.error(f"{args.names[0]} stands behind {args.name}: one benchmark at a time, or all {args.name} ...")
    print(f"{args.name}: {BENCHMARKS[args.name]}\n{machine()}\n", flush=True)
    figures = importlib.import_module(f"bench.{args.name}").run(args.quick, **_given(args))
    print(orjson.dumps({"bench": args.name, **figures}).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
