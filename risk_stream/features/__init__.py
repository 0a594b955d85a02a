"""Windowed aggregates of keys, exact as of each event: what they are, how they are laid out, what keeps them."""

from risk_stream.features._parts import PartError
from risk_stream.features.aggregate import Aggregate, Bit, Op, Periods
from risk_stream.features.layout import MOST_STEPS, MOST_VALUES, KindLayout
from risk_stream.features.state import KeyState

__all__ = ["MOST_STEPS", "MOST_VALUES", "Aggregate", "Bit", "KeyState", "KindLayout", "Op", "PartError", "Periods"]
