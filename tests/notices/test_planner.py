"""Who is told what, and when: one case, quiet hours, digests, escalation, storms."""

from __future__ import annotations

from datetime import time

import pytest

from risk_stream.alerts import Inhibit, Policy
from risk_stream.notices import House, Quiet, Template
from tests.notices.told import MINUTE, Scene, receiver

NAMED = (("wang",),)


def house(**more: object) -> House:
    return House(**({"receivers": {"wang": receiver()}, "levels": NAMED} | more))  # type: ignore[arg-type]


def test_a_case_is_told_once() -> None:
    """However often it is asked, and not again when somebody has taken or closed it."""
    scene = Scene(house())
    one = scene.hear("r", "1")
    assert scene.plan() == [("wang", "new")]
    assert scene.plan() == []
    scene.act("acknowledge", one)
    scene.later(200)
    assert scene.plan() == []
    scene.act("close", one, disposition="false_alarm")
    assert scene.plan() == []


def test_a_severity_that_rises_is_told_again_whoever_has_it() -> None:
    """A revision never undoes an act; it is news only where it is worse."""
    scene = Scene(house())
    one = scene.hear("r", "1", severity="high")
    scene.plan()
    scene.act("acknowledge", one)
    scene.hear("r", "1", revision=2, status="changed", severity="medium")
    assert scene.plan() == []
    scene.hear("r", "1", revision=3, status="changed", severity="critical")
    assert scene.plan() == [("wang", "worse")]
    assert scene.plan() == []


def test_what_is_withdrawn_after_a_notice_is_taken_back_once() -> None:
    """Nothing where nobody was told; nothing where somebody has taken it."""
    scene = Scene(house())
    for event in ("told", "taken", "untold"):
        scene.hear("r" + event, event)
        if event != "untold":
            scene.plan()
    scene.act("acknowledge", scene.hear("rtaken", "taken"))
    for event in ("told", "taken", "untold"):
        scene.hear("r" + event, event, revision=2, status="withdrawn")
    assert scene.plan() == [("wang", "withdrawn")]
    scene.later(1000)
    assert scene.plan() == []


def test_the_alert_that_a_notice_named_is_taken_back_while_its_case_goes_on() -> None:
    """Its reader would look for something that is not there."""
    scene = Scene(house())
    keys = {"customer": "C1"}
    scene.hear("r", "1", keys=keys)
    scene.plan()
    scene.hear("s", "2", keys=keys)
    scene.hear("r", "1", keys=keys, revision=2, status="withdrawn")
    assert scene.plan() == [("wang", "withdrawn")]
    assert scene.plan() == []


def test_a_silence_keeps_a_notice_back_and_its_end_lets_it_go() -> None:
    """It is not lost: what is open when the silence ends is told then."""
    scene = Scene(house())
    scene.silence(60, rules=["r"])
    scene.hear("r", "1")
    scene.hear("s", "2")
    assert scene.plan() == [("wang", "new")]
    scene.later(59)
    assert scene.plan() == []
    scene.later(2)
    assert scene.plan() == [("wang", "new")]


def test_of_an_effect_nobody_is_told_while_its_cause_is_open() -> None:
    """What is open when the cause is closed is told then."""
    inhibit = Inhibit(frozenset({"cause"}), frozenset({"effect"}), ("account",))
    scene = Scene(house(), Policy(inhibits=(inhibit,)))
    cause = scene.hear("cause", "1", keys={"customer": "C1", "account": "A1"})
    effect = scene.hear("effect", "2", keys={"customer": "C2", "account": "A1"})
    assert scene.plan() == [("wang", "new")]
    assert scene.log[-1].notice.life == cause
    scene.later(60)
    assert scene.plan() == []
    scene.act("close", cause, disposition="confirmed")
    scene.later(1)
    assert scene.plan() == [("wang", "new")]
    assert scene.log[-1].notice.life == effect


def test_quiet_hours_hold_back_all_but_the_worst() -> None:
    """Across midnight, by the receiver's clock; at their end many are one notice."""
    quiet = Quiet(time(22), time(7))
    scene = Scene(house(receivers={"wang": receiver(quiet=quiet)}))
    scene.later(13 * 60)  # 23:00
    for number in range(5):
        scene.hear(f"r{number}", str(number))
    assert scene.plan() == []
    scene.hear("r", "worst", severity="critical")
    assert scene.plan() == [("wang", "new")]
    scene.later(8 * 60 - 1)
    assert scene.plan() == []
    scene.later(1)
    assert scene.plan() == [("wang", "several")]
    assert len(scene.log[-1].notice.cases) == 5


def test_lesser_ones_are_told_in_digests() -> None:
    """Hourly and daily, each case once, and not those that are closed by then."""
    scene = Scene(house())
    scene.later(10)
    scene.hear("m", "1", severity="medium")
    gone = scene.hear("m", "2", severity="medium")
    scene.hear("l", "3", severity="low")
    scene.hear("i", "4", severity="info")
    assert scene.plan() == []
    scene.act("close", gone, disposition="known")
    scene.later(50)
    assert scene.plan() == [("wang", "several")]
    assert [part.severity for part in scene.log[-1].notice.cases] == ["medium"]
    scene.later(22 * 60)
    assert scene.plan() == [("wang", "several")]
    assert [part.severity for part in scene.log[-1].notice.cases] == ["low"]
    scene.later(3 * 24 * 60)
    assert scene.plan() == []


def test_a_case_of_a_digest_that_becomes_severe_is_told_at_once() -> None:
    """It was medium as it was told."""
    scene = Scene(house())
    scene.hear("m", "1", severity="medium")
    scene.hear("n", "2", severity="medium")
    scene.later(60)
    assert scene.plan() == [("wang", "several")]
    scene.hear("m", "1", revision=2, status="changed", severity="high")
    assert scene.plan() == [("wang", "worse")]


def test_what_nobody_acknowledges_goes_to_the_next_level() -> None:
    """In its time; once somebody has it, it goes no further."""
    receivers = {name: receiver(name) for name in ("wang", "li", "head")}
    levels = (("wang",), ("li", "wang"), ("head",))
    scene = Scene(house(receivers=receivers, levels=levels), Policy(escalate_ms={"high": 30 * MINUTE}, levels=3))
    one = scene.hear("r", "1")
    assert scene.plan() == [("wang", "new")]
    scene.later(29)
    assert scene.plan() == []
    scene.later(1)
    assert sorted(scene.plan()) == [("li", "new"), ("wang", "again")]
    scene.act("acknowledge", one)
    scene.later(100)
    assert scene.plan() == []


def test_somebody_can_escalate_at_once() -> None:
    """By an act, without waiting."""
    receivers = {name: receiver(name) for name in ("wang", "head")}
    scene = Scene(house(receivers=receivers, levels=(("wang",), ("head",))))
    one = scene.hear("r", "1")
    scene.plan()
    scene.act("escalate", one)
    assert scene.plan() == [("head", "new")]


@pytest.mark.parametrize("customers", [1, 10_000], ids=["one customer", "as many customers"])
def test_a_storm_is_at_most_five_messages_to_a_person(customers: int) -> None:
    """Of 10,000 alerts of one cause: the first, growing intervals with counts, the end."""
    scene = Scene(house())
    ids: list[str] = []
    for event in range(10_000):
        ids.append(scene.hear("r", str(event), keys={"customer": f"C{event % customers}"}))
        if event % 500 == 499:
            scene.later(3)
            scene.plan()
    for _ in range(30):
        scene.later(10)
        scene.plan()
    steps = [one.notice.step for one in scene.log]
    assert len(steps) <= 5, steps
    assert steps[-1] == "over"
    assert scene.log[-1].notice.alerts == 10_000
    for at in range(0, len(ids), 500):
        scene.act("close", *ids[at : at + 500], disposition="known")
    scene.later(1)
    assert scene.plan() == []


def test_the_end_of_a_storm_is_told_though_one_notice_told_all_of_it() -> None:
    """Whoever was told of 30 alerts wants to know that somebody has closed them."""
    scene = Scene(house())
    ids = [scene.hear("r", str(number), keys={"customer": "C1"}) for number in range(30)]
    assert scene.plan() == [("wang", "new")]
    scene.act("close", *ids, disposition="known")
    assert scene.plan() == [("wang", "over")]


def test_a_storm_is_over_when_those_are_closed_that_no_notice_has_told_of_yet() -> None:
    """They joined it after its first notice, and the next was not due."""
    scene = Scene(house())
    first = [scene.hear("r", str(number)) for number in range(5)]
    assert scene.plan() == [("wang", "storm")]
    scene.later(1)
    later = [scene.hear("r", str(number)) for number in range(5, 50)]
    assert scene.plan() == []
    scene.act("close", *first, disposition="known")
    assert scene.plan() == []
    scene.act("close", *later, disposition="known")
    scene.later(1)
    assert scene.plan() == [("wang", "over")]
    assert scene.log[-1].notice.alerts == 50


def test_a_storm_goes_on_by_growing_intervals() -> None:
    """Five minutes, half an hour, three hours, then once a day."""
    scene = Scene(house())
    times = []
    for minute in range(24 * 60):
        scene.hear("r", str(minute), keys={"customer": "C1"})
        times += [minute for _ in scene.plan()]
        scene.later(1)
    assert times == [0, 5, 35, 215]


def test_a_storm_that_grows_worse_is_told_at_once() -> None:
    """It is one thing, but not for what is worse than all before."""
    scene = Scene(house())
    for number in range(50):
        scene.hear("r", str(number))
    assert scene.plan() == [("wang", "storm")]
    scene.later(1)
    scene.hear("r", "worst", severity="critical")
    assert scene.plan() == [("wang", "worse")]


def test_receivers_hear_of_their_entities_and_stages_alone() -> None:
    """And what somebody else is told is none of their business."""
    receivers = {
        "here": receiver("here", entities=frozenset({"SEC-SH"})),
        "there": receiver("there", entities=frozenset({"SEC-SZ"})),
        "loans": receiver("loans", stages=frozenset({"pre_loan"})),
    }
    scene = Scene(house(receivers=receivers, levels=(("here", "there", "loans"),)))
    scene.hear("r", "1")
    assert scene.plan() == [("here", "new")]


def test_customers_are_told_once_for_each_alert() -> None:
    """Of the template's rules, at its moment."""
    texts = {"en": "{customer}: {reference}"}
    template = Template("held", "gateway", "confirmed", frozenset({"r"}), texts, texts)
    receivers = {"gateway": receiver("gateway")}
    scene = Scene(House(receivers, templates=(template,)))
    one, other = scene.hear("r", "1"), scene.hear("s", "2")
    assert scene.plan() == []
    scene.act("close", one, other, disposition="confirmed")
    assert scene.plan() == [("gateway", "customer")]
    scene.act("comment", one, comment="called")
    assert scene.plan() == []
    said = template.said("en", scene.log[0].life, "REF", "UTC")  # type: ignore[arg-type]
    assert said == ("C1: REF", "C1: REF")


def test_what_is_long_past_is_not_told_by_who_begins() -> None:
    """The first start over an old log is no storm."""
    scene = Scene(house())
    scene.hear("r", "1")
    scene.later(8 * 24 * 60)
    scene.hear("r", "2")
    assert scene.plan() == [("wang", "new")]


def test_what_is_at_rest_is_let_go() -> None:
    """Memory is bounded by what is open and by a week."""
    scene = Scene(house())
    for number in range(100):
        one = scene.hear(f"r{number}", str(number))
        scene.plan()
        scene.act("close", one, disposition="known")
        scene.plan()
    scene.later(9 * 24 * 60)
    scene.plan()
    told = scene.planner.told
    assert (len(scene.planner.cases.cases), len(told.covering), len(told.threads)) == (0, 0, 0)
    assert MINUTE == 60_000
