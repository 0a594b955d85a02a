"""From events to statuses of margin accounts: prices, holdings and statements in, what an officer must hear out.

The desk is a function of the events it is given, in their order; it reads no clock. An account's holdings count with
the statement that closes them, so that half of a change is never judged. Of records of one thing the newest by
(time, id) holds, whatever order they come in.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np

from risk_stream.calendars import Calendar, starts
from risk_stream.catalogue import MISSING, Catalogue, EventBatch
from risk_stream.lending.errors import LendingError
from risk_stream.lending.margin_book import PRICE_UNITS, STANDINGS, MarginBook, Position, Standing, Statement
from risk_stream.lending.margin_rules import MarginRules

__all__ = ["MarginDesk", "MarginStatus"]

_NEVER = (MISSING, "")
_CALLED = STANDINGS.index("call")
_NORMAL = STANDINGS.index("normal")

#: When something was said and by which event: the newest holds.
When = tuple[int, str]


@dataclass(frozen=True, slots=True)
class MarginStatus:
    """What is said of an account that stands otherwise than was said last; `event` has it as a `margin_status`."""

    account: str
    customer: str | None
    entity: str | None
    time: int  # ms since 1970 UTC
    cause: str
    band_before: str
    standing: Standing
    largest_title: str | None
    deadline: int | None
    cash_to_warning: int
    cash_to_call: int
    sale_to_call: int | None

    @property
    def id(self) -> str:
        """Of account, band and cause: said twice, by whomever, it is one event."""
        return f"margin:{self.account}:{self.standing.band}:{self.cause}"

    def event(self) -> dict[str, Any]:
        """The event as a house's record has it: money rounded down to minor units, what is missing left out."""
        said = self.standing
        found: dict[str, Any] = {
            "id": self.id,
            "type": "margin_status",
            "time": self.time,
            "entity": self.entity,
            "account": self.account,
            "customer": self.customer,
            "margin_band": said.band,
            "margin_band_before": self.band_before,
            "concentrated": said.concentrated,
            "maintenance_ratio": None if said.ratio is None else floor(said.ratio * 10**6) / 10**6,
            "margin_assets": floor(said.assets) / 100,
            "margin_debts": floor(said.debts) / 100,
            "cash_to_warning": self.cash_to_warning / 100,
            "cash_to_call": self.cash_to_call / 100,
            "sale_to_call": None if self.sale_to_call is None else self.sale_to_call / 100,
            "available_margin": said.available / 100,
            "withdrawable": said.withdrawable / 100,
            "largest_title": self.largest_title,
            "largest_share": floor(said.largest_share * 10**6) / 10**6,
            "deadline": self.deadline,
            "cause": self.cause,
        }
        return {name: value for name, value in found.items() if value is not None}


@dataclass(slots=True)
class _Account:
    """What is known of one account besides the book; `staged` holdings wait for the statement that closes them."""

    name: str
    customer: str | None = None
    entity: str | None = None
    stated: When = _NEVER
    said: tuple[int, bool] = (_NORMAL, False)  # place in STANDINGS, concentrated
    said_at: When = _NEVER
    deadline: int | None = None
    cause: When = _NEVER  # of how it stands
    held: dict[tuple[int, str], tuple[When, int, int]] = field(default_factory=dict)  # pieces, amount
    staged: list[tuple[When, int, str, int, int]] = field(default_factory=list)


class MarginDesk:
    """Follows a house's margin accounts by one table of rules and its calendars.

    `refused` counts records that could not be used, by the sentence that says why.

    Raises:
        LendingError: there is no calendar of the name that the table gives.
    """

    #: The types of events that say something to it.
    TAKES = ("price", "instrument", "holding", "margin_account")

    def __init__(self, rules: MarginRules, catalogue: Catalogue, calendars: Mapping[str, Calendar]) -> None:
        if rules.calendar not in calendars:
            raise LendingError(f"there is no calendar {rules.calendar!r}: there are {', '.join(sorted(calendars))}")
        self.rules, self.catalogue = rules, catalogue
        self.book = MarginBook(rules)
        self.refused: Counter[str] = Counter()
        self._days: list[int] = starts(calendars[rules.calendar], "business_day").tolist()
        self._accounts: list[_Account] = []
        self._account_of: dict[str, int] = {}
        self._instruments: list[str] = []
        self._instrument_of: dict[str, int] = {}
        self._priced: dict[int, When] = {}
        self._described: dict[int, When] = {}
        price = catalogue.field("price")
        assert price is not None
        self._price_step = 10**price.decimals // PRICE_UNITS
        takes = (self._price, self._describe, self._holding, self._statement)
        self._takes = {catalogue.code(name): take for name, take in zip(self.TAKES, takes, strict=True)}
        self._codes = np.array(sorted(self._takes))

    def apply(self, batch: EventBatch) -> list[MarginStatus]:
        """Take events in their order; what is to be said of them. Types that are nothing to it are passed over."""
        found = []
        for account in self._changed(batch):
            status = self._status(account, self._accounts[account].cause[0])
            if status is not None:
                found.append(status)
        return found

    def learn(self, batch: EventBatch) -> None:
        """Take events of which nothing is to be said yet: those that a clerk reads when it begins."""
        for _ in self._changed(batch):
            pass

    def recall(self, batch: EventBatch) -> None:
        """Take `margin_status` events that were said already, by this desk or by one before it."""
        codes = batch.types == self.catalogue.code("margin_status")
        for row in np.flatnonzero(codes).tolist():
            one = self._accounts[self._account(str(batch.text("account", row)))]
            when = _when(batch, row)
            if when < one.said_at:
                continue
            band = STANDINGS.index(str(batch.text("margin_band", row)))
            one.said, one.said_at = (band, batch.value("concentrated", row) is True), when
            deadline = int(batch.fixed("deadline")[row])
            one.deadline = None if deadline == MISSING else deadline

    def outstanding(self, at: int) -> list[MarginStatus]:
        """What is to be said of accounts that stand otherwise than was said last; at `at` (ms) or when they changed."""
        found = (self._status(number, max(one.cause[0], at)) for number, one in enumerate(self._accounts))
        return [status for status in found if status is not None]

    @property
    def entities(self) -> list[str]:
        """The legal entity that keeps each account of the book; "" where no statement says one."""
        return [one.entity or "" for one in self._accounts]

    @property
    def unpriced(self) -> set[str]:
        """Instruments that somebody holds and that have no price yet."""
        return {self._instruments[number] for number in self.book.unpriced}

    # One event after the other.

    def _changed(self, batch: EventBatch) -> Iterator[int]:
        """The accounts that an event made stand otherwise, event by event."""
        types = batch.types
        for row in np.flatnonzero(np.isin(types, self._codes)).tolist():
            when = _when(batch, row)
            try:
                changed = self._takes[int(types[row])](batch, row, when)
            except LendingError as error:
                self.refused[str(error)] += 1
                continue
            for account in changed:
                self._accounts[account].cause = when
                yield account

    def _price(self, batch: EventBatch, row: int, when: When) -> list[int]:
        instrument = self._instrument(str(batch.text("instrument", row)))
        if when <= self._priced.get(instrument, _NEVER):
            return []
        price, rest = divmod(int(batch.fixed("price")[row]), self._price_step)
        if rest:
            raise LendingError(f"a price has more than four decimals: {batch.value('price', row)}")
        changed: list[int] = self.book.tick(instrument, price).tolist()
        self._priced[instrument] = when
        return changed

    def _describe(self, batch: EventBatch, row: int, when: When) -> list[int]:
        instrument = self._instrument(str(batch.text("instrument", row)))
        if when > self._described.get(instrument, _NEVER):
            self._described[instrument] = when
            own = batch.value("haircut", row)
            treated = batch.value("special_treatment", row) is True
            by_kind = self.rules.haircut(batch.text("instrument_kind", row), batch.text("index_member", row), treated)
            self.book.set_haircut(instrument, by_kind if own is None else Fraction(str(own)))
        return []

    def _holding(self, batch: EventBatch, row: int, when: When) -> list[int]:
        account = self._account(str(batch.text("account", row)))
        instrument = self._instrument(str(batch.text("instrument", row)))
        amount = int(batch.fixed("amount")[row])
        kind, held = str(batch.text("holding_kind", row)), int(batch.fixed("held")[row])
        one = self._accounts[account]
        said = (when, instrument, kind, held, 0 if amount == MISSING else amount)
        if when[0] > one.stated[0]:
            one.staged.append(said)
            return []
        return self._hold(account, [said])

    def _statement(self, batch: EventBatch, row: int, when: When) -> list[int]:
        account = self._account(str(batch.text("account", row)))
        one = self._accounts[account]
        if when <= one.stated:
            return []
        names = ("cash", "margin_debt", "interest_and_fees", "other_collateral")
        money = [int(batch.fixed(name)[row]) for name in names]
        before = self.book.stands(account)
        self.book.state(account, Statement(*(0 if amount == MISSING else amount for amount in money)))
        one.stated = when
        one.customer = batch.text("customer", row) or one.customer
        one.entity = batch.text("entity", row) or one.entity
        closed = sorted(said for said in one.staged if said[0][0] <= when[0])
        one.staged = [said for said in one.staged if said[0][0] > when[0]]
        self._hold(account, closed)
        return [account] if self.book.stands(account) != before else []

    def _hold(self, account: int, closed: list[tuple[When, int, str, int, int]]) -> list[int]:
        """Let holdings count; -> the account, where it stands otherwise."""
        held, before = self._accounts[account].held, self.book.stands(account)
        for when, instrument, kind, pieces, amount in closed:
            if when <= held.get((instrument, kind), (_NEVER, 0, 0))[0]:
                continue
            now = {sort: held.get((instrument, sort), (_NEVER, 0, 0)) for sort in ("collateral", "financed", "short")}
            now[kind] = (when, pieces, amount)
            financed, short = now["financed"], now["short"]
            try:
                self.book.hold(
                    account,
                    instrument,
                    Position(now["collateral"][1], financed[1], financed[2], short[1], short[2]),
                )
            except LendingError as error:
                self.refused[str(error)] += 1
                continue
            held[instrument, kind] = now[kind]
        return [account] if self.book.stands(account) != before else []

    def _status(self, account: int, time: int) -> MarginStatus | None:
        """What is to be said of an account now; None where it was said, or nobody can tell how it stands."""
        one, standing = self._accounts[account], self.book.standing(account)
        if standing is None or self.book.stands(account) == one.said:
            return None
        band, before = self.book.stands(account)[0], one.said[0]
        if band < _CALLED:
            one.deadline = None
        elif before < _CALLED or one.deadline is None:
            place = bisect_right(self._days, time) + self.rules.business_days
            one.deadline = self._days[min(place, len(self._days) - 1)]
        one.said, one.said_at = self.book.stands(account), (time, "")
        return MarginStatus(
            account=one.name,
            customer=one.customer,
            entity=one.entity,
            time=time,
            cause=one.cause[1],
            band_before=STANDINGS[before],
            standing=standing,
            largest_title=None if standing.largest is None else self._instruments[standing.largest],
            deadline=one.deadline,
            cash_to_warning=standing.cash_to(self.rules.warning),
            cash_to_call=standing.cash_to(self.rules.call),
            sale_to_call=standing.sale_to(self.rules.call),
        )

    def _account(self, name: str) -> int:
        number = self._account_of.get(name)
        if number is None:
            number = self._account_of[name] = self.book.add_account()
            self._accounts.append(_Account(name))
        return number

    def _instrument(self, name: str) -> int:
        number = self._instrument_of.get(name)
        if number is None:
            number = self._instrument_of[name] = self.book.add_instrument()
            self._instruments.append(name)
        return number


def _when(batch: EventBatch, row: int) -> When:
    return int(batch.times[row]), str(batch.text("id", row))
