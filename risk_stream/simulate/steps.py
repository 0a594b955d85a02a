"""The steps of loans' life cycles, with dice of their own: whatever they do, no other event is another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from risk_stream.simulate.clock import DAY_MS
from risk_stream.simulate.truth import Episode
from risk_stream.simulate.world import World

__all__ = ["FAULTS", "Steps"]

#: Kinds of episodes that are a fault in the steps of the next consumer loan that is approved.
FAULTS = ("skipped_identity_check", "drawdown_before_contract", "late_use_of_funds")

#: By product the steps before the decision, of which an application that is not approved has the first few.
_DECIDED: Mapping[str, tuple[str, ...]] = {
    "consumer": (
        *("intake", "consent", "identity-check", "fraud-check", "bureau-report", "income-proof", "purpose"),
        *("scoring", "debt-ratio", "limit", "approval"),
    ),
    "sme": (
        *("intake", "consent", "licence-check", "owner-check", "list-check", "group-check", "bureau-report"),
        *("statements", "account-flows", "site-visit", "collateral-value", "rating", "need-computed", "proposal"),
        *("independent-review", "approval"),
    ),
}
_BEGUN = 3
#: The steps between the decision and the drawdown, the last of them.
_DRAWN: Mapping[str, tuple[str, ...]] = {
    "consumer": (
        *("cost-sheet", "offer-accepted", "contract", "signature-check", "account-check", "direct-debit"),
        *("list-check", "payment-method", "self-payment", "drawdown"),
    ),
    "sme": (
        *("contract", "covenants-set", "guarantee", "conditions-met", "payment-method", "payee-check", "drawdown"),
    ),
}
#: Where the contract is signed after the money was paid out, these are early and the rest is late.
_EARLY = ("cost-sheet", "offer-accepted", "drawdown")
#: Days after the drawdown: (the step, from, to).
_AFTER: Mapping[str, tuple[tuple[str, float, float], ...]] = {
    "consumer": (("schedule-sent", 0.5, 3.0), ("use-of-funds", 4.0, 20.0)),
    "sme": (("first-check", 2.0, 12.0),),
}
#: Days between two reviews, and those after which evidence comes that was due within 30.
_REVIEWED: Mapping[str, float] = {"consumer": 150.0, "sme": 75.0}
_TOO_LATE = 33.0
_MONTH = 30.4


class Steps:
    """Walks loans through the steps of their product; a fault that was planned goes to the next loan approved."""

    def __init__(self, rng: np.random.Generator, world: World) -> None:
        self._rng, self._world = rng, world
        self._planned: list[Episode] = []

    def plan(self, episode: Episode) -> None:
        """Have the next consumer loan that is approved go wrong as the episode's kind says."""
        self._planned.append(episode)

    def refused(self, time: int, decided: int, loan: Mapping[str, Any], product: str, *, declined: bool) -> None:
        """An application that is not approved: begun, and ended where it was declined. Times in ms."""
        begun = _DECIDED[product][:_BEGUN]
        self._spread(begun, time, decided, loan, product)
        if declined:
            self._tell(decided, "declined", loan, product)

    def approved(self, time: int, decided: int, drawn: int, loan: Mapping[str, Any], product: str, months: int) -> None:
        """A loan from its application on, through its months, to its end. `loan` is what all its events say."""
        fault = self._planned.pop(0) if self._planned and product == "consumer" else None
        kind = fault.kind if fault is not None else ""
        if fault is not None:
            fault.keys["loan"] = [loan["loan"]]
        before = [step for step in _DECIDED[product] if step != "identity-check" or kind != "skipped_identity_check"]
        wrong = ("fraud-check", "bureau-report") if kind == "skipped_identity_check" else ()
        self._spread(before, time, decided, loan, product, dict.fromkeys(wrong, fault))
        late = [step for step in _DRAWN[product] if step not in _EARLY] if kind == "drawdown_before_contract" else []
        told = {} if kind == "skipped_identity_check" else {"drawdown": fault}
        on_time = [step for step in _DRAWN[product] if step not in late]
        self._spread(on_time[:-1], decided, drawn, loan, product)
        self._tell(drawn, "drawdown", loan, product, told.get("drawdown"))
        self._spread(late, drawn, drawn + DAY_MS, loan, product, {"contract": fault})
        for step, least, most in _AFTER[product]:
            days = float(self._rng.uniform(least, most))
            is_late = step == "use-of-funds" and kind == "late_use_of_funds"
            at = drawn + round((_TOO_LATE if is_late else days) * DAY_MS)
            self._tell(at, step, loan, product, fault if is_late else None)
        self._reviewed(drawn, loan, product, months)

    def _reviewed(self, drawn: int, loan: Mapping[str, Any], product: str, months: int) -> None:
        """The reviews of a loan while it runs, and its end."""
        every, end = _REVIEWED[product], months * _MONTH
        for n in range(1, int(end // every) + 1):
            self._tell(drawn + round(n * every * DAY_MS), "re-review", loan, product)
        self._tell(drawn + round((end + 10) * DAY_MS), "settlement", loan, product)
        self._tell(drawn + round((end + 13) * DAY_MS), "released", loan, product)

    def _spread(
        self,
        steps: Sequence[str],
        start: int,
        stop: int,
        loan: Mapping[str, Any],
        product: str,
        episodes: Mapping[str, Episode | None] | None = None,
    ) -> None:
        """Some steps one after another, evenly between two times, ms."""
        for n, step in enumerate(steps, 1):
            at = start + (stop - start) * n // (len(steps) + 1)
            self._tell(at, step, loan, product, (episodes or {}).get(step))

    def _tell(
        self, time: int, step: str, loan: Mapping[str, Any], product: str, episode: Episode | None = None
    ) -> None:
        self._world.tell(time, "process_step", episode, **loan, product=product, step=step, outcome="done")
