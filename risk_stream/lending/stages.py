"""The three stages of IFRS 9: what lifts a claim into a worse one, and the probation before it comes back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_stream.lending._tables import table
from risk_stream.lending.classification import Class
from risk_stream.lending.day_count import Dates, add_months, one_date
from risk_stream.lending.errors import LendingError
from risk_stream.lending.past_due import NEVER

__all__ = ["StageRules", "StageState", "load_stage_rules", "significant_increase", "stage", "unstaged"]

_KEYS = ("name", "source", "backstop_days", "default_days", "impaired_from", "cure", "house")


@dataclass(frozen=True, slots=True)
class StageRules:
    """A table of stages, such as `tables/ifrs9.yaml`."""

    name: str
    source: str
    backstop_days: int
    default_days: int
    impaired_from: Class
    to_stage_2_months: int
    to_stage_1_months: int
    house: tuple[str, ...]  # parts that the table marks as a house's to set


@dataclass(frozen=True, slots=True)
class StageState:
    """What a judgement leaves for the next, a row per claim."""

    judged: np.datetime64
    stage: NDArray[np.int64]  # 1, 2 or 3
    impaired_on: Dates  # the last judgement that saw a sign of impairment other than days past due, or NEVER
    increased_on: Dates  # the last that saw a sign of increased risk other than days, or let it out of stage 3


def load_stage_rules(path: Path | str = "ifrs9") -> StageRules:
    """A table of stages by the name of a shipped one or by its path. Raises `TableError` with all its faults."""
    reader = table(path, _KEYS)
    root = reader.root
    cure = root["cure"]
    reader.keys(cure, ("to_stage_2_months", "to_stage_1_months"))
    found = StageRules(
        reader.text(root, "name"),
        reader.text(root, "source"),
        reader.whole(root, "backstop_days"),
        reader.whole(root, "default_days"),
        reader.member(root, "impaired_from", Class),
        reader.whole(cure, "to_stage_2_months", 0, 120),
        reader.whole(cure, "to_stage_1_months", 0, 120),
        reader.names(root, "house"),
    )
    reader.done()
    return found


def significant_increase(
    pd_now: NDArray[np.float64], pd_at_start: NDArray[np.float64], *, ratio: float, points: float
) -> NDArray[np.bool_]:
    """Whether the lifetime risk of default has grown to so many times what it was, and by so many points (5.5.9).

    It is the risk of default that counts, not the expected loss, and that of the life that is left, as both were seen.
    The standard names no numbers: a house sets both, by product. Raises `LendingError` for what is no probability.
    """
    if not all(((pd >= 0) & (pd <= 1)).all() for pd in (pd_now, pd_at_start)):
        raise LendingError("a probability of default lies between 0 and 1")
    return np.asarray((pd_now >= ratio * pd_at_start) & (pd_now - pd_at_start >= points))


def unstaged(claims: int) -> StageState:
    """The state before the first judgement: recognised in stage 1."""
    return StageState(NEVER, np.ones(claims, np.int64), np.full(claims, NEVER), np.full(claims, NEVER))


def stage(
    previous: StageState,
    as_of: Any,
    rules: StageRules,
    *,
    last_late: Dates,
    last_over_backstop: Dates,
    last_in_default: Dates,
    impaired: NDArray[np.bool_],
    increased: NDArray[np.bool_],
) -> StageState:
    """The stages at the end of `as_of`, from those of the judgement before.

    The three `last_*` are the last days on which anything was past due, more than the backstop, and more than the days
    of default (`Arrears.last_day_over`). `impaired` are signs of credit impairment (Appendix A), `increased` those of
    a significant increase in the risk of default since recognition (5.5.3, 5.5.9). The way back goes one stage a
    judgement, after the months of probation. Raises `LendingError` for a judgement that is not after the one before.
    """
    today = one_date(as_of)
    if today <= previous.judged:
        raise LendingError(f"a judgement of {today} cannot follow one of {previous.judged}")
    impaired_on = np.where(impaired, today, previous.impaired_on)
    increased_on = np.where(increased, today, previous.increased_on)
    third = impaired | (last_in_default > previous.judged)
    second = increased | (last_over_backstop > previous.judged)
    day = np.timedelta64(1, "D")
    well = add_months(np.maximum(last_late, impaired_on) + day, rules.to_stage_2_months)
    calm = add_months(np.maximum(last_over_backstop, increased_on) + day, rules.to_stage_1_months)
    out_of_3 = (previous.stage == 3) & (today >= well)
    out_of_2 = (previous.stage == 2) & ~second & (today >= calm)
    now = np.where(out_of_3, 2, np.where(out_of_2, 1, previous.stage))
    now = np.where(third, 3, np.where(second, np.maximum(now, 2), now))
    increased_on = np.where((previous.stage == 3) & (now == 2), today, increased_on)
    return StageState(today, now, impaired_on, increased_on)
