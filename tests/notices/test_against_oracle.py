"""Planners beside a naive oracle: whatever happens in whatever order, each receiver knows what they should.

The oracle looks at every alert every minute, by the desk's own memory, and remembers nothing but what was said.
"""

from __future__ import annotations

import random
from datetime import time

import pytest

from risk_stream.alerts import SEVERITIES, Life, Policy, matches
from risk_stream.notices import House, Notice, Quiet, Receiver
from tests.notices.told import MINUTE, Scene, receiver

NIGHT = Quiet(time(22), time(7))
RECEIVERS = {
    "first": receiver("first"),
    "sleeper": receiver("sleeper", quiet=NIGHT),
    "second": receiver("second"),
    "lender": receiver("lender", stages=frozenset({"pre_loan"})),
}
HOUSE = House(RECEIVERS, (("first", "sleeper", "lender"), ("second", "first")))
POLICY = Policy(escalate_ms={"critical": 10 * MINUTE, "high": 30 * MINUTE}, levels=len(HOUSE.levels))
RANK = {severity: rank for rank, severity in enumerate(SEVERITIES)}


class Oracle:
    """What each receiver was told, by the notices alone, and what they should know."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.knows: dict[tuple[str, str], str] = {}  # (receiver, case) -> the thread that told of it
        self.severity: dict[tuple[str, str], str] = {}  # (receiver, thread) -> the worst that was told
        self.storms: set[tuple[str, str]] = set()  # (receiver, rule) that go on
        self.last: dict[tuple[str, str], int] = {}  # (receiver, thread) -> when it was told last
        self.waits: dict[str, int] = {}  # life -> since when it has been waiting to be taken, as far as people see
        self.over: set[tuple[str, str]] = set()

    def lives(self, case: str) -> list[Life]:
        """Those of a case that are not closed and that no silence hides."""
        memory = self.scene.desk.memory
        return [
            life
            for life in memory.lives.values()
            if life.case == case
            and life.standing != "closed"
            and not any(matches(silence, life, self.scene.now) for silence in memory.silences.values())
        ]

    def look(self) -> None:
        """Once a minute."""
        seen = {life.id for case in self.scene.desk.memory.cases for life in self.lives(case)}
        waiting = {
            life.id
            for life in self.scene.desk.memory.lives.values()
            if life.id in seen and life.standing == "open" and life.asleep_until is None
        }
        self.waits = {id: self.waits.get(id, self.scene.now) for id in waiting}

    def hear(self, notice: Notice) -> None:
        """Something was said; what must hold of it by itself."""
        now, to, thread = self.scene.now, notice.receiver, notice.thread
        quiet = RECEIVERS[to].quiet
        taken_back = notice.step == "withdrawn" and self.severity[to, thread] == "critical"
        if quiet is not None and notice.severity != "critical" and not taken_back:
            assert not quiet.holds(notice.severity, now, "Asia/Shanghai"), f"{notice.step} in quiet hours"
        assert notice.rule or notice.step == "several", f"{notice.step} of no rule"
        if notice.step == "more":
            assert now - self.last[to, thread] >= 5 * MINUTE
        self.last[to, thread] = now
        for part in notice.cases:
            own = f"case:{part.case}" if notice.step == "several" else thread
            if notice.step in {"new", "several"}:
                assert any(life.id in self.waits for life in self.lives(part.case)), "nobody waits for it"
                self.severity[to, own] = part.severity
            self.knows[to, part.case], self.last[to, own] = own, now
            self.over.discard((to, own))
        self.over |= {(to, f"case:{case}") for case in notice.ended}
        if notice.step not in {"several", "customer"}:
            self.severity[to, thread] = notice.severity
        if thread.startswith("rule:"):
            pair = (to, thread.removeprefix("rule:"))
            (self.storms.discard if notice.step in {"over", "withdrawn"} else self.storms.add)(pair)
        if notice.step == "over" or (notice.step == "withdrawn" and not notice.open):
            assert (to, thread) not in self.over, "told twice that it is over"
            self.over.add((to, thread))

    def check(self) -> None:
        """What must be known now."""
        for case in self.scene.desk.memory.cases:
            lives = self.lives(case)
            for one in RECEIVERS.values():
                mine = [life for life in lives if one.hears(life)]
                if mine:
                    self._check(one, case, mine)

    def _check(self, to: Receiver, case: str, lives: list[Life]) -> None:
        now = self.scene.now
        waiting = [life for life in lives if life.id in self.waits]
        if any((to.name, life.rule) in self.storms for life in lives):
            return  # its rule's storm tells of it, in its time
        thread = self.knows.get((to.name, case))
        worst = max(lives, key=lambda life: RANK[life.severity]).severity
        if thread is None and waiting:
            urgent = max(waiting, key=lambda life: RANK[life.severity]).severity
            reached = max(life.level for life in waiting)
            levels = [place for place, names in enumerate(HOUSE.levels) if to.name in names]
            held = to.quiet is not None and to.quiet.holds(urgent, now, to.timezone)
            assert to.how[urgent] != "now" or held or min(levels) > reached, f"{to.name} does not know of {case}"
        if thread is not None and thread.startswith("case:") and (to.name, thread) not in self.over:
            told = self.severity[to.name, thread]
            held = to.quiet is not None and to.quiet.holds(worst, now, to.timezone)
            assert RANK[told] >= RANK[worst] or to.how[worst] != "now" or held, f"{case} is {worst} now, told {told}"


def something(scene: Scene, dice: random.Random) -> None:
    """One thing happens."""
    lives = list(scene.desk.memory.lives.values())
    life = dice.choice(lives) if lives else None
    what = dice.choices(
        ("alert", "revise", "withdraw", "acknowledge", "close", "escalate", "snooze", "reopen", "silence"),
        (10, 3, 3, 4, 4, 2, 2, 1, 1),
    )[0]
    if what == "alert" or life is None:
        stage = {"stage": "pre_loan"} if dice.random() < 0.3 else {}
        name, keys = str(dice.randrange(10**9)), {"customer": f"C{dice.randrange(6)}"}
        severity = dice.choices(SEVERITIES, (1, 2, 3, 6, 2))[0]
        scene.hear(f"r{dice.randrange(5)}", name, severity=severity, keys=keys, **stage)
    elif what in {"revise", "withdraw"}:
        known = scene.heard[life.alert]
        status = "withdrawn" if what == "withdraw" else "changed"
        scene.again(known, status, severity=dice.choice(SEVERITIES))
    elif what == "silence":
        scene.silence(dice.randrange(5, 120), rules=[life.rule])
    elif what == "snooze":
        scene.act(what, life.id, until=scene.now + dice.randrange(1, 90) * MINUTE)
    else:
        more = {"disposition": dice.choice(("confirmed", "known"))} if what == "close" else {}
        scene.act(what, life.id, **more)


@pytest.mark.parametrize("seed", range(8))
def test_everybody_knows_what_they_should_and_who_takes_over_says_nothing_twice(seed: int) -> None:
    """Eighteen hours of alerts, acts, silences, quiet hours; the planner is replaced by an heir now and then."""
    dice = random.Random(seed)
    scene = Scene(HOUSE, POLICY)
    oracle = Oracle(scene)
    busy = dice.choice((0.02, 0.1, 0.4))
    for minute in range(18 * 60):
        while dice.random() < busy:
            something(scene, dice)
        oracle.look()
        before = len(scene.log)
        scene.plan()
        for one in scene.log[before:]:
            oracle.hear(one.notice)
        oracle.check()
        if minute % 97 == 0:
            heir = scene.heir(HOUSE)
            assert [(one.notice.receiver, one.notice.step, one.notice.thread) for one in heir.plan(scene.now)] == []
            scene.planner = heir
        scene.later(1)
    assert len({one.notice.id for one in scene.log}) == len(scene.log)
    assert scene.log
