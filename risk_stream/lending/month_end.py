"""A month's end of a whole book: how late every loan is, its class and its stage, from those of the month before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_stream.lending.classification import Claims, ClassRules, ClassState, classify, unclassified
from risk_stream.lending.day_count import Dates
from risk_stream.lending.errors import LendingError
from risk_stream.lending.money import Amounts
from risk_stream.lending.past_due import Arrears, Book, Materiality, arrears
from risk_stream.lending.stages import StageRules, StageState, stage, unstaged

__all__ = ["Holding", "MonthEnd", "before_first_month", "month_end"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What a judgement needs beside schedules and payments, a row per loan; `other_*` a row per debtor.

    The fields are those of `Claims`; `increased` are signs of increased risk (`stage`) beside days past due.
    """

    debtor: NDArray[np.int64]
    retail: NDArray[np.bool_]
    product: NDArray[np.int64]
    floor: NDArray[np.int64]
    restructured: Dates
    observed_from: Dates
    changed_before: Dates
    solved: NDArray[np.bool_]
    able: NDArray[np.bool_]
    increased: NDArray[np.bool_]
    other_debt: Amounts
    other_late: Amounts


@dataclass(frozen=True, slots=True)
class MonthEnd:
    """The end of a month: arrears (None before the first), classes and stages."""

    arrears: Arrears | None
    classes: ClassState
    stages: StageState


def before_first_month(loans: int) -> MonthEnd:
    """What the first month's end begins with."""
    return MonthEnd(None, unclassified(loans), unstaged(loans))


def month_end(
    previous: MonthEnd,
    loans: Book,
    held: Holding,
    as_of: Any,
    class_rules: ClassRules,
    stage_rules: StageRules,
    materiality: Materiality | None = None,
) -> MonthEnd:
    """Arrears, classes and stages at the end of `as_of`, from the month before and all payments known.

    A function of its arguments alone: after a payment with an earlier value date, or a reversal, the months since then
    are judged again from the one before them. Raises `LendingError` where the columns, or the month before, are not of
    the book's loans.
    """
    if len(held.debtor) != len(loans):
        raise LendingError(
            f"the book has {len(loans)} loans, but its columns have {len(held.debtor)} rows: give one for each"
        )
    if len(previous.stages.stage) != len(loans):
        raise LendingError(f"the book has {len(loans)} loans, but the month before {len(previous.stages.stage)}")
    for name, numbers, most in (
        ("debtor", held.debtor, len(held.other_debt)),
        ("product", held.product, len(class_rules.products)),
    ):
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < most:
            raise LendingError(
                f"{name}s are numbered {numbers.min()} to {numbers.max()}, but there are {most}, counted from 0"
            )
    lines = class_rules.lines[:, 1]
    limits = tuple(sorted({0, stage_rules.backstop_days, stage_rules.default_days, *lines.tolist()}))
    late = arrears(loans, as_of, limits=limits, materiality=materiality)
    last_over = np.stack([late.last_day_over(line) for line in lines.tolist()])[held.product, np.arange(len(loans))]
    claims = Claims(
        debtor=held.debtor,
        retail=held.retail,
        product=held.product,
        amount=late.outstanding,
        days_past_due=late.days,
        last_over=last_over,
        clean_from=late.clean_from,
        missed=late.missed,
        floor=held.floor,
        restructured=held.restructured,
        observed_from=held.observed_from,
        changed_before=held.changed_before,
        solved=held.solved,
        able=held.able,
        other_debt=held.other_debt,
        other_late=held.other_late,
    )
    classes = classify(previous.classes, claims, as_of, class_rules, lambda since: loans.due_days(since, as_of))
    stages = stage(
        previous.stages,
        as_of,
        stage_rules,
        last_late=late.last_day_over(0),
        last_over_backstop=late.last_day_over(stage_rules.backstop_days),
        last_in_default=late.last_day_over(stage_rules.default_days),
        impaired=classes.reported >= int(stage_rules.impaired_from),
        increased=held.increased | classes.observing,
    )
    return MonthEnd(late, classes, stages)
