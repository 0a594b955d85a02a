"""A plan made ready to judge before it is in force, so that the batches it comes between wait for nothing."""

from __future__ import annotations

from typing import TypeAlias

from risk_stream.rules import Plan, compiled
from risk_stream.rules.evaluation.program import Program

__all__ = ["Ready", "make_ready"]

Ready: TypeAlias = list[Program]
"""What was compiled of a plan. Hops that judge by it keep what they need; until then whoever made it does."""


def make_ready(plan: Plan) -> Ready:
    """Compile all rules of a plan and find all that hops ask it. It takes a while: do it in a thread."""
    for event_type in plan.catalogue.types:
        plan.asked(event_type.name)
    programs = []
    for kind in plan.kinds:
        afters = plan.afters(kind)
        for event_type in plan.catalogue.types:
            delays = (None, *afters.get(event_type.name, ()))
            programs += [compiled(plan, kind, event_type.name, after) for after in delays]
    return programs
