"""A calm trading day: orders through the session in a U, lognormal sizes in round lots, most of them filled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from risk_stream.simulate.clock import Day
from risk_stream.simulate.emit import Table
from risk_stream.simulate.people import BROKERS, CHANNEL_SHARES, CHANNELS, People
from risk_stream.simulate.prices import MINUTES, PROFILE, Prices, session_time

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["trading_day"]

#: Orders a customer gives on an average trading day.
ORDERS_A_DAY = 1.2
#: Trades whose other side is an account of this house, so that it is known.
INTERNAL_SHARE = 0.03

_SIDES = np.array(["buy", "sell"], object)
_CUMULATIVE = np.concatenate([[0.0], np.cumsum(PROFILE)])


def trading_day(
    rng: np.random.Generator, day: Day, people: People, prices: Prices, stem: str, density: float
) -> list[Table]:
    """The orders and trades of one trading day; `prices` has already walked through it."""
    count = int(rng.poisson(people.count * ORDERS_A_DAY * density * np.exp(rng.normal(0.0, 0.15))))
    minute = np.interp(np.sort(rng.random(count)), _CUMULATIVE, np.arange(MINUTES + 1))
    times = session_time(day, minute)
    customer = np.searchsorted(people.activity, rng.random(count)).clip(0, people.count - 1)
    instrument = _choose_instruments(rng, customer, people, prices)
    margin = people.margin[customer]
    account = np.where((margin >= 0) & (rng.random(count) < 0.4), margin, people.main[customer])
    touch = prices.path[instrument, np.minimum(minute.astype(np.int64), MINUTES)]
    aside = rng.integers(-2, 3, count) * 0.01
    price = np.maximum(np.round(touch + aside, 2), 0.01)
    wanted = people.size[customer] * np.exp(rng.normal(0.0, 0.9, count))
    quantity = 100 * np.maximum(1, np.rint(wanted / price / 100)).astype(np.int64)
    side = _SIDES[rng.integers(0, 2, count)]
    columns: dict[str, NDArray[Any]] = {
        "entity": BROKERS[people.broker[customer]],
        "channel": CHANNELS[np.searchsorted(np.cumsum(CHANNEL_SHARES)[:-1], rng.random(count))],
        "account": people.account[account],
        "customer": people.customer[customer],
        "instrument": prices.codes[instrument],
        "device": people.device_names()[people.phone[customer]],
        "order": np.array([f"{stem}-{i}" for i in range(count)], object),
        "side": side,
        "quantity": quantity,
        "price": price,
        "amount": np.round(quantity * price, 2),
        "currency": np.full(count, "CNY", object),
    }
    orders = Table("order", times, columns)
    return [orders, *_fills(rng, day, people, orders, minute)]


def _choose_instruments(
    rng: np.random.Generator, customer: NDArray[np.int64], people: People, prices: Prices
) -> NDArray[np.int64]:
    """Mostly one of the customer's few favourites, else whatever is popular."""
    count = len(customer)
    quantile = np.where(
        rng.random(count) < 0.75, people.favourites[customer, rng.integers(0, 4, count)], rng.random(count)
    )
    chosen: NDArray[np.int64] = np.searchsorted(np.cumsum(prices.popularity), quantile).clip(0, len(prices.codes) - 1)
    return chosen


def _fills(
    rng: np.random.Generator, day: Day, people: People, orders: Table, minute: NDArray[np.float64]
) -> list[Table]:
    """Trades of the orders: none, one or two each, seconds to minutes later, within the same half of the session."""
    fills = rng.choice(3, len(minute), p=(0.2, 0.68, 0.12))
    row = np.repeat(np.arange(len(minute)), fills)
    later = minute[row] + np.exp(rng.normal(-2.0, 1.3, len(row)))
    half_end = np.where(minute[row] > MINUTES / 2, MINUTES, MINUTES / 2)
    later = np.minimum(later, half_end)
    order = np.argsort(later, kind="stable")
    row, later = row[order], later[order]
    columns = {name: column[row] for name, column in orders.columns.items()}
    share = np.where(fills[row] == 2, 0.5, 1.0)
    columns["quantity"] = 100 * np.maximum(1, np.rint(columns["quantity"] * share / 100)).astype(np.int64)
    columns["amount"] = np.round(columns["quantity"] * columns["price"], 2)
    times = np.maximum(session_time(day, later), orders.times[row])
    internal = rng.random(len(row)) < INTERNAL_SHARE
    other = people.account[rng.integers(0, people.count, len(row))]
    internal &= other != columns["account"]
    plain = Table("trade", times[~internal], {name: column[~internal] for name, column in columns.items()})
    crossed = {name: column[internal] for name, column in columns.items()} | {"counter_account": other[internal]}
    return [plain, Table("trade", times[internal], crossed)]
