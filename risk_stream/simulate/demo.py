"""The demo's story: two simulated months, and every kind of episode early enough to be seen in half a minute."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import chain

from risk_stream.simulate.clock import DAY_MS, Clock
from risk_stream.simulate.emit import Slice
from risk_stream.simulate.market import Market
from risk_stream.simulate.pace import paced

__all__ = ["DEMO", "Demo"]


@dataclass(frozen=True, slots=True)
class Demo:
    """Settings of a market and its clock that go together."""

    seed: int
    customers: int
    instruments: int
    tick_minutes: int
    density: float
    days: int
    seconds: float  # wall time in which `days` pass
    calm: float  # how many times slower the days after them pass: for somebody to work what the story left
    night: float  # how many times faster the hours pass in which the market is shut
    story: tuple[tuple[str, int], ...]  # (kind of episode, day)

    def market(self, *, endless: bool = False) -> Market:
        """The market; an endless one goes on after `days` with the same story about other people."""
        return Market(
            self.seed,
            customers=self.customers,
            days=None if endless else self.days,
            episodes=self.story,
            instruments=self.instruments,
            tick_minutes=self.tick_minutes,
            density=self.density,
        )

    def clock(self, market: Market) -> Clock:
        """The declared clock in which `days` of that market take `seconds`."""
        end = market.start_ms + self.days * DAY_MS
        unit = Clock(market.start_ms, 1.0, self.night, declared=True).wall(end)
        return Clock(market.start_ms, unit / self.seconds, self.night, declared=True)

    async def told(self, market: Market) -> AsyncIterator[Slice]:
        """The stream as its clock lets it out; from the end of the story on at the calm pace, if it goes on."""
        clock, slices = self.clock(market), market.slices(500)  # small enough to be let out smoothly
        end, rest = market.start_ms + self.days * DAY_MS, list[Slice]()

        def story() -> Iterator[Slice]:
            for part in slices:
                if part.times[0] >= end:
                    rest.append(part)
                    return
                yield part

        async for part in paced(story(), clock):
            yield part
        async for part in paced(chain(rest, slices), Clock(end, clock.factor / self.calm, self.night, declared=True)):
            yield part


#: 58 days in 27 seconds, about 2,500 events a second; the last to be known is the second missed instalment. A day takes
#: half a minute from then on, 60 events a second: little enough to be left running.
DEMO = Demo(
    seed=11,
    customers=700,
    instruments=24,
    tick_minutes=10,
    density=1.0,
    days=58,
    seconds=27.0,
    calm=60.0,
    night=12.0,
    story=(
        ("velocity_burst", 1),
        ("many_lenders", 1),
        ("missed_instalments", 1),
        ("account_takeover", 2),
        ("structuring", 3),
        ("wash_trades", 4),
        ("loan_into_market", 5),
        ("mule_account", 6),
        ("layering", 7),
        ("marking_the_close", 8),
        ("pump_and_dump", 9),
        ("auction_spoofing", 9),
        ("missed_instalments", 10),
        ("ramp_and_reverse", 11),
        ("quote_stuffing", 14),
        ("account_takeover", 15),
        ("limit_price_wall", 16),
        ("velocity_burst", 18),
        ("many_lenders", 20),
        ("layering", 22),
        ("structuring", 25),
        ("mule_account", 28),
        ("wash_trades", 30),
        ("loan_into_market", 33),
        ("ramp_and_reverse", 36),
        ("account_takeover", 40),
        ("marking_the_close", 43),
        ("velocity_burst", 45),
        ("structuring", 50),
        ("late_use_of_funds", 3),  # a deadline: it is over when the clock of the quiet topics has passed it
        ("skipped_identity_check", 5),
        ("drawdown_before_contract", 12),
        ("margin_call", 21),
        ("lent_account", 51),
    ),
)
