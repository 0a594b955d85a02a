"""What the author of rules may rely on of calendar windows."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from risk_stream.calendars import load_calendars
from risk_stream.rules import PlanError, PlanSource, calendars_ending
from risk_stream.rules.plan import plan_of_texts
from tests.rules.house import catalogue, plan_of, rule_file


def asking(window: str) -> str:
    return rule_file("f > 1", features=f"  f: {{count: transfer, by: customer, window: {window}}}", on="transfer")


HOUSE = "name: house\ntimezone: {}\nfrom: 2026\nuntil: {}\nholidays: [2026-05-05]\n"


def house(zone: str = "Europe/Berlin", until: int = 2026) -> str:
    return HOUSE.format(zone, until)


def test_a_calendar_window_is_days_of_utc_where_no_calendar_is_named() -> None:
    said, unsaid = plan_of(asking("today, calendar: utc")), plan_of(asking("today"))
    assert said.version == unsaid.version
    assert plan_of(asking("today, calendar: china")).version != said.version


def test_a_plan_is_another_when_its_calendar_is() -> None:
    texts = {"r.yaml": asking("today, calendar: house")}
    plans = [
        plan_of_texts(texts, catalogue(), calendars=load_calendars(texts={"c.yaml": house(zone)}))
        for zone in ("Europe/Berlin", "Europe/Berlin", "Europe/Lisbon")
    ]
    assert plans[0].version == plans[1].version != plans[2].version


def test_a_changed_calendar_of_the_house_makes_a_new_plan_and_a_wrong_one_none(tmp_path: Path) -> None:
    rules, calendars = tmp_path / "rules", tmp_path / "calendars"
    rules.mkdir()
    calendars.mkdir()
    (rules / "r.yaml").write_text(asking("business_day, calendar: house"))
    (calendars / "c.yaml").write_text(house())
    source = PlanSource([rules], catalogue(), [calendars])
    first = source.plan
    assert source.poll() is None
    (calendars / "c.yaml").write_text(house() + "workdays: [2026-05-09]\n")
    changed = source.poll()
    assert changed is not None
    assert changed.version != first.version
    (calendars / "c.yaml").write_text(house("Nowhere"))
    with pytest.raises(PlanError, match="time zone"):
        source.poll()
    assert source.plan is changed


SAID = "the calendar house {} 2026; behind it weekends count and no holidays: give it those of {}"


@pytest.mark.parametrize(
    ("today", "said"),
    [
        ("2026-10-31", []),
        ("2026-11-01", [SAID.format("ends with", 2027)]),
        ("2028-02-01", [SAID.format("ended with", 2028)]),
    ],
)
def test_a_calendar_whose_years_end_is_said_sixty_days_before(today: str, said: list[str]) -> None:
    calendars = load_calendars(texts={"c.yaml": house()})
    plan = plan_of_texts({"r.yaml": asking("business_day, calendar: house")}, catalogue(), calendars=calendars)
    assert calendars_ending(plan, date.fromisoformat(today)) == said
    without = plan_of_texts({"r.yaml": asking("today, calendar: house")}, catalogue(), calendars=calendars)
    assert calendars_ending(without, date.fromisoformat(today)) == []
