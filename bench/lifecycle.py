"""A life cycle of 127 steps: read and checked, and what following loans through it costs an event."""

from __future__ import annotations

import time

import orjson

from bench.report import best, table
from risk_stream.catalogue import Catalogue, Decoder, EventBatch, load_catalogue
from risk_stream.engine import Engine
from risk_stream.rules import Plan, plan_of_texts

__all__ = ["cycle_text", "run"]

STEPS = 127
BATCH = 1_000
#: Every such step has a time limit.
LIMITED = 4
#: What the same events are judged by instead: one rule that looks at nothing but the step.
ONE_RULE = """
stage: mid_loan
owner: bench
features:
  steps_done: {count: process_step, by: loan, window: 3650d}
rules:
  - id: one-rule
    on: process_step
    when: steps_done > 1000
    severity: low
    summary: "{loan}: {steps_done} steps"
"""


def cycle_text(steps: int = STEPS) -> str:
    """A life cycle of so many steps in a row, each done once, every fourth within a day of the one before."""
    lines = ["lifecycle: long", "owner: bench", 'where: product == "consumer"', "steps:"]
    stages = ("pre_loan", "mid_loan", "post_loan")
    for n in range(steps):
        needs = f", needs: step-{n - 1}" if n else ""
        limit = f", within: 1d, after: step-{n - 1}" if n and n % LIMITED == 0 else ""
        lines.append(f"  - {{id: step-{n}, stage: {stages[3 * n // steps]}, once: true{needs}{limit}}}")
    return "\n".join(lines) + "\n"


def _events(catalogue: Catalogue, loans: int, steps: int) -> list[EventBatch]:
    """Every step of every loan in order, an hour apart."""
    decoder = Decoder(catalogue)
    said = [
        orjson.dumps(
            {
                "id": f"{loan}-{n}",
                "type": "process_step",
                "time": 1_760_000_000_000 + 3_600_000 * n + loan,
                "loan": f"L{loan}",
                "product": "consumer",
                "step": f"step-{n}",
            }
        )
        for n in range(steps)
        for loan in range(loans)
    ]
    return [decoder.decode(said[at : at + BATCH], str)[0] for at in range(0, len(said), BATCH)]


def _cost(plan: Plan, batches: list[EventBatch]) -> tuple[float, int]:
    """(us of processor time an event, alerts)."""
    engine, alerts = Engine(plan, reserve_mib=256), 0
    alerts += len(engine.apply(batches[0]).alerts)
    began = time.thread_time()
    for batch in batches[1:]:
        alerts += len(engine.apply(batch).alerts)
    return (time.thread_time() - began) * 1e6 / sum(map(len, batches[1:])), alerts


def run(quick: bool) -> dict[str, float]:
    """Print and return the figures."""
    catalogue, text = load_catalogue(), cycle_text()
    load = best(lambda: plan_of_texts({"long.yaml": text}, catalogue), 1 if quick else 3)
    plan = plan_of_texts({"long.yaml": text}, catalogue)
    batches = _events(catalogue, 100 if quick else 1_000, STEPS)
    cost, alerts = _cost(plan, batches)
    alone, _ = _cost(plan_of_texts({"one.yaml": ONE_RULE}, catalogue), batches)
    rows = [
        (f"{STEPS} steps, {len(plan.rules)} rules", cost, round(1e6 / cost)),
        ("one rule", alone, round(1e6 / alone)),
    ]
    table(("judged by", "us an event", "events/s"), rows)
    print(f"{sum(map(len, batches)):,} steps in order, {alerts} alerts; read and checked in {load:.2f} s")
    return {"load_s": load, "us_an_event": cost, "one_rule_us": alone, "rules": len(plan.rules), "alerts": alerts}
