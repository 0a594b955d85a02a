"""What a house sees of rules that judge later: through a change of rules and the death of its worker."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.live.house import House, Worker, eventually, transfer

pytestmark = [pytest.mark.slow, pytest.mark.live, pytest.mark.timeout(300)]

RULES = """
stage: post_loan
owner: collections
features:
  paid_3d: {count: repayment, by: loan, window: 3d}
rules:
  - id: overdue
    on: instalment_due
    after: 3d
    when: paid_3d == 0
    severity: medium
    summary: "{loan} is overdue with {amount}"
"""
DAYS = 86_400_000


@pytest.fixture
def at_work(new_house: Callable[[str], House]) -> Iterator[tuple[House, Worker]]:
    house = new_house("overdue")
    house.write_rules(RULES)
    worker = Worker(house, CHECKPOINT_SECONDS=0.5).start()
    try:
        yield house, worker.ready()
    finally:
        worker.stop()


def test_an_unpaid_loan_of_which_nothing_more_is_heard_is_said_by_the_plan_of_its_time(
    at_work: tuple[House, Worker],
) -> None:
    """Its worker was killed while it waited, and the rules are others by now; the paid one is not said."""
    house, worker = at_work
    due = int(time.time() * 1000)
    begun = due - 3 * DAYS

    def loan(id: str, kind: str, name: str, after: int = 0) -> dict[str, Any]:
        return {"id": id, "type": kind, "time": begun + after, "loan": name, "amount": 100}

    events = [loan("i1", "instalment_due", "L1"), loan("i2", "instalment_due", "L2"), loan("r2", "repayment", "L2", 1)]
    house.send(events, "loans", partition=0)
    assert eventually(lambda: worker.metric("risk_stream_pending_timers", kind="loan") == 2), worker.log
    old = worker.metric("risk_stream_plan_reloads_total", result="loaded")
    house.write_rules(RULES.replace("medium", "critical"))
    assert eventually(lambda: worker.metric("risk_stream_plan_reloads_total", result="loaded") > old), worker.log
    assert house.said("overdue") == set()
    saved = worker.metric("risk_stream_checkpoint_seconds_count")
    # Of three checkpoints one is of the lane of this loan: there are two.
    assert eventually(lambda: worker.metric("risk_stream_checkpoint_seconds_count") >= saved + 3, within=60), worker.log
    child = worker.child
    os.kill(child, signal.SIGKILL)
    assert eventually(lambda: worker.child not in (0, child), within=60)
    worker.ready()

    def said() -> set[str]:
        """Time goes on, in another topic, for other keys."""
        house.send([transfer(f"e{time.monotonic_ns()}", "A1", time=int(time.time() * 1000))], partition=0)
        return house.said("overdue")

    assert eventually(said, within=90, every=0.3) == {"i1"}, worker.log
    [alert] = [a for a in house.alerts().values() if a["rule"] == "overdue"]
    assert (alert["severity"], alert["time"], alert["event_time"]) == ("medium", due, begun)
    assert alert["summary"] == "L1 is overdue with 100.00"
    assert eventually(lambda: worker.metric("risk_stream_pending_timers", kind="loan") == 0)
    assert [a["revision"] for a in house.read("alerts") if a["event"] == "i1"] == [alert["revision"]]
