"""Decisions are the oracle's, whatever the table, the stream, the batches and what comes late; and no alerts."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk_stream.catalogue import Catalogue, Decoder, EventBatch, load_catalogue
from risk_stream.decisions import decision_of
from risk_stream.engine import Decided, Engine, Result, alert_id, final
from risk_stream.rules import Plan, plan_of_texts
from tests.engine.compare import same
from tests.engine.test_engine import cuts, on_time
from tests.oracle import judge_all
from tests.oracle.worlds import events

CATALOGUE: Catalogue = load_catalogue()
DECODER = Decoder(CATALOGUE)
START = 1_700_000_000_000

RULES = """
stage: pre_loan
owner: retail-credit
features:
  lenders_10m: {distinct: lender, of: application, by: id_number, window: 10m}
  paid_2h: {sum: amount, of: repayment, by: customer, window: 2h}
rules:
  - id: many-lenders
    on: application
    when: lenders_10m >= 2
    severity: high
    summary: "{customer} asked {lenders_10m} lenders"
  - id: pays-little
    on: [application, repayment]
    when: paid_2h < 5
    severity: low
    summary: "{customer} paid {paid_2h}"
"""
CARD = """
scorecard: consumer
features:
  asked_2h: {count: application, by: device, window: 2h}
  share: amount / declared_income
pdo: 20
base_score: 600
base_odds: 50
intercept: -3.2
characteristics:
  asked_2h:
    beta: -0.9
    bins: [{below: 2, woe: 0.45}, {from: 2, below: 3, woe: 0.1}, {from: 3, woe: -0.6}]
    words: several applications from one device
  share:
    beta: -1.1
    bins: [{below: 0.7, woe: 0.9}, {from: 0.7, woe: -0.95}]
    missing: {woe: -0.4}
    words: much is asked for beside the income
  term_months:
    beta: -0.7
    bins: [{below: 12, woe: 0.6}, {from: 12, woe: -0.3}]
    reason: false
"""
TABLE = """
table: consumer-loans
owner: retail-credit
on: application
features:
  points: scorecard("consumer")
  applied_1m: {count: application, by: customer, window: 1m}
score: points
rows:
"""
ROWS = (
    'when: fired("many-lenders")\n    verdict: decline\n',
    'when: fired("pays-little") and applied_1m >= 2\n    verdict: refer\n    reason: "{applied_1m} in a minute"\n',
    'when: points < 560.3\n    verdict: decline\n    reason: "{points} points"\n',
    'when: not (points >= 600.3)\n    verdict: refer\n    reason: "{points} points"\n',
    "when: lender is missing\n    verdict: approve\n    limit: min(amount, declared_income)\n    reason: ours\n",
    (
        'when: product == "consumer" or amount < 3\n    verdict: approve\n    limit: amount\n    reason: good\n'
        "    rate: {from: 0.05, to: 0.04 + term_months / 100}\n"
    ),
)
OTHERWISE = "  - when: otherwise\n    verdict: refer\n    reason: nobody knows\n"


def plan_of(rows: list[int], more: str = "") -> Plan:
    table = TABLE + "".join(f"  - {ROWS[row]}" for row in rows) + OTHERWISE + more
    return plan_of_texts({"rules.yaml": RULES, "card.yaml": CARD, "table.yaml": table}, CATALOGUE)


def batch_of(*stream: dict[str, Any]) -> EventBatch:
    batch, _, rejects = DECODER.decode([orjson.dumps(event) for event in stream], str)
    assert rejects == []
    return batch


def application(id: str, seconds: float, **fields: object) -> dict[str, Any]:
    said = {"loan": f"L{id}", "customer": "C1", "id_number": "I1", "device": "D1", "amount": 10}
    time = START + round(1000 * seconds)
    return {"id": id, "type": "application", "time": time, **said, "declared_income": 100, "term_months": 6, **fields}


def engine_of(rows: list[int], more: str = "") -> Engine:
    return Engine(plan_of(rows, more), reserve_mib=8, lateness_ms=600_000)


def held(*results: Result) -> dict[str, Decided]:
    """The decisions that hold after all that was said."""
    said = final(one for result in results for one in result.decisions)
    return {one.event: one for one in said if isinstance(one, Decided)}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=120)
@given(
    rows=st.lists(st.sampled_from(range(len(ROWS))), unique=True, min_size=1).map(sorted),
    stream=events(types=("application", "repayment", "customer"), keys=2),
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=5),
)
def test_verdicts_rows_and_points_equal_the_oracles(
    rows: list[int], stream: list[dict[str, Any]], sizes: list[int]
) -> None:
    """With late events, events at several hops, and values that nobody knows."""
    plan = plan_of(rows)
    engine = Engine(plan, reserve_mib=8, lateness_ms=60_000)
    found = held(*(engine.apply(batch) for batch in cuts(stream, sizes)))
    truth = judge_all((event, plan) for event in on_time(stream, 60_000))
    wanted = {ruling.event: ruling for judged in truth for ruling in judged.rulings}
    assert found.keys() == wanted.keys()
    for event, ruling in wanted.items():
        said = found[event]
        assert (said.verdict, said.row) == (ruling.verdict, ruling.row), (said, ruling)
        assert same(said.points, ruling.points)


def test_a_decision_is_no_alert_and_has_the_name_of_one() -> None:
    engine = engine_of([2])
    result = engine.apply(batch_of(application("A", 0)))
    assert [alert.rule for alert in result.alerts] == ["pays-little"]
    [said] = result.decisions
    assert said.id == alert_id("consumer-loans", "A")
    assert (said.verdict, said.reasons) == ("refer", ["nobody knows"])


def test_decisions_stand_in_the_order_of_their_events() -> None:
    """Whichever hop each was decided at."""
    events = [application("A", 0), application("B", 1, id_number=None, device=None), application("C", 2)]
    stream = [{name: value for name, value in event.items() if value is not None} for event in events]
    assert [said.event for said in engine_of([0, 2]).apply(batch_of(*stream)).decisions] == ["A", "B", "C"]


def test_a_late_event_says_the_decision_again_as_a_revision() -> None:
    engine = engine_of([0])
    first = engine.apply(batch_of(application("A", 100, lender="X"), application("B", 200, lender="X")))
    late = engine.apply(batch_of(application("late", 150, lender="Y")))
    again = {one.event: one for one in late.decisions}
    assert {event: (one.status, one.verdict) for event, one in again.items()} == {
        "late": ("raised", "decline"),
        "B": ("changed", "decline"),
    }
    assert decision_of(again["late"]).revision == 0
    assert decision_of(again["B"]).revision > decision_of(held(first)["B"]).revision == 0
    assert again["B"].reasons == ["C1 asked 2 lenders"]


def test_what_is_said_again_of_earlier_events_stands_before_the_decisions_of_new_ones() -> None:
    engine = engine_of([0])
    engine.apply(batch_of(application("B", 200, lender="X")))
    said = engine.apply(batch_of(application("late", 150, lender="Y"))).decisions
    assert [one.event for one in said] == ["B", "late"]


def test_what_cannot_be_told_is_referred_with_what_is_unknown() -> None:
    """Never approved: not by the row, and not by one below it."""
    event = application("A", 0, product="consumer")
    del event["id_number"]
    said = held(engine_of([0, 5]).apply(batch_of(event)))["A"]
    assert said.verdict == "refer"
    assert said.reasons == [
        'It cannot be told whether fired("many-lenders"): many-lenders.lenders_10m is unknown',
    ]


def test_an_approval_whose_amount_cannot_be_told_is_referred() -> None:
    event = application("A", 0)
    del event["declared_income"]
    said = held(engine_of([4]).apply(batch_of(event)))["A"]
    assert (said.verdict, said.limit) == ("refer", None)
    assert said.reasons == ["The limit cannot be told: declared_income is unknown"]


def test_an_approval_has_its_limit_and_its_price_band() -> None:
    said = held(engine_of([5]).apply(batch_of(application("A", 0, product="consumer"))))["A"]
    assert (said.verdict, said.limit, said.rate_from, said.rate_to) == ("approve", 10.0, 0.05, 0.1)
    assert said.reasons == ["good"]


def test_a_row_that_asks_the_score_gives_the_cards_reasons_by_points_lost() -> None:
    """A characteristic that may be no reason is none, however much is lost by it."""
    stream = [application(f"A{i}", i, term_months=24, amount=90) for i in range(3)]
    said = held(engine_of([3]).apply(batch_of(*stream)))["A2"]
    assert said.verdict == "refer"
    assert said.reasons[1:] == ["much is asked for beside the income", "several applications from one device"]


def test_a_table_in_shadow_decides_nothing_that_is_shown() -> None:
    result = engine_of([2], "mode: shadow\n").apply(batch_of(application("A", 0)))
    assert result.decisions == []
    assert [type(one) for one in result.shadow] == [Decided]


def test_a_table_decides_the_applications_that_its_when_names() -> None:
    engine = engine_of([2], 'when: product == "sme"\n')
    result = engine.apply(batch_of(application("A", 0, product="sme"), application("B", 1, product="consumer")))
    assert [said.event for said in result.decisions] == ["A"]


def test_the_hash_of_the_body_that_asked_goes_along() -> None:
    """Through every hop, where the event type has it."""
    if CATALOGUE.type("application").field("request") is None:
        return
    said = held(engine_of([0, 2]).apply(batch_of(application("A", 0, request="f00d"))))["A"]
    assert decision_of(said).request == "f00d"
