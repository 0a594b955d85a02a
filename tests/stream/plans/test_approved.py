"""Rules changed by four eyes, on real Kafka: the folder only proposes, and what is in force was approved by another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from risk_stream.access import make_token, store_token
from risk_stream.catalogue import Catalogue
from risk_stream.cli import run
from risk_stream.kafka import Producer, create_topics, wanted_topics
from risk_stream.rules import Plan, PlanSource, plan_of_texts
from risk_stream.settings import Settings
from risk_stream.sinks import Metrics
from risk_stream.stream.plans import ApprovedPlans, PlanBook, PlanLog, UnapprovedError, await_approval
from risk_stream.stream.plans.watcher import APPROVE, PlanWatcher
from tests.desk.running import running_desk
from tests.live.servers import Kafka
from tests.stream.conftest import RULES

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

PEOPLE = """
four_eyes: true
people:
  wang: {roles: [author], entities: all}
  li: {roles: [author], entities: all}
  otto: {roles: [officer], entities: all}
"""
NEW = RULES.replace("9000", "8000")


@pytest.fixture(scope="module")
def settings(kafka: Kafka, catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("people")
    (folder / "access.yaml").write_text(PEOPLE)
    made = Settings(broker=kafka.address, prefix="eyes.", house_topics={}, people=folder)
    create_topics(made.broker, wanted_topics(made, catalogue))
    return made


@pytest.fixture(scope="module")
def desk(settings: Settings) -> Iterator[None]:
    """What decides acts."""
    with running_desk(settings):
        yield


def test_the_folder_only_proposes(
    settings: Settings,
    desk: None,
    catalogue: Catalogue,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nobody approves their own; who may not is told so; an edit of the folder changes nothing until it is approved."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "rules.yaml").write_text(RULES)
    tokens = {}
    for name in ("wang", "li", "otto"):
        tokens[name], token = make_token(name, now=1, expires=None)
        store_token(settings.people_folder, token)
    for name, value in (("BROKER", settings.broker), ("PREFIX", "eyes."), ("HOUSE_TOPICS", "{}")):
        monkeypatch.setenv(f"RISK_STREAM_{name}", value)
    monkeypatch.setenv("RISK_STREAM_PEOPLE", str(settings.people_folder))

    def as_person(name: str, *command: str) -> tuple[int, str]:
        monkeypatch.setenv("RISK_STREAM_TOKEN", tokens.get(name, name))
        capsys.readouterr()
        code = run(["rules", *command])
        said = capsys.readouterr()
        return code, said.out + said.err

    def watcher() -> PlanWatcher:
        producer = Producer(settings.broker)
        plans = PlanLog(settings.broker, settings.plans_topic, producer)
        source = PlanSource([folder], catalogue)
        approved = ApprovedPlans(plans, settings.broker, settings.life_topic)
        book = PlanBook(source.plan, {}, plans, source.kept)
        return PlanWatcher(source, Metrics(), used.append, book=book, published=approved, advice=APPROVE)

    used: list[Plan] = []

    async def started() -> str:
        one = watcher()
        producer = one.published._plans.producer  # type: ignore[union-attr]
        await producer.start()
        try:
            await one.start()
            await one.look()
            return one.plan.version
        finally:
            await one.stop()
            await producer.stop()

    with pytest.raises(UnapprovedError, match="no plan was approved yet"):
        asyncio.run(started())
    first = plan_of_texts({"rules.yaml": RULES}, catalogue).version
    assert as_person("wang", "approve", first) == (
        1,
        f"risk-stream: plan {first} was not proposed: risk-stream rules propose.\n",
    )
    assert as_person("rst_x_y", "propose", str(folder))[0] == 1
    assert "otto may not" in as_person("otto", "propose", str(folder))[1]
    code, said = as_person("wang", "propose", str(folder))
    assert code == 0, said
    version = said.split()[2]
    assert f"wang proposed plan {version}: somebody else approves it" in as_person("wang", "approve", version)[1]
    assert "otto may not" in as_person("otto", "approve", version)[1]
    waiting = threading.Thread(
        target=asyncio.run, args=(await_approval(settings.broker, settings.life_topic),), daemon=True
    )
    waiting.start()
    code, said = as_person("li", "approve", version)
    assert (code, "is approved by li" in said) == (0, True), said
    waiting.join(30)
    assert not waiting.is_alive(), "a worker without a plan begins when there is one"
    assert asyncio.run(started()) == version
    (folder / "rules.yaml").write_text(NEW)
    assert asyncio.run(started()) == version, "the folder has another plan, at the start and later"
    assert "by four eyes" in as_person("li", "publish", str(folder))[1]
    second = as_person("li", "propose", str(folder))[1].split()[2]
    assert second != version
    assert asyncio.run(started()) == version
    assert as_person("wang", "approve", second)[0] == 0
    assert asyncio.run(started()) == second
