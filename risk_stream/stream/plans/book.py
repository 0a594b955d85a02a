"""Every plan that may still be named by a message: from memory, else from the log of plans.

`risk.plans` is compacted and holds each plan that was ever in force, as a manifest under the plan's version and parts
(see `parts`), and under the key `current` which of them was published for all workers, if one was. A plan is stored
there before the first origin names it, so whoever reads a message can have its plan.
"""

from __future__ import annotations

import asyncio
from collections import ChainMap, OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from risk_stream.engine import Ready, make_ready
from risk_stream.rules import Plan
from risk_stream.rules.kept import KeptFiles
from risk_stream.stream.beside import beside
from risk_stream.stream.plans.parts import UnknownPlanError, pack_plan, part_key, read_manifest, text_of, unpack_plan

__all__ = ["CURRENT", "PlanBook", "PlanStore", "UnknownPlanError", "event_texts"]

#: The key that says which plan was published for all workers.
CURRENT = b"current"

#: Plans kept in memory; others are read again.
KEPT = 32

#: Plans whose texts are kept, so that of one that shares most of them only the others are read from the log.
TEXTS = 4

#: Plans of other workers that stay ready until their first message comes.
READY = 2


class PlanStore(Protocol):
    """Where plans are kept, as the records of `pack_plan`. `get` may be called in any thread's event loop."""

    async def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        """The records under some keys, those that there are. Raises `KafkaError`."""

    async def put(self, records: Mapping[str, bytes]) -> None:
        """Keep records in this order; returns when all are stored. Raises `KafkaError`."""

    def has(self, key: str) -> bool:
        """Whether a record is known to be stored."""


def event_texts(paths: Sequence[Path]) -> dict[str, str]:
    """The house's event type files, name -> text: what a plan's content says beside its rules."""
    found: dict[str, str] = {}
    for path in paths:
        files = sorted(p for p in path.iterdir() if p.suffix in {".yaml", ".yml"}) if path.is_dir() else [path]
        found |= {str(file): file.read_text(encoding="utf-8-sig") for file in files}
    return found


class PlanBook:
    """Plans by version: those used last in memory, all of them in the `store`, if there is one."""

    def __init__(
        self,
        plan: Plan,
        events: Mapping[str, str] | None = None,
        store: PlanStore | None = None,
        kept: KeptFiles | None = None,
    ) -> None:
        self.catalogue, self.events, self.store = plan.catalogue, dict(events or {}), store
        self._kept = kept or KeptFiles()
        self._texts: tuple[dict[str, str], ...] = ()  # of the plans that were packed or made last, by key
        self._ready: deque[Ready] = deque(maxlen=READY)
        self._plans: OrderedDict[str, Plan] = OrderedDict()
        self._fetching: dict[str, asyncio.Task[Plan]] = {}
        self.add(plan)

    def add(self, plan: Plan) -> None:
        """Keep a plan in memory."""
        self._plans[plan.version] = plan
        self._plans.move_to_end(plan.version)
        if len(self._plans) > KEPT:
            self._plans.popitem(last=False)

    def plan(self, version: str) -> Plan | None:
        """A plan that is in memory, at once; None for one that must be fetched."""
        found = self._plans.get(version)
        if found is not None:
            self._plans.move_to_end(version)
        return found

    async def fetch(self, version: str) -> Plan:
        """A plan, read from the log where it is not in memory. Raises `UnknownPlanError` and `KafkaError`."""
        found = self.plan(version)
        if found is not None:
            return found
        task = self._fetching.get(version)
        if task is None:
            task = self._fetching[version] = asyncio.create_task(self._read(version))
            task.add_done_callback(lambda _: self._fetching.pop(version, None))
        return await asyncio.shield(task)

    def must(self, version: str) -> Plan:
        """A plan, at once. One that is not in memory is read while all else waits: `fetch` it before where you can.

        Raises as `fetch`.
        """
        found = self.plan(version)
        if found is None:
            with ThreadPoolExecutor(1) as thread:
                found = thread.submit(asyncio.run, self._made_again(version)).result()
            self.add(found)
        return found

    async def _read(self, version: str) -> Plan:
        plan = await self._made_again(version)
        self.add(plan)
        return plan

    async def _made_again(self, version: str) -> Plan:
        if self.store is None or (content := (await self.store.get([version])).get(version)) is None:
            raise UnknownPlanError(f"there is no plan {version} in the log of plans: was its topic emptied?")
        manifest = await beside(read_manifest, content)
        known = ChainMap(*self._texts)
        parts = await self.store.get(manifest.missing(known)) if manifest.missing(known) else {}

        def make() -> Plan:
            texts = ChainMap({key: text_of(key, value) for key, value in parts.items()}, known)
            plan = unpack_plan(manifest, texts, self.catalogue, self._kept)
            self._ready.append(make_ready(plan))
            self._know(plan)
            return plan

        return await beside(make)

    def _know(self, plan: Plan) -> None:
        """Keep the texts of a plan's rules by their keys: the next plan has most of them too."""
        of_plan = {part_key(text): text for text in plan.texts.values()}
        self._texts = (of_plan, *self._texts[: TEXTS - 1])

    async def keep(self, plan: Plan) -> None:
        """Store a plan, if it is not; after it the plan may be named. Raises `UnknownPlanError` and `KafkaError`."""
        store = self.store
        if store is not None and not store.has(plan.version):
            await store.put(await beside(pack_plan, plan, self.events, store.has))
            await beside(self._know, plan)
        self.add(plan)
