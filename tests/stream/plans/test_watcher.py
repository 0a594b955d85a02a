"""A good edit of the rules is taken over, a bad one refused whole and said with its place."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError

from risk_stream.catalogue import Catalogue
from risk_stream.rules import Plan, PlanSource, plan_of_texts
from risk_stream.sinks import Metrics
from risk_stream.stream.plans import PlanBook
from risk_stream.stream.plans import watcher as plans
from risk_stream.stream.plans.parts import pack_plan
from risk_stream.stream.plans.watcher import PlanWatcher
from tests.stream.conftest import RULES
from tests.stream.plans.test_book import Store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(RULES)
    return tmp_path


@pytest.fixture
def used() -> list[Plan]:
    return []


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def watcher(folder: Path, catalogue: Catalogue, metrics: Metrics, used: list[Plan]) -> PlanWatcher:
    return PlanWatcher(PlanSource([folder], catalogue), metrics, used.append)


def look(watcher: PlanWatcher, text: str | None = None, folder: Path | None = None) -> None:
    if text is not None and folder is not None:
        (folder / "rules.yaml").write_text(text)
    asyncio.run(watcher.look())


def test_nothing_changed_is_nothing_done(watcher: PlanWatcher, used: list[Plan], metrics: Metrics) -> None:
    """The plan of the start is in force, and said."""
    look(watcher)
    assert used == []
    assert metrics.get("risk_stream_plan_info", watcher.source.plan.version, "2") == 1


def test_a_good_edit_is_in_force(watcher: PlanWatcher, folder: Path, used: list[Plan], metrics: Metrics) -> None:
    """And only its version is said."""
    old = watcher.source.plan.version
    look(watcher, RULES.replace("9000", "8000"), folder)
    (plan,) = used
    assert plan.version != old
    assert metrics.get("risk_stream_plan_info", plan.version, "2") == 1
    assert metrics.get("risk_stream_plan_info", old, "2") == 0
    assert metrics.get("risk_stream_plan_reloads_total", "loaded") == 1


def test_a_bad_edit_changes_nothing_and_is_said_once(
    watcher: PlanWatcher, folder: Path, used: list[Plan], metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    """File, line and column of each problem; the last good plan stays."""
    look(watcher, RULES.replace("amount > 9000", "amuont > 9000"), folder)
    look(watcher)
    assert used == []
    assert metrics.get("risk_stream_plan_reloads_total", "refused") == 1
    errors = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert "stays in force" in errors[0]
    assert "rules.yaml:18:" in errors[1]
    assert len(errors) == 2


def test_an_edit_that_is_mended_is_in_force(watcher: PlanWatcher, folder: Path, used: list[Plan]) -> None:
    """After the bad one."""
    look(watcher, "stage: [", folder)
    look(watcher, RULES.replace("9000", "7000"), folder)
    assert len(used) == 1


def test_a_calendar_that_has_ended_is_said_once(
    watcher: PlanWatcher, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """When rules come into force that ask its business days, and not again at the next change."""
    (folder.parent / "past.yaml").write_text("name: past\ntimezone: UTC\nfrom: 2019\nuntil: 2020\n")
    watcher.source.calendars.append(folder.parent / "past.yaml")
    asking = RULES.replace("window: 10m", "window: business_day, calendar: past")
    assert asking != RULES
    for text in (asking, asking.replace("9000", "8000"), asking.replace("9000", "7000")):
        look(watcher, text, folder)
    assert [r.levelname for r in caplog.records if "the calendar past ended with 2020" in r.message] == ["WARNING"]


def test_an_emptied_folder_is_refused(watcher: PlanWatcher, folder: Path, used: list[Plan], metrics: Metrics) -> None:
    """Somebody moved the rules away: judging goes on by the last good plan."""
    (folder / "rules.yaml").unlink()
    look(watcher)
    assert used == []
    assert metrics.get("risk_stream_plan_reloads_total", "refused") == 1


class Published(Store):
    """A log of plans in memory, with one that was published."""

    def __init__(self) -> None:
        super().__init__()
        self.current: str | None = None
        self.moved: Callable[[], None] = lambda: None
        self.added: Callable[[str], None] = lambda _: None
        self.away = False
        self.unread: str | None = None  # what is published and not heard of

    async def reach_end(self) -> None:
        await asyncio.sleep(0.01)
        if self.unread is not None:
            self.current = self.unread
            self.moved()

    async def start(self) -> None:
        """Nothing to connect."""

    async def put(self, records: Mapping[str, bytes]) -> None:
        if self.away:
            raise KafkaTimeoutError
        await super().put(records)

    def publish(self, plan: Plan | None) -> None:
        if plan is not None:
            self.contents |= pack_plan(plan, {})
        self.current = None if plan is None else plan.version
        self.moved()


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
def follower(folder: Path, catalogue: Catalogue, metrics: Metrics, used: list[Plan], published: Any) -> PlanWatcher:
    """A watcher that hears what is published."""
    source = PlanSource([folder], catalogue)
    book = PlanBook(source.plan, {}, published)
    return PlanWatcher(source, metrics, used.append, book=book, published=published)


def other(catalogue: Catalogue, limit: int = 8000) -> Plan:
    return plan_of_texts({"rules.yaml": RULES.replace("9000", str(limit))}, catalogue)


def test_a_plan_is_stored_before_it_is_used(follower: PlanWatcher, published: Published, folder: Path) -> None:
    """At the start and at every change."""
    asyncio.run(follower.start())
    assert published.put_order[-1] == follower.plan.version
    look(follower, RULES.replace("9000", "8000"), folder)
    assert follower.plan.version in published.contents


def test_a_plan_that_cannot_be_stored_waits(
    follower: PlanWatcher, published: Published, folder: Path, used: list[Plan]
) -> None:
    """The broker is away: the old plan stays in force, and the new one comes when it is back."""
    published.away = True
    look(follower, RULES.replace("9000", "8000"), folder)
    assert used == []
    published.away = False
    look(follower)
    assert len(used) == 1


def test_a_published_plan_is_in_force(
    follower: PlanWatcher, published: Published, used: list[Plan], catalogue: Catalogue
) -> None:
    """Whatever the files say."""
    published.publish(other(catalogue))
    look(follower)
    assert [plan.version for plan in used] == [other(catalogue).version]


def test_a_published_plan_is_in_force_from_the_start(
    follower: PlanWatcher, published: Published, used: list[Plan], catalogue: Catalogue
) -> None:
    """A worker that comes later judges as the others do."""
    published.publish(other(catalogue))
    asyncio.run(follower.start())
    assert [plan.version for plan in used] == [other(catalogue).version]


def test_files_do_not_overrule_what_was_published(
    follower: PlanWatcher,
    published: Published,
    used: list[Plan],
    catalogue: Catalogue,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """That is said, with what to do; when it is withdrawn the files count again, as they are by then."""
    published.publish(other(catalogue))
    look(follower)
    look(follower, RULES.replace("9000", "7000"), folder)
    assert len(used) == 1
    assert "risk-stream rules publish" in caplog.text
    published.publish(None)
    look(follower)
    assert [plan.version for plan in used] == [other(catalogue, n).version for n in (8000, 7000)]


def test_a_published_plan_that_cannot_be_had_is_refused_once(
    follower: PlanWatcher, published: Published, used: list[Plan], metrics: Metrics
) -> None:
    """The plan in force stays."""
    published.current = "f00d"
    look(follower)
    look(follower)
    assert used == []
    assert metrics.get("risk_stream_plan_reloads_total", "refused") == 1


def test_what_is_published_is_looked_at_at_once(
    follower: PlanWatcher, published: Published, used: list[Plan], catalogue: Catalogue
) -> None:
    """Not only when the files are looked at next."""

    async def main() -> None:
        watching = asyncio.create_task(follower.watch(3600))
        await asyncio.sleep(0)
        published.publish(other(catalogue))
        while not used:
            await asyncio.sleep(0.005)
        watching.cancel()

    asyncio.run(asyncio.wait_for(main(), 20))


def test_the_newest_plan_is_in_force_when_that_was_waited_for(
    follower: PlanWatcher, published: Published, used: list[Plan], catalogue: Catalogue
) -> None:
    """What was published before is heard and taken over; so is its withdrawal."""
    plan = other(catalogue)
    published.contents |= pack_plan(plan, {})
    published.unread = plan.version

    async def main() -> None:
        watching = asyncio.create_task(follower.watch(3600))
        await follower.newest()
        assert [plan.version for plan in used] == [published.current]
        published.unread = None
        published.publish(None)
        assert not follower.is_newest, "the files count again, and are not in force yet"
        await follower.newest()
        assert used[-1].version == follower.source.plan.version
        watching.cancel()

    asyncio.run(asyncio.wait_for(main(), 20))


def test_without_a_log_of_plans_the_files_are_the_newest(watcher: PlanWatcher) -> None:
    """At once."""
    asyncio.run(watcher.newest())
    assert watcher.is_newest


def test_a_published_plan_that_is_refused_is_never_said_to_be_in_force(
    follower: PlanWatcher, published: Published, catalogue: Catalogue
) -> None:
    """So origins that name it keep it, until another is published."""
    published.unread = "f00d"

    async def main() -> None:
        watching = asyncio.create_task(follower.watch(3600))
        waiting = asyncio.create_task(follower.newest())
        while follower.metrics.get("risk_stream_plan_reloads_total", "refused") == 0:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        assert not waiting.done()
        published.publish(other(catalogue))
        await waiting
        watching.cancel()

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_plan_that_another_worker_stored_is_read_ahead(
    follower: PlanWatcher, published: Published, catalogue: Catalogue
) -> None:
    """Its messages will name it in a moment."""
    plan = other(catalogue)
    published.contents |= pack_plan(plan, {})

    async def main() -> None:
        published.added(plan.version)
        while follower.book.plan(plan.version) is None:
            await asyncio.sleep(0.005)

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_plan_is_said_to_be_in_force_when_it_is_named(
    folder: Path, catalogue: Catalogue, metrics: Metrics, used: list[Plan]
) -> None:
    """Not while events are still admitted under the old one."""
    named: list[str] = []
    watcher = PlanWatcher(PlanSource([folder], catalogue), metrics, used.append, named=named.__contains__)
    (folder / "rules.yaml").write_text(RULES.replace("9000", "8000"))

    async def main() -> None:
        await watcher.look()
        (plan,) = used
        await asyncio.sleep(0.05)
        assert metrics.get("risk_stream_plan_reloads_total", "loaded") == 0
        named.append(plan.version)
        while not metrics.get("risk_stream_plan_reloads_total", "loaded"):
            await asyncio.sleep(0.005)
        assert metrics.get("risk_stream_plan_info", plan.version, "2") == 1

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_plan_is_compiled_in_a_thread_before_it_is_used(
    folder: Path, catalogue: Catalogue, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no batch waits for it."""
    order: list[tuple[str, str, bool]] = []

    def note(what: str, plan: Plan) -> None:
        order.append((what, plan.version, threading.current_thread() is threading.main_thread()))

    watcher = PlanWatcher(PlanSource([folder], catalogue), metrics, lambda plan: note("used", plan))
    monkeypatch.setattr(plans, "make_ready", lambda plan: note("ready", plan))
    look(watcher, RULES.replace("9000", "8000"), folder)
    version = watcher.plan.version
    assert order == [("ready", version, False), ("used", version, True)]
