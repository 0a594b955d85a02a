"""The simulated market: days of calm events with planted episodes, as slices of JSON in the order of event time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from risk_stream.simulate.cash import details_of_day, logins_of_day, salaries_of_day, transfers_of_day
from risk_stream.simulate.clock import DAY_MS, HOUR_MS, Day, day_of
from risk_stream.simulate.emit import Slice, Table, render_day
from risk_stream.simulate.episodes import DURATION_DAYS, KINDS, plant
from risk_stream.simulate.exchange import depth_of_day, indices_of_day, limits_of_day, phases_of_day
from risk_stream.simulate.loans import LoanBook
from risk_stream.simulate.margin import calm_accounts
from risk_stream.simulate.margin_clerk import with_statuses
from risk_stream.simulate.scene import Scene
from risk_stream.simulate.steps import FAULTS, Steps
from risk_stream.simulate.trading import trading_day
from risk_stream.simulate.truth import Episode
from risk_stream.simulate.world import World

__all__ = ["ORDINARY", "UNRULED", "Market"]

#: A Monday.
START = dt.date(2026, 3, 2)
#: Days of an endless stream over which its episodes are spread, again and again.
SEASON = 90

#: What turned out to be true of a kind of episode, as an `outcome` says it.
_LABELS = {
    **dict.fromkeys(("pump_and_dump", "wash_trades", "ramp_and_reverse"), "manipulation"),
    **dict.fromkeys(("marking_the_close", "auction_spoofing", "layering", "limit_price_wall"), "manipulation"),
    "quote_stuffing": "manipulation",
    "missed_instalments": "default",
}


#: Kinds that are nobody's fraud: planted only where they are asked for, and without an outcome.
ORDINARY = (*FAULTS, "margin_call")
#: What no rule finds, only a model that knows the past of an account: planted where it is asked for, too.
UNRULED = ("lent_account",)


class Market:
    """A seeded stream of events: the same arguments give the same bytes.

    Args:
        seed: What decides everything that happens.
        customers: How many people; they make about 3.5 events each on a trading day.
        days: Days to simulate, weekends included; None never ends.
        start: The first local (China) day, as a date or ISO text.
        episodes: How many to plant, of all kinds of trouble that somebody makes in turn; or how many of each kind; or
            (kind, day) for each, None for a day that is left to the dice.
            Without an end of days it is the number for every 90 days.
        instruments: How many; by default one for 40 customers, 20 to 400.
        tick_minutes: Trading minutes between price events; must divide 240.
        density: Scales how much each customer trades, pays and logs in.

    Raises:
        ValueError: For a kind of episode there is none of, or a number that makes no sense.
    """

    def __init__(
        self,
        seed: int = 1,
        *,
        customers: int = 5_000,
        days: int | None = 30,
        start: dt.date | str = START,
        episodes: int | Mapping[str, int] | Sequence[tuple[str, int | None]] = 16,
        instruments: int | None = None,
        tick_minutes: int = 5,
        density: float = 1.0,
    ) -> None:
        if customers < 20 or (days is not None and days < 1) or density < 0:
            raise ValueError(
                "a market needs 20 customers or more, at least one day and a density of 0 or more: give so many"
            )
        if tick_minutes < 1 or 240 % tick_minutes:
            raise ValueError(
                f"the trading day's 240 minutes are no multiple of {tick_minutes}: give 1, 2, 3, 4, 5, 10 …"
            )
        self.seed, self.customers, self.days = seed, customers, days
        self.start = dt.date.fromisoformat(start) if isinstance(start, str) else start
        self.instruments = instruments or min(400, max(20, customers // 40))
        self.tick_minutes, self.density = tick_minutes, density
        self._wanted = _wanted(episodes)
        self.episodes: list[Episode] = []  # what was planted so far; told to the end once the stream is read

    @property
    def start_ms(self) -> int:
        """Local midnight of the first day, ms since 1970 UTC."""
        return day_of(self.start, 0).start

    def slices(self, size: int = 2_000) -> Iterator[Slice]:
        """The stream from its beginning, in slices of at most `size` events; `episodes` is filled in meanwhile."""
        return with_statuses(self._slices(size), size)

    def _slices(self, size: int) -> Iterator[Slice]:
        """The stream without what a clerk says of it."""
        self.episodes = []
        world = World(self._dice(0), self.start, self.customers, self.instruments, self.tick_minutes)
        loans = LoanBook(self._dice(1), world, Steps(self._dice(7), world))
        begin = day_of(self.start, 0).start
        rows = [*world.people.reference(begin), *world.prices.reference(begin + 2), *loans.openings(begin + 3)]
        rows += calm_accounts(self._dice(8), world, begin + 4)
        index = 0
        labelled: set[str] = set()
        while self.days is None or index < self.days:
            day = day_of(self.start, index)
            self._plant(world, loans, index)
            tables = self._calm(world, loans, day)
            rows += world.due(index)
            yield from render_day(f"{self.seed}-{index}", tables, rows, size)
            self._label(world, labelled)
            rows, index = [], index + 1

    def _dice(self, *path: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *path])

    def _calm(self, world: World, loans: LoanBook, day: Day) -> list[Table]:
        """What happens on a day without any episode; loans tell their events to the world's agenda."""
        people = world.people
        rng = self._dice(2, day.index)
        loans.applications_of_day(rng, day)
        loans.instalments_of_day(rng, day)
        loans.reviews_of_day(rng, day)
        for row in [*details_of_day(rng, day, people), *salaries_of_day(rng, day, people)]:
            world.tell(row.time, row.type, **row.fields)
        tables = [logins_of_day(rng, day, people, self.density), transfers_of_day(rng, day, people, self.density)]
        if day.trading:
            aside, prices = self._dice(6, day.index), world.prices
            tables += [limits_of_day(day, prices), phases_of_day(day, prices), prices.trade_day(rng, day)]
            tables += [depth_of_day(aside, day, prices), indices_of_day(aside, day, prices)]
            tables += trading_day(rng, aside, day, people, prices, f"{self.seed}-{day.index}", self.density)
            loans.valuations_of_day(rng, day)
            loans.reports_of_day(aside, day)
        return tables

    def _plant(self, world: World, loans: LoanBook, day: int) -> None:
        """Begin the episodes planned for a day."""
        season, within = divmod(day, self.days or SEASON)
        plan = _plan(self._dice(3, season), self._wanted, self.days or SEASON)
        for number, (kind, at) in enumerate(plan):
            if at == within:
                scene = Scene(world, loans, self._dice(4, season, number))
                self.episodes.append(plant(scene, kind, f"episode-{season}-{number}", day))

    def _label(self, world: World, labelled: set[str]) -> None:
        """Some days after an episode is over an `outcome` says what it was; a fault in a process is nobody's fraud."""
        for episode in self.episodes:
            if episode.id not in labelled and episode.complete and episode.kind not in ORDINARY:
                labelled.add(episode.id)
                rng = self._dice(5, *map(int, episode.id.split("-")[1:]))
                keys = {kind: values[0] for kind, values in episode.keys.items() if kind != "id_number"}
                label = _LABELS.get(episode.kind, "fraud")
                time = episode.end + int(rng.integers(1, 6)) * DAY_MS + int(rng.integers(0, 8)) * HOUR_MS
                world.tell(time, "outcome", entity="HQ", **keys, of_event=episode.events[-1], label=label)


def _wanted(episodes: int | Mapping[str, int] | Sequence[tuple[str, int | None]]) -> list[tuple[str, int | None]]:
    """(kind, day or None) of each episode to plant."""
    if isinstance(episodes, int):
        in_turn = [kind for kind in KINDS if kind not in (*ORDINARY, *UNRULED)]
        return [(in_turn[i % len(in_turn)], None) for i in range(episodes)]
    given: list[tuple[str, int | None]]
    if isinstance(episodes, Mapping):
        given = [(kind, None) for kind, count in episodes.items() for _ in range(count)]
    else:
        given = list(episodes)
    for kind, _ in given:
        if kind not in KINDS:
            raise ValueError(f"there is no kind of episode called {kind!r}: name one of {', '.join(KINDS)}")
    return given


def _plan(rng: np.random.Generator, wanted: Sequence[tuple[str, int | None]], days: int) -> list[tuple[str, int]]:
    """Choose days for the episodes that have none: each told to the end where the days allow it."""
    plan = []
    for kind, day in wanted:
        last = max(1, days - DURATION_DAYS[kind])
        first = min(1, last - 1) if kind != "pump_and_dump" else min(8, last - 1)
        chosen = int(rng.integers(first, last)) if last > first else first
        plan.append((kind, chosen if day is None else day))
    return plan
