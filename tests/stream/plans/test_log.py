"""The log of plans on real Kafka: what was published is heard by all, and it is known when all of it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from risk_stream.catalogue import Catalogue
from risk_stream.kafka import Producer, create_topics, wanted_topics
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.settings import Settings
from risk_stream.stream.plans import PlanBook, PlanLog, publish_plan
from tests.live.servers import Kafka
from tests.stream.conftest import RULES

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def broker(kafka: Kafka, catalogue: Catalogue) -> str:
    for name in ("read", "end", "parts"):
        settings = Settings(prefix=f"planlog.{name}.", house_topics={})
        create_topics(kafka.address, wanted_topics(settings, catalogue))
    return kafka.address


def topic(name: str) -> str:
    return Settings(prefix=f"planlog.{name}.", house_topics={}).plans_topic


@asynccontextmanager
async def a_worker(broker: str, name: str) -> AsyncIterator[PlanLog]:
    producer = Producer(broker)
    await producer.start()
    plans = PlanLog(broker, topic(name), producer)
    try:
        yield plans
    finally:
        await plans.stop()
        await producer.stop()


def play(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(work(), 60)

    asyncio.run(main())


def test_what_was_published_is_known_to_who_comes_later(broker: str, plan: Plan, catalogue: Catalogue) -> None:
    """Its version and its content; a withdrawal too."""

    async def work() -> None:
        await publish_plan(broker, topic("read"), plan, {})
        async with a_worker(broker, "read") as plans:
            await plans.start()
            assert plans.current == plan.version
            book = PlanBook(plan_of_texts({"rules.yaml": RULES.replace("9000", "8000")}, catalogue), {}, plans)
            assert (await book.fetch(plan.version)).version == plan.version
        await publish_plan(broker, topic("read"), None, {})
        async with a_worker(broker, "read") as plans:
            await plans.start()
            assert plans.current is None

    play(work)


def test_all_that_was_published_before_the_end_was_asked_is_heard_then(
    broker: str, plan: Plan, catalogue: Catalogue
) -> None:
    """Though a follower had not read it, and though it goes back to a plan from before."""
    other = plan_of_texts({"rules.yaml": RULES.replace("9000", "8000")}, catalogue)

    async def work() -> None:
        async with a_worker(broker, "end") as plans:
            await plans.start()
            for published in (plan, other, plan):
                await publish_plan(broker, topic("end"), published, {})
            asked = asyncio.create_task(plans.reach_end())
            await asyncio.sleep(0.1)
            assert not asked.done(), "nothing follows the log yet"
            follower = asyncio.create_task(plans.follow())
            await asked
            assert plans.current == plan.version
            await plans.reach_end()
            follower.cancel()

    play(work)


def test_a_changed_file_is_all_that_is_stored_of_a_plan_and_every_record_is_found(
    broker: str, catalogue: Catalogue
) -> None:
    """By a worker that saw where they are, and by one that asks before it has read the log."""
    texts = {f"f{i}.yaml": RULES.replace("third", f"third-{i}").replace("large", f"large-{i}") for i in range(30)}
    first = plan_of_texts(texts, catalogue)
    second = plan_of_texts(texts | {"f7.yaml": texts["f7.yaml"].replace("9000", "8000")}, catalogue)
    away = plan_of_texts({"rules.yaml": RULES}, catalogue)

    async def end() -> int:
        async with a_worker(broker, "parts") as plans:
            await plans.start()
            return len(plans._places)

    async def work() -> None:
        await publish_plan(broker, topic("parts"), first, {})
        before = await end()
        await publish_plan(broker, topic("parts"), second, {})
        assert (before, await end()) == (31, 33)
        for reads_first in (True, False):
            async with a_worker(broker, "parts") as plans:
                if reads_first:
                    await plans.start()
                book = PlanBook(away, {}, plans)
                for plan in (first, second):
                    assert (await book.fetch(plan.version)).texts == plan.texts

    play(work)
