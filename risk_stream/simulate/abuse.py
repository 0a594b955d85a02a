"""Planted market abuse: trades and orders that make a price or a turnover, in the hands of one or two investors."""

from __future__ import annotations

from risk_stream.simulate.clock import MINUTE_MS, SECOND_MS
from risk_stream.simulate.scene import Scene, lots
from risk_stream.simulate.truth import Episode

__all__ = [
    "auction_spoofing",
    "layering",
    "limit_price_wall",
    "marking_the_close",
    "quote_stuffing",
    "ramp_and_reverse",
]


def ramp_and_reverse(scene: Scene, episode: Episode, day: int) -> None:
    """A quiet instrument is bought up three per cent within minutes and sold again within half an hour."""
    (customer,) = scene.cast(episode, 1)
    rng, world = scene.rng, scene.world
    instrument = scene.stage(episode, quiet=True)
    (at,) = world.trading_days(day, 1)
    price = float(world.prices.close[instrument])
    half_hour = float(world.prices.turnover[instrument]) * 33 / 240
    quantity = lots(max(4_000_000.0, 1.5 * half_hour) / 5, price)
    time = scene.in_session(at, (10.2, 10.8), (13.4, 14.0))
    for n in range(5):
        quote = round(price * (1 + 0.008 * n), 2)
        scene.trade(episode, time, customer, instrument, "buy", quantity, quote)
        scene.tick(episode, time + 2 * SECOND_MS, instrument, quote, quantity)
        time += int(rng.integers(20, 35)) * SECOND_MS
    time += int(rng.integers(6, 18)) * MINUTE_MS
    for _ in range(2):
        scene.trade(episode, time, customer, instrument, "sell", 2 * quantity, round(price * 1.028, 2))
        time += int(rng.integers(20, 90)) * SECOND_MS


def marking_the_close(scene: Scene, episode: Episode, day: int) -> None:
    """A quiet instrument is bought up four per cent in the closing auction and sold the next morning."""
    (customer,) = scene.cast(episode, 1)
    rng, world = scene.rng, scene.world
    instrument = scene.stage(episode, quiet=True)
    evening, morning = world.trading_days(day, 2)
    before = float(world.prices.close[instrument])
    quote = round(before * float(rng.uniform(1.038, 1.045)), 2)
    quantity = lots(max(4_500_000.0, 0.2 * float(world.prices.turnover[instrument])), quote)
    scene.tick(episode, scene.time(evening, 14.94), instrument, before, 100)
    close = scene.time(evening, 15)
    scene.tick(episode, close + SECOND_MS, instrument, quote, quantity)
    scene.trade(episode, close + 400, customer, instrument, "buy", quantity, quote)
    time = scene.time(morning, rng.uniform(9.55, 9.8))
    for _ in range(2):
        scene.trade(episode, time, customer, instrument, "sell", quantity // 200 * 100, round(quote * 0.99, 2))
        time += int(rng.integers(30, 300)) * SECOND_MS


def auction_spoofing(scene: Scene, episode: Episode, day: int) -> None:
    """Bids six per cent up in the opening auction, taken back while an own ask waits for the price they made."""
    (customer,) = scene.cast(episode, 1)
    rng, world = scene.rng, scene.world
    instrument = scene.stage(episode, quiet=True)
    (at,) = world.trading_days(day, 1)
    close = float(world.prices.close[instrument])
    quote = round(close * 1.07, 2)
    time, orders = scene.time(at, 9.26), []
    for _ in range(3):
        quantity = lots(float(rng.uniform(1_500_000, 3_000_000)), quote)
        orders.append((time, scene.order(episode, time, customer, instrument, "buy", quantity, quote)))
        time += int(rng.integers(5, 20)) * SECOND_MS
    total = sum(int(order["quantity"]) for _, order in orders)
    scene.book(episode, time, instrument, "buy", round(close * 1.06, 2), round(total * float(rng.uniform(1.1, 2.0))))
    scene.order(episode, time + SECOND_MS, customer, instrument, "sell", 1_000, round(close * 1.05, 2))
    time += 20 * SECOND_MS
    for placed, order in orders:
        scene.cancel(episode, time, order, placed)
        time += int(rng.integers(1, 9)) * SECOND_MS


def layering(scene: Scene, episode: Episode, day: int) -> None:
    """Large bids come and go near the best price, again and again, while the same hand sells a little."""
    (customer,) = scene.cast(episode, 1)
    rng, world = scene.rng, scene.world
    instrument = scene.stage(episode, quiet=True)
    (at,) = world.trading_days(day, 1)
    price = float(world.prices.close[instrument])
    time = scene.in_session(at, (9.8, 10.8), (13.1, 14.2))
    for _ in range(int(rng.integers(5, 8))):
        quantity = lots(float(rng.uniform(10_500_000, 14_000_000)), price)
        order = scene.order(episode, time, customer, instrument, "buy", quantity, price)
        scene.book(episode, time + SECOND_MS, instrument, "buy", round(price + 0.01, 2), quantity)
        scene.trade(episode, time + 3 * SECOND_MS, customer, instrument, "sell", 2_000, round(price + 0.02, 2))
        scene.cancel(episode, time + 12 * SECOND_MS, order, time)
        time += int(rng.integers(60, 200)) * SECOND_MS


def limit_price_wall(scene: Scene, episode: Episode, day: int) -> None:
    """A wall of bids at the highest price allowed, taken back and set up again."""
    (customer,) = scene.cast(episode, 1)
    rng, world = scene.rng, scene.world
    instrument = scene.stage(episode, quiet=True)
    (at,) = world.trading_days(day, 1)
    limit = float(world.prices.allowed()[1][instrument])
    time = scene.in_session(at, (9.8, 10.8), (13.1, 14.2))
    scene.book(episode, time, instrument, "buy", limit, lots(900_000, limit))
    for _ in range(int(rng.integers(2, 5))):
        time += SECOND_MS
        quantity = lots(float(rng.uniform(11_000_000, 16_000_000)), limit)
        order = scene.order(episode, time, customer, instrument, "buy", quantity, limit)
        scene.book(episode, time + SECOND_MS, instrument, "buy", limit, round(quantity * float(rng.uniform(1.2, 2.0))))
        scene.cancel(episode, time + 90 * SECOND_MS, order, time)
        time += int(rng.integers(120, 240)) * SECOND_MS


def quote_stuffing(scene: Scene, episode: Episode, day: int) -> None:
    """A programme sends hundreds of orders a second and takes each back at once."""
    (customer,) = scene.cast(episode, 1)
    rng, world = scene.rng, scene.world
    instrument = scene.stage(episode)
    (at,) = world.trading_days(day, 1)
    price = float(world.prices.close[instrument])
    time = scene.in_session(at, (9.8, 10.8), (13.1, 14.2))
    for n in range(520):
        placed = time + 5 * n
        quote = round(price - 0.01 * int(rng.integers(1, 4)), 2)
        order = scene.order(episode, placed, customer, instrument, "buy", 100, quote)
        scene.cancel(episode, placed + int(rng.integers(20, 400)), order, placed)
