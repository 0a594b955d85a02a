"""Every plan that may still be named by a message: from memory, else from the log of plans.

`risk.plans` is compacted and holds the content of each plan that was ever in force, keyed by the plan's version, and
under the key `current` which of them was published for all workers, if one was. A plan is stored there before the first
origin names it, so whoever reads a message can have its plan. A value is zlib-compressed JSON: the texts of the rule
files, of the house's event types and of the calendars that the rules go by.
"""

from __future__ import annotations

import asyncio
import tempfile
import zlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import orjson

from risk_stream.calendars import load_calendars
from risk_stream.catalogue import Catalogue, ProblemsError, load_catalogue
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.stream.producer import MAX_MESSAGE_BYTES

__all__ = ["CURRENT", "PlanBook", "PlanStore", "UnknownPlanError", "event_texts", "pack_plan", "unpack_plan"]

#: The key that says which plan was published for all workers.
CURRENT = b"current"

#: Plans kept in memory; others are read again.
KEPT = 32

#: Of a plan's content.
FORMAT = 1


class UnknownPlanError(Exception):
    """Raised when a plan is not to be had; the text is one sentence."""


class PlanStore(Protocol):
    """Where the contents of plans are kept. `get` may be called in any thread's event loop."""

    async def get(self, version: str) -> bytes | None:
        """The content of a plan, as `pack_plan` made it; None where there is none. Raises `KafkaError`."""

    async def put(self, version: str, content: bytes) -> None:
        """Keep it; returns when it is stored. Raises `KafkaError`."""

    def has(self, version: str) -> bool:
        """Whether it is known to be stored."""


def event_texts(paths: Sequence[Path]) -> dict[str, str]:
    """The house's event type files, name -> text: what a plan's content says beside its rules."""
    found: dict[str, str] = {}
    for path in paths:
        files = sorted(p for p in path.iterdir() if p.suffix in {".yaml", ".yml"}) if path.is_dir() else [path]
        found |= {str(file): file.read_text(encoding="utf-8-sig") for file in files}
    return found


def pack_plan(plan: Plan, events: Mapping[str, str]) -> bytes:
    """All that is needed to make a plan again; `events` are the house's own event types. Raises `UnknownPlanError`."""
    said = {
        "v": FORMAT,
        "version": plan.version,
        "catalogue": plan.catalogue.version,
        "rules": plan.texts,
        "events": dict(events),
        "calendars": {name: calendar.text for name, calendar in plan.calendars.items()},
    }
    content = zlib.compress(orjson.dumps(said), 6)
    if len(content) > MAX_MESSAGE_BYTES:
        raise UnknownPlanError(
            f"plan {plan.version} has {len(content):,} bytes when compressed, more than the {MAX_MESSAGE_BYTES:,} of a "
            "message: take rules out"
        )
    return content


def unpack_plan(content: bytes, catalogue: Catalogue) -> Plan:
    """The plan of a content; over `catalogue` where that is the one it was made over. Raises `UnknownPlanError`."""
    try:
        said: dict[str, Any] = orjson.loads(zlib.decompress(content))
        version, made_over, rules, events = said["version"], said["catalogue"], said["rules"], said["events"]
    except (zlib.error, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise UnknownPlanError(f"this is no plan ({error!r}): only risk-stream may write to its topics") from None
    if said["v"] != FORMAT:
        raise UnknownPlanError(f"plan {version} was written by a later version of risk-stream: use that one")
    try:
        if made_over != catalogue.version:
            catalogue = _catalogue_of(events)
        plan = plan_of_texts(rules, catalogue, calendars=load_calendars(texts=said.get("calendars")))
    except ProblemsError as error:
        raise UnknownPlanError(
            f"plan {version} cannot be made again by this release: {next(iter(error.problems))}"
        ) from None
    if plan.version != version:
        raise UnknownPlanError(f"plan {version} is another by this release: stop cleanly before a new release")
    return plan


def _catalogue_of(texts: Mapping[str, str]) -> Catalogue:
    """The catalogue of the house's event type files, given as texts."""
    with tempfile.TemporaryDirectory(prefix="risk-stream-events-") as folder:
        paths = []
        for i, (name, text) in enumerate(texts.items()):
            path = Path(folder) / f"{i:04d}-{Path(name).name}"
            path.write_text(text, encoding="utf-8")
            paths.append(path)
        return load_catalogue(*paths)


class PlanBook:
    """Plans by version: those used last in memory, all of them in the `store`, if there is one."""

    def __init__(self, plan: Plan, events: Mapping[str, str] | None = None, store: PlanStore | None = None) -> None:
        self.catalogue, self.events, self.store = plan.catalogue, dict(events or {}), store
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
        content = None if self.store is None else await self.store.get(version)
        if content is None:
            raise UnknownPlanError(f"there is no plan {version} in the log of plans: was its topic emptied?")
        return await asyncio.to_thread(unpack_plan, content, self.catalogue)

    async def keep(self, plan: Plan) -> None:
        """Store a plan, if it is not; after it the plan may be named. Raises `UnknownPlanError` and `KafkaError`."""
        if self.store is not None and not self.store.has(plan.version):
            await self.store.put(plan.version, await asyncio.to_thread(pack_plan, plan, self.events))
        self.add(plan)
