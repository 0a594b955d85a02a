"""The planted stories: eight kinds of trouble, each told in events among the calm ones and labelled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from risk_stream.simulate.clock import HOUR_MS, MINUTE_MS, SECOND_MS, day_of
from risk_stream.simulate.loans import LENDERS, LoanBook
from risk_stream.simulate.truth import Episode
from risk_stream.simulate.world import World

__all__ = ["DURATION_DAYS", "KINDS", "Scene"]


@dataclass(frozen=True, slots=True)
class Scene:
    """Where an episode is planted: the world, its loans and the episode's own dice."""

    world: World
    loans: LoanBook
    rng: np.random.Generator

    def plant(self, kind: str, id: str, day: int) -> Episode:
        """Plan an episode that begins on `day` (today or later); its events come with the days."""
        episode = Episode(kind, id)
        _PLANTERS[kind](self, episode, day)
        return episode

    def cast(self, episode: Episode, count: int) -> list[int]:
        """Customers for an episode, with their first accounts entered as its keys."""
        people = self.world.people
        chosen = self.world.take_customers(count)
        episode.keys["customer"] = [people.customer[i] for i in chosen]
        episode.keys["account"] = [people.account[people.main[i]] for i in chosen]
        return chosen

    def time(self, day: int, hour: float) -> int:
        """A local time of a day, ms."""
        return self.world.day_start(day) + int(hour * HOUR_MS)


def _velocity_burst(scene: Scene, episode: Episode, day: int) -> None:
    """Somebody empties an account in many small transfers within minutes."""
    (victim,) = scene.cast(episode, 1)
    rng, world = scene.rng, scene.world
    time = scene.time(day, rng.uniform(9, 21))
    for _ in range(int(rng.integers(12, 22))):
        world.tell(
            time,
            "transfer",
            episode,
            **world.cash(victim),
            counterparty=world.new_payee(),
            direction="out",
            amount=round(float(rng.uniform(800, 9_500)), 2),
            currency="CNY",
            counterparty_kind="person",
            purpose="living",
        )
        time += int(rng.integers(8, 34)) * SECOND_MS


def _structuring(scene: Scene, episode: Episode, day: int) -> None:
    """Cash in parts that each stay below the 50,000 at which it would be reported."""
    (customer,) = scene.cast(episode, 1)
    rng, world = scene.rng, scene.world
    time = scene.time(day, rng.uniform(9, 12))
    direction = str(rng.choice(["in", "out"]))
    for _ in range(int(rng.integers(4, 8))):
        world.tell(
            time,
            "transfer",
            episode,
            **world.cash(customer, "branch"),
            counterparty=world.new_payee(),
            direction=direction,
            amount=float(rng.integers(455, 500)) * 100,
            currency="CNY",
            counterparty_kind="person",
            purpose="cash",
        )
        time += int(rng.uniform(1.5, 9) * HOUR_MS)


def _account_takeover(scene: Scene, episode: Episode, day: int) -> None:
    """A stranger's device logs in, changes password and phone, and pays the money away."""
    (victim,) = scene.cast(episode, 1)
    rng, world = scene.rng, scene.world
    device = world.people.device[world.people.new_device()]
    episode.keys["device"] = [device]
    account = episode.keys["account"][0]
    who = world.who(victim) | {"device": device}
    time = scene.time(day, rng.uniform(7, 23))
    country = str(rng.choice(["CN", "KH", "MM"]))
    for success in (*[False] * int(rng.integers(1, 5)), True):
        world.tell(time, "login", episode, **who, account=account, country=country, success=success)
        time += int(rng.integers(10, 60)) * SECOND_MS
    for changed in ("password", "phone"):
        time += int(rng.integers(1, 5)) * MINUTE_MS
        world.tell(time, "profile_change", episode, **who, changed=changed)
    for _ in range(int(rng.integers(2, 4))):
        time += int(rng.integers(2, 15)) * MINUTE_MS
        world.tell(
            time,
            "transfer",
            episode,
            **who,
            account=account,
            counterparty=world.new_payee(),
            direction="out",
            amount=round(float(rng.uniform(25_000, 180_000)), -2),
            currency="CNY",
            counterparty_kind="person",
            purpose="other",
        )


def _trade(
    scene: Scene,
    episode: Episode,
    time: int,
    customer: int,
    instrument: int,
    side: str,
    quantity: int,
    price: float,
    other: str = "",
) -> None:
    """An order and, a second later, its trade."""
    cash = scene.world.cash(customer)
    fields = cash | {
        "instrument": scene.world.prices.codes[instrument],
        "position": scene.world.position(customer, instrument),
        "order": scene.world.new_order(),
        "side": side,
        "quantity": quantity,
        "price": price,
        "amount": round(quantity * price, 2),
        "currency": "CNY",
    }
    scene.world.tell(time, "order", episode, **fields)
    scene.world.tell(time + SECOND_MS, "trade", episode, **fields | ({"counter_account": other} if other else {}))


def _pump_and_dump(scene: Scene, episode: Episode, day: int) -> None:
    """A few accounts build up quietly, the price is driven up a third on heavy turnover, then they sell into it."""
    ring = scene.cast(episode, int(scene.rng.integers(3, 5)))
    rng, world = scene.rng, scene.world
    instrument = world.take_instrument()
    episode.keys["instrument"] = [world.prices.codes[instrument]]
    build, rise, fall = int(rng.integers(4, 7)), 5, 2
    days = world.trading_days(day, build + rise + fall)
    price = float(world.prices.close[instrument])
    for n, at in enumerate(days):
        rising = build <= n < build + rise
        dumping = n >= build + rise - 1
        drift = float(rng.uniform(0.068, 0.085)) if rising else -0.07 if dumping else 0.002
        if rising or dumping:
            world.prices.push(at, instrument, drift, float(rng.uniform(4.5, 7.0)))
        for customer in ring:
            for _ in range(3 if dumping else 2):
                # The story's prices follow the planned drift: within a few per cent of the tape's, as limit orders are.
                quote = round(price * float(np.exp(drift * rng.uniform(0.3, 1.0))), 2)
                money = float(rng.uniform(250_000, 420_000)) if dumping else float(rng.uniform(90_000, 160_000))
                quantity = 100 * max(1, round(money / quote / 100))
                hour = float(rng.choice([rng.uniform(9.55, 11.4), rng.uniform(13.05, 14.9)]))
                _trade(
                    scene,
                    episode,
                    scene.time(at, hour),
                    customer,
                    instrument,
                    "sell" if dumping else "buy",
                    quantity,
                    quote,
                )
        price *= float(np.exp(drift))


def _wash_trades(scene: Scene, episode: Episode, day: int) -> None:
    """Two accounts sell the same shares to each other, back and forth, and end where they began."""
    first, second = scene.cast(episode, 2)
    rng, world = scene.rng, scene.world
    instrument = world.take_instrument()
    episode.keys["instrument"] = [world.prices.codes[instrument]]
    if rng.random() < 0.5:  # one person behind both
        world.people.phone[second] = world.people.phone[first]
    (at,) = world.trading_days(day, 1)
    time = scene.time(at, float(rng.choice([rng.uniform(9.6, 10.7), rng.uniform(13.1, 14.2)])))
    price = float(world.prices.close[instrument])
    quantity = 100 * max(5, round(float(rng.uniform(80_000, 400_000)) / price / 100))
    accounts = episode.keys["account"]
    for n in range(int(rng.integers(8, 14))):
        quote = round(price * float(rng.uniform(0.998, 1.004)), 2)
        sell, buy = (first, second) if n % 2 == 0 else (second, first)
        _trade(scene, episode, time, sell, instrument, "sell", quantity, quote, accounts[1 - n % 2])
        _trade(scene, episode, time + 400, buy, instrument, "buy", quantity, quote, accounts[n % 2])
        time += int(rng.integers(40, 190)) * SECOND_MS


def _many_lenders(scene: Scene, episode: Episode, day: int) -> None:
    """One person asks lender after lender within two weeks; ours is one of them."""
    (customer,) = scene.cast(episode, 1)
    rng, world, loans = scene.rng, scene.world, scene.loans
    episode.keys["id_number"] = [world.people.id_number[customer]]
    asked = int(rng.integers(5, 8))
    amount = round(float(world.people.income[customer]) * float(rng.uniform(2, 4)), -3)
    hours = np.sort(rng.uniform(0, 9 * 24, asked))
    lenders = rng.choice(len(LENDERS) - 1, asked, replace=False).tolist()
    start = scene.time(day, 9)
    for hour, lender in zip(hours.tolist(), lenders, strict=True):
        loans.apply(rng, start + int(hour * HOUR_MS), customer, "consumer", amount, 12, LENDERS[lender + 1], episode)
    ours = start + int((float(hours[-1]) + rng.uniform(4, 30)) * HOUR_MS)
    inquiries = asked + int(rng.integers(2, 5))
    loans.request(
        rng,
        ours,
        customer,
        "consumer",
        amount,
        12,
        inquiries=inquiries,
        episode=episode,
        verdict=str(rng.choice(["refer", "decline"])),
    )


def _loan_into_market(scene: Scene, episode: Episode, day: int) -> None:
    """A consumer loan is drawn and within days most of it stands in a securities account and buys shares."""
    (customer,) = scene.cast(episode, 1)
    rng, world = scene.rng, scene.world
    amount = float(rng.integers(8, 28)) * 10_000
    applied = scene.time(day, rng.uniform(9, 12))
    drawn = scene.loans.request(rng, applied, customer, "consumer", amount, 12, episode=episode, verdict="approve")
    assert drawn is not None
    moved = drawn + int(rng.uniform(2, 40) * HOUR_MS)
    parts = int(rng.integers(1, 3))
    share = float(rng.uniform(0.65, 0.95))
    for _ in range(parts):
        world.tell(
            moved,
            "transfer",
            episode,
            **world.cash(customer),
            counterparty=f"P{int(rng.integers(1, 40)):06d}",
            direction="out",
            amount=round(amount * share / parts, -2),
            currency="CNY",
            counterparty_kind="securities",
            purpose="investment",
        )
        moved += int(rng.integers(5, 90)) * MINUTE_MS
    instrument = world.take_instrument()
    (at,) = world.trading_days(world.day_index(moved) + 1, 1)
    price = float(world.prices.close[instrument])
    for n in range(3):
        quote = round(price * float(rng.uniform(0.99, 1.01)), 2)
        quantity = 100 * max(1, int(amount * share / 3 / quote / 100))
        _trade(scene, episode, scene.time(at, 9.6 + n * 0.4), customer, instrument, "buy", quantity, quote)


def _missed_instalments(scene: Scene, episode: Episode, day: int) -> None:
    """A borrower who always paid stops: two instalments in a row stay unpaid."""
    for later in range(31):
        date = day_of(scene.world.first, day + later).date
        for loan in scene.loans.due_on(date.day):
            if loan.episode is None and loan.first_due <= day and loan.term - loan.paid > 4:
                loan.misses = 2
                loan.episode = episode
                episode.pending = loan.misses  # each is ticked off when it falls due
                episode.keys["loan"] = [loan.id]
                return


_PLANTERS: Mapping[str, Callable[[Scene, Episode, int], None]] = {
    "velocity_burst": _velocity_burst,
    "structuring": _structuring,
    "account_takeover": _account_takeover,
    "pump_and_dump": _pump_and_dump,
    "wash_trades": _wash_trades,
    "many_lenders": _many_lenders,
    "loan_into_market": _loan_into_market,
    "missed_instalments": _missed_instalments,
}

#: The kinds of episodes, in the order in which they are planted in turn.
KINDS = tuple(_PLANTERS)

#: kind -> days from its beginning within which it is told to the end.
DURATION_DAYS: Mapping[str, int] = {
    "velocity_burst": 1,
    "structuring": 3,
    "account_takeover": 2,
    "pump_and_dump": 20,
    "wash_trades": 4,
    "many_lenders": 12,
    "loan_into_market": 9,
    "missed_instalments": 62,
}
