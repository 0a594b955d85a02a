"""Real servers for tests and benchmarks: each on free loopback ports, in a folder of its own, and gone at the end.

Kafka comes from the jars that `tests/live/install.sh` puts into .servers/, or from the folder `RISK_STREAM_KAFKA_JARS`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import redis

from risk_stream.embedded import ChildProcess, free_port

__all__ = ["Alertmanager", "Kafka", "MissingServerError", "Prometheus", "RedisServer"]

ROOT = Path(__file__).parents[2]

#: Sessions as short as a worker may wish for; internal topics that one broker can hold; nothing made by accident, and
#: no record twice a second where nothing happens.
COMMON_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
group.min.session.timeout.ms=500
metadata.max.idle.interval.ms=0
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions={internal}
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions={internal}
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""
LISTENERS = """
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
"""

LOG4J = """
Configuration:
  Appenders: {Console: {name: C, PatternLayout: {pattern: "%d %p %c - %m%n"}}}
  Loggers: {Root: {level: warn, AppenderRef: [{ref: C}]}}
"""


class MissingServerError(Exception):
    """Raised when a server is not on this machine; says which and how to get it."""


def _binary(name: str, *elsewhere: Path) -> str:
    found = shutil.which(name) or next((str(p) for p in elsewhere if os.access(p, os.X_OK)), None)
    if found is None:
        raise MissingServerError(f"no {name} here: make servers says how to get it")
    return found


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class _Server:
    """A process that can be stopped, killed, paused and started again on the same port with the same data."""

    name = ""
    patience = 60.0  # s, until it answers, and until it has ended

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"risk-stream-test-{self.name}-"))
        self.port = free_port()
        self.process: ChildProcess | None = None

    def argv(self) -> list[str]:
        raise NotImplementedError

    def ready(self) -> bool:
        return _answers(self.port)

    def start(self) -> Self:
        """Start, and wait until it answers."""
        self.process = ChildProcess(
            self.name, self.argv(), ready=self.ready, folder=self.folder, patience=self.patience
        )
        self.process.start()
        return self

    def stop(self) -> None:
        """Stop politely; its data stay."""
        if self.process is not None:
            self.process.stop()
            self.process = None

    def kill(self) -> None:
        """End it without a word; its data stay."""
        assert self.process is not None
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.stop()

    def close(self) -> None:
        """Stop and remove its data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


class Kafka(_Server):
    """One broker that is its own controller.

    Java compiles it once and quickly: it is up, and has done what a test asks, for half the processor's time. Where it
    is to run at its best for minutes, `peak` has Java go on optimizing.
    """

    name = "kafka"

    def __init__(self, *, heap: str = "512m", peak: bool = False) -> None:
        self.java, self.jars, self.heap, self.peak = _binary("java"), self._jars(), heap, peak
        super().__init__()
        self.controller = free_port()
        (self.folder / "server.properties").write_text(self.properties())
        (self.folder / "log4j2.yaml").write_text(LOG4J)

    @staticmethod
    def _jars() -> Path:
        given = os.environ.get("RISK_STREAM_KAFKA_JARS")
        places = [Path(given)] if given else sorted((ROOT / ".servers").glob("kafka-*"), reverse=True)
        for place in places:
            if any(place.glob("kafka-server-*.jar")):
                return place
        raise MissingServerError("no Kafka jars here: make servers gets them (needs java and Maven)")

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"

    def properties(self, listeners: str = LISTENERS, *, internal: int = 4, **more: object) -> str:
        """Its settings; `listeners` is a template of those that say how it is reached, filled from `more` too."""
        own = {"port": self.port, "controller": self.controller, "data": self.folder / "data"}
        return (COMMON_PROPERTIES + listeners).format(internal=internal, **own, **more)

    def argv(self) -> list[str]:
        log = f"-Dlog4j2.configurationFile={self.folder / 'log4j2.yaml'}"
        compiled = [] if self.peak else ["-XX:TieredStopAtLevel=1"]
        base = [self.java, *compiled, f"-Xmx{self.heap}", f"-Xms{self.heap}", log, "-cp", f"{self.jars}/*"]
        return [*base, "kafka.Kafka", str(self.folder / "server.properties")]

    def format_arguments(self) -> list[str]:
        """What its storage is formatted with besides."""
        return []

    def start(self) -> Self:
        if not (self.folder / "data" / "meta.properties").exists():
            uid = uuid.uuid4().bytes.hex()[:22]
            tool = [
                self.java,
                "-Xshare:auto",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                f"{self.jars}/*",
                "kafka.tools.StorageTool",
            ]
            settings = str(self.folder / "server.properties")
            argv = [*tool, "format", "-t", uid, "-c", settings, *self.format_arguments()]
            subprocess.run(argv, check=True, capture_output=True, timeout=60)
        return super().start()


class RedisServer(_Server):
    """A Redis that keeps what it was told across a restart."""

    name = "redis"

    def __init__(self) -> None:
        self.binary = _binary("redis-server", ROOT / ".venv/bin/redis-server")
        super().__init__()

    @property
    def url(self) -> str:
        """As settings want it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def ready(self) -> bool:
        client = redis.Redis(port=self.port, socket_timeout=1)
        try:
            return bool(client.ping())
        except redis.RedisError:  # not yet listening, or still reading what it kept
            return False
        finally:
            client.close()

    def argv(self) -> list[str]:
        given = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self.folder,
            "save": "",
            "appendonly": "yes",
            "appendfsync": "no",
        }
        return [self.binary, *(part for name, value in given.items() for part in (f"--{name}", str(value)))]


class _WebServer(_Server):
    """One of Prometheus' kind, which is asked by HTTP and says itself when it is ready."""

    @property
    def url(self) -> str:
        """Of its API and pages."""
        return f"http://127.0.0.1:{self.port}"

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=0.5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


class Prometheus(_WebServer):
    """A Prometheus that scrapes its targets once a second, and as often reckons by its rules."""

    name = "prometheus"

    def __init__(self, *targets: str, rules: Sequence[Path] = (), alertmanager: str | None = None) -> None:
        self.binary = _binary("prometheus")
        super().__init__()
        self.config = self.folder / "prometheus.yml"
        scraped = {"job_name": "risk-stream", "static_configs": [{"targets": targets}]}
        told = [{"static_configs": [{"targets": [alertmanager]}]}] if alertmanager else []
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(path) for path in rules],
            "alerting": {"alertmanagers": told},
            "scrape_configs": [scraped],
        }
        self.config.write_text(json.dumps(config))  # JSON is YAML

    def argv(self) -> list[str]:
        return [
            self.binary,
            f"--config.file={self.config}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--rules.alert.resend-delay=1s",
            "--log.level=warn",
        ]


class Alertmanager(_WebServer):
    """An Alertmanager by itself, with a configuration of YAML."""

    name = "alertmanager"

    def __init__(self, config: str) -> None:
        self.binary = _binary("alertmanager", Path("/usr/bin/prometheus-alertmanager"))
        super().__init__()
        self.config = self.folder / "alertmanager.yml"
        self.config.write_text(config)

    def asked(self, path: str) -> Any:
        """What its API v2 answers."""
        with urllib.request.urlopen(f"{self.url}/api/v2/{path}", timeout=5) as answer:
            return json.load(answer)

    def argv(self) -> list[str]:
        return [
            self.binary,
            f"--config.file={self.config}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ]
