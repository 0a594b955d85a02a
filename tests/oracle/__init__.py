"""The slow truth: what the engine must say, written to be obviously right and sharing none of its code."""

from tests.oracle.oracle import Judged, Verdict, judge_all

__all__ = ["Judged", "Verdict", "judge_all"]
