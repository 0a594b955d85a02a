"""Decisions about applications: what is recorded of each, made of the judgements of decision tables."""

from risk_stream.decisions.record import Decider, Decision, decision_of

__all__ = ["Decider", "Decision", "decision_of"]
