"""The five classes of a claim: days past due, triggers, restructuring, the debtor's claims, and the way back up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_stream.catalogue import Node
from risk_stream.lending._tables import Reader, table
from risk_stream.lending.day_count import Dates, Days, add_months, one_date
from risk_stream.lending.errors import LendingError
from risk_stream.lending.money import Amounts
from risk_stream.lending.past_due import NEVER

__all__ = [
    "Claims",
    "Class",
    "ClassRules",
    "ClassState",
    "class_by_days",
    "class_floor",
    "classify",
    "load_class_rules",
    "unclassified",
]

_KEYS = ("name", "source", "lines", "impairment", "triggers", "debtor", "move_up", "observation", "house")


class Class(IntEnum):
    """From the best to the worst; the last three are non-performing 不良."""

    NORMAL = 0  # 正常
    SPECIAL_MENTION = 1  # 关注
    SUBSTANDARD = 2  # 次级
    DOUBTFUL = 3  # 可疑
    LOSS = 4  # 损失


_BEHIND_THE_FIRST = tuple(c.name.lower() for c in Class)[1:]


@dataclass(frozen=True, slots=True)
class ClassRules:
    """A table of classification, such as `tables/china_2023.yaml`."""

    name: str
    source: str
    products: tuple[str, ...]
    lines: NDArray[np.int64]  # [products, 4]: over how many days past due each class but the first begins
    impairment: tuple[Fraction, Fraction]  # shares from which a claim is doubtful, loss
    triggers: Mapping[str, Class]
    own_share: Fraction
    all_banks_share: Fraction
    all_banks_days: int
    move_up: tuple[int, int]  # periods, months
    observation: tuple[int, int]
    house: tuple[str, ...]  # parts that the table marks as a house's to set


def load_class_rules(path: Path | str = "china_2023") -> ClassRules:
    """A table of classification, by the name of a shipped one or by path. Raises `TableError` with all its faults."""
    reader = table(path, _KEYS)
    root = reader.root
    parts = {key: root[key] for key in _KEYS}
    products, lines = _read_lines(reader, parts["lines"])
    reader.keys(parts["impairment"], ("doubtful", "loss"))
    reader.keys(parts["debtor"], ("own_share", "all_banks_share", "all_banks_days"))
    triggers = _read_triggers(reader, parts["triggers"])
    spans = []
    for name in ("move_up", "observation"):
        reader.keys(parts[name], ("periods", "months"))
        spans.append((reader.whole(parts[name], "periods"), reader.whole(parts[name], "months", 1, 120)))
    impairment = reader.share(parts["impairment"], "doubtful"), reader.share(parts["impairment"], "loss")
    own, everywhere = (reader.share(parts["debtor"], key) for key in ("own_share", "all_banks_share"))
    days = reader.whole(parts["debtor"], "all_banks_days")
    house = reader.names(root, "house")
    name, source = reader.text(root, "name"), reader.text(root, "source")
    reader.done()
    frozen = MappingProxyType(triggers)
    move_up, observation = spans
    return ClassRules(
        name, source, products, lines, impairment, frozen, own, everywhere, days, move_up, observation, house
    )


def _read_lines(reader: Reader, node: Node) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    rows: dict[str, list[int]] = {}
    if not node.is_mapping or not node.value:
        reader.report(node, f"lines are a mapping of products, each with {', '.join(_BEHIND_THE_FIRST)}")
    for key, line in node.items():
        reader.keys(line, _BEHIND_THE_FIRST)
        rows[str(key.value)] = row = [reader.whole(line, name) for name in _BEHIND_THE_FIRST]
        if row != sorted(row):
            reader.report(key, f"the lines of {key.value} must not fall from one class to the next: {row}")
    return tuple(rows), np.array(list(rows.values()), np.int64).reshape(-1, 4)


def _read_triggers(reader: Reader, node: Node) -> dict[str, Class]:
    """The class that each trigger asks for; nothing is none of them."""
    if node.value is None:
        return {}
    if not node.is_mapping:
        reader.report(node, f"triggers are a mapping of names, each with a class, not a {node.kind}")
        return {}
    return {key: reader.member(node, key, Class) for key in node.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a judgement is made of, a row per claim; `other_*` a row per debtor. Money in minor units."""

    debtor: NDArray[np.int64]  # number of the debtor from 0
    retail: NDArray[np.bool_]  # persons, cards, small and micro firms: judged claim by claim
    product: NDArray[np.int64]  # position in `ClassRules.products`
    amount: Amounts  # unpaid; a claim of 0 is closed
    days_past_due: Days
    last_over: Dates  # the last day on which it was past the line of substandard, or NEVER
    clean_from: Dates  # the first day since which nothing is past due; the day after the judgement where something is
    missed: Dates  # the last due date that was not paid in full on it, or NEVER
    floor: NDArray[np.int64]  # the class that triggers ask for at least (`class_floor`)
    restructured: Dates  # the day of the last change that made it a restructured claim, or NEVER
    observed_from: Dates  # the first due date agreed after that change
    changed_before: Dates  # the day of such a change before that one, or NEVER
    solved: NDArray[np.bool_]  # whether the difficulty that led to it is over
    able: NDArray[np.bool_]  # whether it was assessed that the debtor can go on performing
    other_debt: Amounts  # owed to other banks
    other_late: Amounts  # of it, overdue by more than `ClassRules.all_banks_days`


@dataclass(frozen=True, slots=True)
class ClassState:
    """What a judgement leaves for the next, a row per claim."""

    judged: np.datetime64
    reported: NDArray[np.int64]  # `Class`, after the debtor's rules
    own: NDArray[np.int64]  # `Class`, by the claim itself
    non_performing: NDArray[np.bool_]  # by itself, until the conditions to move up hold
    drawn_in: NDArray[np.bool_]  # non-performing by the debtor's rules
    observing: NDArray[np.bool_]  # in the observation period of a restructured claim
    observed_from: Dates
    restructured: Dates


def unclassified(claims: int) -> ClassState:
    """The state before the first judgement."""
    none, zero = np.zeros(claims, np.bool_), np.zeros(claims, np.int64)
    never = np.full(claims, NEVER)
    return ClassState(NEVER, zero, zero, none, none, none, never, never)


def class_by_days(days_past_due: Days, product: NDArray[np.int64], rules: ClassRules) -> NDArray[np.int64]:
    """The class that days past due ask for at least; good collateral does not help (Order 2023 No. 1)."""
    return np.asarray((days_past_due[:, None] > rules.lines[product]).sum(axis=1))


def class_floor(
    holds: Mapping[str, NDArray[np.bool_]],
    rules: ClassRules,
    *,
    expected_loss: Amounts | None = None,
    gross: Amounts | None = None,
) -> NDArray[np.int64]:
    """The class that triggers, and the expected loss as a share of the gross amount, ask for at least.

    Raises `LendingError` for a trigger that the table does not know.
    """
    floors = []
    for name, where in holds.items():
        if name not in rules.triggers:
            raise LendingError(f"{rules.name} knows no trigger '{name}': there are {', '.join(rules.triggers)}")
        floors.append(np.where(where, int(rules.triggers[name]), 0))
    if expected_loss is not None and gross is not None:
        for share, found in zip(rules.impairment, (Class.DOUBTFUL, Class.LOSS), strict=True):
            reached = (expected_loss * share.denominator >= gross * share.numerator) & (gross > 0)
            floors.append(np.where(reached, int(found), 0))
    if not floors:
        raise LendingError("there is no trigger and no expected loss to make a floor of")
    return np.asarray(np.max(np.stack(floors), axis=0))


def classify(
    previous: ClassState,
    claims: Claims,
    as_of: Any,
    rules: ClassRules,
    due_days: Callable[[Dates], Days],
) -> ClassState:
    """The classes at the end of `as_of`, from those of the judgement before and what is known now.

    `due_days` counts each claim's due dates from a day to before `as_of` (`Book.due_days`). The order is: days past
    due, triggers, restructuring, the debtor's claims; the worst wins; up only by the three conditions. A claim is
    judged at least monthly: it is seen that it was non-performing since the last judgement, not that it moved up and
    fell again. Raises `LendingError` for a judgement that is not after the one before.
    """
    today = one_date(as_of)
    if today <= previous.judged:
        raise LendingError(f"a judgement of {today} cannot follow one of {previous.judged}")
    open_ = claims.amount > 0
    asked = np.maximum(class_by_days(claims.days_past_due, claims.product, rules), claims.floor)
    fallen = asked >= Class.SUBSTANDARD
    entered = fallen | (claims.last_over > previous.judged)
    observing, observed_from, twice = _observe(previous, claims, today, rules, due_days, entered)
    non_performing = (previous.non_performing | entered | twice) & open_

    ready = _is_clean(claims, today, rules, due_days) & claims.able & ~fallen & ~twice
    blocked = _any_of_debtor(claims, non_performing & ~ready)
    non_performing &= ~ready | blocked
    own = np.maximum(asked, np.where(non_performing, int(Class.SUBSTANDARD), 0))
    own = np.where(open_, np.maximum(own, np.where(observing, int(Class.SPECIAL_MENTION), 0)), 0)

    hit, elsewhere = _by_debtor(claims, non_performing, rules)
    leaves = ready & ~_any_of_debtor(claims, non_performing)
    drawn_in = (hit | (previous.drawn_in & ~leaves)) & open_
    reported = np.maximum(own, np.where(drawn_in, int(Class.SUBSTANDARD), 0))
    reported = np.maximum(reported, np.where(elsewhere & open_, int(Class.SPECIAL_MENTION), 0))
    restructured = np.maximum(previous.restructured, claims.restructured)
    return ClassState(today, reported, own, non_performing, drawn_in, observing, observed_from, restructured)


def _observe(
    previous: ClassState,
    claims: Claims,
    today: np.datetime64,
    rules: ClassRules,
    due_days: Callable[[Dates], Days],
    entered: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], Dates, NDArray[np.bool_]]:
    """Whether a claim is in its observation period, since when, and whether it was restructured twice in one.

    The period begins on the first due date after the change, and again on a due date that was missed, on the day a
    claim becomes non-performing, and where it ends with the difficulty unsolved.
    """
    changed = claims.restructured > previous.restructured
    twice = changed & (previous.observing | (claims.changed_before > previous.restructured))
    observing = previous.observing | changed
    since = np.where(changed, claims.observed_from, previous.observed_from)
    since = np.maximum(since, np.where(observing, claims.missed, NEVER))
    since = np.where(observing & entered & ~previous.non_performing, np.maximum(since, today), since)
    periods, months = rules.observation
    served = observing & (today >= add_months(since, months)) & (due_days(since) >= periods)
    served &= claims.days_past_due == 0
    since = np.where(served & ~claims.solved, today, since)
    observing &= ~(served & claims.solved)
    return observing, np.where(observing, since, NEVER), twice


def _is_clean(
    claims: Claims, today: np.datetime64, rules: ClassRules, due_days: Callable[[Dates], Days]
) -> NDArray[np.bool_]:
    """Paid on time since arrears were cleared, for so many periods and so many months; a closed claim is."""
    periods, months = rules.move_up
    long = (today >= add_months(claims.clean_from, months)) & (due_days(claims.clean_from) >= periods)
    return np.asarray((claims.amount == 0) | ((claims.days_past_due == 0) & long))


def _any_of_debtor(claims: Claims, where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """For each claim, whether it holds for any claim of its debtor."""
    found = np.zeros(len(claims.other_debt), np.bool_)
    found[claims.debtor[where]] = True
    return found[claims.debtor]


def _by_debtor(
    claims: Claims, non_performing: NDArray[np.bool_], rules: ClassRules
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Claims drawn in by the 10 % and 20 % rules, and those whose debtor does not perform here or elsewhere."""

    def total(where: NDArray[np.bool_]) -> NDArray[np.int64]:
        found = np.zeros(len(claims.other_debt), np.int64)
        np.add.at(found, claims.debtor[where], claims.amount[where])
        return found

    everything = total(np.ones(len(claims.amount), np.bool_))
    own, late = total(non_performing), total(claims.days_past_due > rules.all_banks_days)
    over = own * rules.own_share.denominator > everything * rules.own_share.numerator
    debts, overdue = everything + claims.other_debt, late + claims.other_late
    over |= overdue * rules.all_banks_share.denominator > debts * rules.all_banks_share.numerator
    firm = ~claims.retail
    return over[claims.debtor] & firm, ((own > 0) | (claims.other_late > 0))[claims.debtor] & firm
