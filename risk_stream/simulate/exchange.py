"""What an exchange says of a trading day beside trades and prices: limits, phases, the book's depth, the indices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from risk_stream.simulate.clock import HOUR_MS, SECOND_MS, Day
from risk_stream.simulate.emit import LEVELS, Table
from risk_stream.simulate.prices import BOARDS, MINUTES, Prices, session_time

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["depth_of_day", "indices_of_day", "limits_of_day", "phases_of_day"]

#: Local hours at which a phase of the trading day begins.
PHASES = {"opening_auction": 9.25, "continuous": 9.5, "closing_auction": 14.95, "closed": 15.0 + 2 / 3600}
#: Trading minutes at whose end the book's depth is said.
_DEPTH_AT = np.array([10, 150])
#: Share of a day's turnover that stands on one level of the book.
_LEVEL_SHARE = 0.0015
#: What an index stands at when the simulation begins, points.
_INDEX_BASE = 3_000.0


def limits_of_day(day: Day, prices: Prices) -> Table:
    """Each instrument's last close and the prices allowed today, said before the opening."""
    lowest, highest = prices.allowed()
    columns: dict[str, NDArray[Any]] = {
        "entity": np.full(len(prices.codes), "HQ", object),
        "instrument": prices.codes,
        "previous_close": prices.close,
        "limit_up": highest,
        "limit_down": lowest,
    }
    return Table("instrument", np.full(len(prices.codes), day.at(8.75), np.int64), columns)


def phases_of_day(day: Day, prices: Prices) -> Table:
    """The beginning of each phase, for every instrument."""
    count = len(prices.codes)
    starts = [day.start + round(hour * HOUR_MS) for hour in PHASES.values()]
    columns: dict[str, NDArray[Any]] = {
        "instrument": np.tile(prices.codes, len(PHASES)),
        "phase": np.repeat(np.array(list(PHASES), object), count),
    }
    return Table("trading_phase", np.repeat(np.array(starts, np.int64), count), columns)


def depth_of_day(rng: np.random.Generator, day: Day, prices: Prices) -> Table:
    """The best five levels in the morning and in the afternoon; `prices` has already walked through it."""
    count, moments = len(prices.codes), len(_DEPTH_AT)
    times = session_time(day, _DEPTH_AT.astype(np.float64))[None, :] + rng.integers(0, SECOND_MS, count)[:, None]
    order = np.argsort(times.ravel(), kind="stable")
    touch = prices.path[:, _DEPTH_AT]
    usual = (prices.turnover * _LEVEL_SHARE / prices.close)[:, None]
    columns: dict[str, NDArray[Any]] = {"instrument": np.repeat(prices.codes, moments)[order]}
    for side, step in (("bid", -0.01), ("ask", 0.01)):
        lots = np.maximum(1, np.rint(usual * np.exp(rng.normal(0.0, 0.5, (LEVELS, count, moments))) / 100))
        quantities = (lots * 100).astype(np.int64)
        columns[f"{side}_depth"] = quantities.sum(axis=0).ravel()[order]
        for level in range(1, LEVELS + 1):
            columns[f"{side}_price_{level}"] = np.maximum(touch + step * level, 0.01).ravel()[order]
            columns[f"{side}_quantity_{level}"] = quantities[level - 1].ravel()[order]
    return Table("book_depth", times.ravel()[order], columns)


def indices_of_day(rng: np.random.Generator, day: Day, prices: Prices) -> Table:
    """The index of each board that has instruments, at every tick; `prices` has already walked through the day."""
    ends = np.arange(prices.tick_minutes, MINUTES + 1, prices.tick_minutes)
    members = {code: prices.board == code for code in np.unique(prices.board).tolist()}
    levels = [(prices.path[mine][:, ends] / prices.base[mine, None]).mean(axis=0) for mine in members.values()]
    turnover = np.array([prices.turnover[mine].sum() for mine in members.values()]) / len(ends) / 2
    sides = turnover * np.exp(rng.normal(0.0, 0.25, (2, len(ends), len(members))))
    columns: dict[str, NDArray[Any]] = {
        "board": np.tile(np.array([BOARDS[code] for code in members], object), len(ends)),
        "index_level": np.round(_INDEX_BASE * np.stack(levels, axis=1).ravel(), 2),
        "buy_turnover": np.round(sides[0].ravel(), 2),
        "sell_turnover": np.round(sides[1].ravel(), 2),
    }
    return Table("index_value", np.repeat(session_time(day, ends.astype(np.float64)), len(members)), columns)
