"""Where an episode is planted, and the few things that all planters do: choose people, tell orders and trades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from risk_stream.simulate.clock import HOUR_MS, SECOND_MS
from risk_stream.simulate.emit import LEVELS
from risk_stream.simulate.loans import LoanBook
from risk_stream.simulate.truth import Episode
from risk_stream.simulate.world import World

__all__ = ["Scene", "lots"]


def lots(money: float, price: float, least: int = 1) -> int:
    """Pieces for so much money, in whole lots of 100."""
    return 100 * max(least, round(money / price / 100))


@dataclass(frozen=True, slots=True)
class Scene:
    """Where an episode is planted: the world, its loans and the episode's own dice."""

    world: World
    loans: LoanBook
    rng: np.random.Generator

    def cast(self, episode: Episode, count: int, *, usual: bool = False) -> list[int]:
        """Customers for an episode, with their first accounts as its keys; `usual`: one who trades as most do."""
        people = self.world.people
        chosen = [self.world.take_usual_customer()] if usual else self.world.take_customers(count)
        episode.keys["customer"] = [people.customer[i] for i in chosen]
        episode.keys["account"] = [people.account[people.main[i]] for i in chosen]
        return chosen

    def stage(self, episode: Episode, *, quiet: bool = False) -> int:
        """An instrument for an episode, entered as its key; a quiet one is little traded and not under treatment."""
        instrument = self.world.take_quiet_instrument() if quiet else self.world.take_instrument()
        episode.keys["instrument"] = [self.world.prices.codes[instrument]]
        return instrument

    def time(self, day: int, hour: float) -> int:
        """A local time of a day, ms."""
        return self.world.day_start(day) + int(hour * HOUR_MS)

    def in_session(self, day: int, morning: tuple[float, float], afternoon: tuple[float, float]) -> int:
        """A time within local hours of the morning or of the afternoon, ms."""
        return self.time(day, float(self.rng.choice([self.rng.uniform(*morning), self.rng.uniform(*afternoon)])))

    def order(
        self, episode: Episode, time: int, customer: int, instrument: int, side: str, quantity: int, price: float
    ) -> dict[str, Any]:
        """An order; returns its fields, for its trade or its cancel."""
        fields = self.world.cash(customer) | {
            "instrument": self.world.prices.codes[instrument],
            "position": self.world.position(customer, instrument),
            "order": self.world.new_order(),
            "side": side,
            "quantity": quantity,
            "price": price,
            "amount": round(quantity * price, 2),
            "currency": "CNY",
        }
        self.world.tell(time, "order", episode, **fields)
        return fields

    def trade(
        self,
        episode: Episode,
        time: int,
        customer: int,
        instrument: int,
        side: str,
        quantity: int,
        price: float,
        other: int | None = None,
    ) -> None:
        """An order and, a second later, its trade; `other` is the customer on the other side."""
        fields = self.order(episode, time, customer, instrument, side, quantity, price)
        if other is not None:
            people = self.world.people
            fields["counter_account"] = people.account[people.main[other]]
            fields["counter_position"] = self.world.position(other, instrument)
        self.world.tell(time + SECOND_MS, "trade", episode, **fields)

    def cancel(self, episode: Episode, time: int, order: dict[str, Any], placed: int) -> None:
        """Take back all of an order that was placed at `placed` (ms)."""
        kept = {name: value for name, value in order.items() if name not in {"quantity", "amount"}}
        self.world.tell(
            time,
            "order_cancel",
            episode,
            **kept,
            placed=placed,
            cancelled=order["quantity"],
            cancelled_amount=order["amount"],
        )

    def tick(self, episode: Episode, time: int, instrument: int, price: float, volume: int) -> None:
        """A price beside those of the tape, with the pieces traded at it."""
        self.world.tell(
            time,
            "price",
            episode,
            instrument=self.world.prices.codes[instrument],
            price=price,
            volume=volume,
            turnover=round(volume * price, 2),
        )

    def book(self, episode: Episode, time: int, instrument: int, side: str, best: float, quantity: int) -> None:
        """One side of the order book, a fen between its levels; most of it stands on the best one."""
        name, step = ("bid", -0.01) if side == "buy" else ("ask", 0.01)
        levels: dict[str, float] = {f"{name}_depth": quantity + 4_000}
        for level in range(1, LEVELS + 1):
            levels[f"{name}_price_{level}"] = round(best + step * (level - 1), 2)
            levels[f"{name}_quantity_{level}"] = quantity if level == 1 else 1_000
        self.world.tell(time, "book_depth", episode, instrument=self.world.prices.codes[instrument], **levels)
