"""The console's process: reads the logs, then serves pages and API until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from aiohttp import web

from risk_stream.access import SERVER_LIMITS, AccessSource, Masking, Patience
from risk_stream.catalogue import load_catalogue
from risk_stream.console.acts import Acts
from risk_stream.console.api.stream import make_hub
from risk_stream.console.app import make_app
from risk_stream.console.deskview import DeskView
from risk_stream.console.feed import Feed
from risk_stream.console.house import House
from risk_stream.console.index import Index
from risk_stream.console.metrics import CONSOLE_METRICS
from risk_stream.console.plans import Plans
from risk_stream.console.records import Records
from risk_stream.garbage import settle
from risk_stream.kafka.releases import check_release
from risk_stream.settings import Settings
from risk_stream.sinks import Metrics, RedisClient

__all__ = ["Console"]

log = logging.getLogger("risk_stream.console")


class Console:
    """One console: `await run()`. `address` is where, once it serves; `told` hears a sentence of what it does.

    `metrics`, of `CONSOLE_METRICS`, are kept up to date.
    """

    def __init__(
        self, settings: Settings, told: Callable[[str], None] = lambda _: None, metrics: Metrics | None = None
    ) -> None:
        self.settings, self._told = settings, told
        catalogue = load_catalogue(*settings.events)
        masking = Masking(catalogue)
        self.acts, self.metrics = Acts(settings), metrics or Metrics(of=CONSOLE_METRICS)
        self.house = House(
            settings=settings,
            catalogue=catalogue,
            masking=masking,
            index=Index(masking),
            view=DeskView(),
            plans=Plans(settings, catalogue),
            records=Records(settings.broker),
            acts=self.acts,
            redis=RedisClient.at(settings.redis),
            access=AccessSource(settings.people_folder),
        )
        self.hub = make_hub(self.house)
        self.feed = Feed(settings, self.house.index, self.house.view, self.acts.heard, self.house.audit)
        self.address = ""
        self._ready = False
        self._runner: web.AppRunner | None = None

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            AccessError, LocalError: who may come in is not said rightly.
            BrokerError, KafkaError: Kafka is not there, or a topic is not.
            LaterFormatError: a later release works in this house.
            OSError: the port is taken.
        """
        try:
            await check_release(self.settings)
            await self._serve()
            await asyncio.gather(self.acts.start(), self.house.plans.start(), self.feed.start())
            settle()
            self._ready = True
            self._told(f"console: {self.address} ({len(self.house.index):,} alerts known)")
            assert self._runner is not None
            assert self._runner.server is not None
            async with asyncio.TaskGroup() as group:
                group.create_task(self.feed.run())
                group.create_task(self.house.plans.follow())
                group.create_task(self.hub.run())
                group.create_task(Patience(self._runner.server).run())
                group.create_task(self._measure())
        finally:
            await self._stop()

    async def _serve(self) -> None:
        settings = self.settings
        app = make_app(settings, self.house, self.hub, self.metrics, lambda: self._ready)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0, **SERVER_LIMITS)
        await self._runner.setup()
        site = web.TCPSite(self._runner, settings.console_host, settings.console_port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.address = settings.console_url or f"http://{host}:{port}"

    async def _measure(self) -> None:
        """Have /metrics say how the console is."""
        while True:
            metrics, index = self.metrics, self.house.index
            metrics.set("risk_stream_console_clients", len(self.hub.clients))
            metrics.set("risk_stream_console_alerts", len(index))
            metrics.set("risk_stream_console_ready", int(self._ready))
            metrics.replace("risk_stream_console_dropped_clients_total", {(): self.hub.dropped})
            metrics.replace("risk_stream_console_messages_total", {(): self.hub.sent})
            metrics.replace("risk_stream_console_unreadable_total", {(): self.feed.unreadable})
            await asyncio.sleep(1)

    async def _stop(self) -> None:
        self._ready = False
        runner = [] if self._runner is None else [self._runner.cleanup]
        for stop in (
            *runner,
            self.feed.stop,
            self.acts.stop,
            self.house.plans.stop,
            self.house.records.stop,
            self.house.backtests.stop,
        ):
            with contextlib.suppress(Exception, asyncio.CancelledError):  # what cannot be closed ends with the process
                await stop()
        self.house.readings.stop()
        await self.house.profiles.close()
        await self.house.redis.aclose()
