"""Margin accounts of the simulated house: those that it begins with, and one that a falling title leads to its sale."""

from __future__ import annotations

from typing import Any

import numpy as np

from risk_stream.simulate.emit import Row
from risk_stream.simulate.scene import Scene, lots
from risk_stream.simulate.truth import Episode
from risk_stream.simulate.world import World

__all__ = ["calm_accounts", "margin_call"]

#: Margin accounts that the house begins with, at most, and among how many titles they choose.
_ACCOUNTS, _TITLES = 30, 8
#: What they are worth against what they owe: so much that no calm market leads them to a line below.
_RATIOS = (2.9, 5.0)
#: Interest and fees that are owed when an account is stated, as a share of its debt.
_INTEREST = 0.006

#: Of an account that is called: its title and its cash against its debt, and how its title falls on each of so many
#: trading days (log), on so many times its usual turnover.
_TITLE, _CASH = 1.66, 0.06
_FALL, _FALLING, _TURNOVER = -0.08, 5, 2.5
#: Trading days after which the house has sold: any call was to be met before, holidays between them or not.
_SOLD = 11


def _holding(world: World, customer: int, instrument: int, kind: str, held: int, amount: float) -> dict[str, Any]:
    """The fields of a `holding` in a customer's margin account; `amount` is what was financed for it."""
    code = world.prices.codes[instrument]
    return _who(world, customer) | {"instrument": code, "holding_kind": kind, "held": held, "amount": round(amount, 2)}


def _statement(world: World, customer: int, cash: float, debt: float) -> dict[str, Any]:
    """The fields of a `margin_account`."""
    money = {"cash": cash, "margin_debt": debt, "interest_and_fees": debt * _INTEREST}
    return _who(world, customer) | {name: round(amount, 2) for name, amount in money.items()}


def _who(world: World, customer: int) -> dict[str, Any]:
    people = world.people
    account = people.account[people.margin[customer]]
    return {"entity": people.entity(customer), "account": account, "customer": people.customer[customer]}


def calm_accounts(rng: np.random.Generator, world: World, time: int) -> list[Row]:
    """The accounts that the house begins with: two titles each, one of them financed, far from any line."""
    rows: list[Row] = []
    titles = np.flatnonzero(~world.prices.special)[:_TITLES]
    for customer in world.margin_customers[:_ACCOUNTS]:
        own, bought = rng.choice(titles, 2, replace=len(titles) < 2).tolist()
        debt = round(float(np.exp(rng.normal(np.log(150_000), 0.7))), -2)
        worth = debt * float(rng.uniform(*_RATIOS))
        pieces = {
            kind: 100 * max(1, round(share * worth / float(world.prices.close[title]) / 100))
            for kind, title, share in (("collateral", own, 0.5), ("financed", bought, 0.42))
        }
        rows += [
            Row(time, "holding", _holding(world, customer, own, "collateral", pieces["collateral"], 0.0)),
            Row(time, "holding", _holding(world, customer, bought, "financed", pieces["financed"], debt)),
            Row(time, "margin_account", _statement(world, customer, 0.08 * worth, debt)),
        ]
    return rows


def margin_call(scene: Scene, episode: Episode, day: int) -> None:
    """A title bought with the house's money falls day after day; nobody meets the call, and the house sells."""
    world, rng = scene.world, scene.rng
    customer = world.take_margin_customer(_ACCOUNTS)
    if customer is None:
        return
    instrument = scene.stage(episode, quiet=True)
    who = _who(world, customer)
    episode.keys["customer"], episode.keys["account"] = [who["customer"]], [who["account"]]
    days = world.trading_days(day, _SOLD + 1)
    price = float(world.prices.close[instrument])
    debt = float(rng.integers(4, 10)) * 100_000
    pieces, cash = lots(_TITLE * debt, price), _CASH * debt
    opened, sold = scene.time(days[0], 9), scene.time(days[-1], 9)
    world.tell(opened, "holding", episode, **_holding(world, customer, instrument, "financed", pieces, debt))
    world.tell(opened, "margin_account", episode, **_statement(world, customer, cash, debt))
    for falling in days[1 : 1 + _FALLING]:
        world.prices.push(falling, instrument, _FALL, _TURNOVER)
    left = cash + pieces * price * float(np.exp(_FALL * _FALLING)) - debt * (1 + _INTEREST)
    world.tell(sold, "holding", episode, **_holding(world, customer, instrument, "financed", 0, 0.0))
    world.tell(sold, "margin_account", episode, **_statement(world, customer, max(left, 0.0), 0.0))
