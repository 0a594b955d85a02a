"""Margin accounts of the simulated market: one is led through all lines to its sale, and what is said is what holds."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import numpy as np
import orjson
import pytest

from risk_stream.calendars import shipped
from risk_stream.catalogue import Decoder, load_catalogue
from risk_stream.lending import STANDINGS, MarginDesk, load_margin_rules
from risk_stream.simulate import Market
from risk_stream.simulate.episodes import plant
from risk_stream.simulate.loans import LoanBook
from risk_stream.simulate.scene import Scene
from risk_stream.simulate.steps import Steps
from risk_stream.simulate.world import World

SEEDS = (5, 6, 7)


def made(seed: int, **given) -> tuple[Market, list[bytes]]:
    market = Market(seed, **{"customers": 300, "days": 40, "episodes": {"margin_call": 2}, "density": 0.1} | given)
    return market, [value for part in market.slices() for value in part.values]


def statuses(values: list[bytes]) -> list[dict]:
    events = [orjson.loads(value) for value in values if b'"margin_status"' in value]
    return [event for event in events if event["type"] == "margin_status"]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_falling_title_leads_an_account_through_warning_and_call_to_its_forced_sale(seed):
    market, values = made(seed)
    assert [episode.complete for episode in market.episodes] == [True, True]
    for episode in market.episodes:
        said = [event for event in statuses(values) if [event["account"]] == episode.keys["account"]]
        assert all(episode.covers(event, event["time"]) for event in said)
        bands = [event["margin_band"] for event in said]
        places = [bands.index(band) for band in ("normal", "warning", "call", "forced_sale", "surplus")]
        assert places == sorted(places)
        assert bands[-1] == "surplus"  # sold: nothing is owed
        call = said[bands.index("call")]
        assert call["deadline"] < episode.end  # nobody met it


@pytest.mark.parametrize("seed", SEEDS)
def test_no_other_account_comes_near_a_line(seed):
    market, values = made(seed)
    called = {account for episode in market.episodes for account in episode.keys["account"]}
    calm = [event for event in statuses(values) if event["account"] not in called]
    assert calm
    assert {event["margin_band"] for event in calm} <= {"surplus", "normal"}
    assert not any(event["concentrated"] for event in calm)


def test_what_is_said_is_what_the_clerk_says_of_the_same_events():
    """Word for word, ids included, by a desk that sees everything; each right behind its cause."""
    _, values = made(5)
    catalogue = load_catalogue()
    desk, decoder = MarginDesk(load_margin_rules(), catalogue, shipped()), Decoder(catalogue)
    others = [value for value in values if not value.startswith(b'{"id":"margin:')]
    batch, _, refused = decoder.decode(others, str)
    assert refused == []
    assert [status.event() for status in desk.apply(batch)] == statuses(values)
    events = [orjson.loads(value) for value in values]
    for before, event in pairwise(events):
        if event["type"] == "margin_status":
            assert event["cause"] in {before["id"], before.get("cause")}
            assert event["margin_band"] in STANDINGS


def test_a_house_without_margin_accounts_plants_nothing():
    world = World(np.random.default_rng(1), dt.date(2026, 3, 2), 20, 20, 5)
    world.people.margin[:] = -1
    loans = LoanBook(np.random.default_rng(2), world, Steps(np.random.default_rng(3), world))
    episode = plant(Scene(world, loans, np.random.default_rng(4)), "margin_call", "e", 0)
    assert not episode.complete
    assert all(not world.due(day) for day in range(30))
