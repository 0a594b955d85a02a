"""Four eyes: which plan was proposed by whom and approved by somebody else, as the log of people's acts has it.

The folder of rules only proposes. A plan is in force when an act `approve` names its hash, after an act `propose` did,
by somebody who did not propose it. A function of the entries of `risk.life` in their order: every worker, the desk and
the console have the same answer.
"""

from __future__ import annotations

from typing import NamedTuple

from risk_stream.alerts.act import Act
from risk_stream.alerts.entry import Entry

__all__ = ["Approvals", "Proposal"]


class Proposal(NamedTuple):
    """When a plan was proposed last, ms, by whom, and why."""

    at: int
    by: str
    comment: str


class Approvals:
    """`apply` each entry; `current` is the hash of the plan that was approved last, None where none was."""

    def __init__(self) -> None:
        self.current: str | None = None
        self.approved_by = ""
        self._proposers: dict[str, list[str]] = {}
        self._proposals: dict[str, Proposal] = {}  # by plan, the last of each

    def apply(self, entry: Entry) -> None:
        """Take an entry's act, if it is one of these and was not refused."""
        act = entry.act
        if act is None or not all(ruling.done for ruling in entry.rulings) or self.why_not(act) is not None:
            return
        if act.act == "propose":
            self._proposers.setdefault(act.subject, []).append(act.by)
            self._proposals[act.subject] = Proposal(entry.time, act.by, act.comment)
        elif act.act == "approve":
            self.current, self.approved_by = act.subject, act.by

    def why_not(self, act: Act) -> str | None:
        """Why an act of these cannot be done, in a sentence; None where it can, and of other acts."""
        if act.act not in {"propose", "approve"}:
            return None
        if not act.subject or not act.by:
            return f"an act {act.act} names a plan's hash and who does it"
        if act.act == "propose":
            return None
        proposers = self._proposers.get(act.subject)
        if proposers is None:
            return f"plan {act.subject} was not proposed: risk-stream rules propose"
        if act.by in proposers:
            return f"{act.by} proposed plan {act.subject}: somebody else approves it"
        return None

    def proposers(self, plan: str) -> tuple[str, ...]:
        """Who proposed a plan, in their order."""
        return tuple(self._proposers.get(plan, ()))

    def proposal(self, plan: str) -> Proposal | None:
        """The last proposal of a plan; None where it was never proposed."""
        return self._proposals.get(plan)

    @property
    def waiting(self) -> tuple[str, ...]:
        """Plans that were proposed and are not the one in force, the newest last."""
        return tuple(plan for plan in self._proposers if plan != self.current)
