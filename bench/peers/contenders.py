"""Who takes part: how each peer is started on which task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.peers import flink_sql, heavy, install, ours, plain
from bench.peers.measure import Measured, Task, measure
from bench.peers.tasks import HEAVY_PARTITIONS, PLAIN_PARTITIONS, Tasks
from bench.peers.topics import create
from bench.plans import write_plan

__all__ = ["PEERS", "Peer", "Surroundings"]


@dataclass(frozen=True)
class Surroundings:
    """What a peer is run in."""

    tasks: Tasks
    redis: str
    folder: Path  # for what it needs on disk

    def write(self, name: str, text: str) -> Path:
        """A file of it."""
        path = self.folder / name
        path.write_text(text)
        return path


@dataclass(frozen=True)
class Peer:
    """One of those who are measured."""

    label: str
    run: Callable[[Surroundings], Measured]


def _rival(task: Task, name: str, command: list[str]) -> Measured:
    """Measure a command that writes its alerts to the topic `name`."""
    create(task.broker, name, 1)
    return measure(task, name, command)


def _risk_stream(around: Surroundings) -> Measured:
    task = around.tasks.fast
    events = around.write("payment.yaml", plain.EVENTS_YAML)
    rules = around.write("plain.yaml", plain.rules_yaml(task.threshold))
    return ours.run(task, around.redis, "bench-plain", PLAIN_PARTITIONS, events, rules)


def _risk_stream_heavy(around: Surroundings) -> Measured:
    events, _ = write_plan(around.folder)
    rules = around.write("heavy.yaml", heavy.rules_yaml())
    return ours.run(around.tasks.heavy_fast, around.redis, "bench-heavy", HEAVY_PARTITIONS, events, rules)


def _python(script: str, task: str, *options: str) -> Callable[[Surroundings], Measured]:
    def run(around: Surroundings) -> Measured:
        python, over = install.python(), getattr(around.tasks, task)
        name = "-".join((script, *options))
        given = [over.broker, over.topic, name, str(over.threshold), str(around.folder / name), *options]
        return _rival(over, name, [str(python), str(install.RIVALS / f"{script}.py"), *given])

    return run


def _flink_java(around: Surroundings) -> Measured:
    command = install.java("flink", "FlinkRing")
    task = around.tasks.fast
    return _rival(task, "flink-java", [*command, task.broker, task.topic, "flink-java", str(task.threshold)])


def _flink_sql(around: Surroundings) -> Measured:
    command = install.java("flink", "FlinkSql")
    task = around.tasks.fast
    script = "\n".join(flink_sql.plain_job(task.broker, task.topic, "flink-sql", task.threshold))
    return _rival(task, "flink-sql", [*command, str(around.write("plain.sql", script))])


def _flink_sql_heavy(around: Surroundings) -> Measured:
    command = install.java("flink", "FlinkSql")
    task = around.tasks.heavy_slow
    script = "\n".join(flink_sql.heavy_job(task.broker, task.topic, "flink-sql-heavy"))
    return _rival(task, "flink-sql-heavy", [*command, str(around.write("heavy.sql", script))])


def _kafka_streams(around: Surroundings) -> Measured:
    command = install.java("streams", "StreamsStore")
    task, folder = around.tasks.fast, str(around.folder / "streams")
    given = [task.broker, task.topic, "kafka-streams", str(task.threshold), folder]
    return _rival(task, "kafka-streams", [*command, *given])


#: key of its figures -> the peer, in the order they are run.
PEERS: Mapping[str, Peer] = {
    "risk_stream": Peer("plain: risk-stream worker, durable", _risk_stream),
    "quix_window": Peer("plain: Quix Streams, its sliding window", _python("quix_window", "few")),
    "quix": Peer("plain: Quix Streams, ring buffer by hand", _python("quix_ring", "slow")),
    "quix_durable": Peer("plain: Quix Streams, by hand, durable", _python("quix_ring", "slow", "durable")),
    "bytewax": Peer("plain: Bytewax, ring buffer by hand", _python("bytewax_ring", "fast")),
    "bytewax_durable": Peer("plain: Bytewax, by hand, durable", _python("bytewax_ring", "fast", "durable")),
    "flink_sql": Peer("plain: Flink SQL", _flink_sql),
    "flink_java": Peer("plain: Flink, ring buffer in Java by hand", _flink_java),
    "kafka_streams": Peer("plain: Kafka Streams, in-memory stores and changelog", _kafka_streams),
    "risk_stream_heavy": Peer("heavy: risk-stream worker, durable", _risk_stream_heavy),
    "flink_sql_heavy": Peer("heavy: Flink SQL", _flink_sql_heavy),
}
