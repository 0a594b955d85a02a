"""Online models: what they are made of, how they score and learn, how they are watched.

A model is a pipeline of River's components, or an estimator of scikit-learn that is fitted anew from time to time,
over features of the plan, declared in a file (`risk_stream.rules` reads it). Here is the mathematics alone: rows of
numbers go in, scores come out, in the order of the hop's log and equal however that is cut into calls, so that a
replay gives the same scores bit for bit.
"""

from risk_stream.models.learner import (
    Apart,
    Floats,
    Learner,
    Longs,
    Mask,
    OtherVersionError,
    Placed,
    Retraining,
    Scores,
    Segmenter,
)
from risk_stream.models.outcomes import Known, Waiting
from risk_stream.models.pipeline import compile_kinds, make_learner
from risk_stream.models.spec import LEARNING, Parameter, Spec, Step, Threshold
from risk_stream.models.watch import CALIBRATION, LOSS, SCORE, Limits, Signal, Spread, Watch

__all__ = [
    "CALIBRATION",
    "LEARNING",
    "LOSS",
    "SCORE",
    "Apart",
    "Floats",
    "Known",
    "Learner",
    "Limits",
    "Longs",
    "Mask",
    "OtherVersionError",
    "Parameter",
    "Placed",
    "Retraining",
    "Scores",
    "Segmenter",
    "Signal",
    "Spec",
    "Spread",
    "Step",
    "Threshold",
    "Waiting",
    "Watch",
    "compile_kinds",
    "make_learner",
]
