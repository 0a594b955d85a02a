"""The table of who did what: found by person, act, alert and time, under an entity scope; a chain that is checked."""

from __future__ import annotations

import msgspec
import pytest

from risk_stream.access import EVERYWHERE, Scope
from risk_stream.alerts import Act, Cause, Desk, Silence, read_entry
from risk_stream.console.subjects.audit import AuditTable, Sought, told
from tests.alerts.made import alert


class Log:
    """Entries as a desk writes them."""

    def __init__(self) -> None:
        self.desk, self.records, self.now = Desk(), list[bytes](), 1_000

    def add(self, record: bytes | None) -> None:
        assert record is not None
        self.records.append(record)

    def hear(self, event: str, entity: str = "SEC-SH") -> str:
        self.now += 1_000
        one = msgspec.structs.replace(alert("r", event), entity=entity)
        self.add(self.desk.hear(one, Cause("alerts", 0, len(self.records)), self.now))
        return one.id

    def act(self, kind: str, by: str, **more: object) -> None:
        self.now += 1_000
        act = Act(id=f"a{len(self.records)}", act=kind, by=by, at=self.now, **more)  # type: ignore[arg-type]
        self.add(self.desk.act(act, Cause("actions", 0, len(self.records)), self.now))

    def table(self, most: int = 1_000) -> AuditTable:
        made = AuditTable(most)
        for offset, record in enumerate(self.records):
            made.take(read_entry(record), offset, record)
        return made


@pytest.fixture
def log() -> Log:
    made = Log()
    first, second = made.hear("1"), made.hear("2", "SEC-SZ")
    made.act("acknowledge", "wang", alerts=[first])
    made.act("close", "wang", alerts=[first], disposition="confirmed")
    made.act("close", "li", alerts=[first], disposition="known")  # refused: it is closed
    made.act("acknowledge", "li", alerts=[second])
    made.act("reveal", "wang", subject="customer/C1", entities=["SEC-SH"])
    made.act("silence", "li", silence=Silence(id="", by="", reason="x", begins=0, ends=900_000, entities=["SEC-SZ"]))
    return made


def offsets(table: AuditTable, scope: Scope = EVERYWHERE, **sought: object) -> list[int]:
    return table.find(Sought(**sought), scope, 100)[0]  # type: ignore[arg-type]


def test_entries_are_found_by_who_what_when_and_whether_they_were_refused(log: Log) -> None:
    """The newest first."""
    table = log.table()
    assert offsets(table) == [7, 6, 5, 4, 3, 2, 1, 0]
    assert offsets(table, people=frozenset({"wang"})) == [6, 3, 2]
    assert offsets(table, acts=frozenset({"close", "reveal"})) == [6, 4, 3]
    assert offsets(table, acts=frozenset({"alert"})) == [1, 0]
    assert offsets(table, refused=True) == [4]
    assert offsets(table, by_people=True) == [7, 6, 5, 4, 3, 2]
    times = [read_entry(record).time for record in log.records]
    assert offsets(table, start=times[2], end=times[4]) == [3, 2]
    assert offsets(table, people=frozenset({"nobody"})) == []
    assert table.find(Sought(), EVERYWHERE, 2, 3) == ([4, 3], 8)
    assert table.find(Sought(by_people=True), EVERYWHERE, 9, among=[0, 2, 3]) == ([3, 2], 2)
    assert table.find(Sought(), EVERYWHERE, 9, among=[2], subject="customer/C1") == ([6, 2], 2)
    assert table.find(Sought(), EVERYWHERE, 9, among=[], subject="customer/C2") == ([], 0)
    assert table.people == ("li", "wang")


def test_who_sees_some_entities_finds_what_is_of_these(log: Log) -> None:
    """And of an entry their own alerts only; the refused act is of no alert that can be seen."""
    table = log.table()
    assert offsets(table, Scope(frozenset({"SEC-SZ"}))) == [7, 5, 1]
    assert offsets(table, Scope(frozenset({"SEC-SH"}))) == [6, 3, 2, 0]
    assert offsets(table, Scope(frozenset())) == []


def test_an_entry_is_told_without_others_alerts() -> None:
    """An act on alerts of two entities shows each person their own."""
    log = Log()
    ids = [log.hear("1"), log.hear("2", "SEC-SZ")]
    log.act("acknowledge", "wang", alerts=[*ids, "none"], comment="mine")
    entry = read_entry(log.records[-1])
    all_of_it = told(entry, EVERYWHERE)
    assert [life["id"] for life in all_of_it["alerts"]] == ids  # type: ignore[attr-defined]
    assert [ruling["alert"] for ruling in all_of_it["rulings"]] == ["none"]  # type: ignore[attr-defined]
    part = told(entry, Scope(frozenset({"SEC-SZ"})))
    assert [life["id"] for life in part["alerts"]] == ids[1:]  # type: ignore[attr-defined]
    assert (part["rulings"], part["act"], part["by"], part["comment"]) == ([], "acknowledge", "wang", "mine")


def test_a_silence_is_told_without_keys_that_are_personal(log: Log) -> None:
    """As they may be shown."""
    silence = Silence(
        id="", by="", reason="x", begins=0, ends=900_000, keys={"device": "11010119900307", "account": "A1"}
    )
    log.act("silence", "li", silence=silence)
    said = told(read_entry(log.records[-1]), EVERYWHERE, lambda kind, key: "***" if kind == "device" else key)
    assert said["silence"].keys == {"device": "***", "account": "A1"}  # type: ignore[attr-defined]


def test_a_log_that_was_changed_is_noticed_as_it_is_read(log: Log) -> None:
    """Changed, left out, and moved."""
    assert log.table().broken is None
    assert log.table().last[0] == 8
    log.records[3] = log.records[3].replace(b"confirmed", b"known")
    assert log.table().broken == "entry 4 is not as it was when entry 5 was written"
    del log.records[3]
    assert log.table().broken == "entry 5 follows entry 3: entries were left out, put in, or moved"


def test_the_table_is_bounded_and_says_what_it_let_go(log: Log) -> None:
    """The oldest quarter goes."""
    table = log.table(most=6)
    assert (len(table), table.forgotten) == (6, 2)
    assert table.find(Sought(), EVERYWHERE, 9, among=[], subject="customer/C1") == ([6], 1)
    assert offsets(table)[0] == 7
