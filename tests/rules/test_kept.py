"""A rule file that is as it was is not read again; one that is not, or that goes by another, is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.plans import write_house
from risk_stream.calendars import Calendar, load_calendars
from risk_stream.catalogue import load_catalogue
from risk_stream.rules import Plan, PlanError, PlanSource, kept, plan_of_texts
from risk_stream.rules.kept import FORGOTTEN_AFTER, KeptFiles
from tests.rules.house import catalogue, rule_file

A, B = rule_file("paid > 5"), rule_file("cost > 7").replace("r0", "r1")
LIBRARY = "constants:\n  enough: 5\n"
IMPORTS = rule_file("paid > enough").replace("rules:", "import: shared.yaml\nrules:", 1)
HOUSE = "name: house\ntimezone: Europe/Berlin\nfrom: 2026\nuntil: 2026\nholidays: [2026-05-05]\n"


@contextmanager
def reading() -> Iterator[list[str]]:
    """The names of the files that are read meanwhile, in order."""
    read: list[str] = []

    def load_file(catalogue: Any, calendars: Any, root: Any, source: str, libraries: Any, known: Any) -> Any:
        read.append(root.file)
        return load(catalogue, calendars, root, source, libraries, known)

    with pytest.MonkeyPatch.context() as patch:
        load = kept.load_file
        patch.setattr(kept, "load_file", load_file)
        yield read


def plan_of(texts: dict[str, str], files: KeptFiles | None, calendars: dict[str, Calendar] | None = None) -> Plan:
    return plan_of_texts(texts, catalogue(), calendars=calendars, kept=files)


def said(texts: dict[str, str], files: KeptFiles | None) -> list[str] | tuple[str, list[str]]:
    """All problems of some files, or their plan's version and its warnings."""
    try:
        plan = plan_of(texts, files)
    except PlanError as error:
        return [str(problem) for problem in error.problems]
    return plan.version, [str(warning) for warning in plan.warnings]


def test_of_many_files_only_the_one_that_changed_is_read(tmp_path: Path) -> None:
    """Of a hundred files of a house, with their constants."""
    events = write_house(tmp_path, rules=200, files=20)
    source = PlanSource([tmp_path / "rules"], load_catalogue(events))
    changed = tmp_path / "rules" / "desk-007.yaml"
    before = {rule.id: rule for rule in source.plan.rules}
    changed.write_text(changed.read_text().replace("score: 10", "score: 11"))
    with reading() as read:
        plan = source.poll()
    assert read == [str(changed)]
    assert plan is not None
    assert all((rule is before[rule.id]) == (rule.file != str(changed)) for rule in plan.rules)


def test_what_goes_by_a_changed_library_is_read_again() -> None:
    """And what imports nothing is not."""
    files = KeptFiles()
    texts = {"shared.yaml": LIBRARY, "a.yaml": IMPORTS, "b.yaml": B}
    plan_of(texts, files)
    with reading() as read:
        plan = plan_of(texts | {"shared.yaml": LIBRARY.replace("5", "6")}, files)
    assert read == ["shared.yaml", "a.yaml"]
    assert plan.version == plan_of(texts | {"shared.yaml": LIBRARY.replace("5", "6")}, None).version


def test_what_goes_by_a_changed_calendar_is_read_again() -> None:
    """One that nothing goes by may change, come and go."""
    files = KeptFiles()
    by_house = rule_file("n > 5", features="  n: {count: probe, by: customer, window: business_day, calendar: house}")
    texts = {"a.yaml": by_house, "b.yaml": B}
    plan_of(texts, files, load_calendars(texts={"c.yaml": HOUSE}))
    with reading() as read:
        plan_of(texts, files, load_calendars(texts={"c.yaml": HOUSE, "d.yaml": HOUSE.replace("house", "spare")}))
        assert read == []
        plan_of(texts, files, load_calendars(texts={"c.yaml": HOUSE.replace("05-05", "05-06")}))
    assert read == ["a.yaml"]


def test_a_file_that_was_wrong_is_said_again_and_not_read_again() -> None:
    """Until somebody mends it."""
    files, texts = KeptFiles(), {"a.yaml": A.replace("paid", "piad"), "b.yaml": "rules: ["}
    first = said(texts, files)
    with reading() as read:
        assert said(texts, files) == first
    assert read == []
    assert said({"a.yaml": A}, files) == said({"a.yaml": A}, None)


def test_a_file_whose_checks_fail_themselves_is_a_problem_of_that_file(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker that reads it says so and goes on with what is in force; what went wrong stands in its log."""

    def fails(*given: Any) -> Any:
        if given[2].file == "b.yaml":
            raise OverflowError("beyond all numbers")
        return load(*given)

    load = kept.load_file
    monkeypatch.setattr(kept, "load_file", fails)
    with pytest.raises(PlanError) as caught:
        plan_of({"a.yaml": A, "b.yaml": B}, KeptFiles())
    assert [str(problem) for problem in caught.value.problems] == [
        "b.yaml:1:1: this file could not be checked (OverflowError), which is a fault of risk-stream: report it"
    ]
    assert "beyond all numbers" in caplog.text


def test_a_file_whose_checks_failed_is_checked_again_once_another_file_is_mended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The fault may lie in what it imports, asks or goes by: nobody need touch the file itself."""

    def fails(*given: Any) -> Any:
        return load(*given) if given[2].file == "shared.yaml" else 1 / 0

    load, files, texts = kept.load_file, KeptFiles(), {"shared.yaml": LIBRARY, "a.yaml": IMPORTS}
    with monkeypatch.context() as patch:
        patch.setattr(kept, "load_file", fails)
        assert "could not be checked (ZeroDivisionError)" in str(said(texts, files))
    mended = {"shared.yaml": LIBRARY.replace("5", "6"), "a.yaml": IMPORTS}
    assert said(mended, files) == said(mended, None)


def test_a_file_under_another_name_is_read_for_its_places() -> None:
    """What is wrong in it is said where it stands now."""
    files, wrong = KeptFiles(), A.replace("paid", "piad")
    said({"a.yaml": wrong}, files)
    assert said({"z.yaml": wrong}, files) == said({"z.yaml": wrong}, None)


def test_what_no_load_named_for_long_is_forgotten() -> None:
    """So that a house that changes its rules every minute does not fill memory."""
    files = KeptFiles()
    plan_of({"a.yaml": A}, files)
    for n in range(FORGOTTEN_AFTER):
        plan_of({"a.yaml": A.replace("> 5", f"> {n + 100}")}, files)
    with reading() as read:
        plan_of({"a.yaml": A}, files)
    assert read == ["a.yaml"]


@settings(deadline=None, max_examples=25)
@given(rng=st.integers(0, 2**40).map(Random))
def test_whatever_was_kept_a_load_says_what_it_would_have_said_without(rng: Random) -> None:
    """Through any sequence of edits, of rules and of what they import."""
    files = KeptFiles()
    choices = {
        "shared.yaml": ["", LIBRARY, LIBRARY.replace("5", "6"), LIBRARY.replace("enough", "plenty"), "constants: [1]"],
        "a.yaml": ["", A, A.replace("paid", "piad"), IMPORTS],
        "b.yaml": ["", B, B.replace("r1", "r0"), IMPORTS.replace("r0", "r2"), "rules: ["],
        "c.yaml": ["", LIBRARY.replace("enough", "other"), rule_file("paid > 1").replace("r0", "r3")],
    }
    for _ in range(12):
        texts = {name: text for name, of in choices.items() if (text := rng.choice(of))}
        assert said(texts, files) == said(texts, None)


def test_files_are_read_again_for_other_event_types(tmp_path: Path) -> None:
    """What was right under those before may be wrong under these, and is said."""
    files = KeptFiles()
    plan_of_texts({"a.yaml": A}, catalogue(), kept=files)
    with pytest.raises(PlanError, match="probe"):
        plan_of_texts({"a.yaml": A}, load_catalogue(), kept=files)
