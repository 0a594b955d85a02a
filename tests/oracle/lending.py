"""The slow truth of a loan's month ends: arrears day by day, the five classes and the stages, in plain Python.

It shares no code with `risk_stream.lending` and reads none of its tables: the numbers of the rules stand here again.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, TypeAlias

__all__ = ["ORDERS", "Day", "Loan", "Verdict", "judge_months", "walk"]

DAY = timedelta(1)
CLASSES = ("normal", "special_mention", "substandard", "doubtful", "loss")
LINES = {"loan": (0, 90, 270, 360), "credit_card": (0, 90, 120, 180)}
#: What is settled first: groups one after the other, in a group the oldest instalment first.
ORDERS = {
    "cn561": ("costs", "penalty", "interest", "principal"),
    "oldest_first": ("costs", "interest+principal", "penalty"),
    "us_style": ("interest+principal", "costs", "penalty"),
    "principal_first": ("principal", "interest", "penalty", "costs"),
}


Item: TypeAlias = tuple[date, str, int]
#: What a new contract makes due, by what the payments of its day leave unpaid.
Replaced: TypeAlias = Callable[[int], list[Item]]


@dataclass
class Loan:
    """A contract with all that became known of it."""

    start: date
    items: list[Item]
    payments: list[tuple[str, date, date, int]]  # id, value date, booked on, amount
    reversals: dict[str, date] = field(default_factory=dict)  # id of a payment, booked on
    order: str = "cn561"
    debtor: int = 0
    retail: bool = True
    product: str = "loan"
    restructured: list[tuple[date, date]] = field(default_factory=list)  # the change, the first due date after it
    floor: dict[date, str] = field(default_factory=dict)  # at a month's end: the class its triggers ask for
    increased: set[date] = field(default_factory=set)
    unsolved: set[date] = field(default_factory=set)
    unable: set[date] = field(default_factory=set)
    replaced: list[tuple[date, Replaced]] = field(default_factory=list)  # new terms from a day on
    written_off: date | None = None


@dataclass(slots=True)
class Day:
    """The end of one day."""

    late: int  # days past due
    past_due: int
    material_days: int
    outstanding: int
    missed: bool  # what became due on it was not paid on it
    due: bool  # something became due on it
    last_over: dict[int, date]  # the last day on which it was more days past due than 0, 30, 90


def walk(loan: Loan, until: date, known: date) -> dict[date, Day]:
    """Every day of a loan up to `until`, as known at the end of `known`."""
    paid: dict[date, int] = {}
    for id, value, booked, amount in loan.payments:
        if booked <= known and not (id in loan.reversals and loan.reversals[id] <= known):
            paid[value] = paid.get(value, 0) + amount
    left: list[list[Any]] = [[due, kind, amount] for due, kind, amount in sorted(loan.items, key=lambda item: item[0])]
    owed = sum(amount for _, kind, amount in left if kind == "principal")
    due_on: dict[date, list[list[Any]]] = {}
    for item in left:
        due_on.setdefault(item[0], []).append(item)
    debts: list[list[Any]] = []  # due and unpaid
    money, material, days, day = 0, 0, {}, loan.start
    last_over = dict.fromkeys((0, 30, 90), date.min)
    new_terms = dict(loan.replaced)
    while day <= until:
        debts += [item for item in due_on.get(day, []) if item[2]]
        money += paid.get(day, 0)
        if money and debts:
            owing = sum(item[2] for item in debts if item[1] == "principal")
            money = _pay(debts, money, loan.order)
            debts = [item for item in debts if item[2]]
            owed -= owing - sum(item[2] for item in debts if item[1] == "principal")
        if day in new_terms:
            items = new_terms[day](owed + sum(item[2] for item in debts if item[1] != "principal"))
            for item in debts:
                item[2] = 0
            debts, due_on = [], {due: found for due, found in due_on.items() if due <= day}
            owed = sum(amount for _, kind, amount in items if kind == "principal")
            for due, kind, amount in items:
                due_on.setdefault(due, []).append([due, kind, amount])
        if day == loan.written_off:
            for item in debts:
                item[2] = 0
            debts, owed, due_on = [], 0, {day: due_on.get(day, [])}
        past, late, outstanding = 0, 0, owed
        if debts:
            past = sum(amount for due, _, amount in debts if due < day)
            outstanding = owed + sum(amount for _, kind, amount in debts if kind != "principal")
            late = max((day - due).days for due, _, amount in debts)
        material = material + 1 if past > 100_00 and past * 100 > outstanding else 0
        missed = any(item[2] for item in due_on.get(day, []))
        if late:
            last_over = {limit: day if late > limit else last for limit, last in last_over.items()}
        days[day] = Day(late, past, material, outstanding, missed, day in due_on, last_over)
        day += DAY
    return days


def _pay(debts: list[list[Any]], money: int, order: str) -> int:
    """Settles what is due with money there is; what is left of it."""
    for group in ORDERS[order]:
        kinds = group.split("+")
        of_group = [item for item in debts if item[1] in kinds]
        for item in sorted(of_group, key=lambda item: (item[0], kinds.index(item[1]))):
            part = min(money, item[2])
            item[2] -= part
            money -= part
    return money


def later(day: date, months: int) -> date:
    """The same day so many months later."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


@dataclass
class Verdict:
    """A loan at a month's end."""

    late: int
    past_due: int
    material_days: int
    outstanding: int
    reported: int  # position in CLASSES
    stage: int


@dataclass
class _Memory:
    bad: bool = False  # non-performing by itself
    drawn: bool = False  # by its debtor
    watch_from: date | None = None  # the observation period
    changes: int = 0  # restructurings seen
    stage: int = 1
    sign_of_impairment: date = date.min
    sign_of_risk: date = date.min


def judge_months(
    loans: Sequence[Loan],
    ends: Sequence[date],
    known: date,
    elsewhere: Sequence[dict[int, tuple[int, int]]],
) -> list[list[Verdict]]:
    """Each loan at each month's end; `elsewhere[month][debtor]` is the debt at other banks and what is late of it."""
    days = [walk(loan, ends[-1], known) for loan in loans]
    dues = [[day for day, found in walked.items() if found.due] for walked in days]
    memories = [_Memory() for _ in loans]
    families: dict[int, list[int]] = {}
    for number, loan in enumerate(loans):
        families.setdefault(loan.debtor, []).append(number)
    found: list[list[Verdict]] = [[] for _ in loans]
    before: date | None = None
    for end, others in zip(ends, elsewhere, strict=True):
        for debtor, family in families.items():
            claims = [_Claim(loans[n], days[n], dues[n], memories[n], end, before) for n in family]
            for claim, reported in zip(claims, _classes(claims, others.get(debtor, (0, 0))), strict=True):
                claim.reported = reported
            for n, claim in zip(family, claims, strict=True):
                today = claim.today
                verdict = (today.late, today.past_due, today.material_days, today.outstanding)
                found[n].append(Verdict(*verdict, claim.reported, _stage(claim)))
        before = end
    return found


class _Claim:
    """One loan at one month's end, with what it remembers of the month before."""

    def __init__(
        self, loan: Loan, days: dict[date, Day], dues: list[date], memory: _Memory, end: date, before: date | None
    ) -> None:
        self.loan, self.days, self.dues, self.memory, self.end, self.before = loan, days, dues, memory, end, before
        self.today = days.get(end, Day(0, 0, 0, 0, False, False, dict.fromkeys((0, 30, 90), date.min)))
        self.open = self.today.outstanding > 0
        self.reported = 0

    def ever_over(self, limit: int) -> bool:
        """Whether it was more days past due on any day since the month before."""
        return self.last_over(limit) > (self.before or date.min)

    def last_over(self, limit: int) -> date:
        """The last day on which it was more days past due."""
        return self.today.last_over[limit]

    def served(self, since: date, periods: int, months: int) -> bool:
        """Whether so many due dates and so many months lie between, with nothing past due at the end."""
        passed = sum(since <= due < self.end for due in self.dues)
        return self.today.late == 0 and passed >= periods and self.end >= later(since, months)

    def by_days(self) -> int:
        return sum(self.today.late > line for line in LINES[self.loan.product])


def _classes(claims: list[_Claim], other: tuple[int, int]) -> list[int]:
    """The classes of one debtor's claims."""
    own, ready = [], []
    for claim in claims:
        loan, memory = claim.loan, claim.memory
        floor = CLASSES.index(loan.floor.get(claim.end, "normal"))
        fallen = max(claim.by_days(), floor) >= 2
        entered = fallen or claim.ever_over(90)
        twice = _observe(claim, entered)
        memory.bad = (memory.bad or entered or twice) and claim.open
        clean = max(claim.last_over(0) + DAY if claim.last_over(0) > date.min else loan.start, loan.start)
        able = claim.end not in loan.unable
        ready.append((not claim.open or claim.served(clean, 2, 6)) and able and not fallen and not twice)
        own.append(max(claim.by_days(), floor))
    if all(r for r, claim in zip(ready, claims, strict=True) if claim.memory.bad):
        for claim in claims:
            claim.memory.bad = False
    total = sum(claim.today.outstanding for claim in claims)
    bad = sum(claim.today.outstanding for claim in claims if claim.memory.bad)
    late = sum(claim.today.outstanding for claim in claims if claim.today.late > 90) + other[1]
    reported = []
    for claim, by_itself, is_ready in zip(claims, own, ready, strict=True):
        firm = not claim.loan.retail
        hit = firm and (bad * 10 > total or late * 5 > total + other[0])
        claim.memory.drawn = (hit or (claim.memory.drawn and not (is_ready and bad == 0))) and claim.open
        least = [by_itself]
        least.append(1 if claim.memory.watch_from else 0)
        least.append(2 if claim.memory.bad or claim.memory.drawn else 0)
        least.append(1 if firm and (bad > 0 or other[1] > 0) else 0)
        reported.append(max(least) if claim.open else 0)
    return reported


def _observe(claim: _Claim, entered: bool) -> bool:
    """Moves the observation period on; whether the claim was restructured a second time inside one."""
    memory, twice = claim.memory, False
    changes = sorted({day: first for day, first in claim.loan.restructured if day <= claim.end}.items())
    if len(changes) > memory.changes:
        twice = memory.watch_from is not None or len(changes) > memory.changes + 1
        memory.watch_from, memory.changes = changes[-1][1], len(changes)
    if memory.watch_from is None:
        return False
    for due in claim.dues:
        if memory.watch_from < due < claim.end and claim.days[due].missed:
            memory.watch_from = due
    if entered and not memory.bad:
        memory.watch_from = max(memory.watch_from, claim.end)
    if claim.served(memory.watch_from, 2, 12):
        memory.watch_from = claim.end if claim.end in claim.loan.unsolved else None
    return twice


def _stage(claim: _Claim) -> int:
    """The stage, at most one better than before."""
    memory, end = claim.memory, claim.end
    impaired = claim.reported >= 2
    increased = end in claim.loan.increased or memory.watch_from is not None
    memory.sign_of_impairment = end if impaired else memory.sign_of_impairment
    memory.sign_of_risk = end if increased else memory.sign_of_risk

    def free(since: date, months: int) -> bool:
        return since == date.min or end >= later(since + DAY, months)

    was = memory.stage
    if impaired or claim.ever_over(90):
        memory.stage = 3
    elif was == 3:
        if claim.today.late == 0 and free(max(claim.last_over(0), memory.sign_of_impairment), 3):
            memory.stage, memory.sign_of_risk = 2, end
    elif increased or claim.ever_over(30):
        memory.stage = 2
    elif was == 2 and free(max(claim.last_over(30), memory.sign_of_risk), 3):
        memory.stage = 1
    return memory.stage
