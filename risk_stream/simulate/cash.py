"""Calm days around the money: logins, new phones, changed details, transfers, salaries paid by firms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from risk_stream.simulate.clock import HOUR_MS, MINUTE_MS, Day
from risk_stream.simulate.emit import Row, Table
from risk_stream.simulate.people import BROKERS, CHANNEL_SHARES, CHANNELS, People

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["details_of_day", "logins_of_day", "salaries_of_day", "transfers_of_day"]

LOGINS_A_DAY = 0.9  # per customer on a trading day
TRANSFERS_A_DAY = 0.25
NEW_PHONES_A_DAY = 0.0008
CHANGES_A_DAY = 0.001

_KINDS = np.array(["own", "person", "company", "securities", "lender", "real_estate", "other"], object)
_KIND_SHARES = (0.44, 0.30, 0.16, 0.06, 0.015, 0.01, 0.015)
_PURPOSES = np.array(["savings", "living", "goods", "investment", "repayment", "rent", "other"], object)
_DIRECTIONS = np.array(["in", "out"], object)
_CHANGED = ("phone", "address", "email", "bank_card", "employer", "password")
_CHANGED_SHARES = (0.16, 0.22, 0.18, 0.2, 0.12, 0.12)
#: Days of the month on which firms pay salaries.
_PAYDAYS = (10, 15)


def logins_of_day(rng: np.random.Generator, day: Day, people: People, density: float) -> Table:
    """Logins, thick around the opening."""
    count = int(rng.poisson(people.count * LOGINS_A_DAY * density * (1.0 if day.trading else 0.3)))
    early = rng.random(count) < (0.45 if day.trading else 0.05)
    hour = np.where(early, rng.normal(9.3, 0.25, count), rng.triangular(6.5, 14.0, 23.8, count)).clip(0, 23.99)
    times = np.sort(day.start + (hour * HOUR_MS).astype(np.int64))
    customer = rng.integers(0, people.count, count)
    columns: dict[str, NDArray[Any]] = {
        "entity": BROKERS[people.broker[customer]],
        "channel": np.full(count, "app", object),
        "customer": people.customer[customer],
        "account": people.account[people.main[customer]],
        "device": people.device_names()[people.phone[customer]],
        "country": np.where(rng.random(count) < 0.004, "HK", "CN").astype(object),
        "success": np.where(rng.random(count) < 0.03, "false", "true").astype(object),
    }
    return Table("login", times, columns)


def transfers_of_day(rng: np.random.Generator, day: Day, people: People, density: float) -> Table:
    """Transfers between 8 and 22 o'clock, lognormal, often of round amounts."""
    count = int(rng.poisson(people.count * TRANSFERS_A_DAY * density * (1.0 if day.trading else 0.7)))
    times = np.sort(day.start + (rng.triangular(7.5, 10.5, 22.5, count) * HOUR_MS).astype(np.int64))
    customer = rng.integers(0, people.count, count)
    firm = np.isin(customer, people.firms)
    amount = np.exp(rng.normal(np.log(2_800), 1.25, count)) * np.where(firm, 6, 1)
    rounded = rng.random(count)
    amount = np.where(
        rounded < 0.35, np.round(amount, -2), np.where(rounded < 0.55, np.round(amount, -3), np.round(amount, 2))
    )
    kind = rng.choice(len(_KINDS), count, p=_KIND_SHARES)
    payee = (customer * 7 + rng.integers(0, 9, count)) % (people.count * 3)
    columns: dict[str, NDArray[Any]] = {
        "entity": BROKERS[people.broker[customer]],
        "channel": CHANNELS[np.searchsorted(np.cumsum(CHANNEL_SHARES)[:-1], rng.random(count))],
        "account": people.account[people.main[customer]],
        "customer": people.customer[customer],
        "device": people.device_names()[people.phone[customer]],
        "counterparty": np.array([f"P{i + 1:06d}" for i in payee.tolist()], object),
        "direction": _DIRECTIONS[rng.integers(0, 2, count)],
        "amount": np.maximum(amount, 10.0),
        "currency": np.full(count, "CNY", object),
        "counterparty_kind": _KINDS[kind],
        "purpose": _PURPOSES[kind],
    }
    return Table("transfer", times, columns)


def details_of_day(rng: np.random.Generator, day: Day, people: People) -> list[Row]:
    """New phones, some with a new password minutes later (which looks like a takeover), and changed details."""
    rows: list[Row] = []

    def tell(customer: int, time: int, type: str, **fields: Any) -> None:
        who = {"entity": people.entity(customer), "channel": "app", "customer": people.customer[customer]}
        rows.append(Row(time, type, who | {"device": people.device[people.phone[customer]]} | fields))

    for customer in rng.integers(0, people.count, int(rng.poisson(people.count * NEW_PHONES_A_DAY))).tolist():
        people.phone[customer] = people.new_device()
        time = day.at(rng.uniform(9, 21))
        account = people.account[people.main[customer]]
        tell(customer, time, "login", account=account, country="CN", success=True)
        if rng.random() < 0.3:
            tell(customer, time + int(rng.integers(1, 10)) * MINUTE_MS, "profile_change", changed="password")
    for customer in rng.integers(0, people.count, int(rng.poisson(people.count * CHANGES_A_DAY))).tolist():
        tell(
            customer, day.at(rng.uniform(8, 22)), "profile_change", changed=str(rng.choice(_CHANGED, p=_CHANGED_SHARES))
        )
    return rows


def salaries_of_day(rng: np.random.Generator, day: Day, people: People) -> list[Row]:
    """Firms pay their people in one go: what a burst of transfers looks like, and is not."""
    if day.date.day not in _PAYDAYS:
        return []
    rows: list[Row] = []
    for firm in people.firms[people.firms % 4 == _PAYDAYS.index(day.date.day)].tolist():
        time = day.at(rng.uniform(9, 17))
        for _ in range(int(rng.integers(4, 16))):
            time += int(rng.integers(4_000, 40_000))
            fields = {
                "entity": people.entity(firm),
                "channel": "app",
                "account": people.account[people.main[firm]],
                "customer": people.customer[firm],
                "device": people.device[people.phone[firm]],
                "counterparty": f"P{firm * 20 + int(rng.integers(0, 20)) + 1:06d}",
                "direction": "out",
                "amount": round(float(np.exp(rng.normal(np.log(7_500), 0.4))), 2),
                "currency": "CNY",
                "counterparty_kind": "person",
                "purpose": "salary",
            }
            rows.append(Row(time, "transfer", fields))
    return rows
