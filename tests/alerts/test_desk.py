"""What an officer may rely on: what a person did stands, the second is told who was first, the log is the state."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.alerts import (
    MOST_AT_ONCE,
    MOST_BYTES,
    Act,
    Cause,
    Desk,
    Entry,
    Inhibit,
    Life,
    Policy,
    Silence,
    broken,
    read_entry,
)
from tests.alerts.made import alert

MINUTE, DAY = 60_000, 86_400_000
NOON = 1_772_625_600_000  # 2026-03-04 12:00 UTC


class Office:
    """A desk, its log, and a clock."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.desk, self.log, self.now = Desk(policy), list[bytes](), NOON
        self._inputs = count()

    def hear(self, *given: Any, **more: Any) -> Life | None:
        """An alert comes; the life that stands for it then."""
        said = alert(*given, **more)
        self._kept(self.desk.hear(said, self._cause("risk.alerts"), self.now))
        return self.of(said.id)

    def act(self, kind: str, *ids: str, by: str = "wang", **more: Any) -> list[str]:
        """Somebody acts; why not, for each of its alerts, "" where it was done."""
        number = next(self._inputs)
        act = Act(id=f"a{number}", act=kind, by=by, at=self.now, alerts=list(ids), **more)  # type: ignore[arg-type]
        entry = self._kept(self.desk.act(act, Cause("risk.actions", 0, number), self.now))
        assert entry is not None
        return [ruling.why for ruling in entry.rulings]

    def pass_time(self, ms: int) -> None:
        self.now += ms
        self._kept(self.desk.pass_time(self.now))

    def of(self, alert_id: str) -> Life | None:
        memory = self.desk.memory
        return memory.lives.get(memory.newest.get(alert_id, ""))

    def _cause(self, topic: str) -> Cause:
        return Cause(topic, 0, next(self._inputs))

    def _kept(self, record: bytes | None) -> Entry | None:
        if record is None:
            return None
        self.log.append(record)
        return read_entry(record)


@pytest.fixture
def office() -> Office:
    return Office()


def test_the_second_is_told_who_was_first(office: Office) -> None:
    """Two officers look at the same page; the later one's act would rest on what is not so any more."""
    life = office.hear("r", "1")
    assert life is not None
    assert office.act("acknowledge", life.id, by="li", expected={life.id: 1}) == [""]
    (why,) = office.act("close", life.id, disposition="known", expected={life.id: 1})
    assert why == "li was first, at 2026-03-04 12:00 UTC: it is acknowledged now; look at it again"
    assert office.of(life.id).standing == "acknowledged"  # type: ignore[union-attr]


def test_a_closed_alert_says_how_it_was_closed(office: Office) -> None:
    """Even after a late event changed it."""
    life = office.hear("r", "1")
    assert life is not None
    office.act("close", life.id, disposition="false_alarm")
    office.now += MINUTE
    office.hear("r", "1", revision=2, status="changed", severity="critical")
    (why,) = office.act("close", life.id, by="li", disposition="confirmed")
    assert why == "it was closed as false alarm by wang at 2026-03-04 12:00 UTC: reopen it to change that"
    assert office.act("reopen", life.id, by="li") == [""]
    assert office.act("close", life.id, by="li", disposition="confirmed") == [""]
    assert office.desk.memory.dispositions["r"] == {"confirmed": 1, "false_alarm": 0}


def test_an_unknown_disposition_is_refused_with_the_nearest(office: Office) -> None:
    """And `withdrawn`, which is the system's."""
    life = office.hear("r", "1")
    assert life is not None
    assert office.act("close", life.id, disposition="false_alarms") == [
        "'false_alarms' is no disposition; did you mean \"false_alarm\"?"
    ]
    assert "is no disposition" in office.act("close", life.id, disposition="withdrawn")[0]
    assert office.act("close", "ffff", disposition="known") == [
        "there is no alert 'ffff': it was never raised, or closed more than 90 days ago"
    ]


def test_another_entitys_alert_is_not_there(office: Office) -> None:
    """Neither by its id nor in a case that has alerts of both."""
    life = office.hear("r", "1")
    assert life is not None
    assert "there is no alert" in office.act("acknowledge", life.id, entities=["LEND"])[0]
    assert "that you may work" in office.act("acknowledge", case=life.case, entities=["LEND"])[0]
    assert office.act("acknowledge", life.id, entities=["LEND", "SEC-SH"]) == [""]


@pytest.mark.parametrize("touched", [False, True])
def test_what_is_withdrawn_closes_only_where_nobody_looks_at_it(office: Office, *, touched: bool) -> None:
    """A person who has it decides; they see that it does not hold any more."""
    life = office.hear("r", "1")
    assert life is not None
    if touched:
        office.act("acknowledge", life.id)
    office.hear("r", "1", revision=2, status="withdrawn")
    after = office.of(life.id)
    assert after is not None
    assert after.state == "withdrawn"
    assert (after.standing, after.disposition) == (("acknowledged", None) if touched else ("closed", "withdrawn"))
    assert "withdrawn" not in office.desk.memory.dispositions["r"]


def test_raised_again_after_it_was_closed_is_a_new_alert_linked_to_the_old(office: Office) -> None:
    """What was said of the old one stands."""
    life = office.hear("r", "1")
    assert life is not None
    office.act("close", life.id, disposition="known")
    office.hear("r", "1", revision=2, status="withdrawn")
    again = office.hear("r", "1", revision=3, status="raised")
    assert again is not None
    assert (again.id, again.follows, again.standing) == (f"{life.id}-2", life.id, "open")
    old = office.desk.memory.lives[life.id]
    assert (old.disposition, old.followed_by) == ("known", again.id)
    assert office.act("reopen", life.id) == [f"it was raised again as {again.id}: work that one"]
    office.hear("r", "1", revision=4, status="withdrawn")
    third = office.hear("r", "1", revision=5, status="raised")
    assert third is not None
    assert third.id == f"{life.id}-3"


def test_a_revision_that_comes_late_changes_nothing(office: Office) -> None:
    """Of what is said under an id the highest revision holds, not the last to arrive."""
    office.hear("r", "1", revision=7, status="withdrawn")
    life = office.hear("r", "1", revision=3)
    assert life is not None
    assert (life.state, life.standing) == ("withdrawn", "closed")
    assert len(office.log) == 1
    office.hear("r", "2", mode="shadow")
    assert len(office.log) == 1


def test_a_sleeper_wakes_by_itself(office: Office) -> None:
    """And may not sleep for ever."""
    life = office.hear("r", "1")
    assert life is not None
    assert "a time that is to come" in office.act("snooze", life.id, until=office.now)[0]
    assert "at most" in office.act("snooze", life.id, until=office.now + 8 * DAY)[0]
    assert office.act("snooze", life.id, until=office.now + 30 * MINUTE) == [""]
    office.pass_time(29 * MINUTE)
    assert office.of(life.id).asleep_until is not None  # type: ignore[union-attr]
    office.pass_time(MINUTE)
    assert office.of(life.id).asleep_until is None  # type: ignore[union-attr]
    assert office.desk.memory.due is None


def test_alerts_of_one_subject_are_one_case_until_it_has_been_quiet(office: Office) -> None:
    """Its severity is that of the worst that is not closed."""
    keys = {"customer": "C7", "account": "A1"}
    first = office.hear("r", "1", severity="medium", keys=keys)
    second = office.hear("s", "2", severity="critical", keys=keys | {"account": "A2"})
    assert first is not None
    assert second is not None
    assert first.case == second.case
    case = office.desk.memory.cases[first.case]
    assert (case.kind, case.key, case.alerts, case.open) == ("customer", "C7", 2, 2)
    assert (case.severity, case.summary) == ("critical", "s 1")
    office.act("close", second.id, disposition="known")
    assert office.desk.memory.cases[first.case].severity == "medium"
    (why,) = office.act("close", case=first.case, disposition="known")
    assert (why, office.desk.memory.cases[first.case].open) == ("", 0)
    assert office.act("close", case=first.case, disposition="known") == [
        f"no alert of case {first.case} is open that you may work"
    ]
    office.now += 2 * DAY
    later = office.hear("r", "3", keys=keys)
    assert later is not None
    assert later.case != first.case


def test_a_storm_is_closed_in_parts(office: Office) -> None:
    """An entry is one message; what is left is said."""
    for i in range(MOST_AT_ONCE + 3):
        office.hear("r", str(i), keys={"customer": "C7"})
    case = next(iter(office.desk.memory.cases))
    *done, left = office.act("close", case=case, disposition="known")
    assert (set(done), left) == ({""}, f"{MOST_AT_ONCE} were taken, and 3 are left: ask again")
    assert office.act("close", case=case, disposition="known") == ["", "", ""]
    assert max(map(len, office.log)) < 900_000


def test_a_storm_with_a_long_comment_is_worked_and_wakes_in_parts(office: Office) -> None:
    """However much people wrote, an entry is one message that a broker takes; what is left is asked for again."""
    lives = [office.hear("r", str(i), keys={"customer": f"C{i}"}) for i in range(MOST_AT_ONCE)]
    left = [life.id for life in lives if life is not None]
    until = office.now + DAY
    while left:
        done = office.act("snooze", *left, until=until, comment="风" * 4_000)
        taken = sum(not why for why in done)
        assert taken
        if taken < len(left):
            assert done[-1] == f"{taken} were taken, and {len(left) - taken:,} are left: ask again"
        left = left[taken:]
    office.now = until
    while (entry := office.desk.pass_time(office.now)) is not None:
        office.log.append(entry)
    assert all(life.asleep_until is None for life in office.desk.memory.lives.values())
    assert max(map(len, office.log)) <= MOST_BYTES
    assert broken(office.log) is None


def test_a_case_escalates_and_settles_in_parts_with_long_comments() -> None:
    """Those that time has no room for come with the next entry."""
    policy = Policy(
        escalate_ms={"high": MINUTE}, levels=3, inhibits=(Inhibit(causes=("cause",), effects=("r",), same=("group",)),)
    )
    office = Office(policy)
    for i in range(200):
        life = office.hear("r", str(i), keys={"customer": f"C{i}", "group": "G"})
        assert life is not None
        assert office.act("comment", life.id, comment="风" * 4_000) == [""]
    office.now += MINUTE
    while (entry := office.desk.pass_time(office.now)) is not None:
        office.log.append(entry)
    assert {life.level for life in office.desk.memory.lives.values()} == {1}
    cause = office.hear("cause", "c", keys={"group": "G"}, severity="low")
    assert cause is not None
    while (entry := office.desk.pass_time(office.now)) is not None:
        office.log.append(entry)
    assert {life.inhibited_by for life in office.desk.memory.lives.values()} == {"", cause.id}
    assert sum(not life.inhibited_by for life in office.desk.memory.lives.values()) == 1
    assert max(map(len, office.log)) <= MOST_BYTES


def test_an_alert_with_a_text_without_end_has_an_entry(office: Office) -> None:
    """The alert has its texts whole; a life has as much of them as an entry has room for."""
    life = office.hear("r", "1", summary="s" * 700_000, keys={"customer": "k" * 200_000, "account": "A1"})
    assert life is not None
    assert life.summary == "s" * 1_999 + "…"
    assert life.keys["account"] == "A1"
    assert max(map(len, office.log)) < 20_000


def test_a_silence_begins_when_it_is_made(office: Office) -> None:
    """One that says it began with the world is none that no calendar has."""
    said = Silence(id="", by="", reason="why", begins=-(10**17), ends=NOON + MINUTE, rules=["r"])
    assert office.act("silence", silence=said) == [""]
    (made,) = office.desk.memory.silences.values()
    assert made.begins == NOON


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"reason": " "}, "says its reason"),
        ({"keys": {"customer ": "C1"}}, "alerts have no key 'customer ' to be silenced by: say one of group, customer"),
        ({"ends": NOON}, "ends after it begins"),
        ({"ends": NOON + 31 * DAY}, "at the latest"),
        ({"rules": []}, "would match alerts of every rule"),
    ],
)
def test_a_silence_that_would_hide_too_much_is_refused(office: Office, said: dict[str, Any], why: str) -> None:
    """Everything, for ever, or for no reason."""
    usual: dict[str, Any] = {"reason": "known", "begins": NOON, "ends": NOON + DAY, "rules": ["r"]}
    silence = Silence(id="", by="", **(usual | said))
    assert why in office.act("silence", silence=silence)[0]
    assert office.act("silence", silence=Silence(id="", by="", **usual)) == [""]
    (made,) = office.desk.memory.silences.values()
    assert made.by == "wang"
    assert office.act("unsilence", subject=made.id, by="li") == [""]
    assert office.act("unsilence", subject=made.id) == ["it was over by li at 2026-03-04 12:00 UTC"]


def test_nobody_silences_alerts_of_entities_that_they_may_not_work(office: Office) -> None:
    """Who names none silences those of their own; a silence of more than these is not there for them."""
    usual: dict[str, Any] = {"reason": "known", "begins": NOON, "ends": NOON + DAY, "rules": ["r"]}
    wide = Silence(id="", by="", **usual)
    foreign = Silence(id="", by="", **usual, entities=["LEND"])
    assert office.act("silence", silence=foreign, entities=["SEC-SH"]) == [
        "you may silence alerts of SEC-SH alone: LEND"
    ]
    assert "of no entity alone" in office.act("silence", silence=wide, entities=[])[0]
    assert office.act("silence", silence=wide, entities=["SEC-SH"]) == [""]
    (own,) = office.desk.memory.silences.values()
    assert own.entities == ["SEC-SH"]
    assert office.act("silence", silence=wide) == [""]
    everybody = next(one for one in office.desk.memory.silences.values() if not one.entities)
    assert "there is no silence" in office.act("unsilence", subject=everybody.id, entities=["SEC-SH"])[0]
    assert office.act("unsilence", subject=own.id, entities=["SEC-SH", "LEND"]) == [""]


def test_what_was_closed_long_ago_is_forgotten() -> None:
    """So a desk's memory is bounded by what came in its time."""
    office = Office(Policy(remember_ms=DAY))
    for i in range(5):
        life = office.hear("r", str(i))
        assert life is not None
        office.act("close", life.id, disposition="known")
    office.now += 2 * DAY
    office.hear("r", "later")
    memory = office.desk.memory
    assert len(memory.lives) == len(memory.cases) == len(memory.members) == 1
    assert not memory.acts
    assert memory.dispositions["r"]["known"] == 5


EVENTS = st.sampled_from("123")
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("hear"),
            EVENTS,
            st.integers(1, 6),
            st.sampled_from(["raised", "changed", "withdrawn", "recovered"]),
            st.sampled_from(["low", "high"]),
        ),
        st.tuples(
            st.sampled_from(["acknowledge", "assign", "escalate", "snooze", "wake", "close", "reopen", "comment"]),
            EVENTS,
            st.integers(0, 2),
            st.booleans(),
            st.sampled_from(["wang", "li"]),
        ),
        st.tuples(st.just("wait"), st.just(""), st.integers(1, 40), st.none(), st.none()),
    ),
    max_size=30,
)


@given(STEPS, st.randoms(use_true_random=False))
def test_whoever_takes_the_log_goes_on_as_the_one_who_wrote_it(steps: list[Any], chance: Any) -> None:
    """A desk dies anywhere, another reads the log; both would decide the same, and nothing a person did is undone."""
    office, acted = Office(), dict[str, Life]()
    for what, event, number, status, more in steps:
        if chance.random() < 0.2:
            heir = Desk(office.desk.policy)
            for record in office.log:
                heir.memory.take(record)
            assert vars_of(heir) == vars_of(office.desk)
            office.desk = heir
        if what == "wait":
            office.pass_time(number * MINUTE)
        elif what == "hear":
            before = office.of(alert("r", event).id)
            life = office.hear("r", event, revision=number, status=status, severity=more)
            if before is not None and life is not None and life.id == before.id and before.id in acted:
                kept = ("assignee", "level", "comment")
                assert [getattr(life, name) for name in kept] == [getattr(before, name) for name in kept]
                assert before.standing == "open" or (life.standing, life.disposition) == (
                    before.standing,
                    before.disposition,
                )
        else:
            life = office.of(alert("r", event).id)
            id = "none" if life is None else life.id
            expected = {id: number} if status else {}
            given = {"to": "li", "until": office.now + 5 * MINUTE, "disposition": "known", "comment": "so"}
            (why,) = office.act(what, id, by=more, expected=expected, **given)
            if not why:
                acted[id] = office.desk.memory.lives[id]
    assert broken(office.log) is None
    for case in office.desk.memory.cases.values():
        alive = [one for one in office.desk.memory.lives.values() if one.case == case.id]
        assert (case.alerts, case.open) == (len(alive), sum(one.standing != "closed" for one in alive))


def vars_of(desk: Desk) -> dict[str, Any]:
    """All that it knows, without what has nothing in it."""
    said = {name: value for name, value in vars(desk.memory).items() if name not in {"approvals", "tally", "_asleep"}}
    tally = desk.memory.tally
    sums = {"standing": tally.standing, "asleep": tally.asleep, "dispositions": tally.dispositions}
    said = {name: +value if name == "_kept" else value for name, value in said.items()} | sums
    return said | {"due": desk.memory.due, "oldest": [tally.oldest(severity) for severity in ("low", "high")]}


@given(st.integers(0, 7), st.sampled_from(["changed", "left out", "twice", "swapped"]))
def test_a_log_that_was_tampered_with_is_found_out(at: int, how: str) -> None:
    """All but the last entry, for which somebody must keep its digest."""
    office = Office()
    for i in range(9):
        office.hear("r", str(i))
    log = list(office.log)
    if how == "changed":
        log[at] = log[at].replace(b'"high"', b'"info"')
    elif how == "left out":
        del log[at]
    elif how == "twice":
        log.insert(at, log[at])
    else:
        log[at], log[at + 1] = log[at + 1], log[at]
    assert broken(office.log) is None
    assert broken(log) is not None
    assert "is no entry" in str(broken([*office.log, b"{"]))
