"""Changed tables and scorecards over a past: the mix of decisions, who goes from what to what, and what was right."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from html import escape
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.catalogue import Decoder
from risk_stream.engine import Alert, Decided, Engine, final
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.workbench.backtest import Outcome, Outcomes, Report, TableReport, backtest, edits, tune
from risk_stream.workbench.backtest.page import as_page
from risk_stream.workbench.backtest.words import as_markdown, as_text
from risk_stream.workbench.markup import plain
from tests.workbench.backtest import CATALOGUE, LATENESS, START, chunks, judge, plan_of

MINUTE = 60_000
CARD = """\
scorecard: small
owner: desk
pdo: 20
base_score: 600
base_odds: 50
intercept: -3.2
characteristics:
  amount:
    beta: -1.0
    bins: [{below: 1000, woe: 0.5}, {from: 1000, woe: -0.5}]
    words: Much is asked for
  term_months:
    beta: -1.0
    bins: [{below: 13, woe: 0.2}, {from: 13, woe: -0.4}]
    words: The loan would run for long
"""
TABLE = """\
table: loans
owner: desk
on: application
features:
  asked_1h: {count: application, by: customer, window: 1h}
  points: scorecard("small")
score: points
rows:
  - {when: asked_1h >= 3, verdict: decline, reason: "{customer} asked {asked_1h} times"}
  - {when: points < 590, verdict: refer, reason: "{points} points are few"}
  - {when: otherwise, verdict: approve, limit: "min(amount, 900)", rate: {from: 0.05, to: 0.06}, reason: Good}
"""
RULES = """\
stage: pre_loan
owner: desk
rules:
  - {id: large, on: application, when: amount > 1500, severity: high, summary: "{amount}"}
"""


def tables(table: str = TABLE, card: str = CARD, **replaced: str) -> Plan:
    """The plan of a table, its card and a rule; `replaced` are texts of the table by a name for each, `old -> new`."""
    for change in replaced.values():
        old, _, new = change.partition(" -> ")
        assert old in table, old
        table = table.replace(old, new)
    return plan_of_texts({"table.yaml": table, "card.yaml": card, "rules.yaml": RULES}, CATALOGUE)


def application(n: int, minute: int, **more: Any) -> dict[str, Any]:
    said = {"id": f"a{n}", "type": "application", "time": START + minute * MINUTE, "loan": f"L{n}", "customer": "C1"}
    return {**said, "amount": 500.0, "term_months": 12, **more}


#: Three of C1 within an hour, of whom the third asks too often, and two of others, of whom the second asks for much.
EVENTS = [
    *(application(n, 10 * n) for n in (1, 2, 3)),
    application(4, 40, customer="C2"),
    application(5, 50, customer="C3", amount=2000.0),
]


def table_of(report: Report) -> TableReport:
    (found,) = report.tables
    return found


def moves(report: Report) -> dict[tuple[str, str], int]:
    return {(one.before, one.after): one.decisions for one in table_of(report).moved}


def test_decisions_are_counted_by_verdict_and_row_and_are_no_alerts() -> None:
    report = judge({"rules": tables()}, EVENTS)
    (mix,) = table_of(report).sides.values()
    assert [(one.verdict, one.decisions, one.share) for one in mix.verdicts] == [
        ("approve", 3, 0.6),
        ("refer", 1, 0.2),
        ("decline", 1, 0.2),
    ]
    assert [row.decisions for row in mix.rows] == [1, 1, 3]
    assert (mix.mean_limit, mix.mean_rate_from, mix.mean_rate_to) == (500.0, 0.05, 0.06)
    side = report.sides["rules"]
    assert (side.rules, side.tables, side.live, [rule.rule for rule in report.rules]) == (1, 1, 1, ["large"])
    assert table_of(report).moved == ()


def test_a_change_says_who_goes_from_what_to_what_and_by_which_rows() -> None:
    """One is approved that was declined; two have another limit; the one who is referred still is."""
    after = tables(asked="asked_1h >= 3 -> asked_1h >= 4", limit="min(amount, 900) -> min(amount, 400)")
    report = judge({"before": tables(), "after": after}, EVENTS)
    found = table_of(report)
    assert moves(report) == {("approve", "approve"): 3, ("decline", "approve"): 1}
    assert (found.swapped_in, found.swapped_out) == (1, 0)
    terms, swapped = found.moved
    assert (terms.mean_limit_before, terms.mean_limit_after) == (500.0, 400.0)
    assert terms.keys == (("C1", 2), ("C2", 1))
    assert [(b.before, b.after, b.decisions) for b in swapped.because] == [
        ("row 1: asked_1h >= 3", "row 3: otherwise", 1)
    ]
    ((was, now),) = swapped.examples
    assert was is not None
    assert now is not None
    assert (was.event, was.reasons, now.reasons, now.limit) == ("a3", ["C1 asked 3 times"], ["Good"], 400.0)


def test_a_changed_scorecard_is_a_change_of_the_tables_that_ask_it() -> None:
    """Nobody touched the table: its edit is the card's, and the decisions move."""
    card = CARD.replace("{from: 1000, woe: -0.5}", "{from: 1000, woe: 0.4}")
    report = judge({"before": tables(), "after": tables(card=card)}, EVENTS)
    assert moves(report) == {("refer", "approve"): 1}
    edited = table_of(report).edited
    assert edited is not None
    assert [edit.what for edit in edited.edits] == ['scorecard("small") amount']
    assert edited.edits[0].before.startswith("amount: below 1000 ")


def test_rows_that_only_move_down_are_no_edit() -> None:
    """A row on top of the others is the one thing that is new; another limit is the one thing that is other."""
    new = '  - {when: amount > 5000, verdict: decline, reason: "{amount} is too much"}\n  - {when: asked_1h'
    (edited,) = edits(tables(), tables(row=f"  - {{when: asked_1h -> {new}", limit="min(amount, 900) -> 900"))
    assert [(e.what, e.before, e.after) for e in edited.edits] == [
        ("row 1", "", "decline when amount > 5000: {amount} is too much"),
        (
            "row 4",
            "approve otherwise, limit min(amount, 900), rate 0.05 to 0.06: Good",
            "approve otherwise, limit 900, rate 0.05 to 0.06: Good",
        ),
    ]


def test_a_table_that_is_new_or_gone_decides_for_nobody_before_or_after() -> None:
    without = plan_of_texts({"rules.yaml": RULES}, CATALOGUE)
    report = judge({"before": without, "after": tables()}, EVENTS)
    assert moves(report) == {("", "approve"): 3, ("", "refer"): 1, ("", "decline"): 1}
    report = judge({"before": tables(), "after": without}, EVENTS)
    assert moves(report) == {("approve", ""): 3, ("refer", ""): 1, ("decline", ""): 1}
    assert [one.rule for one in report.edited] == ["loans"]


@pytest.mark.parametrize("complete", [True, False])
def test_what_became_of_loans_says_how_right_it_was_to_decline(complete: bool) -> None:
    """L2, approved, and L3, declined, went badly; of the others nothing is known, or that they went well."""
    known = [Outcome(n, "default", keys=(("loan", f"L{n}"),)) for n in (2, 3)]
    if not complete:
        known.append(Outcome(9, "good", keys=(("loan", "L1"),)))
    after = tables(asked="asked_1h >= 3 -> asked_1h >= 2")
    report = judge({"before": tables(), "after": after}, EVENTS, outcomes=Outcomes(tuple(known)))
    before, now = table_of(report).sides.values()
    assert [(one.bad, one.good) for one in before.verdicts] == (
        [(1, 2), (0, 1), (1, 0)] if complete else [(1, 1), (0, 0), (1, 0)]
    )
    assert (before.judged.precision, before.judged.recall) == (1.0, 0.5)
    assert (now.judged.precision, now.judged.recall) == (1.0, 1.0)
    (swapped,) = table_of(report).moved
    assert (swapped.before, swapped.after, swapped.bad, swapped.good) == ("approve", "decline", 1, 0)


def world(seed: int, n: int) -> list[dict[str, Any]]:
    """Applications of a few customers, some up to 8 s behind others, some without a term or an amount."""
    chance, found = random.Random(seed), []
    for i in range(n):
        said = application(
            i, 0, customer=f"C{chance.randrange(4)}", amount=float(chance.choice([500, 800, 1200, 2000]))
        )
        said |= {"term_months": chance.choice([6, 24])}
        said["time"] = START + i * 5 * MINUTE
        if chance.random() < 0.1:
            del said["term_months"]
        found.append(said)
    for i in range(n - 1):
        if chance.random() < 0.2:
            found[i]["time"] = found[i + 1]["time"] - chance.randrange(8_000)
            found[i], found[i + 1] = found[i + 1], found[i]
    return found


def alone(plan: Plan, stream: list[dict[str, Any]]) -> dict[str, Decided]:
    """What an engine says in the end of each application, without any backtest."""
    batch, _, _ = Decoder(CATALOGUE).decode([orjson.dumps(event) for event in stream], str)
    said: list[Alert] = [*Engine(plan, lateness_ms=LATENESS).apply(batch).decisions]
    return {one.event: one for one in final(said) if isinstance(one, Decided)}


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 40), size=st.integers(1, 9))
def test_mix_and_moves_are_those_of_two_engines(seed: int, n: int, size: int) -> None:
    """One for each plan, over the same applications; late ones and what is unknown among them."""
    plans = {"before": tables(), "after": tables(asked="asked_1h >= 3 -> asked_1h >= 2", few="< 590 -> < 575")}
    stream = world(seed, n)
    report = backtest(plans, chunks(stream, size), lateness_ms=LATENESS)
    engines = {name: alone(plan, stream) for name, plan in plans.items()}
    for name, mix in table_of(report).sides.items():
        assert {one.verdict: one.decisions for one in mix.verdicts if one.decisions} == Counter(
            decided.verdict for decided in engines[name].values()
        )
        assert {row.row: row.decisions for row in mix.rows if row.decisions} == Counter(
            decided.row for decided in engines[name].values()
        )
        limits = [decided.limit for decided in engines[name].values() if decided.limit is not None]
        assert mix.mean_limit == (pytest.approx(sum(limits) / len(limits)) if limits else None)
    before, after = engines.values()
    pairs = Counter((before[event].verdict, after[event].verdict) for event in before)
    assert {pair: n for pair, n in moves(report).items() if len(set(pair)) == 2} == {
        pair: n for pair, n in pairs.items() if len(set(pair)) == 2
    }


@pytest.mark.timeout(120)
def test_several_processes_say_the_same_of_tables() -> None:
    plans = {"before": tables(), "after": tables(asked="asked_1h >= 3 -> asked_1h >= 2", few="< 590 -> < 575")}
    stream = world(5, 120)

    def said(processes: int) -> Report:
        report = backtest(plans, chunks(stream, 16), lateness_ms=LATENESS, processes=processes)
        return replace(report, counted=replace(report.counted, seconds=0.0, processes=0))

    one = said(1)
    assert len(table_of(one).moved) > 2
    assert said(4) == one  # each lane in a process of its own


def test_a_table_has_no_threshold_to_tune() -> None:
    plan = tables()
    rule = next(rule for rule in plan.rules if rule.table is not None)
    with pytest.raises(ValueError, match="loans is a decision table: try other rows"):
        tune(plan, rule, chunks(EVENTS), lateness_ms=LATENESS)


def test_without_a_table_the_report_has_none() -> None:
    assert judge({"rules": plan_of()}, []).tables == ()


def test_a_table_is_said_as_text_as_a_comment_and_as_a_page() -> None:
    """The same in all three; where only tables changed no table of alerts is empty in the comment."""
    report = judge({"before": tables(), "after": tables(asked="asked_1h >= 3 -> asked_1h >= 4")}, EVENTS)
    moved = "decline -> approve 1"
    text, comment, page = "\n".join(as_text(report)), "\n".join(as_markdown(report, report.edited)), as_page(report)
    assert "loans: 1 decisions with another verdict, swapped in 1, out 0" in text
    assert f"  {moved}: C1\n    1 by row 1: asked_1h >= 3  ->  row 3: otherwise\n" in text
    assert f"* {plain(moved)}: C1" in comment
    assert "| rule |" not in comment
    assert escape(moved) in page
