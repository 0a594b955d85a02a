"""How good models are on a history whose outcomes are known: scored first, learnt when the outcome came."""

from risk_stream.workbench.evaluate.evaluation import CHEAP, EVER, NEAR, Evaluation, Quality, evaluate
from risk_stream.workbench.evaluate.history import with_outcomes
from risk_stream.workbench.evaluate.leaks import Leak, leaks
from risk_stream.workbench.evaluate.measures import (
    Calibration,
    area_under_roc,
    average_precision,
    calibration,
    f1,
    interval,
    precision_at,
)
from risk_stream.workbench.evaluate.observe import NEVER, Observed, observe
from risk_stream.workbench.evaluate.rival import Rival, retrained

__all__ = [
    "CHEAP",
    "EVER",
    "NEAR",
    "NEVER",
    "Calibration",
    "Evaluation",
    "Leak",
    "Observed",
    "Quality",
    "Rival",
    "area_under_roc",
    "average_precision",
    "calibration",
    "evaluate",
    "f1",
    "interval",
    "leaks",
    "observe",
    "precision_at",
    "retrained",
    "with_outcomes",
]
