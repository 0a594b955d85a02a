"""The guided tours do what they show: their files are written, their commands run, their steps taken in the console."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from risk_stream.cli.app import app
from tests.console.browser.looking import SCREENS, browser
from tests.docs.console_steps import STEPS
from tests.docs.touring import ROOT, Command, Demo, File, Picture, Shell, clone_of, steps_of

TOURS = ROOT / "docs" / "tours"
PAGES = sorted(TOURS.glob("*.md"))
#: `make tours` leaves the pictures where the pages have them, tests beside those of all other pages.
PICTURES = TOURS / "pictures" if os.environ.get("RISK_STREAM_TOURS") == "pictures" else SCREENS / "tours"
SIZE = {"width": 1280, "height": 700}
#: Those that the README shows in the dark too, under their name with -dark behind it.
DARK = {"officer-alert"}


def test_there_are_three() -> None:
    assert [page.stem for page in PAGES] == ["officer", "on-call", "rule-author"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_picture_is_there_and_small_and_has_its_step(page: Path) -> None:
    for picture in (step for step in steps_of(page) if isinstance(step, Picture)):
        assert picture in STEPS
        assert 5_000 < (TOURS / "pictures" / f"{picture}.png").stat().st_size < 150_000


def test_no_picture_is_left_over() -> None:
    shown = {str(step) for page in PAGES for step in steps_of(page) if isinstance(step, Picture)}
    assert shown == set(STEPS)
    assert shown | {f"{name}-dark" for name in DARK} == {path.stem for path in (TOURS / "pictures").glob("*.png")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_command_is_one_that_there_is(page: Path) -> None:
    """By its name and its options; that it does what it shows the walk below says."""
    import typer.main

    root = typer.main.get_command(app)
    used = [found for step in steps_of(page) if isinstance(step, Command) for found in _calls(step)]
    assert len(used) > 5
    for words in used:
        command = root
        while words and (below := getattr(command, "commands", {}).get(words[0])) is not None:
            command, words = below, words[1:]
        options = {name for one in command.params for name in one.opts}
        assert command is not root, words
        assert {word for word in words if word.startswith("--")} <= options, words


def _calls(command: str) -> list[list[str]]:
    """The words behind each `risk-stream` of a command."""
    return [re.sub(r'"[^"]*"', "…", call).split() for call in re.findall(r"risk-stream ([^|&;$()]+)", command)]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A clone, where nothing runs yet."""
    return clone_of(tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("pages", [("officer", "on-call"), ("rule-author",)], ids=["desk", "author"])
def test_each_step_does_what_it_shows(house: Path, pages: tuple[str, ...]) -> None:
    """The officer and who is on call share a house, as they do."""
    demo: Demo | None = None
    try:
        with browser() as chromium:
            for name in pages:
                shell, page = Shell(house), None
                try:
                    for step in steps_of(TOURS / f"{name}.md"):
                        if isinstance(step, File):
                            (house / step.name).write_text(step)
                        elif isinstance(step, Picture):
                            if page is None:
                                url = shell.value("RISK_STREAM_CONSOLE_URL")
                                page = chromium.new_context(**_eyes(url)).new_page()
                                page.set_default_timeout(60_000)
                                expect.set_options(timeout=60_000)
                            _look(page, shell, step)
                        elif step == "make demo":
                            if demo is None:
                                demo = Demo(house)
                                if name != "rule-author":
                                    demo.told()
                        else:
                            shell.take(step)
                finally:
                    shell.close()
    finally:
        if demo is not None:
            demo.stop()


def _eyes(url: str) -> dict[str, object]:
    return {"base_url": url, "viewport": SIZE, "color_scheme": "light", "locale": "en-GB"}


def _look(page: Page, shell: Shell, name: str) -> None:
    """Take the step, and the picture in its midst."""
    walk = STEPS[name](page, shell)
    next(walk)
    expect(page.locator("main [aria-busy]")).to_have_count(0)
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")
    if name in DARK:
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        page.screenshot(path=PICTURES / f"{name}-dark.png", animations="disabled")
        page.evaluate("document.documentElement.dataset.theme = 'light'")
    assert page.locator(".failed").count() == 0
    next(walk, None)
