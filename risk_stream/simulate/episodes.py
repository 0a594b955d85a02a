"""The planted stories: kinds of trouble, each told in events among the calm ones and labelled."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from risk_stream.simulate import abuse
from risk_stream.simulate.clock import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, day_of
from risk_stream.simulate.loans import LENDERS
from risk_stream.simulate.margin import margin_call
from risk_stream.simulate.scene import Scene, lots
from risk_stream.simulate.steps import FAULTS
from risk_stream.simulate.truth import Episode

__all__ = ["DURATION_DAYS", "KINDS", "plant"]


def plant(scene: Scene, kind: str, id: str, day: int) -> Episode:
    """Plan an episode that begins on `day` (today or later); its events come with the days."""
    episode = Episode(kind, id)
    _PLANTERS[kind](scene, episode, day)
    return episode


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


def _pump_and_dump(scene: Scene, episode: Episode, day: int) -> None:
    """A few accounts build up quietly, the price is driven up a third on heavy turnover, then they sell into it."""
    ring = scene.cast(episode, int(scene.rng.integers(3, 5)))
    rng, world = scene.rng, scene.world
    instrument = scene.stage(episode)
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
                side, quantity = "sell" if dumping else "buy", lots(money, quote)
                time = scene.in_session(at, (9.55, 11.4), (13.05, 14.9))
                scene.trade(episode, time, customer, instrument, side, quantity, quote)
        price *= float(np.exp(drift))


def _wash_trades(scene: Scene, episode: Episode, day: int) -> None:
    """Two accounts sell the same shares to each other, back and forth, and end where they began."""
    first, second = scene.cast(episode, 2)
    rng, world = scene.rng, scene.world
    one_hand = rng.random() < 0.5  # one person behind both
    instrument = scene.stage(episode, quiet=one_hand)
    (at,) = world.trading_days(day, 1)
    if one_hand:
        _one_hand(scene, at, first, second)
    time = scene.in_session(at, (9.6, 10.7), (13.1, 14.2))
    price = float(world.prices.close[instrument])
    usual = float(rng.uniform(80_000, 400_000))
    money = max(usual, float(world.prices.turnover[instrument]) * 0.035) if one_hand else usual
    quantity = lots(money, price, least=5)
    for n in range(int(rng.integers(8, 14))):
        quote = round(price * float(rng.uniform(0.998, 1.004)), 2)
        sell, buy = (first, second) if n % 2 == 0 else (second, first)
        scene.trade(episode, time, sell, instrument, "sell", quantity, quote, buy)
        scene.trade(episode, time + 400, buy, instrument, "buy", quantity, quote, sell)
        time += int(rng.integers(40, 190)) * SECOND_MS


def _one_hand(scene: Scene, day: int, first: int, second: int) -> None:
    """One person behind two customers: one telephone, and the house is told who decides over the second's account."""
    people = scene.world.people
    people.phone[second] = people.phone[first]
    people.investor[second] = people.investor[first]
    told = scene.world.who(second) | {"account": people.account[people.main[second]]}
    scene.world.tell(scene.world.day_start(day), "account", **told, controller=people.investor[first])


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
        scene.trade(episode, scene.time(at, 9.6 + n * 0.4), customer, instrument, "buy", quantity, quote)


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


def _mule_account(scene: Scene, episode: Episode, day: int) -> None:
    """Strangers pay into an account that was opened weeks ago, and it passes the money on the same day."""
    (customer,) = scene.cast(episode, 1)
    rng, world = scene.rng, scene.world
    account = world.new_account()
    episode.keys["account"] = [account]
    opened = world.day_start(day) - int(rng.integers(5, 40)) * DAY_MS
    told = world.who(customer) | {"account": account, "account_kind": "cash", "opened": opened}
    world.tell(world.day_start(day), "account", **told)
    mule = world.cash(customer) | {"account": account, "currency": "CNY", "counterparty_kind": "person"}
    time, came_in = scene.time(day, rng.uniform(8, 13)), 0.0
    for _ in range(int(rng.integers(6, 11))):
        amount = round(float(rng.uniform(11_000, 30_000)), -2)
        fields = mule | {"counterparty": world.new_payee(), "direction": "in", "amount": amount, "purpose": "other"}
        world.tell(time, "transfer", episode, **fields)
        came_in += amount
        time += int(rng.integers(3, 40)) * MINUTE_MS
    for _ in range(3):
        time += int(rng.integers(2, 20)) * MINUTE_MS
        amount = round(came_in * float(rng.uniform(0.29, 0.32)), -2)
        fields = mule | {"counterparty": world.new_payee(), "direction": "out", "amount": amount, "purpose": "other"}
        world.tell(time, "transfer", episode, **fields)


def _lent_account(scene: Scene, episode: Episode, day: int) -> None:
    """Somebody else trades through an account: larger and faster than its customer did, and nothing is forbidden."""
    (customer,) = scene.cast(episode, 1, usual=True)
    rng, world = scene.rng, scene.world
    (at,) = world.trading_days(day, 1)
    time = scene.time(at, rng.uniform(13.1, 13.6))
    usual = float(world.people.size[customer])
    for _ in range(int(rng.integers(4, 7))):
        instrument = world.take_instrument()
        price = float(world.prices.close[instrument])
        quantity = lots(usual * float(rng.uniform(8, 14)), price)
        scene.trade(episode, time, customer, instrument, "buy", quantity, round(price, 2))
        time += int(rng.integers(4, 14)) * MINUTE_MS


def _process_fault(scene: Scene, episode: Episode, _: int) -> None:
    """The next consumer loan that is approved goes wrong in one of its steps."""
    scene.loans.steps.plan(episode)


_PLANTERS: Mapping[str, Callable[[Scene, Episode, int], None]] = {
    "velocity_burst": _velocity_burst,
    "structuring": _structuring,
    "account_takeover": _account_takeover,
    "pump_and_dump": _pump_and_dump,
    "wash_trades": _wash_trades,
    "many_lenders": _many_lenders,
    "loan_into_market": _loan_into_market,
    "missed_instalments": _missed_instalments,
    "mule_account": _mule_account,
    "ramp_and_reverse": abuse.ramp_and_reverse,
    "marking_the_close": abuse.marking_the_close,
    "auction_spoofing": abuse.auction_spoofing,
    "layering": abuse.layering,
    "limit_price_wall": abuse.limit_price_wall,
    "quote_stuffing": abuse.quote_stuffing,
    "lent_account": _lent_account,
    **dict.fromkeys(FAULTS, _process_fault),
    "margin_call": margin_call,
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
    "mule_account": 2,
    **dict.fromkeys(("ramp_and_reverse", "auction_spoofing", "layering", "limit_price_wall"), 4),
    "quote_stuffing": 4,
    "lent_account": 4,
    **dict.fromkeys(("skipped_identity_check", "drawdown_before_contract"), 10),
    "late_use_of_funds": 45,
    "marking_the_close": 7,
    "margin_call": 18,
}
