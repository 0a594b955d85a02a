"""A plan that a message names can be had: from memory, else made again from its content, the same to the last hash."""

from __future__ import annotations

import asyncio
import zlib
from pathlib import Path

import orjson
import pytest

from risk_stream.calendars import load_calendars
from risk_stream.catalogue import Catalogue, load_catalogue
from risk_stream.rules import Plan, load_plan, plan_of_texts
from risk_stream.stream.planbook import KEPT, PlanBook, UnknownPlanError, event_texts, pack_plan, unpack_plan
from tests.stream.conftest import RULES

EVENTS = """
types:
  - type: card_lent
    meaning: A customer lent a card.
    topic: trades
    fields:
      - {name: account, type: string, key: account, required: true, meaning: The account.}
"""


class Store:
    """A log of plans in memory."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.read: list[str] = []

    async def get(self, version: str) -> bytes | None:
        self.read.append(version)
        await asyncio.sleep(0)
        return self.contents.get(version)

    async def put(self, version: str, content: bytes) -> None:
        self.contents[version] = content

    def has(self, version: str) -> bool:
        return version in self.contents


def variant(catalogue: Catalogue, n: int) -> Plan:
    return plan_of_texts({"rules.yaml": RULES.replace("9000", str(8000 + n))}, catalogue)


def test_a_plan_is_made_again_from_its_content(plan: Plan, catalogue: Catalogue) -> None:
    """Same version, same rules, over the worker's own catalogue."""
    again = unpack_plan(pack_plan(plan, {}), catalogue)
    assert (again.version, [r.id for r in again.rules]) == (plan.version, [r.id for r in plan.rules])
    assert again.catalogue is catalogue


def test_the_shipped_rules_are_made_again(catalogue: Catalogue) -> None:
    """Every pack, and it fits a message many times over."""
    plan = load_plan([Path(__file__).parents[2] / "rules"], catalogue)
    content = pack_plan(plan, {})
    assert unpack_plan(content, catalogue).version == plan.version
    assert len(content) < 100_000


def test_a_plan_over_other_event_types_brings_them(tmp_path: Path, catalogue: Catalogue) -> None:
    """A worker that was started before the house added a type can still have it."""
    (tmp_path / "cards.yaml").write_text(EVENTS)
    wider = load_catalogue(tmp_path)
    rules = RULES.replace("features:\n", "features:\n  lent: {count: card_lent, by: account, window: 1d}\n")
    plan = plan_of_texts({"rules.yaml": rules.replace("count_10m == 3", "count_10m == 3 and lent >= 1")}, wider)
    again = unpack_plan(pack_plan(plan, event_texts([tmp_path])), catalogue)
    assert (again.version, again.catalogue.version) == (plan.version, wider.version)


def test_a_plan_brings_the_calendars_it_goes_by(catalogue: Catalogue) -> None:
    """A worker whose folder of calendars has none, or another one of this name, can have it all the same."""
    house = "name: house\ntimezone: Europe/Berlin\nfrom: 2026\nuntil: 2026\nholidays: [2026-05-05]\n"
    rules = RULES.replace("window: 10m", "window: business_day, calendar: house")
    assert rules != RULES
    plan = plan_of_texts({"rules.yaml": rules}, catalogue, calendars=load_calendars(texts={"c.yaml": house}))
    again = unpack_plan(pack_plan(plan, {}), catalogue)
    assert (again.version, again.calendars) == (plan.version, plan.calendars)


def test_what_is_no_plan_is_refused_in_a_sentence(plan: Plan, catalogue: Catalogue) -> None:
    """Strange bytes, a later format, rules that this release does not take, another version than was said."""
    said = orjson.loads(zlib.decompress(pack_plan(plan, {})))
    for change, sentence in (
        ({"v": 2}, "later version"),
        ({"rules": {"a.yaml": "stage: ["}}, "cannot be made again"),
        ({"version": "f00d"}, "another by this release"),
    ):
        with pytest.raises(UnknownPlanError, match=sentence):
            unpack_plan(zlib.compress(orjson.dumps(said | change)), catalogue)
    with pytest.raises(UnknownPlanError, match="no plan"):
        unpack_plan(b"oops", catalogue)


def test_a_plan_is_stored_once_and_before_it_is_had(plan: Plan, catalogue: Catalogue) -> None:
    """Whoever reads its name finds it."""
    store = Store()
    book = PlanBook(plan, {}, store)
    asyncio.run(book.keep(plan))
    first = store.contents[plan.version]
    asyncio.run(book.keep(plan))
    assert store.contents[plan.version] is first
    other = PlanBook(variant(catalogue, 1), {}, store)
    assert other.plan(plan.version) is None
    assert asyncio.run(other.fetch(plan.version)).version == plan.version
    assert other.plan(plan.version) is not None


def test_a_plan_is_read_once_however_many_ask(plan: Plan, catalogue: Catalogue) -> None:
    """Every hop partition asks at the same time."""
    store = Store()
    store.contents[plan.version] = pack_plan(plan, {})
    book = PlanBook(variant(catalogue, 1), {}, store)

    async def ask() -> None:
        await asyncio.gather(*(book.fetch(plan.version) for _ in range(5)))

    asyncio.run(ask())
    assert store.read == [plan.version]


def test_a_plan_can_be_had_in_the_middle_of_work(plan: Plan, catalogue: Catalogue) -> None:
    """Of a message that came before the plan it names was read ahead."""
    store = Store()
    store.contents[plan.version] = pack_plan(plan, {})
    book = PlanBook(variant(catalogue, 1), {}, store)

    async def work() -> None:
        assert book.must(plan.version).version == plan.version
        assert book.plan(plan.version) is not None
        with pytest.raises(UnknownPlanError):
            book.must("f00d")

    asyncio.run(work())
    assert store.read == [plan.version, "f00d"]


def test_plans_that_nobody_uses_leave_memory_and_come_back(plan: Plan, catalogue: Catalogue) -> None:
    """A house may change its rules every minute."""
    store = Store()
    book = PlanBook(plan, {}, store)
    asyncio.run(book.keep(plan))
    for n in range(KEPT):
        book.add(variant(catalogue, n))
    assert book.plan(plan.version) is None
    assert asyncio.run(book.fetch(plan.version)).version == plan.version


def test_a_plan_that_is_nowhere_is_said(plan: Plan) -> None:
    """In one sentence; a worker without a log has only its own."""
    with pytest.raises(UnknownPlanError, match="there is no plan f00d"):
        asyncio.run(PlanBook(plan, {}, Store()).fetch("f00d"))
    with pytest.raises(UnknownPlanError, match="there is no plan f00d"):
        asyncio.run(PlanBook(plan).fetch("f00d"))
