"""Sums that are kept as lives change are those that counting anew would give."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from risk_stream.alerts import SEVERITIES, Act, Cause, Desk
from tests.alerts.made import alert

RULES = ("a", "b")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["raised", "withdrawn", "acknowledge", "snooze", "close", "reopen"]),
        st.sampled_from(RULES),
        st.integers(0, 3),
        st.sampled_from(SEVERITIES),
    ),
    max_size=60,
)


@given(STEPS)
def test_they_are_what_counting_anew_gives(steps: list[tuple[str, str, int, str]]) -> None:
    """Through revisions, acts and reopenings in any order."""
    desk = Desk()
    for now, (what, rule, event, severity) in enumerate(steps, 1):
        said = alert(rule, str(event), revision=now, status=what, severity=severity)
        if what in {"raised", "withdrawn"}:
            desk.hear(said, Cause("a", 0, now), now)
        else:
            more = {"disposition": "known"} if what == "close" else {"until": now + 100} if what == "snooze" else {}
            act = Act(id=str(now), act=what, by="wang", at=now, alerts=[said.id], **more)  # type: ignore[arg-type]
            desk.act(act, Cause("b", 0, now), now)
    lives, tally = list(desk.memory.lives.values()), desk.memory.tally
    open_now = [life for life in lives if life.standing != "closed"]
    assert tally.standing == Counter((one.standing, one.severity, one.stage, one.entity) for one in open_now)
    assert tally.asleep == sum(one.asleep_until is not None for one in open_now)
    for severity in SEVERITIES:
        unseen = [one.since for one in open_now if one.standing == "open" and one.severity == severity]
        assert tally.oldest(severity) == min(unseen, default=None)
    for rule in RULES:
        closed = Counter(one.disposition for one in lives if one.rule == rule)
        assert tally.dispositions[rule]["known"] == closed["known"]


def test_what_was_closed_takes_no_room() -> None:
    """Below an alert that stays open for long."""
    desk = Desk()
    desk.hear(alert("r", "stays"), Cause("a", 0, 0), 0)
    for event in range(1, 3_000):
        desk.hear(alert("r", str(event)), Cause("a", 0, 2 * event), event)
        desk.hear(alert("r", str(event), revision=2, status="withdrawn"), Cause("a", 0, 2 * event + 1), event)
    assert desk.memory.tally.oldest("high") == 0
    assert len(desk.memory.tally._heaps["high"]) < 1_100
