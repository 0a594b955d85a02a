"""A plan made ready to judge before it is in force, so that the batches it comes between wait for nothing."""

from __future__ import annotations

from risk_stream.rules import Plan
from risk_stream.rules.evaluate import compiled

__all__ = ["make_ready"]


def make_ready(plan: Plan) -> Plan:
    """Compile all rules of a plan and find all that hops ask it; -> the plan. It takes a while: do it in a thread."""
    for event_type in plan.catalogue.types:
        plan.asked(event_type.name)
    for kind in plan.kinds:
        afters = plan.afters(kind)
        for event_type in plan.catalogue.types:
            for after in (None, *afters.get(event_type.name, ())):
                compiled(plan, kind, event_type.name, after)
    return plan
