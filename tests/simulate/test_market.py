"""The stream of a simulated market: the same for the same seed, in order, accepted by the catalogue, like a market."""

from __future__ import annotations

import time
from collections import Counter
from hashlib import sha256

import numpy as np
import orjson
import pytest

from risk_stream.catalogue import Decoder, load_catalogue
from risk_stream.simulate import KINDS, Market
from risk_stream.simulate.clock import HOUR_MS
from risk_stream.simulate.emit import TOPIC

LABELS = {
    **dict.fromkeys(("velocity_burst", "structuring", "account_takeover", "many_lenders", "loan_into_market"), "fraud"),
    **dict.fromkeys(("mule_account", "lent_account"), "fraud"),
    "missed_instalments": "default",
}


def small(seed: int = 3, **given) -> Market:
    return Market(seed, **{"customers": 400, "days": 12, "episodes": 8} | given)


def lines(market: Market) -> bytes:
    return b"".join(part.lines() for part in market.slices())


@pytest.fixture(scope="module")
def market() -> Market:
    return small(customers=800, days=40, episodes=dict.fromkeys(KINDS, 1))


@pytest.fixture(scope="module")
def events(market) -> list[dict]:
    return [orjson.loads(line) for line in lines(market).splitlines()]


def of(events, type):
    return [event for event in events if event["type"] == type]


def test_the_same_seed_gives_the_same_bytes_whatever_the_size_of_slices():
    market = small()
    first = lines(market)
    again = b"".join(part.lines() for part in small().slices(77))
    assert sha256(first).digest() == sha256(lines(market)).digest() == sha256(again).digest()


def test_the_same_seed_plants_the_same_episodes():
    first, second = small(), small()
    lines(first), lines(second)
    assert first.episodes == second.episodes
    assert len(first.episodes) == 8


def test_another_seed_gives_another_market():
    assert lines(small(3)) != lines(small(4))


def test_events_come_in_the_order_of_their_times(events):
    times = [event["time"] for event in events]
    assert times == sorted(times)


def test_ids_are_never_used_twice(events):
    assert len({event["id"] for event in events}) == len(events)


def test_the_catalogue_accepts_every_event():
    catalogue = load_catalogue()
    decoder, seen = Decoder(catalogue), Counter()
    for part in small(days=40).slices():
        batch, _, rejects = decoder.decode(part.values, str)
        assert rejects == []
        seen.update(catalogue.types[code].name for code in batch.types.tolist())
    assert set(seen) == set(TOPIC)  # what a house's own systems and people say beside is not simulated


def test_a_slice_says_topic_and_key_of_each_event():
    catalogue = load_catalogue()
    for part in small(days=3).slices(500):
        assert 0 < len(part) <= 500
        for topic, key, value in zip(part.topics, part.keys, part.values, strict=True):
            event = orjson.loads(value)
            assert topic == catalogue.type(event["type"]).topic
            assert key.decode() in map(str, event.values())


def test_reference_data_comes_before_whatever_refers_to_it(events):
    known: set[str] = set()
    for event in events:
        if event["type"] in {"customer", "account", "instrument"}:
            known.add(event[event["type"]])
        elif event["type"] in {"order", "trade", "transfer", "login"}:
            assert event["customer"] in known
            assert event["account"] in known
            assert event.get("instrument", event["account"]) in known


def test_a_trading_day_is_busy_at_its_ends(events):
    """U-shaped: the first and last half hours have more orders than any half hour between."""
    minutes = np.array([(event["time"] + 8 * HOUR_MS) % (24 * HOUR_MS) // 60_000 for event in of(events, "order")])
    halves = np.histogram(minutes, [570, 600, 630, 660, 690])[0], np.histogram(minutes, [780, 810, 840, 870, 900])[0]
    assert halves[0].argmax() == 0
    assert halves[1].argmax() == 3
    assert not ((minutes >= 690) & (minutes < 780)).any()  # lunch
    assert minutes.min() >= 555  # the opening auction: planted orders, no calm ones
    assert minutes.max() <= 900


def test_markets_are_shut_at_weekends(events):
    traded = {np.datetime64(event["time"] + 8 * HOUR_MS, "ms").astype("datetime64[D]") for event in of(events, "trade")}
    assert all(np.is_busday(day) for day in traded)
    assert len(traded) == 30  # of 40 days from a Monday on


def test_orders_are_of_round_lots_at_whole_ticks_and_lognormal_sizes(events):
    orders = of(events, "order")
    assert all(order["quantity"] % 100 == 0 for order in orders)
    assert all(round(order["price"] * 100, 6).is_integer() for order in orders)
    assert all(order["amount"] == pytest.approx(order["quantity"] * order["price"], abs=0.006) for order in orders)
    logs = np.log([order["amount"] for order in orders])
    skew = ((logs - logs.mean()) ** 3).mean() / logs.std() ** 3
    assert abs(skew) < 0.8
    assert np.exp(logs.mean() + logs.var() / 2) > 1.2 * np.exp(logs.mean())


def test_prices_move_like_prices(events, market):
    """Daily moves of calm instruments: a few per cent at most, up about as often as down."""
    lines(market)
    pumped = {code for episode in market.episodes for code in episode.keys.get("instrument", [])}
    closes: dict[str, dict[int, float]] = {}
    for event in of(events, "price"):
        if event["instrument"] not in pumped:
            closes.setdefault(event["instrument"], {})[(event["time"] + 8 * HOUR_MS) // (24 * HOUR_MS)] = event["price"]
    moves = np.concatenate([np.diff(np.log(list(days.values()))) for days in closes.values()])
    assert 0.01 < moves.std() < 0.035
    assert 0.4 < (moves > 0).mean() < 0.6
    assert np.abs(moves).max() <= 0.2


def test_a_trade_follows_its_order_at_once_or_later(events):
    sent = {event["order"]: event["time"] for event in of(events, "order")}
    trades = of(events, "trade")
    assert all(trade["time"] >= sent[trade["order"]] for trade in trades)
    assert 0.6 < len(trades) / len(sent) < 1.3


def test_every_kind_of_episode_is_planted_and_its_events_are_in_the_stream(events, market):
    lines(market)
    assert {episode.kind for episode in market.episodes} == set(KINDS)
    ids = {event["id"]: event for event in events}
    for episode in market.episodes:
        assert episode.complete
        assert [ids[event]["time"] for event in episode.events] == episode.times
        assert episode.start == min(episode.times)
        assert episode.end == max(episode.times)
        for event in episode.events:
            assert any(ids[event].get(kind) in values for kind, values in episode.keys.items())


def test_an_outcome_says_later_what_an_episode_was(events, market):
    lines(market)
    by_event = {event: episode for episode in market.episodes for event in episode.events}
    outcomes = of(events, "outcome")
    assert len(outcomes) >= 5
    for outcome in outcomes:
        episode = by_event[outcome["of_event"]]
        assert outcome["time"] > episode.end
        assert outcome["label"] == LABELS.get(episode.kind, "manipulation")


def test_an_id_does_not_tell_a_planted_event_from_a_calm_one(events, market):
    """Numbers follow the order of time within a type and day, planted or not."""
    last: dict[str, int] = {}
    for event in events:
        stem, number = event["id"].rsplit("-", 1)
        if event["type"] not in {"outcome", "margin_status"}:  # a status is named by its cause
            assert int(number) == last.get(stem, -1) + 1
            last[stem] = int(number)


def test_episodes_can_be_asked_for_by_number_or_by_day():
    counted, dated = small(episodes={"structuring": 3}), small(episodes=[("wash_trades", 4), ("many_lenders", 0)])
    lines(counted), lines(dated)
    assert [episode.kind for episode in counted.episodes] == ["structuring"] * 3
    assert sorted(episode.kind for episode in dated.episodes) == ["many_lenders", "wash_trades"]
    assert (dated.episodes[1].start - dated.start_ms) // (24 * HOUR_MS) == 4


def test_without_an_end_the_stream_goes_on():
    market = small(days=None, customers=60)
    parts = market.slices()
    while (last := next(parts)).times[-1] < market.start_ms + 100 * 24 * HOUR_MS:
        pass
    assert len(last) > 0
    assert len(market.episodes) > 8  # a second season has begun


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"episodes": {"arson": 1}}, "no kind of episode called 'arson'"),
        ({"customers": 3}, "20 customers or more"),
        ({"days": 0}, "at least one day"),
        ({"tick_minutes": 7}, "no multiple of 7"),
    ],
)
def test_a_market_that_makes_no_sense_is_refused_in_one_sentence(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        small(**given)


def test_fifty_thousand_events_a_second_are_made_on_one_core():
    """Processor time, so that a busy machine does not count; measured far above, so that it holds on a slow one."""
    market = small(customers=2_000, days=10)
    began = time.thread_time()
    made = sum(len(part) for part in market.slices())
    assert made / (time.thread_time() - began) > 50_000
