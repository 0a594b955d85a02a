"""Announced pump-and-dumps in real trades: bars of them as events, and how alarms are counted.

The data are 641,260 trades of 26 coins around 32 announced pumps (Pugoev 2023). They are not part of this repository:
`RISK_STREAM_DATA` names the folder that holds them.
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from risk_stream.workbench.evaluate import f1

__all__ = [
    "FILES",
    "Bars",
    "Counted",
    "LeftOut",
    "Pump",
    "bars_of",
    "best",
    "by_threshold",
    "count",
    "events_of",
    "leave_one_out",
    "read_bars",
    "read_pumps",
]

FILES = ("pump_trades.csv.gz", "pump_events.csv")
#: Seconds of a bar.
BAR = 25
#: A coin's trades with a gap of so many ms between them belong to several windows.
GAP = 12 * 3_600_000
#: An alarm from 2 minutes before the announcement to 5 after it is right; up to an hour after it counts neither way.
EARLIEST, LATEST, AFTERWARDS = -120_000, 300_000, 3_600_000
#: After an alarm a coin is quiet for so many ms.
QUIET = 1_800_000
#: An announced pump that did not move the price so far is not counted as missed.
MOVED = 1.1

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]


class Pump(NamedTuple):
    """One announced pump."""

    id: str
    symbol: str
    announced: int  # ms
    moved: bool
    days: float  # of trades around it


class Bars(NamedTuple):
    """One coin's bars of one stretch of trades, without gaps; all [n]."""

    symbol: str
    ends: Longs  # ms
    rush: Longs  # orders to buy that took several others within a millisecond
    trades: Longs
    bought: Floats
    rise: Floats  # log of the highest price by the last one before


def read_pumps(path: Path) -> list[Pump]:
    """The announced pumps, by time."""
    with path.open(encoding="utf-8") as lines:
        found = []
        for r in csv.DictReader(lines):
            announced = round(datetime.fromisoformat(r["announced_time"]).timestamp() * 1000)
            days = (int(r["last_trade_ms"]) - int(r["first_trade_ms"])) / 86_400_000
            found.append(Pump(r["event_id"], r["symbol"], announced, float(r["peak_ratio"]) >= MOVED, days))
        return found


def read_bars(path: Path) -> list[Bars]:
    """All trades as bars."""
    trades = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for r in csv.DictReader(lines):
            price = float(r["price"])
            trades[r["symbol"]].append((int(r["ts_ms"]), r["side"] == "buy", price, price * float(r["amount"])))
    found = []
    for symbol, rows in trades.items():
        times, buys, prices, turnovers = (np.array(column) for column in zip(*rows, strict=True))
        cuts = [0, *(np.flatnonzero(np.diff(times) > GAP) + 1).tolist(), len(times)]
        for begin, end in pairwise(cuts):
            of = slice(begin, end)
            found.append(bars_of(symbol, times[of], buys[of], prices[of], turnovers[of]))
    return found


def bars_of(symbol: str, times: Longs, buys: NDArray[np.bool_], prices: Floats, turnovers: Floats) -> Bars:
    """The bars of one stretch of trades, empty ones too: their price is the last one's."""
    first, width = int(times[0]) // (BAR * 1000), BAR * 1000
    of = times // width - first
    n = int(of[-1]) + 1
    bought_at, fills = np.unique(times[buys], return_counts=True)
    rush = np.bincount(bought_at[fills > 1] // width - first, minlength=n)
    close, high = np.full(n, np.nan), np.full(n, -np.inf)
    close[of] = prices
    np.maximum.at(high, of, prices)
    close = close[np.maximum.accumulate(np.where(np.isnan(close), 0, np.arange(n)))]
    high = np.where(np.isinf(high), close, high)
    ends = (np.arange(n) + first + 1) * width
    bought = np.bincount(of, turnovers * buys, minlength=n).astype(np.float64)
    rise = np.log(high / np.concatenate([close[:1], close[:-1]]))
    return Bars(symbol, ends, rush, np.bincount(of, minlength=n), bought, rise)


def events_of(bars: Sequence[Bars]) -> Iterator[bytes]:
    """Bars as events, by time."""
    which = np.concatenate([np.full(len(b.ends), i) for i, b in enumerate(bars)])
    rows = np.concatenate([np.arange(len(b.ends)) for b in bars])
    order = np.argsort(np.concatenate([b.ends for b in bars]), kind="stable")
    for i, row in zip(which[order].tolist(), rows[order].tolist(), strict=True):
        b = bars[i]
        said = {"instrument": b.symbol, "rush": int(b.rush[row]), "trades": int(b.trades[row])}
        more = {"bought": float(b.bought[row]), "rise": float(b.rise[row])}
        end = int(b.ends[row])
        yield orjson.dumps({"id": f"{b.symbol}-{end}", "type": "bar", "time": end, **said, **more})


class Counted(NamedTuple):
    """What alarms did: by pump, whether it was found, after how many ms, and wrong alarms nearest to it."""

    found: dict[str, int]  # id -> ms from the announcement to the alarm
    wrong: dict[str, int]  # id -> alarms

    def right(self, pumps: Sequence[Pump]) -> tuple[int, int, int]:
        """(found, wrong, missed) of some pumps."""
        moved = [p for p in pumps if p.moved]
        right = sum(p.id in self.found for p in moved)
        return right, sum(self.wrong.get(p.id, 0) for p in pumps), len(moved) - right


def count(symbols: Sequence[str], times: Longs, pumps: Sequence[Pump]) -> Counted:
    """Count alarms, which are in the order of time, by the rules that stand above."""
    counted, spoken = Counted({}, {}), dict[str, int]()
    for symbol, at in zip(symbols, times.tolist(), strict=True):
        if at - spoken.get(symbol, at - QUIET) < QUIET:
            continue
        spoken[symbol] = at
        own = [p for p in pumps if p.symbol == symbol]
        near = next((p for p in own if EARLIEST <= at - p.announced <= AFTERWARDS), None)
        if near is None:
            nearest = min(own, key=lambda p: abs(at - p.announced)).id
            counted.wrong[nearest] = counted.wrong.get(nearest, 0) + 1
        elif at - near.announced <= LATEST:
            counted.found.setdefault(near.id, at - near.announced)
    return counted


class LeftOut(NamedTuple):
    """What thresholds chosen on all other pumps do to each one: (found, wrong, missed) [p, 3], ms until found."""

    counts: Longs
    delays: list[int]
    thresholds: list[float]

    @property
    def f1(self) -> float:
        """Of all pumps together."""
        return f1(*self.counts.sum(axis=0).tolist())


def by_threshold(
    symbols: Sequence[str], times: Longs, scores: Floats, pumps: Sequence[Pump], steps: int = 120
) -> tuple[Floats, list[Counted]]:
    """Thresholds, at quantiles of the 4,000 highest scores, and what alarms above each do."""
    order = np.argsort(times, kind="stable")
    tried = np.unique(np.quantile(np.sort(scores[~np.isnan(scores)])[-4000:], np.linspace(0, 1, steps)))
    said = []
    for threshold in tried:
        at = order[scores[order] > threshold]
        said.append(count([symbols[i] for i in at.tolist()], times[at], pumps))
    return tried, said


def best(said: Sequence[Counted], pumps: Sequence[Pump]) -> int:
    """The place of what has the highest F1 on some pumps, the middle one of equals."""
    reached = np.array([f1(*one.right(pumps)) for one in said])
    places = np.flatnonzero(reached >= reached.max() - 1e-12)
    return int(places[len(places) // 2])


def leave_one_out(symbols: Sequence[str], times: Longs, scores: Floats, pumps: Sequence[Pump]) -> LeftOut:
    """For each pump, alarms above the threshold that is the best on all others."""
    tried, said = by_threshold(symbols, times, scores, pumps)
    counts, delays, thresholds = [], [], []
    for pump in pumps:
        at = best(said, [p for p in pumps if p is not pump])
        counts.append(said[at].right([pump]))
        thresholds.append(float(tried[at]))
        if pump.moved and pump.id in said[at].found:
            delays.append(said[at].found[pump.id])
    return LeftOut(np.array(counts), delays, thresholds)
