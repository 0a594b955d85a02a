"""The desk of margin accounts says each crossing of a line once, whatever the order and cut of its events."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.calendars import shipped
from risk_stream.catalogue import Catalogue, Decoder, EventBatch, load_catalogue
from risk_stream.lending import LendingError, MarginDesk, load_margin_rules
from tests.oracle.margin import Account, Slow

CATALOGUE: Catalogue = load_catalogue()
DECODER = Decoder(CATALOGUE)
#: Wednesday, 4 March 2026, 10:00 in Shanghai.
NOON = 1_772_589_600_000
#: The end of Friday, 6 March 2026, in Shanghai: the second business day behind.
DEADLINE = 1_772_812_800_000


def desk() -> MarginDesk:
    return MarginDesk(load_margin_rules(), CATALOGUE, shipped())


def batch(events: list[dict[str, Any]]) -> EventBatch:
    """The events as admission would have them; none is refused."""
    made, _, refused = DECODER.decode([orjson.dumps(event) for event in events], str)
    assert refused == []
    return made


def statement(time: int, account: str = "A1", **money: float) -> dict[str, Any]:
    return {"id": f"s{time}{account}", "type": "margin_account", "time": NOON + time, "account": account, **money}


def holding(
    time: int, held: int, kind: str = "collateral", title: str = "T1", account: str = "A1", **more: Any
) -> dict:
    event = {"id": f"h{time}{account}{title}{kind}", "type": "holding", "time": NOON + time, "account": account}
    return {**event, "instrument": title, "holding_kind": kind, "held": held, **more}


def price(time: int, at: float, title: str = "T1") -> dict[str, Any]:
    return {"id": f"p{time}{title}", "type": "price", "time": NOON + time, "instrument": title, "price": at}


def told(found: list[Any]) -> list[tuple[str, str, str]]:
    return [(one.account, one.standing.band, one.cause) for one in found]


#: 100,000 shares for 805,000 that are owed: at 12.08 the ratio is just over 150 %.
OPENED = [holding(0, 100_000, "financed", amount=800_000), statement(0, margin_debt=800_000, interest_and_fees=5_000)]


def test_prices_lead_an_account_through_the_lines_and_back() -> None:
    """As in the worked cases: 1.4867 warns, 1.35 calls, exactly 1.3 still does, 1.2422 is sold; then it recovers."""
    prices = [price(1, 17.6), price(2, 11.968), price(3, 10.8675), price(4, 10.465), price(5, 10.0), price(6, 17.6)]
    found = desk().apply(batch([*OPENED, *prices]))
    bands = ["warning", "call", "forced_sale", "normal"]
    assert told(found) == [
        ("A1", band, cause) for band, cause in zip(bands, ["p2T1", "p3T1", "p5T1", "p6T1"], strict=True)
    ]
    called = found[1].event()
    assert called["id"] == "margin:A1:call:p3T1"
    assert (called["time"], called["margin_band_before"], called["deadline"]) == (NOON + 3, "warning", DEADLINE)
    assert (called["maintenance_ratio"], called["cash_to_warning"], called["cash_to_call"]) == (1.35, 120_750, 40_250)
    assert (called["sale_to_call"], called["largest_title"], called["largest_share"]) == (100_625, "T1", 1)
    assert [one.deadline for one in found] == [None, DEADLINE, DEADLINE, None]
    assert {one.standing.concentrated for one in found[:3]} == {True}


def test_a_status_is_an_event_of_the_catalogue() -> None:
    """What the desk says the engine takes."""
    said = desk().apply(batch([*OPENED, price(1, 11.0)]))
    made = batch([one.event() for one in said])
    assert made.row(0)["margin_band"] == "call"
    assert made.row(0)["concentrated"] is True


def test_holdings_count_with_the_statement_that_closes_them() -> None:
    """Half the shares are sold and the debt repaid: between the two nothing is said, as nothing is amiss."""
    one = desk()
    assert told(one.apply(batch([*OPENED, price(1, 17.6)]))) == []
    sold = [holding(10, 40_000, "financed", amount=300_000), price(11, 17.5)]
    assert told(one.apply(batch(sold))) == []
    repaid = statement(12, margin_debt=300_000)
    assert told(one.apply(batch([repaid]))) == []
    assert one.book.standing(0).assets == 70_000_000
    assert one.book.standing(0).debts == 30_000_000


def test_an_older_record_that_comes_late_changes_nothing() -> None:
    """Prices, statements and holdings: the newest by its own time holds."""
    one = desk()
    one.apply(batch([*OPENED, price(5, 17.6)]))
    late = [price(4, 1.0), statement(-1, margin_debt=5_000_000), holding(-1, 1, "financed")]
    assert told(one.apply(batch(late))) == []


def test_a_holding_that_comes_after_its_statement_still_counts() -> None:
    """Two partitions, two orders: the same book."""
    late, right = desk(), desk()
    late.apply(batch([OPENED[1], price(1, 17.6), OPENED[0]]))
    right.apply(batch([*OPENED, price(1, 17.6)]))
    assert late.book.standing(0) == right.book.standing(0)


def test_a_title_without_a_price_leaves_its_holders_unknown_and_is_named() -> None:
    one = desk()
    assert told(one.apply(batch(OPENED))) == []
    assert one.unpriced == {"T1"}
    assert one.book.standing(0) is None


def test_what_cannot_be_used_is_counted_with_a_sentence() -> None:
    one = desk()
    one.apply(batch([*OPENED, price(1, 17.65432)]))
    assert dict(one.refused) == {"a price has more than four decimals: 17.65432": 1}


def test_an_instrument_says_its_haircut_or_the_table_has_one_for_its_kind() -> None:
    """Of 1,760,000 of collateral: 65 % as a share, 50 % as the instrument says itself."""
    described = {"id": "i", "type": "instrument", "time": NOON, "instrument": "T1", "instrument_kind": "share"}
    for more, margin in (({}, 114_400_000), ({"haircut": 0.5}, 88_000_000), ({"special_treatment": True}, 0)):
        one = desk()
        one.apply(batch([{**described, **more}, holding(0, 100_000), statement(0), price(1, 17.6)]))
        assert one.book.standing(0).available == margin


def test_a_table_that_names_no_calendar_of_the_house_is_refused() -> None:
    with pytest.raises(LendingError, match="there is no calendar 'china'"):
        MarginDesk(load_margin_rules(), CATALOGUE, {"utc": shipped()["utc"]})


titles = st.sampled_from(["T1", "T2"])
accounts = st.sampled_from(["A1", "A2"])
kinds = st.sampled_from(["collateral", "financed", "short"])
step = st.one_of(
    st.tuples(st.just(statement), st.fixed_dictionaries({"account": accounts, "margin_debt": st.integers(0, 900)})),
    st.tuples(
        st.just(holding),
        st.fixed_dictionaries({"held": st.integers(0, 100), "kind": kinds, "title": titles, "account": accounts}),
    ),
    st.tuples(
        st.just(price), st.fixed_dictionaries({"at": st.integers(0, 2_000).map(lambda n: n / 100), "title": titles})
    ),
)
histories = st.lists(step, max_size=30).map(
    lambda steps: [make(at + 1, **given) for at, (make, given) in enumerate(steps)]
)


def slowly(events: list[dict[str, Any]]) -> list[tuple[str, str, bool, str]]:
    """(account, band, concentrated, cause) of each status, from everything computed anew after each event."""
    names = ["A1", "A2"]
    slow = Slow(accounts={0: Account(), 1: Account()})
    staged: dict[int, dict[tuple[int, str], int]] = {0: {}, 1: {}}
    held: dict[int, dict[tuple[int, str], int]] = {0: {}, 1: {}}
    said, found = [("normal", False)] * 2, []
    for event in events:
        title = int(event.get("instrument", "T1")[1])
        if event["type"] == "price":
            slow.prices[title] = Fraction(str(event["price"]))
        else:
            account = names.index(event["account"])
            if event["type"] == "holding":
                staged[account][title, event["holding_kind"]] = event["held"]
                continue
            held[account] |= staged[account]
            slow.accounts[account].money = (0, event["margin_debt"] * 100, 0, 0)
            of = held[account]
            slow.accounts[account].holds = {
                t: (of.get((t, "collateral"), 0), of.get((t, "financed"), 0), 0, of.get((t, "short"), 0), 0)
                for t in (1, 2)
            }
        for account, name in enumerate(names):
            stands = (slow.band(account), slow.concentrated(account))
            if stands[0] is not None and stands != said[account]:
                found.append((name, *stands, event["id"]))
                said[account] = stands
    return found


def brief(found: list[Any]) -> list[tuple[str, str, bool, str]]:
    return [(one.account, one.standing.band, one.standing.concentrated, one.cause) for one in found]


@settings(max_examples=150, deadline=None)
@given(histories, st.integers(0, 30))
def test_what_is_said_is_what_a_computation_of_everything_after_each_event_says(events: list[dict], cut: int) -> None:
    """However the events are cut into batches."""
    one = desk()
    found = [*one.apply(batch(events[:cut])), *one.apply(batch(events[cut:]))]
    by_event = sorted(brief(found), key=lambda said: ([e["id"] for e in events].index(said[3]), said[0]))
    assert by_event == slowly(events)


@settings(max_examples=150, deadline=None)
@given(histories, st.integers(0, 30))
def test_a_desk_that_begins_again_says_nothing_twice_and_forgets_nothing(events: list[dict], cut: int) -> None:
    """From statements, holdings, the newest prices and what was said before: it goes on as the first would have."""
    first, second = desk(), desk()
    before = first.apply(batch(events[:cut]))
    second.learn(batch(events[:cut]))
    second.recall(batch([one.event() for one in before]))
    assert second.outstanding(NOON) == []
    rest = batch(events[cut:])
    assert [one.event() for one in second.apply(rest)] == [one.event() for one in first.apply(rest)]


def test_what_happened_while_nobody_looked_is_said_once_it_is_known() -> None:
    """Of a crossing that no desk saw, with the time from which it can be said."""
    one = desk()
    one.learn(batch([*OPENED, price(1, 11.0)]))
    (status,) = one.outstanding(NOON + 500)
    assert (status.standing.band, status.cause, status.time) == ("call", "p1T1", NOON + 500)
    assert one.outstanding(NOON + 600) == []
