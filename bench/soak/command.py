"""`python -m bench soak`: how a soak is asked for, and what is printed of it."""

from __future__ import annotations

import logging
import re
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bench.chaos.blows import kinds_of
from bench.chaos.stream import Shape
from bench.chaos.trace import explain
from bench.report import table
from bench.soak.faults import FAULTS
from bench.soak.run import Soak, Soaked, soak
from bench.soak.samples import OURS
from bench.soak.slope import Slope

__all__ = ["QUICK", "figures", "run", "seconds_of"]

#: Half a minute of it, of which little can be said but that nothing is lost and nothing left open.
QUICK = Soak(seconds=26.0, warm=14.0, lap=20.0, quiet=2.0, reload=8.0, look=1.0, pace=0.4)


def seconds_of(text: str) -> float:
    """`90s`, `5m`, `1h` or a number of seconds. Raises ValueError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if found is None:
        raise ValueError(f"{text!r} is no time: say it as 90s, 5m or 1h")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


def run(
    quick: bool,
    *,
    length: str = "5m",
    rate: int | None = None,
    seed: int = 1,
    workers: int = 1,
    blows: str = "",
    keep: bool = False,
) -> dict[str, float]:
    """A soak of `length` at `rate` events a second, with the faults that `blows` names; `keep` leaves its folder."""
    rate = rate or (2000 if quick else 10_000)
    try:
        faults = kinds_of(blows, FAULTS, "fault of a soak")
        asked = replace(QUICK, faults=faults) if quick else Soak(seconds_of(length), workers=workers, faults=faults)
    except ValueError as exc:
        raise SystemExit(str(exc)) from None
    if not quick and asked.seconds < asked.warm + 30:
        raise SystemExit(f"a soak takes {asked.warm + 30:.0f} s at least, the first {asked.warm:.0f} s to warm up")
    shape = Shape(events=int(rate * asked.seconds), seed=seed, per_second=rate)
    folder = Path(tempfile.gettempdir()) / f"risk-stream-soak-{seed}-{time.time_ns():x}"
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that the broker is away is no news here
    print(
        f"{asked.seconds:.0f} s at {rate:,} events/s, the first {asked.warm:.0f} s to warm up; seed {seed}", flush=True
    )
    try:
        done = soak(shape, asked, folder, lambda text: print(text, flush=True), always=keep)
    except KeyboardInterrupt:
        raise SystemExit(f"broken off; what was seen until then is in {folder}") from None
    return _told(done, asked, seed)


def figures(done: Soaked, asked: Soak) -> dict[str, float]:
    """What came of a soak, as numbers."""
    samples, warm = done.samples, asked.warm
    found: dict[str, float] = {
        "seconds": round(done.took, 1),
        "events_per_second": round(done.sent / done.took) if done.took else 0,
        "faults": len(done.faults),
        "reloads": done.reloads,
        **done.counted,
        **done.judgement.figures,
        "stuck": int(bool(done.error)),
        "worker_starts": samples.starts(),
    }
    whole = samples.slope("rss", warm, *OURS)
    found |= {"rss_slope_mib_per_hour": whole.per_hour, "rss_slope_low": whole.low, "rss_slope_high": whole.high}
    for name in OURS:
        found[f"{name}_rss_slope_mib_per_hour"] = samples.slope("rss", warm, name).per_hour
    found["redis_slope_mib_per_hour"] = samples.redis_slope(warm).per_hour
    for what, called in (("files", "fd"), ("tasks", "task"), ("threads", "thread")):
        found[f"{called}_slope"] = samples.slope(what, warm, *OURS).per_hour
        found[f"{called}_growth"] = samples.grown(what, warm, *OURS)
    return {name: round(value, 2) for name, value in found.items()}


def _told(done: Soaked, asked: Soak, seed: int) -> dict[str, float]:
    samples = done.samples
    print()
    names = sorted({name for sample in samples.taken for name in sample.processes})
    rows = []
    for name in names:
        seen = [s.processes[name] for s in samples.taken if name in s.processes and s.at >= asked.warm]
        if not seen:
            continue
        ours = name.partition("-")[0] in OURS
        slope = samples.slope("rss", asked.warm, name.partition("-")[0]) if ours else None
        first, last = seen[0], seen[-1]
        rows.append(
            (
                name,
                *(first.rss, last.rss, last.pss, _interval(slope)),
                *(f"{first.files} to {last.files}", f"{first.threads} to {last.threads}"),
                "" if last.tasks is None or first.tasks is None else f"{first.tasks:.0f} to {last.tasks:.0f}",
            )
        )
    head = ("process", "MiB after warm-up", "at the end", "PSS", "MiB an hour (95 %)", "files", "threads", "tasks")
    if rows:
        table(head, rows)
    found = figures(done, asked)
    if not done.good:
        print(done.error or "\n".join(explain(done.judgement, done.judgement.differences[:5])))
        print("\nnot as it must be")
    if done.kept:
        print(f"all that happened is in {done.kept}\n")
    return {"seed": seed, **found}


def _interval(slope: Slope | None) -> str:
    return "" if slope is None else f"{slope.per_hour:+.1f} ({slope.low:+.1f} to {slope.high:+.1f})"
