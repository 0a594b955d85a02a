"""Instruments and their prices: a path a minute wide through each trading day, with the volume that goes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from risk_stream.simulate.clock import HOUR_MS, MINUTE_MS, Day
from risk_stream.simulate.emit import Row, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BOARDS", "MINUTES", "PROFILE", "Prices", "session_time"]

#: Trading minutes of a day: 09:30-11:30 and 13:00-15:00.
MINUTES = 240

_minute = np.arange(MINUTES)
_shape = (
    1.0
    + 1.8 * np.exp(-_minute / 16)
    + 1.1 * np.exp(-(MINUTES - 1 - _minute) / 14)
    + 0.4 * np.exp(-np.abs(_minute - 120) / 8)
)
#: Share of a day's volume in each trading minute: U-shaped, with a small rise after lunch.
PROFILE: NDArray[np.float64] = _shape / _shape.sum()

#: The market segments that instruments are listed on.
BOARDS = ("SSE main", "SZSE main", "ChiNext", "STAR")
_TRADES = (
    "Steel",
    "Power",
    "Pharma",
    "Software",
    "Bank",
    "Liquor",
    "Solar",
    "Chips",
    "Ports",
    "Foods",
    "Motors",
    "Cement",
)
_PLACES = (
    "Jiangnan",
    "Huadong",
    "Lingnan",
    "Beihai",
    "Tianshan",
    "Minjiang",
    "Taihu",
    "Longcheng",
    "Xishan",
    "Yunling",
)


def session_time(day: Day, minute: NDArray[np.float64]) -> NDArray[np.int64]:
    """Times (ms) of trading minutes of a day, 0 to 240; the lunch break lies after minute 120."""
    offset = 9.5 * HOUR_MS + minute * MINUTE_MS + np.where(minute > MINUTES / 2, 1.5 * HOUR_MS, 0.0)
    times: NDArray[np.int64] = day.start + offset.astype(np.int64)
    return times


class Prices:
    """`count` instruments; the last close and what is done to their prices are its state.

    Attributes:
        codes: Instrument ids, object[count].
        close: Last close, yuan. base: what it closed at before the first day.
        limit: How far from the last close a price may be, as a share of it.
        path: Today's price at each trading minute's end, float[count, 241], yuan, whole fen; column 0 is the open.
    """

    def __init__(self, rng: np.random.Generator, count: int, tick_minutes: int) -> None:
        self.tick_minutes = tick_minutes
        self.codes = np.array([f"I{i + 1:04d}" for i in range(count)], object)
        self.close = np.round(np.exp(rng.normal(np.log(18.0), 0.8, count)).clip(2.5, 900), 2)
        self.volatility = rng.uniform(0.011, 0.028, count)  # of a day
        self.beta = rng.uniform(0.5, 1.4, count)
        self.turnover = np.exp(rng.normal(np.log(1.5e8), 0.9, count))  # of a day, yuan
        self.special = rng.random(count) < 0.03
        self.board = rng.integers(0, len(BOARDS), count)
        self.popularity = 1.0 / np.arange(1, count + 1) ** 0.7
        rng.shuffle(self.popularity)
        self.popularity /= self.popularity.sum()
        self.base = self.close.copy()
        self.limit = np.where(self.special, 0.05, np.where(self.board >= BOARDS.index("ChiNext"), 0.20, 0.10))
        self.path = np.repeat(self.close[:, None], MINUTES + 1, axis=1)
        self._pushes: dict[int, list[tuple[int, float, float]]] = {}

    def allowed(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The lowest and the highest price of each instrument on the next trading day, yuan."""
        return np.round(self.close * (1 - self.limit), 2), np.round(self.close * (1 + self.limit), 2)

    def push(self, day: int, instrument: int, drift: float, volume: float) -> None:
        """Have an instrument rise by `drift` (log) on a day, on `volume` times its usual turnover."""
        self._pushes.setdefault(day, []).append((instrument, drift, volume))

    def reference(self, time: int) -> list[Row]:
        """The reference events of all instruments."""
        names = [f"{_PLACES[i % len(_PLACES)]} {_TRADES[i % len(_TRADES)]}" for i in range(len(self.codes))]
        return [
            Row(
                time,
                "instrument",
                {
                    "entity": "HQ",
                    "instrument": code,
                    "name_of_instrument": f"ST {name}" if special else name,
                    "instrument_kind": "share",
                    "board": BOARDS[board],
                    "special_treatment": bool(special),
                    "currency": "CNY",
                },
            )
            for code, board, special, name in zip(self.codes, self.board, self.special, names, strict=True)
        ]

    def trade_day(self, rng: np.random.Generator, day: Day) -> Table:
        """Walk the prices through a trading day; returns its price events, one per instrument and tick."""
        count = len(self.codes)
        drift, volume = np.zeros(count), np.ones(count)
        for instrument, push, times in self._pushes.pop(day.index, []):
            drift[instrument] += push
            volume[instrument] *= times
        pushed = drift != 0
        market = rng.normal(0.0, 0.006) * PROFILE + rng.normal(0.0, 0.005, MINUTES) * np.sqrt(PROFILE)
        own = rng.normal(0.0, 1.0, (count, MINUTES)) * np.sqrt(PROFILE) * self.volatility[:, None]
        steps = own * np.where(pushed, 0.3, 1.0)[:, None] + self.beta[:, None] * market + drift[:, None] / MINUTES
        gap = rng.normal(0.0, 0.25, count) * self.volatility
        logs = np.concatenate([np.zeros((count, 1)), np.cumsum(steps, axis=1)], axis=1) + gap[:, None]
        limit = self.limit[:, None]
        previous = self.close[:, None]
        path = np.exp(logs) * previous
        self.path = np.maximum(np.round(np.clip(path, previous * (1 - limit), previous * (1 + limit)), 2), 0.01)
        self.close = self.path[:, -1].copy()
        return self._ticks(rng, day, volume)

    def _ticks(self, rng: np.random.Generator, day: Day, multiple: NDArray[np.float64]) -> Table:
        """Price events at the end of every tick, with the turnover since the one before."""
        count = len(self.codes)
        ends = np.arange(self.tick_minutes, MINUTES + 1, self.tick_minutes)
        share = np.add.reduceat(PROFILE, ends - self.tick_minutes)
        day_turnover = self.turnover * multiple * np.exp(rng.normal(0.0, 0.3, count))
        turnover = day_turnover[:, None] * share * np.exp(rng.normal(0.0, 0.25, (count, len(ends))))
        price = self.path[:, ends]
        lots = np.maximum(1, np.rint(turnover / price / 100)).astype(np.int64)
        times = session_time(day, ends.astype(np.float64))[None, :] + rng.integers(0, 900, count)[:, None]
        order = np.argsort(times.ravel(), kind="stable")
        columns: dict[str, NDArray[Any]] = {
            "instrument": np.repeat(self.codes, len(ends))[order],
            "price": price.ravel()[order],
            "volume": (lots * 100).ravel()[order],
            "turnover": np.round(lots * 100 * price, 2).ravel()[order],
        }
        return Table("price", times.ravel()[order], columns)
