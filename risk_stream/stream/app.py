"""The Faust app of one worker: its settings, its agents, and the tasks beside them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from functools import partial
from typing import Any

import faust
import pyarrow as pa
from faust.app.base import BootStrategy
from faust.auth import Credentials, SASLCredentials, SSLCredentials
from faust.tables import TableManager

from risk_stream.kafka import BrokerWatch
from risk_stream.settings import Settings, kafka_options
from risk_stream.stream.inbox import Inbox, Pace
from risk_stream.stream.pipeline import Pipeline
from risk_stream.stream.plans.watcher import PlanWatcher
from risk_stream.stream.release import Release
from risk_stream.stream.transport import CREDITS, BatchSchema, Transport

__all__ = ["RiskApp", "make_app"]

#: How often gauges are brought up to date, s.
REFRESH = 1.0

#: How often it is looked whether the loop has stood still, s: twenty microseconds each.
BEAT = 0.01

#: Faust's queues are bounded by the partitions' credits; this is only more than those can ever be.
QUEUE = 4096 * CREDITS


class Boot(BootStrategy):
    """Faust's consumer, conductor and agents; neither its producer, nor its sensors, nor its web server."""

    enable_kafka_producer = False
    enable_sensors = False
    enable_web = False


class NoTables(TableManager):
    """Faust's keeper of tables, of which there are none: it does not wait for any to be declared."""

    mundane_level = "debug"

    async def on_start(self) -> None:
        """Let partitions be read as soon as they are assigned."""
        await self._update_channels()
        await self.recovery.start()


class RiskApp(faust.App):
    """A Faust app that starts the worker's own producer before it reads, and writes nothing to the disk."""

    BootStrategy = Boot
    mundane_level = "debug"
    pipeline: Pipeline
    watcher: PlanWatcher
    broker_watch: BrokerWatch
    failure: BaseException | None = None  # what it ends for, where something failed

    def _crash(self, reason: BaseException) -> None:
        self.failure = self.failure or reason
        super()._crash(reason)

    async def on_first_start(self) -> None:
        """Connect the producer, and store the plan that is in force."""
        await super().on_first_start()
        await self.pipeline.producer.start()
        await self.watcher.start()
        self.pipeline.connect(self.consumer)

    async def on_shutdown(self) -> None:
        """Send what is waiting and disconnect, when the agents have stopped."""
        await super().on_shutdown()
        await self.pipeline.lanes.stop()
        await self.watcher.stop()
        await self.pipeline.producer.stop()
        await self.pipeline.store.sink.close()
        if self.pipeline.keeper is not None:
            await self.pipeline.keeper.sink.close()

    def _create_directories(self) -> None:
        """None: there are no tables."""


async def _watch_pauses(app: RiskApp) -> None:
    """Observe the longest time of each second in which the loop did one thing and nothing else."""
    longest, last = 0.0, time.monotonic()
    told = last
    while True:
        await asyncio.sleep(BEAT)
        now = time.monotonic()
        longest, last = max(longest, now - last - BEAT), now
        if now - told >= REFRESH:
            app.pipeline.metrics.observe("risk_stream_loop_pause_seconds", longest)
            app.pipeline.metrics.set("risk_stream_tasks", len(asyncio.all_tasks()))
            longest, told = 0.0, now


def _credentials(broker: str) -> Credentials | None:
    """What Faust's consumer proves with who it is: the options of all other clients, in Faust's words."""
    options = kafka_options(broker)
    context = options.get("ssl_context")
    if "sasl_mechanism" in options:
        return SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=context,
        )
    return None if context is None else SSLCredentials(context)


def make_app(
    settings: Settings, pipeline: Pipeline, watcher: PlanWatcher, broker_watch: BrokerWatch, *, session: float
) -> RiskApp:
    """The app. `session` is how long a worker may be silent before its partitions are given to others, s."""
    app = RiskApp(
        settings.group,
        broker=[f"kafka://{part.strip()}" for part in settings.broker.split(",")],
        broker_credentials=_credentials(settings.broker),
        store="memory://",
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        broker_session_timeout=session,
        broker_heartbeat_interval=session / 4,
        broker_rebalance_timeout=max(10.0, 2 * session),
        broker_commit_interval=0.3,
        broker_max_poll_records=settings.batch_records,
        broker_max_poll_interval=3600.0,
        consumer_max_fetch_size=settings.fetch_bytes,
        consumer_auto_offset_reset="earliest",
        stream_buffer_maxsize=QUEUE,
        stream_recovery_delay=0.0,
        stream_wait_empty=True,
        worker_redirect_stdouts=False,
        TableManager=NoTables,
    )
    app.transport = Transport(app.conf.broker_consumer, app)
    app._consumer = None  # noqa: SLF001  made anew, by our transport
    app.pipeline, app.watcher, app.broker_watch = pipeline, watcher, broker_watch

    def agent(name: str, topics: Iterable[str], inbox: Inbox) -> None:

        async def read(stream: Any) -> None:
            async for event in stream.noack().events():
                inbox.put(event.message)

        async def run() -> None:
            await inbox.run()

        for function in (read, run):
            function.__name__ = function.__qualname__ = f"{function.__name__}_{name.replace('-', '_')}"
        app.agent(app.topic(*topics, schema=BatchSchema()), name=name)(read)
        app.task(run)

    turn = asyncio.Lock()
    agent("admission", settings.origin_topics, Inbox(pipeline.admit, pace=Pace(), turn=turn))
    hops = {k.name: Inbox(partial(pipeline.hop, kind=k.name), turn=turn) for k in pipeline.catalogue.kinds}
    for kind, inbox in hops.items():
        agent(f"hop-{kind}", [settings.hop_topic(kind)], inbox)
    pipeline.lanes.poke = lambda kind: hops[kind].poke()
    agent("decisions", [settings.decisions_topic], Inbox(pipeline.decisions))
    agent("alerts", [settings.alerts_topic], Inbox(pipeline.alerts))

    async def assigned(*_: Any, **__: Any) -> None:  # awaited by Faust before any partition is read
        await pipeline.assigned(app.consumer.assignment())

    async def decide() -> None:
        """What is decided beside the events: which plan is in force, and the clocks of quiet origins."""
        await asyncio.gather(watcher.watch(settings.reload_seconds), watcher.follow(), pipeline.changes.run())

    async def refresh() -> None:
        unused = Release(pa.default_memory_pool())
        while not app.should_stop:
            await asyncio.sleep(REFRESH)
            broker_watch.tick()
            pipeline.refresh()
            unused.look()

    app.on_rebalance_complete.connect(assigned, weak=False)
    app.task(decide)
    if pipeline.keeper is not None:
        app.task(pipeline.keeper.run)
    app.task(refresh)
    app.task(_watch_pauses)
    return app
