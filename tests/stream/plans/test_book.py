"""A plan that a message names can be had: from memory, else made again from its content, the same to the last hash."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import orjson
import pytest

from risk_stream.calendars import load_calendars
from risk_stream.catalogue import Catalogue, load_catalogue
from risk_stream.rules import Plan, load_plan, plan_of_texts
from risk_stream.stream.plans import PlanBook, UnknownPlanError, event_texts, read_manifest, text_of, unpack_plan
from risk_stream.stream.plans.book import KEPT
from risk_stream.stream.plans.parts import is_part, pack_plan, part_key
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
        self.put_order: list[str] = []

    async def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        wanted = list(keys)
        self.read += wanted
        await asyncio.sleep(0)
        return {key: self.contents[key] for key in wanted if key in self.contents}

    async def put(self, records: Mapping[str, bytes]) -> None:
        self.put_order += records
        self.contents |= records

    def has(self, key: str) -> bool:
        return key in self.contents


def again(records: Mapping[str, bytes], version: str, catalogue: Catalogue) -> Plan:
    """A plan made again from its records."""
    texts = {key: text_of(key, value) for key, value in records.items() if is_part(key)}
    return unpack_plan(read_manifest(records[version]), texts, catalogue)


def variant(catalogue: Catalogue, n: int) -> Plan:
    return plan_of_texts({"rules.yaml": RULES.replace("9000", str(8000 + n))}, catalogue)


def test_a_plan_is_made_again_from_its_content(plan: Plan, catalogue: Catalogue) -> None:
    """Same version, same rules, over the worker's own catalogue."""
    made = again(pack_plan(plan, {}), plan.version, catalogue)
    assert (made.version, [r.id for r in made.rules]) == (plan.version, [r.id for r in plan.rules])
    assert made.catalogue is catalogue


def test_the_shipped_rules_are_made_again(catalogue: Catalogue) -> None:
    """Every pack, and it fits a message many times over."""
    plan = load_plan([Path(__file__).parents[3] / "rules"], catalogue)
    records = pack_plan(plan, {})
    assert again(records, plan.version, catalogue).version == plan.version
    assert sum(map(len, records.values())) < 100_000


def test_a_plan_over_other_event_types_brings_them(tmp_path: Path, catalogue: Catalogue) -> None:
    """A worker that was started before the house added a type can still have it."""
    (tmp_path / "cards.yaml").write_text(EVENTS)
    wider = load_catalogue(tmp_path)
    rules = RULES.replace("features:\n", "features:\n  lent: {count: card_lent, by: account, window: 1d}\n")
    plan = plan_of_texts({"rules.yaml": rules.replace("count_10m == 3", "count_10m == 3 and lent >= 1")}, wider)
    made = again(pack_plan(plan, event_texts([tmp_path])), plan.version, catalogue)
    assert (made.version, made.catalogue.version) == (plan.version, wider.version)


def test_a_plan_brings_the_calendars_it_goes_by(catalogue: Catalogue) -> None:
    """A worker whose folder of calendars has none, or another one of this name, can have it all the same."""
    house = "name: house\ntimezone: Europe/Berlin\nfrom: 2026\nuntil: 2026\nholidays: [2026-05-05]\n"
    rules = RULES.replace("window: 10m", "window: business_day, calendar: house")
    assert rules != RULES
    plan = plan_of_texts({"rules.yaml": rules}, catalogue, calendars=load_calendars(texts={"c.yaml": house}))
    made = again(pack_plan(plan, {}), plan.version, catalogue)
    assert (made.version, made.calendars) == (plan.version, plan.calendars)


def of_another_release(plan: Plan, tmp_path: Path) -> tuple[dict[str, bytes], str]:
    """The records of a plan, and its version, as a release wrote them that had one type more of its own."""
    (tmp_path / "cards.yaml").write_text(EVENTS)
    wider = plan_of_texts(plan.texts, load_catalogue(tmp_path))
    assert wider.version != plan.version
    return pack_plan(wider, {}), wider.version


def test_a_plan_of_a_release_with_other_types_of_its_own_goes_on_by_its_name(
    plan: Plan, catalogue: Catalogue, tmp_path: Path
) -> None:
    """Its rules mean the same: what was saved and sent under its version is gone on with."""
    records, version = of_another_release(plan, tmp_path)
    made = again(records, version, catalogue)
    assert made.version == version
    assert made.catalogue is catalogue
    assert [rule.version for rule in made.rules] == [rule.version for rule in plan.rules]
    assert plan.version_over(catalogue.version) == plan.version == plan.named("x").named(plan.version).version


def test_a_plan_of_a_release_whose_numbers_mean_something_else_is_refused(
    plan: Plan, catalogue: Catalogue, tmp_path: Path
) -> None:
    """Windows would hold cents where this one has hundredths of them."""
    records, version = of_another_release(plan, tmp_path)
    said = orjson.loads(zlib.decompress(records[version]))
    assert said["fields"]["amount"] == ["money", 2, None]
    said["fields"]["amount"] = ["money", 4, None]
    records[version] = zlib.compress(orjson.dumps(said))
    with pytest.raises(UnknownPlanError, match=r"reads the field amount as .'money', 4, None., and this release has"):
        again(records, version, catalogue)


def whole(plan: Plan) -> dict[str, object]:
    """What a record of format 1 said of a plan."""
    of = {"version": plan.version, "catalogue": plan.catalogue.version, "rules": plan.texts, "events": {}}
    return {"v": 1, **of, "calendars": {}}


def test_a_record_that_holds_a_whole_plan_is_read(plan: Plan, catalogue: Catalogue) -> None:
    """Earlier releases wrote such."""
    store = Store()
    store.contents[plan.version] = zlib.compress(orjson.dumps(whole(plan)))
    book = PlanBook(variant(catalogue, 1), {}, store)
    assert asyncio.run(book.fetch(plan.version)).version == plan.version
    assert store.read == [plan.version]


def test_what_is_no_plan_is_refused_in_a_sentence(plan: Plan, catalogue: Catalogue) -> None:
    """Strange bytes, a later format, rules that this release does not take, another version than was said."""
    for change, sentence in (
        ({"v": 3}, "is in format 3, which a later release wrote"),
        ({"rules": {"a.yaml": "stage: ["}}, "cannot be made again"),
        ({"version": "f00d"}, "another meaning by this release"),
    ):
        content = zlib.compress(orjson.dumps(whole(plan) | change))
        with pytest.raises(UnknownPlanError, match=sentence):
            unpack_plan(read_manifest(content), {}, catalogue)
    with pytest.raises(UnknownPlanError, match="no plan"):
        read_manifest(b"oops")


def test_a_part_that_is_missing_is_named(plan: Plan, catalogue: Catalogue) -> None:
    """With what to do; nothing is made of the rest."""
    store = Store()
    store.contents = pack_plan(plan, {})
    [part] = [key for key in store.contents if is_part(key)]
    del store.contents[part]
    with pytest.raises(UnknownPlanError, match=rf"not whole.*rules.yaml is missing .{part}.: publish it again"):
        asyncio.run(PlanBook(variant(catalogue, 1), {}, store).fetch(plan.version))


def test_a_part_that_is_another_text_is_refused(plan: Plan, catalogue: Catalogue) -> None:
    """Or no text at all."""
    store = Store()
    store.contents = pack_plan(plan, {})
    [part] = [key for key in store.contents if is_part(key)]
    for strange in (zlib.compress(b"stage: trading"), b"oops"):
        store.contents[part] = strange
        with pytest.raises(UnknownPlanError, match="no part of a plan"):
            asyncio.run(PlanBook(variant(catalogue, 1), {}, store).fetch(plan.version))


def test_parts_are_stored_before_the_manifest_that_names_them(catalogue: Catalogue) -> None:
    """Whoever reads a plan's name finds all of it, whenever the writer died."""
    store, plan = Store(), of_files(catalogue, 3)
    asyncio.run(PlanBook(plan, {}, store).keep(plan))
    assert store.put_order[-1] == plan.version
    assert {part_key(text) for text in plan.texts.values()} == set(store.put_order[:-1])


def test_of_a_plan_with_one_file_changed_two_records_are_written_and_two_are_read(catalogue: Catalogue) -> None:
    """However many files there are; and a worker that starts anew reads them all."""
    store, first, second = Store(), of_files(catalogue, 20), of_files(catalogue, 20, changed=7)
    changed = part_key(second.texts["f7.yaml"])
    writer, reader = PlanBook(first, {}, store), PlanBook(variant(catalogue, 1), {}, store)
    asyncio.run(writer.keep(first))
    asyncio.run(reader.fetch(first.version))
    store.put_order, store.read = [], []
    asyncio.run(writer.keep(second))
    assert store.put_order == [changed, second.version]
    assert asyncio.run(reader.fetch(second.version)).version == second.version
    assert store.read == [second.version, changed]
    begun = PlanBook(variant(catalogue, 1), {}, store)
    assert asyncio.run(begun.fetch(second.version)).texts == second.texts


def of_files(catalogue: Catalogue, n: int, changed: int = -1) -> Plan:
    """A plan of many files, one of them maybe changed."""
    texts = {
        f"f{i}.yaml": RULES.replace("third", f"third-{i}")
        .replace("large", f"large-{i}")
        .replace("9000", "8000" if i == changed else "9000")
        for i in range(n)
    }
    return plan_of_texts(texts, catalogue)


def test_a_file_that_no_message_can_hold_is_refused(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name."""
    monkeypatch.setattr("risk_stream.stream.plans.parts.MAX_MESSAGE_BYTES", 100)
    with pytest.raises(UnknownPlanError, match=r"the file rules.yaml has .* bytes when compressed.*split it"):
        pack_plan(plan, {})


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
    store.contents = pack_plan(plan, {})
    book = PlanBook(variant(catalogue, 1), {}, store)

    async def ask() -> None:
        await asyncio.gather(*(book.fetch(plan.version) for _ in range(5)))

    asyncio.run(ask())
    assert store.read == [plan.version, *(key for key in store.contents if is_part(key))]


def test_a_plan_can_be_had_in_the_middle_of_work(plan: Plan, catalogue: Catalogue) -> None:
    """Of a message that came before the plan it names was read ahead."""
    store = Store()
    store.contents = pack_plan(plan, {})
    book = PlanBook(variant(catalogue, 1), {}, store)

    async def work() -> None:
        assert book.must(plan.version).version == plan.version
        assert book.plan(plan.version) is not None
        with pytest.raises(UnknownPlanError):
            book.must("f00d")

    asyncio.run(work())
    assert store.read == [plan.version, *(key for key in store.contents if is_part(key)), "f00d"]


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
