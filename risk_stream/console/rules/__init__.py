"""What pages say of rules: how often each fired, what became of its alerts, what it costs, and what it is.

Pure functions of the plan, the index of alerts and what workers say; `versions` asks git for the past of a rule.
"""

from __future__ import annotations

from risk_stream.console.rules.page import page_of_rule
from risk_stream.console.rules.rows import SORTS, Fate, RuleRow, fates, rows_of, sorted_rows
from risk_stream.console.rules.versions import Versions

__all__ = ["SORTS", "Fate", "RuleRow", "Versions", "fates", "page_of_rule", "rows_of", "sorted_rows"]
