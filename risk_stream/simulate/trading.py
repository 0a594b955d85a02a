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
#: Unfilled orders that are taken back before the session's half is over.
CANCELLED_SHARE = 0.7

_SIDES = np.array(["buy", "sell"], object)
_CUMULATIVE = np.concatenate([[0.0], np.cumsum(PROFILE)])


def trading_day(
    rng: np.random.Generator,
    aside: np.random.Generator,
    day: Day,
    people: People,
    prices: Prices,
    stem: str,
    density: float,
) -> list[Table]:
    """The orders, trades and cancels of one trading day; `prices` has already walked through it.

    What is told of cancels, and who took and who stood, is drawn from the dice `aside`.
    """
    count = int(rng.poisson(people.count * ORDERS_A_DAY * density * np.exp(rng.normal(0.0, 0.15))))
    minute = np.interp(np.sort(rng.random(count)), _CUMULATIVE, np.arange(MINUTES + 1))
    times = session_time(day, minute)
    customer = np.searchsorted(people.activity, rng.random(count)).clip(0, people.count - 1)
    instrument = _choose_instruments(rng, customer, people, prices)
    margin = people.margin[customer]
    account = np.where((margin >= 0) & (rng.random(count) < 0.4), margin, people.main[customer])
    touch = prices.path[instrument, np.minimum(minute.astype(np.int64), MINUTES)]
    apart = rng.integers(-2, 3, count) * 0.01
    price = np.maximum(np.round(touch + apart, 2), 0.01)
    wanted = people.size[customer] * np.exp(rng.normal(0.0, 0.9, count))
    quantity = 100 * np.maximum(1, np.rint(wanted / price / 100)).astype(np.int64)
    side = _SIDES[rng.integers(0, 2, count)]
    columns: dict[str, NDArray[Any]] = {
        "entity": BROKERS[people.broker[customer]],
        "channel": CHANNELS[np.searchsorted(np.cumsum(CHANNEL_SHARES)[:-1], rng.random(count))],
        "account": people.account[account],
        "customer": people.customer[customer],
        "instrument": prices.codes[instrument],
        "position": people.investor[customer] + "/" + prices.codes[instrument],
        "device": people.device_names()[people.phone[customer]],
        "order": np.array([f"{stem}-{i}" for i in range(count)], object),
        "side": side,
        "quantity": quantity,
        "price": price,
        "amount": np.round(quantity * price, 2),
        "currency": np.full(count, "CNY", object),
    }
    orders = Table("order", times, columns)
    fills = rng.choice(3, count, p=(0.2, 0.68, 0.12))
    return [
        orders,
        *_trades(rng, aside, day, people, orders, minute, fills),
        _cancels(aside, day, orders, minute, fills),
    ]


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


def _trades(
    rng: np.random.Generator,
    aside: np.random.Generator,
    day: Day,
    people: People,
    orders: Table,
    minute: NDArray[np.float64],
    fills: NDArray[np.int64],
) -> list[Table]:
    """Trades of the orders: none, one or two each, seconds to minutes later, within the same half of the session."""
    row = np.repeat(np.arange(len(minute)), fills)
    later = minute[row] + np.exp(rng.normal(-2.0, 1.3, len(row)))
    later = np.minimum(later, _half_end(minute[row]))
    order = np.argsort(later, kind="stable")
    row, later = row[order], later[order]
    columns = {name: column[row] for name, column in orders.columns.items()}
    share = np.where(fills[row] == 2, 0.5, 1.0)
    columns["quantity"] = 100 * np.maximum(1, np.rint(columns["quantity"] * share / 100)).astype(np.int64)
    columns["amount"] = np.round(columns["quantity"] * columns["price"], 2)
    times = np.maximum(session_time(day, later), orders.times[row])
    internal = rng.random(len(row)) < INTERNAL_SHARE
    other = rng.integers(0, people.count, len(row))
    internal &= people.account[other] != columns["account"]
    columns["taker"] = np.where(aside.random(len(row)) < 0.5, "false", "true").astype(object)
    plain = Table("trade", times[~internal], {name: column[~internal] for name, column in columns.items()})
    crossed = {name: column[internal] for name, column in columns.items()}
    crossed["counter_account"] = people.account[other[internal]]
    crossed["counter_position"] = people.investor[other[internal]] + "/" + crossed["instrument"]
    return [plain, Table("trade", times[internal], crossed)]


def _cancels(
    aside: np.random.Generator, day: Day, orders: Table, minute: NDArray[np.float64], fills: NDArray[np.int64]
) -> Table:
    """Most orders that find nobody are taken back, minutes later."""
    row = np.flatnonzero((fills == 0) & (aside.random(len(fills)) < CANCELLED_SHARE))
    later = np.minimum(minute[row] + np.exp(aside.normal(1.5, 1.2, len(row))), _half_end(minute[row]))
    order = np.argsort(later, kind="stable")
    row, later = row[order], later[order]
    kept = ("entity", "channel", "account", "customer", "instrument", "position", "device", "order", "side", "price")
    columns = {name: orders.columns[name][row] for name in kept} | {
        "placed": orders.times[row],
        "cancelled": orders.columns["quantity"][row],
        "cancelled_amount": orders.columns["amount"][row],
    }
    return Table("order_cancel", np.maximum(session_time(day, later), orders.times[row] + 1), columns)


def _half_end(minute: NDArray[np.float64]) -> NDArray[np.float64]:
    """The trading minute at which the half of the session that a minute lies in is over."""
    return np.where(minute > MINUTES / 2, float(MINUTES), MINUTES / 2)
