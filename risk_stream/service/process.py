"""The server's process: `risk-stream decisions serve`, or beside a worker where RISK_STREAM_DECISIONS_PORT is set."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from typing import Any

from aiohttp import web
from aiokafka.errors import KafkaError

from risk_stream.catalogue import Catalogue, ProblemsError, load_catalogue
from risk_stream.catalogue.formats import LaterFormatError
from risk_stream.decisions import Deadlines, Decision, Request, Requests, partition_of
from risk_stream.garbage import collect_rarely, settle
from risk_stream.kafka import BrokerError, Producer, partition_counts, set_up_logging
from risk_stream.kafka.releases import check_release
from risk_stream.service.asking import REMEMBERED, Asking, LostError
from risk_stream.service.follow import Follower
from risk_stream.service.http import make_web
from risk_stream.service.replies import Replies
from risk_stream.settings import Settings
from risk_stream.sinks import SERVER_METRICS, Metrics
from risk_stream.stream.supervised import VARIABLE

__all__ = ["Service", "main", "run_service"]

log = logging.getLogger("risk_stream.decisions")

#: How long requests under way may still wait for their answers when the server is told to stop, s.
LAST_ANSWERS = 5.0

#: How long a request waits for others to go to the broker with it, ms: at hundreds a second it has half as much to do.
LINGER_MS = 2

_DAY_MS = 86_400_000


class Service:
    """One server, wired; `await start()`, then `await run()` until it is cancelled, then `await stop()`."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self.settings = settings
        self.metrics = Metrics(of=SERVER_METRICS)
        counts = partition_counts(settings.broker)
        missing = [t for t in (settings.requests_topic, settings.decisions_topic) if t not in counts]
        if missing:
            raise BrokerError(f"there is no topic {', '.join(missing)} at {settings.broker}: risk-stream topics create")
        self._counts = counts
        self._producer = Producer(
            settings.broker, client_id="risk-stream-decisions", linger_ms=LINGER_MS, reconnects=True
        )
        self.asking = Asking(
            self._ask,
            self._decide,
            most=settings.decisions_in_flight,
            keep_ms=int(settings.decisions_days * _DAY_MS),
        )
        live = settings.clock == "live"
        deadlines = Deadlines(settings.decisions_deadline_ms, 10, settings.decisions_longest_ms)
        self.requests = Requests(
            catalogue,
            deadlines,
            early_ms=int(settings.lateness_seconds * 1000) if live else None,
            late_ms=int(settings.future_seconds * 1000) if live else None,
        )
        self._decisions = self._follower(settings.decisions_topic, self.asking.hear_decision)
        self._asked = self._follower(settings.requests_topic, self.asking.hear_request, at_leisure=True)
        self._runner: web.AppRunner | None = None

    def _follower(self, topic: str, heard: object, *, at_leisure: bool = False) -> Follower:
        broker, partitions = self.settings.broker, self._counts[topic]
        return Follower(broker, topic, partitions, heard, at_leisure=at_leisure)  # type: ignore[arg-type]

    @property
    def ready(self) -> bool:
        """Whether all is known that was answered before."""
        return self._decisions.ready.is_set() and self._asked.ready.is_set()

    async def start(self) -> None:
        """Connect and listen. Raises `KafkaError` where the broker is away, and OSError where the port is taken."""
        settings = self.settings
        app = make_web(self.asking, self.requests, self.metrics, lambda: self.ready)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=LAST_ANSWERS)
        await self._runner.setup()
        await web.TCPSite(self._runner, settings.decisions_host, settings.decisions_port, backlog=1024).start()
        await self._producer.start()
        now = int(time.time() * 1000)
        await self._decisions.start(now - self.asking.keep_ms)
        await self._asked.start(now - int(REMEMBERED * 1000))

    async def run(self) -> None:
        """Answer until cancelled. Raises what ended it, such as `KafkaError`."""
        replies = Replies(self.settings, self.asking, self.requests, self._producer, self.metrics)
        work = [self._decisions.run(), self._asked.run(), self._settle()]
        if self.settings.decisions_reply_topics:
            work.append(replies.run(self._decisions.ready))
        await asyncio.gather(*work)

    async def stop(self) -> None:
        """Let those who wait have their answers, and disconnect."""
        if self._runner is not None:
            await self._runner.cleanup()
        for follower in (self._decisions, self._asked):
            await follower.stop()
        await self._producer.stop()

    async def _settle(self) -> None:
        """What was read at the start stays: have the collector of garbage pass over it."""
        began = time.monotonic()
        await self._decisions.ready.wait()
        await self._asked.ready.wait()
        settle()
        at = f"{self.settings.decisions_host}:{self.settings.decisions_port}"
        took = time.monotonic() - began
        log.info(
            "decisions are answered at http://%s; %d are known, read in %.1f s", at, len(self.asking.answers), took
        )

    async def _ask(self, request: Request) -> None:
        await self._send(self.settings.requests_topic, request.id, request.record())

    async def _decide(self, decision: Decision) -> None:
        await self._send(self.settings.decisions_topic, decision.id, decision.to_json())

    async def _send(self, topic: str, application: str, value: bytes) -> None:
        """Write what is said of an application to its partition of a topic. Raises `LostError`."""
        partition = partition_of(application, self._counts[topic])
        try:
            sent = await self._producer.send(topic, value, key=application.encode(), partition=partition)
        except KafkaError as exc:
            raise LostError(f"the broker takes no message ({exc!r}): ask again") from exc
        sent.add_done_callback(_look)


def _look(sent: asyncio.Future[Any]) -> None:
    """Who waits for what was not stored is told so when the time is up."""
    if not sent.cancelled() and (error := sent.exception()) is not None:
        log.warning("the broker did not store a message: %r", error)


async def _serve(service: Service, stopped: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    try:
        await service.start()
        running = asyncio.create_task(service.run())
        told = asyncio.create_task(stopped.wait())
        await asyncio.wait((running, told), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    finally:
        await service.stop()


def run_service(settings: Settings, *, with_parent: bool = False) -> None:
    """Answer until told to stop, or until standard input closes where it is started beside a worker.

    Raises `BrokerError` where there is no broker or no topic, `LaterFormatError` where a later release works in this
    house, `ProblemsError` for event types that are wrong, and OSError where the port is taken.
    """
    set_up_logging(settings.log_level, settings.log_file, settings.broker, lambda: None)
    catalogue = load_catalogue(*settings.events)

    async def serve() -> None:
        stopped = asyncio.Event()
        if with_parent:
            _stop_with_parent(asyncio.get_running_loop(), stopped)
        await check_release(settings)
        await _serve(Service(settings, catalogue), stopped)

    try:
        asyncio.run(serve())
    except KafkaError as exc:
        raise BrokerError(
            f"Kafka does not answer at {settings.broker} ({exc!r}): start it, or set RISK_STREAM_BROKER"
        ) from exc


def _stop_with_parent(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1):  # not its buffer, whose lock would be held at the end of the process
            pass
        loop.call_soon_threadsafe(stopped.set)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def main() -> int:
    """What a worker starts beside itself; its settings come as JSON in the environment. The exit code."""
    collect_rarely()
    settings = Settings.model_validate_json(os.environ[VARIABLE])
    try:
        run_service(settings, with_parent=True)
    except OSError as exc:
        where = f"{settings.decisions_host}:{settings.decisions_port}"
        log.critical("decisions cannot be answered at %s: %s", where, exc.strerror or exc)
        return 1
    except (BrokerError, ProblemsError, LaterFormatError) as exc:
        log.critical("decisions cannot be answered: %s", exc)
        return 1
    return 0
