"""An origin begins where its last commit says, and changes clock and plan at exactly the offset of a commit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from faust.types.tuples import TP

from risk_stream.catalogue import Catalogue
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.settings import Settings
from risk_stream.sinks import Metrics
from risk_stream.stream.commits import Answer
from risk_stream.stream.intake.changes import Changes
from risk_stream.stream.intake.intake import Intake
from risk_stream.stream.intake.origins import Committed
from risk_stream.stream.letters.fronts import Fronts
from risk_stream.stream.letters.sections import read_letter
from risk_stream.stream.runs import Runs
from tests.stream.conftest import NOW, RULES, FakeRecord
from tests.stream.test_pipeline import EndedError, Kafka, run_of

Make = Callable[..., FakeRecord]
TRADES = TP("risk.trades", 0)


class World(Kafka):
    """A broker with one house partition, and what an admission does with it; `end` is the log's end."""

    def __init__(self, catalogue: Catalogue, plan: Plan, *, idempotent: bool = True, counts: int = 1) -> None:
        super().__init__()
        self.idempotent, self.catalogue = idempotent, catalogue
        self.end = 0
        self.asked = 0
        self.commits: list[tuple[int, str]] = []
        self.trailing = False
        settings = Settings(partitions=counts)
        runs = Runs(self, Metrics(), self.fatal)  # type: ignore[arg-type]
        runs.consumer = self
        self.intake = Intake(settings, catalogue, plan, runs, runs.metrics, lambda _: counts)
        kinds = [(kind.name, settings.hop_topic(kind.name), counts) for kind in catalogue.kinds]
        self.changes = Changes(self.intake, Fronts(kinds), wall=lambda: NOW / 1000 + 1000)

    @staticmethod
    def fatal(sentence: str) -> None:
        raise EndedError(sentence)

    async def highwaters(self, *partitions: TP) -> dict[TP, int]:
        self.asked += 1
        return dict.fromkeys(partitions, self.end)

    async def has_delivered(self, _tp: TP, _offset: int) -> bool:
        return self.trailing

    async def commit_exactly(self, wanted: dict[TP, tuple[int, str]]) -> dict[TP, Answer]:
        self.commits += wanted.values()
        return await super().commit_exactly(wanted)

    # What a test does

    async def begin(self, generation: int = 1) -> None:
        """An assignment of the partition."""
        self.app.consumer_generation_id = generation
        await self.intake.assigned({("risk.trades", 0)})
        self.changes.begin()

    async def read(self, *records: FakeRecord, generation: int = 1) -> None:
        """A run of records comes; the log then ends behind it."""
        self.end = max(self.end, records[-1].offset + 1)
        await self.intake.admit([[run_of("risk.trades", list(records), generation)]])

    async def settle(self) -> None:
        """All that was begun comes to its end."""
        for _ in range(300):
            await self.changes.turn()
            await asyncio.sleep(0.001)
            if not self.changes._tasks and not self.changes._poked.is_set():
                return
            self.changes._poked.clear()
        raise AssertionError("it does not come to rest")

    def items(self) -> list[tuple[list[int], str, str]]:
        """(stamps, plan, front) of what was sent to hops."""
        found = []
        for topic, value in self.sent:
            if topic.startswith("risk.hop.") and not value.startswith(b"{"):
                letter = read_letter(self.catalogue, value)
                found.append((letter.batch.stamps.tolist(), letter.plan, str(letter.channels[0][2])))
        return found

    def audit(self) -> list[dict[str, Any]]:
        return [orjson.loads(value) for topic, value in self.sent if topic == "risk.audit"]

    @property
    def origin(self) -> Any:
        return self.intake.desks["risk.trades", 0].origin


@pytest.fixture
def world(catalogue: Catalogue, plan: Plan) -> World:
    return World(catalogue, plan)


@pytest.fixture
def other(catalogue: Catalogue) -> Plan:
    return plan_of_texts({"rules.yaml": RULES.replace("9000", "8000")}, catalogue)


def go(work: Awaitable[None]) -> None:
    async def main() -> None:
        await asyncio.wait_for(work, 20)

    asyncio.run(main())


def test_a_new_origin_commits_where_and_with_which_plan_it_begins(world: World, transfer: Make, plan: Plan) -> None:
    """Before anything is sent: a successor then begins the same way."""
    world.answer = Answer.NOT_TAKEN

    async def story() -> None:
        await world.begin()
        await world.read(transfer(0))
        assert world.sent == []
        world.answer = Answer.ACCEPTED
        await world.settle()
        assert Committed.read(*world.offsets[TRADES]) == Committed(0, plan=plan.version)
        assert [stamps for stamps, *_ in world.items()] == [[0]]
        assert world.audit()[0]["kind"] == "plan"

    go(story())


def test_a_turn_between_an_assignment_and_its_begin_does_no_harm(world: World, transfer: Make) -> None:
    """Origins are there before all that comes with an assignment is done: those that are new are not lifted yet."""
    new = TP("risk.trades", 1)

    async def story() -> None:
        await world.begin()
        await world.settle()
        world.app.consumer_generation_id = 2
        world.offsets[new] = (5, Committed(5, NOW, "older").metadata())
        await world.intake.assigned({TRADES, new})
        await world.changes.turn()
        origin = world.intake.desks[new].origin
        assert origin is not None
        assert (origin.position, origin.clock) == (5, NOW)
        world.changes.begin()
        await world.settle()
        assert all(desk.origin is not None and desk.origin.generation == 2 for desk in world.intake.desks.values())

    go(story())


def test_an_origin_goes_on_with_clock_and_plan_of_its_last_commit(world: World, transfer: Make) -> None:
    """What its predecessor would have refused is refused, and what is sent again names the plan it had."""
    world.offsets[TRADES] = (5, Committed(5, NOW, "older").metadata())

    async def story() -> None:
        await world.begin()
        await world.read(transfer(5, time=NOW - 10_001), transfer(6))
        assert world.items() == [([6], "older", str(NOW))]
        assert world.intake.metrics.get("risk_stream_rejects_total", "risk.trades", "late") == 1
        assert world.audit() == [
            {"kind": "lift", "origin": "risk.trades/0", "offset": 5, "clock": NOW, "generation": 1},
            {"kind": "plan", "origin": "risk.trades/0", "offset": 5, "plan": "older", "generation": 1},
        ]

    go(story())


def test_what_every_commit_says_is_as_of_its_offset(world: World, transfer: Make, plan: Plan) -> None:
    """Not as of the newest event."""

    async def story() -> None:
        await world.begin()
        await world.read(transfer(0, time=NOW + 1), transfer(1, time=NOW + 2))
        await world.read(transfer(2, time=NOW + 3))
        said = [Committed.read(n, world.intake.committing(TRADES, n) or "") for n in (0, 1, 2, 3)]
        assert [s.clock for s in said if s is not None][1:] == [NOW + 1, NOW + 2, NOW + 3]
        world.intake.committed(TRADES, 2)
        assert Committed.read(3, world.intake.committing(TRADES, 3) or "") == Committed(3, NOW + 3, plan.version)

    go(story())


def test_offsets_of_an_earlier_release_are_gone_on_from(
    world: World, transfer: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """They have no clock: that is said once, and the next events give one."""
    world.offsets[TRADES] = (5, "")

    async def story() -> None:
        await world.begin()
        await world.begin(generation=2)
        await world.read(transfer(5), generation=2)
        assert [stamps for stamps, *_ in world.items()] == [[5]]

    go(story())
    assert len([r for r in caplog.records if "committed without a clock" in r.getMessage()]) == 1


def test_a_group_that_was_deleted_is_not_begun_anew_in_silence(world: World) -> None:
    """Its generations count from one again, and the hops would drop all that it sends."""
    world.intake.heard_generation = lambda: 7
    with pytest.raises(EndedError, match="no offsets any more"):
        go(world.begin(generation=1))
    world.offsets[TRADES] = (0, Committed(0, NOW, "p").metadata())
    go(world.begin(generation=1))


def test_a_commit_of_a_later_version_is_not_gone_on_from(world: World) -> None:
    """Its meaning is not known."""
    world.offsets[TRADES] = (5, '{"v": 9, "clock": 1, "plan": "p"}')
    with pytest.raises(EndedError, match="a later release"):
        go(world.begin())


def test_a_plan_is_named_from_exactly_the_committed_offset(
    world: World, transfer: Make, plan: Plan, other: Plan
) -> None:
    """Records below it name the old plan, those from it on the new one, also those that came in one run."""

    async def story() -> None:
        await world.begin()
        await world.settle()
        await world.read(transfer(0))
        world.stores = False
        world.intake.use(other)
        world.end = 3
        await world.changes.turn()
        await asyncio.sleep(0.01)
        assert world.origin.stop == 3
        await world.intake.admit([[run_of("risk.trades", [transfer(i) for i in range(1, 6)])]])
        await asyncio.sleep(0.05)
        assert [stamps for stamps, *_ in world.items()] == [[0], [1, 2]]
        assert len(world.commits) == 1, "what lies below is not stored yet"
        world.stores = True
        for future in world.futures:
            if not future.done():
                future.set_result(None)
        await world.settle()
        assert [(stamps, version) for stamps, version, _ in world.items()] == [
            ([0], plan.version),
            ([1, 2], plan.version),
            ([3, 4, 5], other.version),
        ]
        assert Committed.read(*world.offsets[TRADES]) == Committed(3, NOW, other.version)
        last = {"kind": "plan", "origin": "risk.trades/0", "offset": 3, "plan": other.version, "generation": 1}
        assert world.audit()[-1] == last
        await asyncio.sleep(0)
        assert [offset for offset, _ in world.done_with] == [0, 5]

    go(story())


def test_a_new_owner_leaves_a_plan_that_it_has_not_heard_of(world: World, plan: Plan, other: Plan) -> None:
    """Until all is heard that was published: then its own is the newest, and what a commit names may give way to it."""
    world.offsets[TRADES] = (0, Committed(0, NOW, other.version).metadata())
    heard = asyncio.Event()

    async def newest() -> None:
        await heard.wait()

    async def story() -> None:
        world.changes.newest = newest
        await world.begin()
        for _ in range(20):
            await world.changes.turn()
            await asyncio.sleep(0.001)
        assert not world.origin.missing, "a change could have been made"
        assert world.commits == []
        world.intake.use(other)
        heard.set()
        await world.settle()
        assert world.commits == []
        assert [said["plan"] for said in world.audit() if said["kind"] == "plan"] == [other.version]

    go(story())


def test_what_is_the_newest_plan_is_asked_again_by_each_new_owner(world: World, plan: Plan, other: Plan) -> None:
    """What an older generation knew says nothing of what another worker has named since."""
    asked: list[asyncio.Event] = []

    async def newest() -> None:
        asked.append(asyncio.Event())
        await asked[-1].wait()

    async def story() -> None:
        world.changes.newest = newest
        await world.begin()
        await asyncio.sleep(0)
        await world.begin(generation=2)
        world.offsets[TRADES] = (0, Committed(0, NOW, other.version).metadata())
        await world.begin(generation=3)
        await asyncio.sleep(0)
        for event in asked[:-1]:
            event.set()
        for _ in range(20):
            await world.changes.turn()
            await asyncio.sleep(0.001)
        assert world.origin.plan == other.version
        asked[-1].set()
        await world.settle()
        assert world.origin.plan == plan.version

    go(story())


def test_a_quiet_origin_is_lifted_under_the_plan_it_has_while_the_newest_is_not_known(
    world: World, transfer: Make, other: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that has to go on does not wait for the log of plans."""
    now = [100.0]
    monkeypatch.setattr("risk_stream.stream.intake.changes.time", SimpleNamespace(monotonic=lambda: now[0]))
    world.offsets[TRADES] = (0, Committed(0, NOW, other.version).metadata())

    async def story() -> None:
        world.changes.newest = asyncio.Event().wait  # type: ignore[assignment]
        await world.begin()
        world.changes.hops = SimpleNamespace(  # type: ignore[assignment]
            fronts=dict, heard=lambda: {"risk.loans/0": NOW + int(now[0]) * 1000, "risk.trades/0": NOW}
        )
        for _ in range(8):
            now[0] += 1
            for _ in range(10):
                await world.changes.turn()
                await asyncio.sleep(0.001)
        said = Committed.read(*world.offsets[TRADES])
        assert said is not None
        assert said.clock >= NOW + 100_000
        assert said.plan == other.version

    go(story())


def test_nothing_is_changed_while_messages_wait_for_room_to_be_sent(
    world: World, transfer: Make, other: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies below a change's offset is admitted, but the producer does not take it yet: no commit passes it."""
    room, send = asyncio.Event(), world.send

    async def waits(topic: str, *args: Any, **more: Any) -> Any:
        if topic.startswith("risk.hop."):
            await room.wait()
        return await send(topic, *args, **more)

    async def story() -> None:
        await world.begin()
        await world.settle()
        await world.read(transfer(0))
        world.intake.use(other)
        world.end = 3
        await world.changes.turn()
        await asyncio.sleep(0.01)
        assert world.origin.stop == 3
        monkeypatch.setattr(world, "send", waits)
        reading = asyncio.create_task(world.intake.admit([[run_of("risk.trades", [transfer(i) for i in range(1, 6)])]]))
        await asyncio.sleep(0.05)
        assert len(world.commits) == 1
        room.set()
        await reading
        await world.settle()
        assert [stamps for stamps, *_ in world.items()] == [[0], [1, 2], [3, 4, 5]]
        assert Committed.read(*world.offsets[TRADES]) == Committed(3, NOW, other.version)

    go(story())


def test_nothing_is_changed_before_every_receiver_has_heard(world: World, transfer: Make, other: Plan) -> None:
    """The log's end is not even asked."""
    world.stores = False

    async def story() -> None:
        await world.begin()
        await world.read(transfer(0))
        world.intake.use(other)
        for _ in range(3):
            await world.changes.turn()
            await asyncio.sleep(0.01)
        assert world.asked == 0
        fronts = [topic for topic, value in world.sent if value.startswith(b'{"fronts"')]
        assert len(fronts) == len(set(fronts)) == len(world.changes.fronts.targets)

    go(story())


@pytest.mark.parametrize("answer", [Answer.REFUSED, Answer.NOT_TAKEN])
def test_a_change_that_was_not_accepted_did_not_happen(
    world: World, transfer: Make, plan: Plan, other: Plan, answer: Answer
) -> None:
    """Reading goes on by the old plan, and nothing is said of it."""

    async def story() -> None:
        await world.begin()
        await world.settle()
        said = len(world.audit())
        world.answer = answer
        world.intake.use(other)
        await world.changes.turn()
        while world.changes._tasks:
            await asyncio.sleep(0.001)
        await world.read(transfer(0))
        assert [version for _, version, _ in world.items()] == [plan.version]
        assert len(world.audit()) == said

    go(story())


def test_an_uncertain_change_is_said_again_and_nothing_is_read_meanwhile(
    world: World, transfer: Make, other: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker has answered with an error: it may have the commit all the same."""
    monkeypatch.setattr("risk_stream.stream.intake.changes.TELL_EVERY", 0.005)

    async def story() -> None:
        await world.begin()
        await world.settle()
        world.answer = Answer.UNCERTAIN
        world.intake.use(other)
        await world.changes.turn()
        await asyncio.sleep(0.05)
        await world.read(transfer(0))
        assert world.items() == []
        assert len(set(world.commits[1:])) == 1
        world.answer = Answer.ACCEPTED
        await world.settle()
        assert [version for _, version, _ in world.items()] == [other.version]

    go(story())


def test_no_answer_ends_the_process(world: World) -> None:
    """In one sentence."""
    with pytest.raises(EndedError, match="did not answer a commit"):
        world.intake.unanswered()


def test_a_quiet_origin_is_lifted_and_its_front_told(
    world: World, transfer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To where the others are, by a commit that a successor begins with."""
    now = [100.0]
    monkeypatch.setattr("risk_stream.stream.intake.changes.time", SimpleNamespace(monotonic=lambda: now[0]))

    async def story() -> None:
        await world.begin()
        await world.read(transfer(0))
        await world.settle()
        world.changes.hops = SimpleNamespace(  # type: ignore[assignment]
            fronts=dict, heard=lambda: {"risk.loans/0": NOW + int(now[0]) * 1000, "risk.trades/0": NOW}
        )
        for _ in range(8):
            now[0] += 1
            await world.settle()
        assert world.origin.clock >= NOW + 102_000
        lift = world.audit()[-1]
        assert (lift["kind"], lift["offset"], lift["clock"]) == ("lift", 1, world.origin.clock)
        assert Committed.read(*world.offsets[TRADES]) == Committed(1, world.origin.clock, world.intake.plan.version)
        told = [orjson.loads(value) for topic, value in world.sent if value.startswith(b'{"fronts"')]
        assert ["risk.trades/0", 1, world.origin.clock] in told[-1]["fronts"]
        await world.read(transfer(1, time=NOW))
        assert len(world.items()) == 1, "late by the lifted clock"

    go(story())


def test_an_end_without_records_below_it_is_reached(
    world: World, transfer: Make, other: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transactional sender's markers take offsets that nobody is given."""
    monkeypatch.setattr("risk_stream.stream.intake.changes.TRAILING", 0.0)

    async def story() -> None:
        await world.begin()
        await world.read(transfer(0))
        await world.settle()
        world.end, world.trailing = 2, True
        world.intake.use(other)
        await world.settle()
        assert Committed.read(*world.offsets[TRADES]) == Committed(2, NOW, other.version)

    go(story())


def test_an_assignment_that_ends_takes_its_changes_with_it(world: World, other: Plan) -> None:
    """The origin begins anew at its last commit, whatever was under way."""
    world.trailing = False

    async def story() -> None:
        await world.begin()
        await world.settle()
        world.end = 9
        world.intake.use(other)
        await world.changes.turn()
        await asyncio.sleep(0.01)
        old = world.origin
        assert old.stop == 9
        world.end = 0
        await world.begin(generation=2)
        await world.settle()
        assert world.origin is not old
        assert Committed.read(*world.offsets[TRADES]) == Committed(0, plan=other.version)

    go(story())


def test_a_broker_that_keeps_no_decisions_is_told_of(
    catalogue: Catalogue, plan: Plan, other: Plan, transfer: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """The embedded one: a change holds at once, and what that means is said once."""
    world = World(catalogue, plan, idempotent=False)

    async def story() -> None:
        await world.begin()
        await world.read(transfer(0))
        world.intake.use(other)
        await world.settle()
        world.intake.use(plan)
        await world.settle()
        world.intake.use(other)
        await world.settle()
        await world.read(transfer(1))
        assert [version for _, version, _ in world.items()] == [plan.version, other.version]
        assert world.commits == []

    go(story())
    assert len([r for r in caplog.records if "run one worker" in r.getMessage()]) == 1
