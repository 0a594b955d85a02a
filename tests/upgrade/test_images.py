"""What an earlier release kept is gone on with by this one, and what is said in the end is what one engine says."""

from __future__ import annotations

import asyncio
import random
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any

import orjson
import pytest

from risk_stream.catalogue import Catalogue, Decoder, load_catalogue
from risk_stream.engine import Engine
from risk_stream.rules import plan_of_texts
from risk_stream.stream.intake.origins import Committed
from risk_stream.stream.letters.sections import write_fronts
from risk_stream.stream.plans import PlanBook
from risk_stream.stream.state.checkpoint import HEADER_KEY, Header
from tests.stream.conftest import NOW, FakeRecord
from tests.stream.plans.test_book import Store
from tests.stream.test_lanes import LANES, House, Play, Worker, shown
from tests.upgrade.image import IMAGES, Image, read_image

#: How late an event of the images may be, s.
LATENESS_SECONDS = 5

#: The rule that asks a model: only the second image has one. The first was written before plans were kept in parts.
SCORED = "novel"

STEM = attrgetter("stem")

#: When no event of the stream can come any more, and all is judged that was to be judged later, ms.
LONG_AFTER = NOW + 100_000


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience as small as the streams here are."""
    monkeypatch.setattr("risk_stream.stream.lane.LOOK", 0.0)
    monkeypatch.setattr("risk_stream.stream.alignment.PATIENCE", 0.001)
    monkeypatch.setattr("risk_stream.stream.lanes.LAST_CHECKPOINT", 0.01)


class Heirs(Play):
    """Workers of this release on the logs of the one before."""

    def __init__(self, image: Image, catalogue: Catalogue, *, state: bool = True) -> None:
        self.image, chance = image, random.Random(1)
        super().__init__(House(catalogue, plan_of_texts(image.texts, catalogue)), chance)
        house, store = self.house, Store()
        house.settings = house.settings.model_copy(update={"lateness_seconds": LATENESS_SECONDS})
        store.contents = dict(image.plans)
        self.book = PlanBook(house.plan, {}, store)
        self.forgotten = 0
        for place, values in image.hops.items():
            topic, _, partition = place.rpartition("/")
            house.logs[topic, int(partition)] = [FakeRecord(at, value) for at, value in enumerate(values)]
        if state:
            house.state.records = {int(lane): list(records) for lane, records in image.state.items()}
            house.state.ends = {int(lane): end for lane, end in image.ends.items()}
            for value in image.alerts:
                house.append(house.settings.alerts_topic, 0, value)
            self.forget_what_is_saved()

    def forget_what_is_saved(self) -> None:
        """Empty the records whose effect is in the checkpoints: whoever reads one has not gone on from there."""
        for lane, records in self.house.state.records.items():
            header = Header.decode(next(value for _, key, value in reversed(records) if key == HEADER_KEY))
            for kind, standing in header.hops.items():
                log = self.house.logs[self.house.settings.hop_topic(kind), lane]
                log[: standing.ring] = [FakeRecord(at, None) for at in range(standing.ring)]
                self.forgotten += standing.ring

    def worker(self) -> Worker:
        worker = Worker(self.house, self.chance)
        worker.lanes._plan_of = self.book.must
        return worker

    async def rebalance(self) -> None:
        while len(self.workers) < 2:
            self.workers.append(self.worker())
        await super().rebalance()

    def long_after(self) -> list[tuple[str, int, bytes]]:
        """Messages that say of everybody who may send that his clock is far beyond the stream."""
        house = self.house
        senders = [*house.settings.origin_topics, *house.hops]
        fronts = write_fronts([(f"{t}/{p}", 99, LONG_AFTER, None) for t in senders for p in range(house.counts[t])])
        return [(topic, lane, fronts) for topic in house.hops for lane in range(LANES)]


@cache
def said_by(path: Path, *, state: bool = True) -> dict[str, Any]:
    """What stands in the end, of alerts by id."""
    heirs = Heirs(read_image(path), load_catalogue(), state=state)
    assert heirs.forgotten > 10 or not state

    async def play() -> None:
        await heirs.run(heirs.image.rest, 0.0)
        await heirs.run(heirs.long_after(), 0.0)

    asyncio.run(play())
    return heirs.house.final()


@pytest.mark.parametrize("path", IMAGES, ids=STEM)
def test_windows_timers_and_messages_are_gone_on_with(path: Path) -> None:
    """Two workers of this release take the lanes over where the checkpoints stand, and read what was under way."""
    image, catalogue = read_image(path), load_catalogue()
    engine = Engine(plan_of_texts(image.texts, catalogue))
    batch = Decoder(catalogue).decode(image.events, str)[0]
    by_engine = [*engine.apply(batch).alerts, *engine.advance(LONG_AFTER).alerts]
    expected = {a.id: shown(orjson.loads(a.to_json())) for a in by_engine if a.rule != SCORED}
    assert len(expected) > 100
    assert {one[1] for one in expected.values()} == {"account", "both", "later"}
    assert {id: one for id, one in said_by(path).items() if one[1] != SCORED} == expected


@pytest.mark.slow
@pytest.mark.parametrize("path", IMAGES[1:], ids=STEM)
def test_a_model_goes_on_from_what_it_had_learnt(path: Path) -> None:
    """Scores are those of this release alone, had it read the same logs from their beginning, bit for bit."""
    over = {id: one for id, one in said_by(path).items() if one[1] == SCORED}
    assert len(over) > 10
    assert over == {id: one for id, one in said_by(path, state=False).items() if one[1] == SCORED}


@pytest.mark.parametrize("path", IMAGES, ids=STEM)
def test_commits_and_plans_are_read(path: Path) -> None:
    """A plan goes on by the version that it had, though the release's own event types were others."""
    image, catalogue, store = read_image(path), load_catalogue(), Store()
    assert Committed.read(17, image.commits[0]) == Committed(17, NOW, image.plan)
    assert Committed.read(3, image.commits[1]) == Committed(3)
    store.contents = dict(image.plans)
    ours = plan_of_texts(image.texts, catalogue)
    theirs = asyncio.run(PlanBook(ours, {}, store).fetch(image.plan))
    assert theirs.version == image.plan != ours.version
    assert [rule.version for rule in theirs.rules] == [rule.version for rule in ours.rules]
