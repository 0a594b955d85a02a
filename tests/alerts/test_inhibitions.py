"""While a cause is not closed nobody is told of its effects: whichever came first, whoever decides, however many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.alerts import MOST_AT_ONCE, Act, Cause, Desk, Inhibit, Life, Policy, circle
from tests.alerts.made import alert

BURST = Inhibit(frozenset({"takeover"}), frozenset({"burst", "payee"}), ("customer",))
POLICY = Policy(inhibits=(BURST, Inhibit(frozenset({"burst"}), frozenset({"payee"}), ("customer", "account"))))


class Office:
    """A desk whose clock goes on with each input."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.desk, self.now, self.log = Desk(policy), 0, list[bytes]()

    def hear(self, rule: str, event: str, customer: str = "C1", *, settle: bool = True, **more: object) -> str:
        self.now += 1
        made = alert(rule, event, revision=self.now, keys={"customer": customer, "account": "A1"}, **more)  # type: ignore[arg-type]
        self._keep(self.desk.hear(made, Cause("a", 0, self.now), self.now))
        if settle:
            self.settle()
        return made.id

    def act(self, kind: str, *ids: str, settle: bool = True, **more: object) -> None:
        self.now += 1
        act = Act(id=str(self.now), act=kind, by="wang", at=0, alerts=list(ids), **more)  # type: ignore[arg-type]
        self._keep(self.desk.act(act, Cause("b", 0, self.now), self.now))
        if settle:
            self.settle()

    def settle(self) -> int:
        """What time brings, until it brings nothing; how many entries."""
        entries = 0
        while (record := self.desk.pass_time(self.now)) is not None:
            self._keep(record)
            entries += 1
        return entries

    def cause_of(self, id: str) -> str:
        return self.desk.memory.lives[id].inhibited_by

    def _keep(self, record: bytes | None) -> None:
        if record is not None:
            self.log.append(record)


@pytest.mark.parametrize("cause_first", [True, False])
def test_an_effect_is_marked_and_free_when_its_cause_is_closed(*, cause_first: bool) -> None:
    """Of the same customer alone; it is an alert as ever, that can be worked."""
    office = Office()
    if cause_first:
        cause = office.hear("takeover", "1")
    effect, other, stranger = office.hear("burst", "2"), office.hear("other", "3"), office.hear("burst", "4", "C2")
    if not cause_first:
        cause = office.hear("takeover", "1")
    assert [office.cause_of(id) for id in (cause, effect, other, stranger)] == ["", cause, "", ""]
    office.act("close", cause, disposition="confirmed")
    assert office.cause_of(effect) == ""
    life = office.desk.memory.lives[effect]
    assert (life.standing, life.waits_since) == ("open", office.now)
    office.act("reopen", cause)
    assert office.cause_of(effect) == cause
    office.act("acknowledge", effect)
    assert office.desk.memory.lives[effect].standing == "acknowledged"


def test_a_new_effect_is_marked_in_the_entry_that_begins_it() -> None:
    """Who follows the log never sees it without."""
    office = Office()
    cause = office.hear("takeover", "1")
    effect = office.hear("burst", "2", settle=False)
    assert office.cause_of(effect) == cause
    assert office.settle() == 0


def test_where_a_cause_is_withdrawn_another_one_takes_its_place() -> None:
    """The first that is open, of whichever declaration."""
    office = Office()
    first, second = office.hear("takeover", "1"), office.hear("takeover", "2")
    effect = office.hear("payee", "3")
    burst = office.hear("burst", "4")
    assert (office.cause_of(effect), office.cause_of(burst)) == (first, first)
    office.hear("takeover", "1", status="withdrawn")
    assert office.cause_of(effect) == second
    office.act("close", second, disposition="known")
    assert office.cause_of(effect) == burst
    assert office.cause_of(burst) == ""


def test_a_cause_closed_and_opened_again_at_once_still_lets_its_effects_go_at_the_end() -> None:
    """Both acts came before anybody looked at the effects."""
    office = Office()
    cause = office.hear("takeover", "1")
    effect = office.hear("burst", "2")
    office.act("close", cause, disposition="known", settle=False)
    office.act("reopen", cause)
    assert office.cause_of(effect) == cause
    office.act("close", cause, disposition="known")
    assert office.cause_of(effect) == ""


def test_thousands_of_effects_are_marked_some_at_a_time() -> None:
    """An entry is one message."""
    office = Office()
    effects = [office.hear("burst", str(n)) for n in range(2, MOST_AT_ONCE + 4)]
    cause = office.hear("takeover", "1", settle=False)
    assert office.settle() == 2
    assert {office.cause_of(id) for id in effects} == {cause}


def test_another_policy_counts_for_what_is_open() -> None:
    """What is no effect any more is free."""
    office = Office(Policy())
    cause, effect = office.hear("takeover", "1"), office.hear("burst", "2")
    assert office.cause_of(effect) == ""
    office.desk.use(POLICY)
    office.settle()
    assert office.cause_of(effect) == cause
    office.desk.use(Policy())
    office.settle()
    assert office.cause_of(effect) == ""


def test_rules_that_inhibit_one_another_in_a_circle_are_named() -> None:
    """Nobody would be told of any."""

    def one(cause: str, effect: str) -> Inhibit:
        return Inhibit(frozenset({cause}), frozenset({effect}), ("customer",))

    assert circle([one("a", "b"), one("b", "c"), one("a", "c")]) == []
    assert circle([one("a", "b"), one("b", "c"), one("c", "a")]) == ["a", "b", "c", "a"]
    assert circle([one("a", "a")]) == ["a", "a"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["raised", "withdrawn", "close", "reopen", "acknowledge", "heir"]),
        st.sampled_from(["takeover", "burst", "payee", "other"]),
        st.sampled_from("12"),
        st.sampled_from(["C1", "C2"]),
        st.booleans(),
    ),
    max_size=40,
)


@given(STEPS)
def test_it_is_what_looking_at_all_pairs_gives(steps: list[tuple[str, str, str, str, bool]]) -> None:
    """A life is marked exactly where a cause is open, whatever happened and whoever took over."""
    office = Office()
    for what, rule, event, customer, settle in steps:
        if what in {"raised", "withdrawn"}:
            office.hear(rule, f"{event}{customer}", customer, status=what, settle=settle)
        elif what == "heir":
            office.desk = Desk(POLICY)  # whatever was not settled yet it settles
            for record in office.log:
                office.desk.memory.take(record)
            office.settle()
        else:
            id = alert(rule, f"{event}{customer}").id
            office.act(what, id, settle=settle, **({"disposition": "known"} if what == "close" else {}))
        if not settle:
            continue
        lives = [life for life in office.desk.memory.lives.values() if life.standing != "closed"]
        for life in lives:
            causes = {cause.id for cause in lives if inhibits(cause, life)}
            assert (life.inhibited_by in causes) if causes else (life.inhibited_by == "")


def inhibits(cause: Life, effect: Life) -> bool:
    return any(
        cause.rule in one.causes
        and effect.rule in one.effects
        and all(cause.keys.get(kind) == effect.keys.get(kind) for kind in one.same)
        for one in POLICY.inhibits
    )
