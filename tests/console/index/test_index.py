"""Whatever an index is told, in whatever order, it answers what a plain list of the same would."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.access import EVERYWHERE, NOWHERE, Masking, Scope
from risk_stream.alerts import SEVERITIES, Life
from risk_stream.catalogue import load_catalogue
from risk_stream.console.index import ONE_OF, SORTS, Index, Query, QueryError
from risk_stream.console.index import texts as texts_module
from risk_stream.console.index import window as window_module
from tests.alerts.made import alert
from tests.console.index.oracle import Oracle

MASKING = Masking(load_catalogue())
SH, SZ = Scope(frozenset({"SEC-SH"})), Scope(frozenset({"SEC-SZ", "LEND"}))
SCOPES = (EVERYWHERE, NOWHERE, SH, SZ)

RULES, ENTITIES = ("transfer-burst", "wash-pair", "structuring"), ("SEC-SH", "SEC-SZ", "LEND", "")
CUSTOMERS, ACCOUNTS = ("C1", "C2", "C11"), ("A1", "A2")
WORDS = ("pays", "PAYS", "c1", "1", "客户", "burst", "-", "nothing", "ays away", "wash c2", "")
TIMES = st.integers(0, 6).map(lambda hour: hour * 1_000_000)

alerts = st.builds(
    lambda rule, event, revision, status, more: alert(rule, event, revision=revision, status=status, **more),
    st.sampled_from(RULES),
    st.sampled_from("1234"),
    st.integers(0, 4),
    st.sampled_from(("raised", "changed", "withdrawn")),
    st.fixed_dictionaries(
        {
            "severity": st.sampled_from(SEVERITIES),
            "summary": st.sampled_from(("C1 pays away", "客户 C2 划转", "Pays {} for I2\x00", "x" * 700, "")),
            "keys": st.dictionaries(st.sampled_from(("customer", "account")), st.sampled_from(CUSTOMERS + ACCOUNTS)),
            "mode": st.sampled_from(("live", "live", "live", "shadow")),
        }
    ),
)


@st.composite
def lives(draw: st.DrawFn) -> Life:
    said = draw(alerts)
    again = draw(st.sampled_from(("", "", "-2", "-3")))
    standing: Any = draw(st.sampled_from(("open", "acknowledged", "closed")))
    return Life(
        id=said.id + again,
        alert=said.id,
        case=draw(st.sampled_from(("c1", "c2"))),
        rule=said.rule,
        stage=draw(st.sampled_from(("trading", "pre_loan"))),
        severity=said.severity,
        owner="desk",
        entity=draw(st.sampled_from(ENTITIES)),
        time=draw(TIMES),
        summary=said.summary,
        keys={"customer": CUSTOMERS[int(said.id[0], 16) % 3]},  # a life keeps those it began with
        version=draw(st.integers(1, 4)),
        since=draw(TIMES),
        changed=draw(TIMES),
        standing=standing,
        assignee=draw(st.sampled_from(("", "wang", "li"))),
        level=draw(st.integers(0, 2)),
        asleep_until=draw(st.none() | TIMES),
        disposition=draw(st.sampled_from(("confirmed", "known"))) if standing == "closed" else None,
        closed=draw(TIMES) if standing == "closed" else None,
    )


queries = st.builds(
    Query,
    one_of=st.fixed_dictionaries(
        {},
        optional={
            "standing": st.sets(st.sampled_from(("open", "acknowledged", "closed", "none"))),
            "severity": st.sets(st.sampled_from(SEVERITIES)),
            "rule": st.sets(st.sampled_from(RULES)),
            "assignee": st.sets(st.sampled_from(("", "wang", "zhao"))),
            "entity": st.sets(st.sampled_from(ENTITIES)),
        },
    ),
    keys=st.dictionaries(st.sampled_from(("customer", "account", "loan")), st.sampled_from(CUSTOMERS), max_size=1),
    begins=st.none() | TIMES,
    ends=st.none() | TIMES,
    awake_at=st.none() | TIMES,
    asleep_at=st.none() | TIMES,
    words=st.sampled_from(WORDS),
)


def said(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in row if name not in {"revision", "summary"}}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few rows that every way of finding some is taken."""
    monkeypatch.setattr(texts_module, "SEGMENT", 4)
    monkeypatch.setattr(window_module, "FEW", 3)
    monkeypatch.setattr("risk_stream.console.index.asking.FEW", 3)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(alerts | lives(), max_size=60),
    st.lists(st.tuples(queries, st.sampled_from(SCOPES)), min_size=1, max_size=4),
    st.sampled_from(SORTS).flatmap(lambda sort: st.sampled_from((sort, f"-{sort}"))),
    st.tuples(st.integers(0, 30), st.integers(1, 20)),
    st.sampled_from((5, 12, 200)),
)
def test_it_answers_what_a_plain_list_would(
    heard: list[Any], asked: list[tuple[Query, Scope]], sort: str, page: tuple[int, int], most: int
) -> None:
    """Filters, words, orders, pages, scopes and counts; when there are too many the same rows go."""
    index, oracle = Index(MASKING, most=most), Oracle(most)
    for number, one in enumerate(heard):
        if isinstance(one, Life):
            index.life(one)
            oracle.life(one)
        else:
            index.alert(one, (0, number), number * 500_000)
            oracle.alert(one, (0, number), number * 500_000)
    assert len(index) == len(oracle.rows)
    for id, row in oracle.rows.items():
        found = index.one(id)
        assert found is not None
        assert said(found) == said(row)
        assert found["summary"] == row["summary"].replace("\0", " ")[:599] + ("…" if len(row["summary"]) > 600 else "")
    for query, scope in asked:
        got = index.find(query, scope, sort, *page)
        assert ([row["id"] for row in got.rows], got.total) == oracle.find(query, scope, sort, *page)
        for by in (("severity",), ("stage", "entity"), ("rule", "disposition", "standing")):
            assert index.counts(by, query, scope) == oracle.counts(by, query, scope)
        assert index.newest(query, scope) == max((row["since"] for row in oracle.matching(query, scope)), default=None)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(alerts | lives(), min_size=15, max_size=40),
    st.integers(0, 4),
    st.sampled_from(SCOPES),
    st.sampled_from((6, 200)),
)
def test_who_follows_the_changes_has_what_is_there(heard: list[Any], often: int, scope: Scope, most: int) -> None:
    """Rows that changed are put in their places, those that went are taken out: then the whole is the same.

    But for the oldest, which went because there were too many: nobody is told of that, nor of what became of them.
    """
    index, seen, version = Index(MASKING, most=most), dict[str, Any](), 0
    dropped = set[str]()
    for number, one in enumerate(heard):
        before = index.dropped
        if isinstance(one, Life):
            index.life(one)
        else:
            index.alert(one)
        if index.dropped > before:
            dropped |= {id for id in seen if index.one(id) is None}
        if number % (often + 1) == 0 or number == len(heard) - 1:
            changes = index.changed_since(version, scope)
            assert not changes.more
            version = changes.version
            seen |= {row["id"]: row for row in changes.rows}
            for id in changes.gone:
                seen.pop(id, None)
    there = {row["id"]: row for row in index.find(Query(), scope, limit=100).rows}
    assert {id: row for id, row in seen.items() if id in there or id not in dropped} == there
    assert index.changed_since(version, scope).rows == []


@settings(max_examples=60, deadline=None)
@given(st.lists(alerts | lives(), max_size=30).flatmap(lambda said: st.tuples(st.just(said), st.permutations(said))))
def test_the_order_of_arrival_does_not_matter(orders: tuple[list[Any], list[Any]]) -> None:
    """Of what is said once; the highest revision and the highest version stand, whichever came first."""
    shown = []
    said_of = {_name(one): one for one in sorted(orders[0], key=repr)}  # one thing is said of each revision and version
    for heard in orders:
        index = Index(MASKING)
        for one in heard:
            if isinstance(one, Life):
                index.life(said_of[_name(one)])
            else:
                index.alert(said_of[_name(one)], at=0)
        shown.append([said(row) for row in index.find(sort="id", limit=100).rows])
    assert shown[0] == shown[1]


def _name(one: Any) -> tuple[Any, ...]:
    return ("life", one.id, one.version) if isinstance(one, Life) else ("alert", one.id, one.revision)


def test_what_is_personal_is_neither_shown_nor_found() -> None:
    """Not in the sentence, nor among keys; who searches for it finds nothing."""
    index = Index(MASKING)
    number = "310101199001011234"
    said = alert("r", "1", keys={"customer": "C1", "id_number": number}, summary=f"C1 applied as {number}")
    index.alert(said)
    (row,) = index.find().rows
    assert number not in str(row)
    assert row["keys"] == {"customer": "C1"}
    assert index.find(Query(words=number)).total == 0
    assert index.find(Query(words="applied")).total == 1


def test_a_life_whose_alert_was_not_heard_says_no_sentence() -> None:
    """What of it may be personal cannot be told without the alert."""
    index = Index(MASKING)
    index.life(_life("a1", summary="a secret", keys={"customer": "C1"}))
    row = index.one("a1")
    assert row is not None
    assert (row["summary"], row["keys"]) == ("", {"customer": "C1"})


def _life(id: str, **more: Any) -> Life:
    given = {"case": "c1", "rule": "r", "stage": "s", "severity": "high", "owner": "", "entity": "SEC-SH", "time": 1}
    return Life(id=id, alert=id.partition("-")[0], **{"summary": "", **given, **more})


def closed(id: str, at: int, **more: Any) -> Life:
    return _life(id, standing="closed", disposition="known", closed=at, **more)


def test_alike_are_closed_ones_of_the_rule_or_a_key() -> None:
    """The last closed first, each with what is the same; of one's own entities."""
    index = Index(MASKING)
    index.life(_life("a", keys={"customer": "C1"}))
    index.life(closed("b", 5, keys={"customer": "C2"}))
    index.life(closed("c", 7, rule="other", keys={"customer": "C1"}))
    index.life(closed("d", 9, rule="other", keys={"customer": "C2"}))
    index.life(closed("e", 9, entity="SEC-SZ"))
    index.life(_life("f"))
    assert [(row["id"], row["same"]) for row in index.similar("a", SH)] == [("c", ["customer"]), ("b", ["rule"])]
    assert [row["id"] for row in index.similar("a")] == ["e", "c", "b"]
    assert index.similar("a", SZ) == []
    assert index.similar("none") == []


def test_hours_are_counted_by_severity() -> None:
    index = Index(MASKING)
    hour = 3_600_000
    for number, since in enumerate((0, hour - 1, 3 * hour, 3 * hour, 4 * hour)):
        index.life(_life(f"a{number}", since=since, severity="high" if number % 2 else "low"))
    assert index.per_hour(3 * hour + 5, 4) == [
        (0, {"low": 1, "high": 1}),
        (hour, {}),
        (2 * hour, {}),
        (3 * hour, {"low": 1, "high": 1}),
    ]
    assert index.per_hour(hour, 1, scope=SZ) == [(hour, {})]


def test_how_alerts_of_a_rule_ended_is_counted() -> None:
    index = Index(MASKING)
    for number, ended in enumerate(("known", "confirmed", "known")):
        index.life(_life(f"a{number}", standing="closed", disposition=ended, closed=1, rule=f"r{number // 2}"))
    index.life(_life("open"))
    assert index.dispositions() == {"r0": {"known": 1, "confirmed": 1}, "r1": {"known": 1}}
    assert index.dispositions("r1") == {"r1": {"known": 1}}
    assert index.dispositions("r1", SZ) == {}


def test_where_the_whole_stands_is_known() -> None:
    """Of an alert that was raised again too; its rows share the alert's record."""
    index = Index(MASKING)
    said = alert("r", "1")
    index.life(_life(said.id), 7)
    assert (index.place(said.id), index.entry(said.id)) == (None, 7)
    index.alert(said, (2, 40))
    index.life(_life(f"{said.id}-2"), 9)
    assert index.place(said.id) == index.place(f"{said.id}-2") == (2, 40)
    assert (index.entry(f"{said.id}-2"), index.entry("none"), index.place("none")) == (9, None, None)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (lambda: Index(MASKING).find(sort="__class__"), "there is no order '__class__'"),
        (lambda: Query(one_of={"password": ["x"]}), "there is no column 'password'"),
        (lambda: Query(words="a b c d e f"), "5 words of 200 characters"),
        (lambda: Query(words="x" * 201), "5 words of 200 characters"),
    ],
)
def test_what_cannot_be_asked_is_said(asked: Any, said: str) -> None:
    with pytest.raises(QueryError, match=said):
        asked()


def test_the_memory_of_names_and_texts_is_bounded() -> None:
    """Rows that come and go leave nothing behind: names, sentences and kinds of key."""
    index = Index(MASKING, most=50)
    for number in range(6_000):
        index.life(_life(f"a{number}", case=f"c{number}", since=number, keys={f"kind{number % 40}": f"K{number}"}))
    assert len(index) <= 50
    rows = index._rows
    assert len(rows.coded["case"].names) < 2_000
    assert len(rows.kinds) == 32
    assert rows.room == 1_024
    kept = [rows.texts._open, *rows.texts._segments]
    assert sum(segment.entries for segment in kept) <= 2 * 50 + texts_module.SEGMENT
    assert index.dropped == 6_000 - len(index)
    assert set(ONE_OF) >= {"standing", "case"}
