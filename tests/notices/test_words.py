"""What a notice says: the masked sentence, how things stand, where to look, in the receiver's language and time."""

from __future__ import annotations

from risk_stream.alerts import Policy, Silence
from risk_stream.notices import House, Planned
from risk_stream.notices.receivers import HOW, How
from risk_stream.notices.words import MOST_LINES, compose
from tests.notices.told import MINUTE, START, Scene, receiver

LINK = "https://risk.example"
NOON = Silence(id="s1", by="li", reason="a known test run", begins=START, ends=START + 7_200_000)


def scene_of(language: str = "en", **how: How) -> Scene:
    """Somebody in London who reads in this language; escalated once after a quarter of an hour."""
    wang = receiver(language=language, timezone="Europe/London", how=HOW | how)
    policy = Policy(escalate_ms={"critical": 15 * MINUTE}, levels=2)
    return Scene(House(receivers={"wang": wang}, levels=(("wang",), ("wang",))), policy)


def said(planned: Planned, link: str = LINK, *, known: bool = True) -> tuple[str, list[str]]:
    """Title and lines, with keys shown by their last letter alone."""
    summary = (lambda alert: f"{alert[:4]} moved money") if known else (lambda alert: None)
    title, text = compose(planned, summary, link, lambda kind, key: f"{kind} *{key[-1]}")
    assert not {"{", "}"} & set(title + text)
    return title, text.splitlines()


def told(scene: Scene, *steps: str) -> Planned:
    """What is told now, one notice of the last of these steps."""
    assert [step for _, step in scene.plan()] == list(steps)
    return scene.log[-1]


def test_a_new_case_is_its_sentence_its_keys_and_where_it_is() -> None:
    """Of the keys no more than the receiver may see; without a sentence or a console it says so or leaves it out."""
    scene = scene_of()
    scene.hear("velocity", "1", severity="critical", keys={"customer": "C7"})
    planned = told(scene, "new")
    title, lines = said(planned)
    life = planned.sight.head
    assert life is not None
    assert title == "CRITICAL velocity"
    assert lines == [
        f"{life.alert[:4]} moved money",
        f"{life.entity} · {life.stage} · customer *7",
        "",
        "one alert, acknowledged by nobody",
        f"{LINK}/cases/{planned.notice.thread.removeprefix('case:')}",
        "",
        f"notice {planned.notice.id}",
    ]
    _, lines = said(planned, "", known=False)
    assert lines[0] == "velocity: the sentence is in the console"
    assert not any(line.startswith("http") for line in lines)


def test_a_case_that_nobody_takes_says_since_when_and_how_high_it_went() -> None:
    """By the receiver's clock: 10:00 in Shanghai is 02:00 in London."""
    scene = scene_of()
    scene.hear("velocity", "1", severity="critical")
    told(scene, "new")
    scene.later(16)
    title, lines = said(told(scene, "again"))
    assert title == "CRITICAL velocity: nobody has acknowledged it"
    assert lines[3:6] == [
        "one alert, acknowledged by nobody",
        "The first that waits came at 2026-03-02 02:00.",
        "Escalated to level 1.",
    ]


def test_a_case_part_of_which_is_silenced_says_by_whom_until_when_and_why() -> None:
    scene = scene_of()
    scene.hear("velocity", "1", severity="high")
    planned = told(scene, "new")
    planned.sight.silenced, planned.sight.silence = 1200, NOON
    _, lines = said(planned)
    assert "1,200 are silenced by li until 2026-03-02 04:00: a known test run" in lines


def test_what_is_taken_back_says_whether_anything_is_left() -> None:
    scene = scene_of()
    for event in ("1", "2"):
        scene.hear("velocity" + event, event, keys={"customer": "C7"})
    told(scene, "new")
    scene.hear("velocity2", "2", keys={"customer": "C7"}, revision=2, status="withdrawn")
    title, lines = said(told(scene, "withdrawn"))
    assert title == "taken back: velocity2"
    assert "What was said of it no longer holds: a late event changed it. 1 others are open." in lines
    scene.hear("velocity1", "1", keys={"customer": "C7"}, revision=2, status="withdrawn")
    _, lines = said(told(scene, "withdrawn"))
    assert "What was said of it no longer holds: a late event changed it. Nothing is left to do." in lines


def test_a_digest_names_twenty_cases_the_worst_first_and_counts_the_others() -> None:
    scene = scene_of(high="hourly")
    for number in range(MOST_LINES + 3):
        severity = "high" if number == 7 else "medium"
        scene.hear(f"rule{number:02}", str(number), severity=severity, keys={"customer": f"C{number}"})
    scene.hear("rule07", "more", severity="medium", keys={"customer": "C7"})
    scene.later(60)
    title, lines = said(told(scene, "several"))
    assert title == "23 new cases, the worst HIGH"
    named = [line for line in lines if line.startswith("- ")]
    assert len(named) == MOST_LINES
    assert named[0].startswith("- HIGH rule07 (2): ")
    assert all(line.startswith("- MEDIUM rule") and line.endswith(" moved money") for line in named[1:])
    assert lines[MOST_LINES] == "and 3 more"
    assert f"{LINK}/alerts" in lines


def test_a_storm_leads_to_its_rule_and_says_when_it_is_over() -> None:
    scene = scene_of()
    alerts = [scene.hear("velocity", str(number), keys={"customer": f"C{number}"}) for number in range(40)]
    storm = told(scene, "storm")
    title, lines = said(storm)
    assert title == f"{storm.notice.severity.upper()} velocity: 40 cases at once"
    assert "40 alerts in 40 cases, 40 open, 40 acknowledged by nobody" in lines
    assert f"{LINK}/alerts?rule=velocity" in lines
    for alert in alerts:
        scene.act("close", alert, disposition="confirmed")
    scene.later(61)
    title, lines = said(told(scene, "over"))
    assert title == "over: velocity, 40 alerts"
    assert "All of them are closed." in lines


def test_it_is_said_in_chinese_to_who_reads_chinese() -> None:
    scene = scene_of("zh")
    scene.hear("velocity", "1", severity="critical")
    planned = told(scene, "new")
    title, lines = said(planned, known=False)
    assert title == "【严重】velocity"
    assert lines[0] == "velocity: 详情见控制台"
    assert lines[-1] == f"通知编号 {planned.notice.id}"
