"""A history through changed rules, beside those in force: what they would have said, before they say it.

`backtest` judges the past by several plans in one pass: `Sides` joins them into one plan, in which equal features are
computed once; `Lanes` are the hops of one process, which hand events to each other as workers do, so that `run` says
the same with any number of processes. `Tally` counts what is said, held against `Outcomes`, and `report` makes data of
it; what tables decide goes the same way, and `tables` makes data of that. `edits` says what changed in the files;
`tune` moves the thresholds of one rule.
"""

from risk_stream.workbench.backtest.backtest import EVER, backtest
from risk_stream.workbench.backtest.edits import Edit, Edited, edits
from risk_stream.workbench.backtest.history import (
    Chunk,
    Reader,
    Refused,
    chunks_of_batches,
    chunks_of_records,
    lines_of,
)
from risk_stream.workbench.backtest.outcomes import Judged, Outcome, OutcomeError, Outcomes, read_outcomes
from risk_stream.workbench.backtest.report import (
    Count,
    Counted,
    Differing,
    Overlap,
    Report,
    RuleReport,
    SideReport,
    report,
)
from risk_stream.workbench.backtest.run import RunError, run
from risk_stream.workbench.backtest.sides import Sides, Variant
from risk_stream.workbench.backtest.tables import Mix, Moved, TableReport
from risk_stream.workbench.backtest.tune import Curve, Point, Tuned, thresholds, tune

__all__ = [
    "EVER",
    "Chunk",
    "Count",
    "Counted",
    "Curve",
    "Differing",
    "Edit",
    "Edited",
    "Judged",
    "Mix",
    "Moved",
    "Outcome",
    "OutcomeError",
    "Outcomes",
    "Overlap",
    "Point",
    "Reader",
    "Refused",
    "Report",
    "RuleReport",
    "RunError",
    "SideReport",
    "Sides",
    "TableReport",
    "Tuned",
    "Variant",
    "backtest",
    "chunks_of_batches",
    "chunks_of_records",
    "edits",
    "lines_of",
    "read_outcomes",
    "report",
    "run",
    "thresholds",
    "tune",
]
