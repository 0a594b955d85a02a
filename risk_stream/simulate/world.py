"""What a simulation has at one time: its people, prices and loans, and the events that are already going to happen."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

from risk_stream.simulate.clock import DAY_MS, midnight
from risk_stream.simulate.emit import Row
from risk_stream.simulate.people import People
from risk_stream.simulate.prices import Prices
from risk_stream.simulate.truth import Episode

__all__ = ["World"]


class World:
    """Shared by the parts of a simulation; only `Market` makes one.

    Attributes:
        free: Customers no episode has used, in the order in which episodes take them.
    """

    def __init__(
        self, rng: np.random.Generator, first: dt.date, customers: int, instruments: int, tick_minutes: int
    ) -> None:
        self.first = first
        self.start = midnight(first)
        self.people = People(rng, customers, first)
        self.prices = Prices(rng, instruments, tick_minutes)
        self.free: list[int] = rng.permutation(customers).tolist()
        self.free_instruments: list[int] = rng.permutation(instruments).tolist()
        self._agenda: dict[int, list[Row]] = {}
        self._payees = customers * 3
        self._orders = 0
        self._accounts = len(self.people.account)

    def tell(self, time: int, type: str, episode: Episode | None = None, /, **fields: Any) -> None:
        """Have an event happen at a time of today or later."""
        if episode is not None:
            episode.pending += 1
        self._agenda.setdefault(self.day_index(time), []).append(Row(time, type, fields, episode))

    def due(self, day: int) -> list[Row]:
        """The events of a day that were told beforehand; they are handed out once."""
        return self._agenda.pop(day, [])

    def who(self, customer: int, channel: str = "app") -> dict[str, Any]:
        """Envelope and key of an event of a customer's."""
        return {"entity": self.people.entity(customer), "channel": channel, "customer": self.people.customer[customer]}

    def cash(self, customer: int, channel: str = "app") -> dict[str, Any]:
        """The same with his first account and the device he uses."""
        device = self.people.device[self.people.phone[customer]]
        return self.who(customer, channel) | {
            "account": self.people.account[self.people.main[customer]],
            "device": device,
        }

    def position(self, customer: int, instrument: int) -> str:
        """The key of an instrument in the hands of whoever decides over a customer's accounts."""
        return f"{self.people.investor[customer]}/{self.prices.codes[instrument]}"

    def new_payee(self) -> str:
        """A counterparty nobody has paid before."""
        self._payees += 1
        return f"P{self._payees:06d}"

    def new_account(self) -> str:
        """The number of an account beside those that customers have from the beginning."""
        self._accounts += 1
        return f"A{self._accounts:06d}"

    def new_order(self) -> str:
        """The number of an order that is not one of a day's table."""
        self._orders += 1
        return f"{self.first:%y%m%d}-{self._orders}"

    def take_customers(self, count: int) -> list[int]:
        """Customers for an episode: no two episodes share one while there are enough."""
        if len(self.free) < count:
            self.free = list(range(self.people.count))
        taken, self.free = self.free[:count], self.free[count:]
        return taken

    @property
    def margin_customers(self) -> list[int]:
        """Customers that have a margin account, ascending."""
        held: list[int] = np.flatnonzero(self.people.margin >= 0).tolist()
        return held

    def take_margin_customer(self, after: int) -> int | None:
        """One of them for an episode, from the end of those no episode has used, so that others get whom they got.

        Not one of the first `after`, where there is another; None where there is no margin account at all.
        """
        held = self.margin_customers
        later = set(held[after:]) or set(held)
        chosen = next((customer for customer in reversed(self.free) if customer in later), None)
        if chosen is None:
            return held[-1] if held else None
        self.free.remove(chosen)
        return chosen

    def take_usual_customer(self) -> int:
        """One of the next few customers for an episode: the one that trades most like the mean of all."""
        shares = np.diff(self.people.activity, prepend=0.0)
        usual = min(self.free[:60] or range(self.people.count), key=lambda i: abs(float(shares[i]) - shares.mean()))
        self.free = [other for other in self.free if other != usual]
        return usual

    def take_instrument(self) -> int:
        """An instrument for an episode, in turn."""
        self.free_instruments.append(self.free_instruments.pop(0))
        return self.free_instruments[-1]

    def take_quiet_instrument(self) -> int:
        """The least traded of the next few instruments that are not under special treatment."""
        prices = self.prices
        plain = [i for i in self.free_instruments if not prices.special[i]] or self.free_instruments
        chosen = min(plain[: max(1, len(plain) // 2)], key=lambda i: float(prices.turnover[i]))
        self.free_instruments.remove(chosen)
        self.free_instruments.append(chosen)
        return chosen

    def trading_days(self, day: int, count: int) -> list[int]:
        """The first `count` trading days on or after a day."""
        days: list[int] = []
        while len(days) < count:
            if (self.first + dt.timedelta(days=day)).weekday() < 5:
                days.append(day)
            day += 1
        return days

    def day_start(self, day: int) -> int:
        """Local midnight of a day, ms."""
        return self.start + day * DAY_MS

    def day_index(self, time: int) -> int:
        """The day a time (ms) lies in."""
        return (time - self.start) // DAY_MS
