"""A plan is in force when somebody else than its proposers approved it, whatever else people do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from risk_stream.alerts import Act, Entry, Ruling
from risk_stream.alerts.approvals import Approvals


def entry(number: int, kind: str, by: str, plan: str, *, done: bool = True) -> Entry:
    act = Act(id=f"a{number}", act=kind, by=by, at=0, subject=plan)  # type: ignore[arg-type]
    rulings = [Ruling(done=done, why="" if done else "no")]
    return Entry(number=number, before="", time=0, what="act", act=act, rulings=rulings)


def test_somebody_else_approves() -> None:
    """Each refusal is a sentence that says who or what is missing."""
    approvals = Approvals()
    assert (
        approvals.why_not(entry(1, "approve", "li", "p1").act) == "plan p1 was not proposed: risk-stream rules propose"
    )  # type: ignore[arg-type]
    approvals.apply(entry(1, "propose", "wang", "p1"))
    own = entry(2, "approve", "wang", "p1")
    assert approvals.why_not(own.act) == "wang proposed plan p1: somebody else approves it"  # type: ignore[arg-type]
    approvals.apply(own)
    assert (approvals.current, approvals.waiting, approvals.proposers("p1")) == (None, ("p1",), ("wang",))
    approvals.apply(entry(3, "approve", "li", "p1", done=False))
    assert approvals.current is None, "refused by the desk"
    approvals.apply(entry(4, "approve", "li", "p1"))
    assert (approvals.current, approvals.approved_by, approvals.waiting) == ("p1", "li", ())


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["propose", "approve", "comment"]),
        st.sampled_from(["wang", "li", ""]),
        st.sampled_from(["p1", "p2", ""]),
        st.booleans(),
    ),
    max_size=30,
)


@given(STEPS)
def test_nothing_is_in_force_that_only_one_person_has_seen(steps: list[tuple[str, str, str, bool]]) -> None:
    """Of all that was done in the order it was done, against the sentence read word by word."""
    approvals = Approvals()
    current = None
    for n, (kind, by, plan, done) in enumerate(steps):
        before = [s for s in steps[:n] if s[0] == "propose" and s[3] and s[1] and s[2] == plan]
        if kind == "approve" and done and by and plan and before and by not in {s[1] for s in before}:
            current = plan
        approvals.apply(entry(n + 1, kind, by, plan, done=done))
        assert approvals.current == current
