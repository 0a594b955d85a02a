"""The plans that alerts were judged by, from the log of plans, and the one in force, for pages to explain."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict

from aiokafka.errors import KafkaError

from risk_stream.catalogue import Catalogue, ProblemsError, load_catalogue
from risk_stream.kafka import Producer
from risk_stream.rules import Plan, PlanSource, with_models
from risk_stream.settings import Settings
from risk_stream.stream.plans import PlanLog, UnknownPlanError, read_manifest, text_of, unpack_plan

__all__ = ["Plans"]

log = logging.getLogger("risk_stream.console")

#: Plans that are kept in memory, and how often the files are looked at for a change, s.
KEPT, LOOK = 4, 2.0


class Plans:
    """`await start()` before; `problem` is why the files could not be read as they are now, "" where they can."""

    def __init__(self, settings: Settings, catalogue: Catalogue | None = None) -> None:
        self._settings, self._catalogue = settings, catalogue or load_catalogue(*settings.events)
        self._log = PlanLog(
            settings.broker, settings.plans_topic, Producer(settings.broker, client_id="risk-stream-console")
        )  # nothing is sent
        self._kept: OrderedDict[str, Plan] = OrderedDict()
        self._source: PlanSource | None = None  # of the files, once they were right
        self._looked = 0.0
        self._looking = asyncio.Lock()
        self.problem = ""

    async def start(self) -> None:
        """Read the log of plans. Raises `KafkaError`."""
        await self._log.start()

    async def follow(self) -> None:
        """Go on reading it until cancelled; the plan of now is read before somebody asks for it."""
        await self.in_force()
        await self._log.follow()

    async def stop(self) -> None:
        """Disconnect."""
        await self._log.stop()

    async def plan(self, version: str) -> Plan | None:
        """The plan of a version, as the log has it; None where it has not."""
        found = self._kept.get(version)
        if found is None:
            try:
                found = await self._read(version)
            except (KafkaError, UnknownPlanError, ProblemsError, OSError) as exc:
                log.info("plan %s cannot be read: %s", version, exc)
                return None
            if found is None:
                return None
            self._kept[version] = found
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(version)
        return found

    async def in_force(self) -> Plan | None:
        """The plan that was published for all workers, else that of the files; None where there is none to be had."""
        if self._log.current is not None:
            return await self.plan(self._log.current)
        return await self.of_files()

    async def of_files(self) -> Plan | None:
        """The plan of the rule files as they were last right; None where they never were."""
        async with self._looking:
            if time.monotonic() - self._looked >= LOOK:
                await asyncio.to_thread(self._look)
                self._looked = time.monotonic()
        return None if self._source is None else self._source.plan

    async def _read(self, version: str) -> Plan | None:
        found = await self._log.get([version])
        if version not in found:
            return None
        manifest = read_manifest(found[version])
        parts = await self._log.get(manifest.missing({}))
        texts = {key: text_of(key, value) for key, value in parts.items()}
        return await asyncio.to_thread(unpack_plan, manifest, texts, self._catalogue)

    def _look(self) -> None:
        try:
            if self._source is None:
                paths = with_models(self._settings.rules, self._settings.models)
                self._source = PlanSource(paths, self._catalogue, self._settings.calendars)
            else:
                self._source.poll()
        except (ProblemsError, OSError) as exc:
            self.problem = str(exc)
            return
        self.problem = "" if self._source.problem is None else str(self._source.problem)
