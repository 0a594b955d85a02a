"""The loan book: applications, reports and decisions, drawdowns, instalments and how they are paid, collateral."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np

from risk_stream.simulate.clock import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Day, day_of
from risk_stream.simulate.emit import Row
from risk_stream.simulate.people import LENDING
from risk_stream.simulate.steps import Steps
from risk_stream.simulate.truth import Episode
from risk_stream.simulate.world import World

__all__ = ["LENDERS", "Loan", "LoanBook"]

#: Who is asked for loans; the first is the house's own lending company.
LENDERS = (
    LENDING,
    "Pingjiang Consumer Finance",
    "Minfeng Bank",
    "Huarong Micro-lending",
    "Xinghe Online Bank",
    "Dongfang Auto Finance",
    "Jinshan Credit",
    "Nanhu Rural Bank",
    "Lianda Instalments",
    "Ruixin Finance",
)

BOOK_SHARE = 0.26  # customers who have a loan when the simulation begins
APPLICATIONS_A_DAY = 0.0028  # per customer
MARGIN_SHARE, PLEDGE_SHARE = 0.09, 0.02  # of the book

#: How an instalment is paid: on its day, some days late, weeks late; the rest pays a part first.
_PAID = (0.928, 0.05, 0.015)
_LIMITS = {"consumer": (5_000, 300_000), "sme": (50_000, 3_000_000)}


@dataclass(slots=True)
class Loan:
    """One loan on the book; money in whole fen."""

    id: str
    customer: int
    product: str
    lender_entity: str
    due_day: int  # of the month, 1 to 28
    rate: float  # a year
    outstanding: int
    instalment: int
    paid: int  # instalments that have come due
    term: int
    first_due: int = 0  # day from which instalments fall due
    misses: int = 0  # of the next instalments, those that will not be paid
    episode: Episode | None = None  # that the misses belong to


@dataclass(slots=True)
class Secured:
    """A margin or pledge loan: interest apart, what matters is what its collateral is worth each evening."""

    id: str
    customer: int
    kind: str
    instrument: int
    units: float
    balance: float


def _annuity(principal: int, rate: float, term: int) -> int:
    """The level instalment, fen: P r / (1 - (1 + r)^-n)."""
    month = rate / 12
    return round(principal * month / (1 - (1 + month) ** -term)) if month else principal // term


class LoanBook:
    """All loans; grows by drawdowns, shrinks as loans are paid off."""

    def __init__(self, rng: np.random.Generator, world: World, steps: Steps) -> None:
        self.world, self.steps = world, steps
        self._next = 0
        self.by_due_day: dict[int, list[Loan]] = {day: [] for day in range(1, 29)}
        self.secured: list[Secured] = []
        people = world.people
        for customer in np.flatnonzero(rng.random(people.count) < BOOK_SHARE).tolist():
            if people.margin[customer] >= 0 and rng.random() < (MARGIN_SHARE + PLEDGE_SHARE) / 0.18:
                self._open_secured(rng, customer, "pledge" if rng.random() < PLEDGE_SHARE / MARGIN_SHARE else "margin")
                continue
            product = "sme" if customer in people.firms else "consumer"
            amount, term = self._wish(rng, customer, product)
            loan = self._open(
                customer, product, amount, term, round(rng.uniform(0.036, 0.16), 4), int(rng.integers(1, 29))
            )
            loan.paid = int(rng.integers(0, term - 1))
            for _ in range(loan.paid):
                loan.outstanding -= loan.instalment - round(loan.outstanding * loan.rate / 12)

    def loan_id(self) -> str:
        """The next loan's number."""
        self._next += 1
        return f"L{self._next:06d}"

    def _wish(self, rng: np.random.Generator, customer: int, product: str) -> tuple[float, int]:
        """Amount (yuan) and term (months) that a customer asks for."""
        low, high = _LIMITS[product]
        amount = float(self.world.people.income[customer]) * float(np.exp(rng.normal(np.log(4.5), 0.5)))
        return round(min(max(amount, low), high), -3), int(rng.choice((6, 12, 24, 36), p=(0.15, 0.45, 0.25, 0.15)))

    def _open(
        self, customer: int, product: str, amount: float, term: int, rate: float, due_day: int, id: str = ""
    ) -> Loan:
        fen = round(amount * 100)
        entity = LENDING if id or customer % 5 else "HQ"
        loan = Loan(
            id or self.loan_id(), customer, product, entity, due_day, rate, fen, _annuity(fen, rate, term), 0, term
        )
        self.by_due_day[due_day].append(loan)
        return loan

    def _open_secured(self, rng: np.random.Generator, customer: int, kind: str) -> None:
        balance = round(float(np.exp(rng.normal(np.log(400_000 if kind == "margin" else 6_000_000), 0.7))), -4)
        ratio = float(rng.uniform(1.75, 3.2))
        prices = self.world.prices
        instrument = int(np.searchsorted(np.cumsum(prices.popularity), rng.random()).clip(0, len(prices.codes) - 1))
        units = balance * ratio / float(prices.close[instrument])
        self.secured.append(Secured(self.loan_id(), customer, kind, instrument, units, balance))

    # -- applications ---------------------------------------------------------------------------------------------

    def applications_of_day(self, rng: np.random.Generator, day: Day) -> None:
        """Calm demand: most ask one lender, some compare two or three."""
        people = self.world.people
        for customer in rng.integers(0, people.count, int(rng.poisson(people.count * APPLICATIONS_A_DAY))).tolist():
            time = day.at(rng.uniform(8.5, 22))
            product = "sme" if customer in people.firms else "consumer"
            amount, term = self._wish(rng, customer, product)
            others = int(rng.choice(3, p=(0.82, 0.14, 0.04)))
            for lender in rng.choice(len(LENDERS) - 1, others, replace=False).tolist():
                ahead = time + int(rng.integers(1, 12)) * HOUR_MS
                self.apply(rng, ahead, customer, product, amount, term, LENDERS[lender + 1])
            self.request(rng, time, customer, product, amount, term, inquiries=others)

    def apply(
        self,
        rng: np.random.Generator,
        time: int,
        customer: int,
        product: str,
        amount: float,
        term: int,
        lender: str,
        episode: Episode | None = None,
    ) -> str:
        """An application; returns the loan's number."""
        people, loan = self.world.people, self.loan_id()
        channel = str(rng.choice(["app", "branch", "partner"], p=(0.6, 0.15, 0.25))) if lender == LENDING else "partner"
        fields: dict[str, Any] = self.world.who(customer, channel) | {"entity": LENDING, "loan": loan}
        if channel != "branch":
            fields["device"] = people.device[people.phone[customer]]
        self.world.tell(
            time,
            "application",
            episode,
            **fields,
            id_number=people.id_number[customer],
            product=product,
            amount=amount,
            currency="CNY",
            term_months=term,
            declared_income=float(people.income[customer]),
            lender=lender,
            purpose="working capital"
            if product == "sme"
            else str(rng.choice(["renovation", "education", "travel", "car"])),
        )
        return loan

    def report(
        self,
        rng: np.random.Generator,
        time: int,
        customer: int,
        loan: str,
        *,
        inquiries: int,
        episode: Episode | None = None,
    ) -> tuple[int, float]:
        """A bureau report; returns the score and the share of income that debts already take."""
        people = self.world.people
        income = float(people.income[customer])
        weak = rng.random() < 0.06
        score = min(850, max(380, round(rng.normal(560 if weak else 690, 38))))
        lenders = int(rng.poisson(1.0 if not weak else 2.2))
        dpd = int(rng.choice([0, 15, 45, 100], p=(0.5, 0.3, 0.15, 0.05))) if weak else 0
        burden = float(rng.beta(1.6, 6.5)) + (0.15 if weak else 0.0)
        verified = income * float(rng.normal(0.97, 0.06)) * (0.45 if rng.random() < 0.015 else 1.0)
        self.world.tell(
            time,
            "bureau_report",
            episode,
            **self.world.who(customer) | {"entity": LENDING, "loan": loan},
            id_number=people.id_number[customer],
            score=score,
            open_loans=lenders + int(rng.poisson(0.4)),
            lenders=lenders,
            inquiries_30d=inquiries + int(rng.poisson(0.9)),
            overdue_amount=round(float(rng.uniform(200, 9_000)), 2) if dpd else 0.0,
            worst_dpd=dpd,
            debt_service=round(income * burden, 2),
            verified_income=round(verified, 2),
        )
        return score, burden

    def request(
        self,
        rng: np.random.Generator,
        time: int,
        customer: int,
        product: str,
        amount: float,
        term: int,
        *,
        inquiries: int = 0,
        episode: Episode | None = None,
        verdict: str = "",
    ) -> int | None:
        """Application to the house with report, decision and, if approved, drawdown; returns the drawdown's time."""
        world, people = self.world, self.world.people
        loan = self.apply(rng, time, customer, product, amount, term, LENDING, episode)
        reported = time + int(rng.integers(20, 900)) * SECOND_MS
        score, burden = self.report(rng, reported, customer, loan, inquiries=inquiries, episode=episode)
        rate = round(0.04 + max(0, 760 - score) * 0.0004, 4)
        burden += _annuity(round(amount * 100), rate, term) / 100 / float(people.income[customer])
        if not verdict:
            verdict = (
                "decline" if score < 590 or burden > 0.8 else "refer" if score < 630 or burden > 0.62 else "approve"
            )
        decided = reported + int(rng.integers(1, 180)) * MINUTE_MS
        reason = {"approve": "within policy", "refer": "burden or score near the line", "decline": "score or burden"}[
            verdict
        ]
        fields = world.who(customer) | {"entity": LENDING, "loan": loan, "verdict": verdict, "reason": reason}
        if verdict == "approve":
            fields |= {"limit": amount, "rate": rate}
        world.tell(decided, "decision", episode, **fields)
        said = world.who(customer) | {"entity": LENDING, "loan": loan}
        if verdict != "approve":
            self.steps.refused(time, decided, said, product, declined=verdict == "decline")
            return None
        drawn = decided + int(rng.uniform(2, 60) * HOUR_MS)
        world.tell(
            drawn,
            "drawdown",
            episode,
            **world.who(customer) | {"entity": LENDING, "loan": loan},
            account=people.account[people.main[customer]],
            amount=amount,
            currency="CNY",
        )
        self.steps.approved(time, decided, drawn, said, product, term)
        day = world.day_index(drawn)
        begun = day_of(world.first, day).date
        opened = self._open(customer, product, amount, term, rate, min(28, begun.day), loan)
        opened.first_due = day + 20
        world.tell(drawn, "loan", **self._contract(opened, begun, begun + dt.timedelta(20)), start_date=str(begun))
        return drawn

    def openings(self, time: int) -> list[Row]:
        """How the loans stand that the book has when the simulation begins: nothing is late."""
        first, rows = self.world.first, []
        before = first - dt.timedelta(1)
        for loan in (loan for loans in self.by_due_day.values() for loan in loans):
            owed = {"outstanding": loan.outstanding / 100, "days_past_due": 0, "amount_past_due": 0.0}
            fields = self._contract(loan, before, first) | owed
            fields |= {"classification": "normal", "ifrs9_stage": 1, "business_date": str(before)}
            start = first - dt.timedelta(31 * (loan.paid + 1))
            rows.append(Row(time, "loan_opening", fields | {"start_date": str(start), "clean_from": str(start)}))
        return rows

    def _contract(self, loan: Loan, since: dt.date, from_day: dt.date) -> dict[str, Any]:
        """What a contract says of the instalments that are left, the first on its day of the month from a day on."""
        month = from_day.replace(day=loan.due_day)
        following = (month.replace(day=1) + dt.timedelta(32)).replace(day=loan.due_day)
        return self.world.who(loan.customer, "core") | {
            "entity": loan.lender_entity,
            "loan": loan.id,
            "product": loan.product,
            "principal": loan.outstanding / 100,
            "annual_rate": loan.rate,
            "instalments": loan.term - loan.paid,
            "first_due": str(month if month >= from_day and month > since else following),
            "instalment_amount": loan.instalment / 100,
            "debtor_kind": "non_retail" if loan.product == "sme" else "retail",
            "currency": "CNY",
        }

    # -- the life of the book -------------------------------------------------------------------------------------

    def instalments_of_day(self, rng: np.random.Generator, day: Day) -> None:
        """What falls due today, and when it will be paid."""
        loans = self.by_due_day.get(day.date.day, [])
        for loan in loans:
            if loan.first_due > day.index:
                continue
            interest = round(loan.outstanding * loan.rate / 12)
            last = loan.paid + 1 >= loan.term
            amount = loan.outstanding + interest if last else loan.instalment
            loan.outstanding -= amount - interest
            loan.paid += 1
            due = day.at(8, rng.uniform(0, 20))
            missed = loan.misses > 0
            episode = loan.episode
            self.world.tell(
                due,
                "instalment_due",
                episode,
                **self.world.who(loan.customer, "core") | {"entity": loan.lender_entity, "loan": loan.id},
                instalment=loan.paid,
                due_date=day.start,
                amount=amount / 100,
                outstanding=max(0, loan.outstanding) / 100,
            )
            if missed:
                loan.misses -= 1
                if episode is not None:
                    episode.pending -= 1
            else:
                loan.episode = None
                self._pay(rng, day, loan, amount)
        if loans:
            self.by_due_day[day.date.day] = [loan for loan in loans if loan.paid < loan.term]

    def _pay(self, rng: np.random.Generator, day: Day, loan: Loan, amount: int) -> None:
        luck = float(rng.random())
        time = day.at(rng.uniform(9, 22))
        if luck < _PAID[0]:
            parts = [(time, amount)]
        elif luck < _PAID[0] + _PAID[1]:
            parts = [(time + int(rng.integers(1, 8)) * DAY_MS, amount)]
        elif luck < sum(_PAID):
            parts = [(time + int(rng.integers(8, 21)) * DAY_MS, amount)]
        else:
            first = amount * 6 // 10
            parts = [(time, first), (time + int(rng.integers(3, 12)) * DAY_MS, amount - first)]
        people = self.world.people
        for when, part in parts:
            self.world.tell(
                when,
                "repayment",
                **self.world.who(loan.customer) | {"entity": loan.lender_entity, "loan": loan.id},
                account=people.account[people.main[loan.customer]],
                instalment=loan.paid,
                amount=part / 100,
                currency="CNY",
            )

    def valuations_of_day(self, rng: np.random.Generator, day: Day) -> None:
        """Collateral at the close of a trading day; most customers below 140 % bring more by the next one."""
        prices = self.world.prices
        for loan in self.secured:
            value = loan.units * float(prices.close[loan.instrument])
            ratio = value / loan.balance
            self.world.tell(
                day.at(15, 30 + rng.uniform(0, 15)),
                "collateral_valuation",
                **self.world.who(loan.customer, "core") | {"loan": loan.id},
                instrument=prices.codes[loan.instrument],
                collateral="margin account" if loan.kind == "margin" else "pledged shares",
                collateral_kind="securities",
                collateral_value=round(value, 2),
                loan_balance=loan.balance,
            )
            if ratio < 1.4 and rng.random() < 0.8:
                loan.units *= 1.62 / ratio

    def reviews_of_day(self, rng: np.random.Generator, day: Day) -> None:
        """Now and then the bureau is asked about somebody who has a loan."""
        for loan in self.by_due_day[1 + day.index % 28]:
            if loan.first_due <= day.index and rng.random() < 0.25:
                self.report(rng, day.at(rng.uniform(10, 16)), loan.customer, loan.id, inquiries=0)

    def reports_of_day(self, rng: np.random.Generator, day: Day) -> None:
        """Firms with a loan report a quarter's figures, each on its own trading day of the quarter."""
        people = self.world.people
        for loan in self.by_due_day[1 + day.index % 28]:
            if loan.product != "sme" or loan.paid % 3:
                continue
            revenue = float(people.income[loan.customer]) * 30 * float(np.exp(rng.normal(0.0, 0.2)))
            ebitda = revenue * float(rng.uniform(0.12, 0.3))
            self.world.tell(
                day.at(rng.uniform(10, 17)),
                "financial_report",
                **self.world.who(loan.customer, "branch") | {"entity": loan.lender_entity, "loan": loan.id},
                period=f"{day.date.year}-Q{(day.date.month + 2) // 3}",
                revenue=round(revenue, 2),
                ebitda=round(ebitda, 2),
                debt_due=round(ebitda / float(rng.uniform(1.25, 4.0)), 2),
                total_debt=round(ebitda * float(rng.uniform(0.5, 3.4)), 2),
                equity=round(revenue * float(rng.uniform(0.2, 0.9)), 2),
            )

    def due_on(self, day_of_month: int) -> list[Loan]:
        """Loans with an instalment on that day of the month."""
        return self.by_due_day.get(day_of_month, [])
