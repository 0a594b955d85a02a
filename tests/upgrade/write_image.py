"""Writes what a release keeps and sends, as an image for the releases after it; run in a checkout of that release.

    cd CHECKOUT && PYTHONPATH=$PWD python write_image.py FILE

It plays the release's own `tests/stream/test_lanes.py`: workers on logs in memory, stopped in the middle. The image is
one MessagePack map, compressed by LZMA; `tests/upgrade/image.py` says what is in it.
"""

from __future__ import annotations

import asyncio
import importlib
import lzma
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path.cwd()))  # the release's own tests, not those beside this file

from risk_stream.catalogue import load_catalogue
from risk_stream.rules import plan_of_texts
from risk_stream.stream import alignment, lane, lanes
from risk_stream.stream.intake.origins import Committed
from risk_stream.stream.letters import marks
from tests.stream import test_lanes as played

RULES = """
stage: trading
features:
  count_1m: {count: transfer, by: account, window: 1m}
  sum_5s: {sum: amount, of: transfer, by: account, window: 5s}
  usual_30d: {mean: amount, of: transfer, by: account, window: 30d}
  paid_1m: {count: transfer, by: counterparty, window: 1m}
  payers_1m: {distinct: account, of: transfer, by: counterparty, window: 1m}
rules:
  - id: account
    on: transfer
    when: count_1m >= 2 and sum_5s > 15
    severity: high
    score: 40
    action: review
    owner: desk
    summary: "{account} {count_1m} {sum_5s} {usual_30d}"
    why: "Burst."
  - id: both
    on: transfer
    when: paid_1m >= 2 and payers_1m >= 1 and count_1m >= 1
    severity: low
    score: 9
    action: review
    owner: desk
    summary: "{counterparty} {paid_1m} {payers_1m}"
    why: "Both."
  - id: later
    on: transfer
    after: 1s
    when: count_1m >= 5
    severity: medium
    score: 20
    action: review
    owner: desk
    summary: "{account} {count_1m}"
    why: "Many, seen a second later."
"""

#: Twelve seconds of a stream of which the last five may still be judged again.
EVENTS, LATENESS_SECONDS = 600, 5

#: Of releases that know models.
MODEL = """
model: sizes
stage: trading
on: transfer
by: account
owner: desk
why: "Unlike the others."
features:
  usual: {mean: amount, of: transfer, by: account, window: 30d}
inputs:
  size: amount / usual
  amount: amount
pipeline:
  - MinMaxScaler
  - HalfSpaceTrees: {n_trees: 5, height: 6, window_size: 50}
learn: always
warm_up: 20
threshold: {quantile: 0.8, last: 100}
"""
SCORED = """
  - id: novel
    on: transfer
    when: over("sizes")
    severity: info
    score: 5
    action: review
    owner: desk
    summary: "{account} {amount}"
    why: "Unlike the others."
"""


def small() -> None:
    """Marks, looks and patience as small as the stream is, as that test has them."""
    marks.CUT, lane.LOOK, lanes.MAX_ROWS, lanes.LAST_CHECKPOINT, lanes.GRACE = 5, 0.0, 20, 0.01, 1e6
    alignment.PATIENCE = 0.001


async def play(house: Any, messages: list[tuple[str, int, bytes]], chance: random.Random) -> None:
    """Two workers judge the messages; the last checkpoints stand somewhat before the end."""
    stage = played.Play(house, chance)
    await stage.rebalance()
    save_at = {len(messages) // 3, len(messages) * 9 // 10}
    silent = [t for t in house.settings.origin_topics if t != "risk.trades"]
    said = [[f"{topic}/{p}", 1, played.NOW + 3_600_000] for topic in silent for p in range(house.counts[topic])]
    tell(house, said)
    for at, (topic, partition, value) in enumerate(messages):
        house.append(topic, partition, value)
        if at % 100 == 0:
            fronts = [one for worker in stage.workers for one in worker.lanes.fronts().items()]
            tell(house, [[channel, 1, front] for channel, front in fronts])
        for worker in stage.workers:
            worker.store(1.0)
            await asyncio.sleep(0)
            await worker.read(50)
        if at in save_at:
            await settle(stage)
            for worker in stage.workers:
                for one in worker.lanes.lanes.values():
                    worker.works.append(asyncio.ensure_future(worker.lanes._checkpointing(one)()))
            await settle(stage)
    await settle(stage)


def tell(house: Any, fronts: list[list[Any]]) -> None:
    """Say to every hop partition how far others have come, as workers do from time to time."""
    for topic in house.hops:
        for partition in range(house.counts[topic]):
            house.append(topic, partition, msgspec.json.encode({"fronts": fronts}))


async def settle(stage: Any) -> None:
    """All that was read is judged, and what that causes is stored."""
    for _ in range(200):
        for worker in stage.workers:
            worker.store(1.0)
            await asyncio.sleep(0.001)
            await worker.read(50)


def image(models: bool) -> dict[str, Any]:
    """What there is to keep."""
    small()
    played.EVENTS = EVENTS
    catalogue, chance = load_catalogue(), random.Random(17)
    texts = {"rules.yaml": RULES + (SCORED if models else "")} | ({"sizes.yaml": MODEL} if models else {})
    plan = plan_of_texts(texts, catalogue)
    house = played.House(catalogue, plan)
    house.settings = house.settings.model_copy(update={"lateness_seconds": LATENESS_SECONDS})
    said: list[bytes] = []
    keep = house.append

    def append(topic: str, partition: int, value: bytes) -> Any:
        if topic == house.settings.alerts_topic:
            said.append(value)
        return keep(topic, partition, value)

    house.append = append  # type: ignore[method-assign]
    events, messages = played.admitted(house, chance)
    half = len(messages) * 4 // 5
    asyncio.run(play(house, messages[:half], chance))
    commit = subprocess.run(["git", "log", "-1", "--format=%h %ad", "--date=short"], capture_output=True, text=True)
    found = {
        "written_by": commit.stdout.strip(),
        "texts": texts,
        "plan": plan.version,
        "events": [msgspec.json.encode(event) for event in events],
        "state": {str(number): records for number, records in house.state.records.items()},
        "ends": {str(number): end for number, end in house.state.ends.items()},
        "hops": {f"{topic}/{p}": [r.value for r in records] for (topic, p), records in house.logs.items()},
        "rest": messages[half:],
        "alerts": said,
        "commits": [Committed(17, played.NOW, plan.version).metadata(), Committed(3).metadata()],
    }
    found["plans"] = records_of(plan)
    return found


def records_of(plan: Any) -> dict[str, bytes]:
    """What the release keeps of a plan."""
    for room in ("plans.parts", "planparts"):
        try:
            packed: dict[str, bytes] = importlib.import_module(f"risk_stream.stream.{room}").pack_plan(plan, {})
        except ImportError:
            continue
        return packed
    # All of it was in one record once.
    return {plan.version: importlib.import_module("risk_stream.stream.planbook").pack_plan(plan, {})}


if __name__ == "__main__":
    try:
        import risk_stream.models  # noqa: F401

        known = True
    except ImportError:
        known = False
    Path(sys.argv[1]).write_bytes(lzma.compress(msgspec.msgpack.encode(image(known))))
