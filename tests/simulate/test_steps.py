"""Simulated loans go through the steps of the shipped life cycles, and go wrong in them only where it was planted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import orjson
import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.rules import load_plan
from risk_stream.simulate import Market
from risk_stream.simulate.steps import FAULTS
from tests.oracle.lifecycle import follow

CYCLES = Path(__file__).parents[2] / "rules" / "lifecycles"
MARKET = {"seed": 3, "customers": 400, "days": 60}


@pytest.fixture(scope="module")
def wrong() -> tuple[Market, list[dict], Counter]:
    """A market with each fault once, its events of loans, and what following its consumer and SME loans says."""
    market = Market(**MARKET, episodes=dict.fromkeys(FAULTS, 1))
    events = [orjson.loads(value) for part in market.slices() for value in part.values]
    of_loans = [event for event in events if "loan" in event]
    said = Counter()
    for name in ("consumer", "sme"):
        # Limits in business days are told in days here: the simulated decisions are quick.
        text = (CYCLES / f"{name}.yaml").read_text().replace("{business_days: 3, calendar: china}", "3d")
        text = text.replace("{business_days: 5, calendar: china}", "5d")
        said.update(rule for rule, _ in follow(text, of_loans, max(event["time"] for event in events)))
    return market, of_loans, said


def test_every_step_is_one_of_the_life_cycle(wrong: tuple[Market, list[dict], Counter]) -> None:
    cycles = {cycle.where.split('"')[1]: cycle for cycle in load_plan([CYCLES], load_catalogue()).lifecycles}
    steps = Counter((event["product"], event["step"]) for event in wrong[1] if event["type"] == "process_step")
    for product, step in steps:
        assert step in {one.id for one in cycles[product].steps}
    assert {product for product, _ in steps} == {"consumer", "sme"}


def test_what_goes_wrong_was_planted(wrong: tuple[Market, list[dict], Counter]) -> None:
    """Each fault is one loan's: no other judgement is made."""
    market, _, said = wrong
    assert {episode.kind for episode in market.episodes if episode.complete} == set(FAULTS)
    assert said == Counter(
        {
            "consumer-loan.fraud-check.skipped": 1,
            "consumer-loan.bureau-report.skipped": 1,
            "consumer-loan.identity-check.overdue": 1,
            "consumer-loan.drawdown.skipped": 1,
            "consumer-loan.contract.out-of-order": 1,
            "consumer-loan.signature-check.out-of-order": 1,
            "consumer-loan.account-check.out-of-order": 1,
            "consumer-loan.list-check.out-of-order": 1,
            "consumer-loan.use-of-funds.overdue": 1,
        }
    )


def test_steps_change_no_other_event() -> None:
    """They have dice of their own, so a fault more leaves all else as it was."""

    def others(**episodes: int) -> list[bytes]:
        market = Market(seed=3, customers=100, days=8, episodes=episodes)
        return [value for part in market.slices() for value in part.values if b'"process_step"' not in value]

    assert others() == others(skipped_identity_check=1)
