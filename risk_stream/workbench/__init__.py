"""The author's workbench: what a rule does before it goes live, through the engine that judges live events.

`run_tests` runs the tests that stand in rule files; each result says what the rule saw, part by part (`Step`).
`cover` says which parts of each condition the tests have seen true, false and unknown. `trace_event` asks the same
of an event in its history.
"""

from risk_stream.workbench.coverage import Cover, Covered, cover
from risk_stream.workbench.rule_tests import FIRST_TIME, TestResult, run_tests
from risk_stream.workbench.trace import Seen, Step, Traced, Tracer, bare, lines_of, trace_event

__all__ = [
    "FIRST_TIME",
    "Cover",
    "Covered",
    "Seen",
    "Step",
    "TestResult",
    "Traced",
    "Tracer",
    "bare",
    "cover",
    "lines_of",
    "run_tests",
    "trace_event",
]
