"""A loan's life in figures, as pure functions: no clock, no file but the package's tables, no float for money.

Money is whole minor units (fen, cents) in int64, rates are exact fractions, dates are datetime64[D]. Every formula says
where it is from; what a house may decide (lines, thresholds, probations) is an argument or a table in YAML that a house
may replace. See docs/lending.md.
"""

from risk_stream.lending.business_days import Adjustment, adjust
from risk_stream.lending.day_count import (
    Dates,
    DayCount,
    Days,
    add_months,
    dates,
    days_between,
    year_fraction,
    year_fractions,
)
from risk_stream.lending.effective_rate import dated_effective_rate, effective_annual, nominal_annual, periodic_rate
from risk_stream.lending.errors import LendingError
from risk_stream.lending.money import MAX_MINOR, Amounts, Rate, Remainder, amounts, exact_rate, half_up, split
from risk_stream.lending.schedules import Accrual, Method, Prepayment, Schedule, Terms, check_schedule, prepay, schedule

__all__ = [
    "MAX_MINOR",
    "Accrual",
    "Adjustment",
    "Amounts",
    "Dates",
    "DayCount",
    "Days",
    "LendingError",
    "Method",
    "Prepayment",
    "Rate",
    "Remainder",
    "Schedule",
    "Terms",
    "add_months",
    "adjust",
    "amounts",
    "check_schedule",
    "dated_effective_rate",
    "dates",
    "days_between",
    "effective_annual",
    "exact_rate",
    "half_up",
    "nominal_annual",
    "periodic_rate",
    "prepay",
    "schedule",
    "split",
    "year_fraction",
    "year_fractions",
]
