"""Whatever the steps and whatever order events come in, the engine says of a loan what following it by hand says."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk_stream.catalogue import Decoder, load_catalogue
from risk_stream.engine import Alert, Engine, final
from risk_stream.rules import plan_of_texts
from tests.oracle.lifecycle import follow

CATALOGUE = load_catalogue()
DECODER = Decoder(CATALOGUE)
START = 1_760_000_000_000
LATENESS = 60_000
#: What proves a step that has no event of its own.
PROOFS = (
    *("{of: drawdown}", "{of: decision, where: 'verdict == \"approve\"'}", "{of: application, where: amount > 5}"),
    *("{of: decision, where: 'verdict == \"decline\"'}", "{of: repayment}"),
)


@st.composite
def cycles(draw: st.DrawFn) -> str:
    """A life cycle of up to nine steps that loads."""
    count = draw(st.integers(1, 9))
    proofs = draw(st.permutations([*PROOFS, *[""] * 9]))
    lines = ["lifecycle: a-loan", "owner: tests"]
    lines += draw(st.sampled_from([[], ["where: product == 'consumer'"], ["window: 1h"]]))
    steps = [f"s{n}" for n in range(count)]
    ends = {step for step in steps[1:] if draw(st.integers(0, 7)) == 0}
    for n, step in enumerate(steps):
        before = [other for other in steps[:n] if other not in ends]
        said = f"id: {step}, stage: mid_loan, once: {draw(st.sampled_from(['true', 'false']))}"
        needs = draw(st.lists(st.sampled_from(before), max_size=3, unique=True)) if before else []
        one = [other for other in before if other not in needs]
        if len(one) > 1 and draw(st.booleans()):
            said += f", needs: {{all: [{', '.join(needs)}], any: [{', '.join(one[:2])}]}}"
        elif needs:
            said += f", needs: [{', '.join(needs)}]"
        others = [other for other in steps if other != step]
        if others and draw(st.booleans()):
            limit, length = draw(st.sampled_from(["within", "every"])), draw(st.sampled_from(["1s", "5s", "1m", "2h"]))
            said += f", {limit}: {length}, after: {draw(st.sampled_from(others))}"
        said += f", ends: {'true' if step in ends else 'false'}"
        lines.append(f"  - {{{said}{', proof: ' + proofs[n] if proofs[n] else ''}}}")
    at = next(place for place, line in enumerate(lines) if line.startswith("  - "))
    return "\n".join([*lines[:at], "steps:", *lines[at:]]) + "\n"


@st.composite
def streams(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Events of two loans, some late, some at one time, some refused or of another product."""
    stream: list[dict[str, Any]] = []
    now = START
    for n in range(draw(st.integers(1, 40))):
        now += draw(st.sampled_from([0, 0, 1_000, 4_000, 55_000, 3_600_000]))
        time = now - draw(st.sampled_from([0, 0, 0, 1_000, 5_000, LATENESS]))
        kind = draw(st.sampled_from([*["process_step"] * 4, "drawdown", "decision", "application", "repayment"]))
        event = {"id": f"e{n}", "type": kind, "time": time, "loan": draw(st.sampled_from(["L1", "L1", "L2"]))}
        product = draw(st.sampled_from(["consumer", "consumer", "sme", None]))
        if kind in ("process_step", "application") and product is not None:
            event["product"] = product
        if kind == "process_step":
            event["step"] = draw(st.sampled_from([f"s{n}" for n in range(9)] + ["unknown"]))
            outcome = draw(st.sampled_from([None, "done", "waived", "refused"]))
            event |= {} if outcome is None else {"outcome": outcome}
        elif kind == "decision":
            event["verdict"] = draw(st.sampled_from(["approve", "decline", "refer"]))
        else:
            event |= {"amount": draw(st.integers(1, 10)), "customer": "C1"}
        stream.append(event)
    return stream


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=cycles(), stream=streams(), sizes=st.lists(st.integers(1, 20), min_size=1, max_size=5))
def test_every_judgement_is_what_following_each_loan_says(
    text: str, stream: list[dict[str, Any]], sizes: list[int]
) -> None:
    """Late events included, which are put in their place and revise what was said."""
    engine = Engine(plan_of_texts({"cycle.yaml": text}, CATALOGUE), reserve_mib=8, lateness_ms=LATENESS)
    said: list[Alert] = []
    accepted: list[dict[str, Any]] = []
    at = 0
    while at < len(stream):
        some = stream[at : at + sizes[at % len(sizes)]]
        batch, _, rejects = DECODER.decode([orjson.dumps(event) for event in some], str)
        assert rejects == []
        result = engine.apply(batch)
        said += result.alerts
        accepted += [event for n, event in enumerate(some) if n not in result.late]
        at += len(some)
    said += engine.advance(engine.clock + 1_800_000).alerts
    assert {(alert.rule, alert.event) for alert in final(said)} == follow(text, accepted, engine.clock)
