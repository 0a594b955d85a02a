"""`python -m bench chaos`: how a run is asked for, and what is printed of it."""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
from pathlib import Path

from bench.chaos.blows import BLOWS, kinds_of
from bench.chaos.run import run_chaos
from bench.chaos.stream import Shape
from bench.chaos.trace import explain
from bench.report import table

__all__ = ["run"]


def run(
    quick: bool,
    *,
    rounds: int | None = None,
    seed: int = 1,
    events: int | None = None,
    rate: int | None = None,
    blows: str = "",
    keep: bool = False,
) -> dict[str, float]:
    """`rounds` blows over one stream of `events`; `blows` names the kinds that may fall, separated by commas.

    `rate` is the stream's, events a second. Where it keeps the machine's cores busy as it is, what a blow holds up is
    caught up with slowly, and the times to recovery say how much the machine has to spare, no more.

    `keep` leaves the folder of a good run too.
    """
    try:
        among = kinds_of(blows, BLOWS, "blow of chaos")
    except ValueError as exc:
        raise SystemExit(str(exc)) from None
    rounds = rounds or (4 if quick else 20)
    events = events or (20_000 if quick else 500_000)
    rate = rate or (500 if events < 100_000 else 2500)
    shape = Shape(events=events, seed=seed, per_second=rate)
    folder = Path(tempfile.gettempdir()) / f"risk-stream-chaos-{seed}-{time.time_ns():x}"
    again = f"python -m bench chaos --rounds {rounds} --seed {seed} --events {events} --rate {rate}" + (
        f" --blows {blows}" if blows else ""
    )
    print(f"seed {seed}: {again}", flush=True)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that the broker is away is no news here
    result = run_chaos(shape, rounds, folder, among, lambda text: print(text, flush=True), always=keep)
    each: dict[str, list[float]] = {}
    for done in result.rounds:
        each.setdefault(str(done["blow"]), []).extend(float(hurt["recovery_s"]) for hurt in done["hurts"])
    times = [took for kind in each.values() for took in kind] or [float("nan")]
    print()
    table(
        ("moving again after", "times", "median s", "longest s"),
        [(kind, len(took), statistics.median(took), max(took)) for kind, took in sorted(each.items())],
    )
    if result.good and result.kept:
        print(f"all that happened is in {result.kept}\n")
    if not result.good:
        print(result.error or "\n".join(explain(result.judgement, result.judgement.differences[:5])))
        print(f"\nnot as it must be; all that happened is in {result.kept}; again: {again}\n")
    return {
        "seed": seed,
        "rounds": len(result.rounds),
        **result.judgement.figures,
        "stuck": int(bool(result.error)),
        "recovery_p50_s": round(statistics.median(times), 2),
        "recovery_max_s": round(max(times), 2),
    }
