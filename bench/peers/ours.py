"""risk-stream itself: a real worker process with its default settings, durable, on the topic that every peer reads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import orjson

from bench.peers.alerts import Alert, Expected, Said
from bench.peers.measure import Measured, Task, measure, number
from bench.peers.topics import create, records_in
from risk_stream.catalogue import load_catalogue
from risk_stream.kafka import create_topics, wanted_topics
from risk_stream.settings import Settings, load_settings

__all__ = ["NOT_DURABLE", "run", "said"]

NOT_DURABLE = "NOT DURABLE: it wrote no checkpoint"


def run(task: Task, redis: str, name: str, partitions: int, events_yaml: Path, rules_yaml: Path) -> Measured:
    """Measure a worker with a catalogue and rules of its own, which write one alert for each rule that fires."""
    settings = load_settings(
        broker=task.broker,
        redis=redis,
        rules=[rules_yaml],
        events=[events_yaml],
        group=name,
        prefix=f"{name}.",
        house_topics={"trades": task.topic, "loans": f"{name}.loans", "reference": f"{name}.reference"},
        partitions=partitions,
        metrics_port=0,
        redis_prefix=f"{name}:",
        clock="simulated",
        log_level="warning",
    )
    create(task.broker, settings.alerts_topic, partitions)  # ahead of the others: with the broker's time in it
    create_topics(task.broker, wanted_topics(settings, load_catalogue(events_yaml)))
    subprocess.run([sys.executable, "-m", "risk_stream", "warm"], check=True, stdout=subprocess.DEVNULL, timeout=600)
    measured = measure(
        task,
        settings.alerts_topic,
        [sys.executable, "-m", "risk_stream", "worker"],
        environment=_environment(settings),
        read=partial(said, names=frozenset(next(iter(task.expected.values())).features)),
        records=_records,
    )
    # It goes on without checkpoints where it takes the broker for one without transactions: another job than was meant.
    kept = records_in(task.broker, settings.state_topic)
    return measured if kept else replace(measured, note=NOT_DURABLE)


def _environment(settings: Settings) -> dict[str, str]:
    given = settings.model_dump(mode="json", exclude_defaults=True)
    return {f"RISK_STREAM_{k.upper()}": v if isinstance(v, str) else orjson.dumps(v).decode() for k, v in given.items()}


def _records(expected: Expected) -> int:
    return sum(len(alert.rules) for alert in expected.values())


@dataclass(frozen=True, slots=True)
class _Record:
    """One record of the alerts topic: what a rule says of an event, in one of its revisions."""

    at: int
    event: int
    rule: str
    revision: int
    withdrawn: bool
    features: Mapping[str, float | None]


def _record(at: int, value: bytes, names: frozenset[str]) -> _Record:
    alert = orjson.loads(value)
    withdrawn = alert.get("status") == "withdrawn"
    features = {name: value for name, value in alert["features"].items() if name in names}
    return _Record(at, number(alert["event"]), alert["rule"], alert.get("revision", 0), withdrawn, features)


def said(records: Sequence[tuple[int, bytes]], names: frozenset[str]) -> list[Said]:
    """What holds in the end of each event: of each rule the highest revision that is not withdrawn, rules together.

    An alert that stands there twice in one revision counts twice. Of what an alert shows, `names` are kept: the
    features, without the event's own fields.
    """
    last: dict[tuple[int, str], _Record] = {}
    doubled: list[_Record] = []
    for record in (_record(at, value, names) for at, value in records):
        known = last.get((record.event, record.rule))
        if known is not None and known.revision == record.revision:
            doubled.append(record)
        elif known is None or known.revision < record.revision:
            last[record.event, record.rule] = record
    events: dict[int, list[_Record]] = {}
    for record in last.values():
        if not record.withdrawn:
            events.setdefault(record.event, []).append(record)
    return [_together(of_event) for of_event in (*events.values(), *([record] for record in doubled))]


def _together(records: Sequence[_Record]) -> Said:
    features = {name: value for record in records for name, value in record.features.items()}
    rules = frozenset(record.rule for record in records)
    return Said(records[0].event, max(record.at for record in records), Alert(rules, features))
