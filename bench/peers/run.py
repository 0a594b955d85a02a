"""All peers over the same topics, one after the other, and the table and ratios that come of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.live import servers
from bench.peers.contenders import PEERS, Surroundings
from bench.peers.install import MissingPeerError
from bench.peers.measure import Measured, SilentPeerError
from bench.peers.ours import NOT_DURABLE
from bench.peers.tasks import FULL, QUICK, Tasks
from bench.report import table
from tests.live.servers import MissingServerError

__all__ = ["figures", "run"]


def run(quick: bool, only: Iterable[str] = PEERS) -> dict[str, float]:
    """Each peer in turn over what waits in Kafka, on a core of its own; broker and reader on the other.

    A peer that is missing here, or says nothing, is named with the reason, and its ratio left out.
    """
    measured: dict[str, Measured] = {}
    missing: dict[str, str] = {}
    try:
        with tempfile.TemporaryDirectory() as place, servers() as (broker, redis):
            around = Surroundings(Tasks(broker, QUICK if quick else FULL), redis, Path(place))
            for key in only:
                try:
                    measured[key] = PEERS[key].run(around)
                except (MissingPeerError, SilentPeerError) as error:
                    missing[key] = str(error)
                    print(f"not measured, {PEERS[key].label}: {error}", flush=True)
                else:
                    print(f"{PEERS[key].label}: {measured[key]}", flush=True)
    except MissingServerError as error:
        print(f"nothing is measured: {error}")
        return {}
    print()
    if measured:
        table(
            ("one core each", "events/s", "cpu-s per million", "MiB", "alerts", "note"),
            [
                (
                    PEERS[k].label,
                    round(m.events_per_second),
                    m.cpu_per_million,
                    round(m.memory),
                    m.comparison.verdict,
                    m.note,
                )
                for k, m in measured.items()
            ],
        )
    for key, why in missing.items():
        print(f"not measured, {PEERS[key].label}: {why}")
    return figures(measured)


def figures(measured: Mapping[str, Measured]) -> dict[str, float]:
    """The ratios of what was measured (those of what is missing are left out), and each speed."""
    speed = {key: m.events_per_second for key, m in measured.items()}
    pairs = {f"ratio_to_{key}": ("risk_stream", key) for key in PEERS if not key.startswith("risk_stream")}
    pairs["ratio_to_flink_sql_heavy"] = ("risk_stream_heavy", "flink_sql_heavy")
    python = [key for key in speed if key.startswith(("quix", "bytewax"))]
    if python:
        pairs["ratio_to_fastest_python_peer"] = ("risk_stream", max(python, key=speed.__getitem__))
    found: dict[str, float] = {
        name: round(speed[ours] / speed[theirs], 2)
        for name, (ours, theirs) in sorted(pairs.items())
        if ours in speed and theirs in speed
    }
    found |= {f"{key}_events_per_second": round(value) for key, value in speed.items()}
    found |= {f"{key}_cpu_s_per_million": round(m.cpu_per_million, 2) for key, m in measured.items()}
    return found | {
        "peers_with_unequal_alerts": sum(not m.comparison.equal for m in measured.values()),
        "runs_not_durable": sum(m.note == NOT_DURABLE for m in measured.values()),
    }
