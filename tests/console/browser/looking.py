"""A browser, and what is asked of every page that it shows."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

__all__ = ["NARROW", "SCREENS", "WIDE", "at_rest", "browser", "faults", "looks", "picture", "reached", "sign_in"]

WIDE, NARROW = {"width": 1920, "height": 1080}, {"width": 360, "height": 740}

#: Where screenshots are left, for people to look at, where they ask for them: RISK_STREAM_SCREENS=1.
SCREENS = Path(__file__).parents[3] / "var" / "screens"
_ASKED = bool(os.environ.get("RISK_STREAM_SCREENS"))

_MEANT = re.compile(r"status of (401|404|409|503)|ERR_CONNECTION|ERR_INCOMPLETE")  # what a page has sentences for


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path)


@contextlib.contextmanager
def looks(
    chromium: Browser, address: str, size: Any = WIDE, *, language: str = "en", theme: str = "light", state: Any = None
) -> Iterator[tuple[Page, list[str]]]:
    """A page of a fresh profile, and what it complains of: scripts that failed, and what the policy forbade."""
    context = chromium.new_context(
        base_url=address, viewport=size, color_scheme=theme, locale="zh-CN" if language == "zh" else "en-GB",  # type: ignore[arg-type]
        storage_state=state,
    )  # fmt: skip
    context.set_default_timeout(30_000)
    expect.set_options(timeout=30_000)
    said = f"localStorage.setItem('risk.language', '{language}'); localStorage.setItem('risk.theme', '{theme}')"
    context.add_init_script(said)
    page, complaints = context.new_page(), list[str]()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda one: complaints.append(one.text) if _is_complaint(one) else None)
    try:
        yield page, complaints
    finally:
        context.close()


def _is_complaint(said: ConsoleMessage) -> bool:
    return said.type == "error" and _MEANT.search(said.text) is None


def sign_in(page: Page, token: str) -> Any:
    """Sign in with a token as a person does; -> what of the browser remembers it."""
    page.goto("/signin")
    page.locator("input[name=token]").fill(token)
    page.keyboard.press("Enter")
    page.locator("nav.pages").wait_for(state="attached")
    return page.context.storage_state()


def at_rest(page: Page) -> None:
    """Have every transition be at its end: a colour on its way to another is none that anybody reads."""
    page.evaluate(
        "document.getAnimations().filter((a) => a.effect.getComputedTiming().endTime < Infinity)"
        ".forEach((a) => a.finish())"
    )


def picture(page: Page, name: str, *, whole: bool = False) -> None:
    """Take a picture of a page, or of the whole of it and not only of its window, if pictures are asked for."""
    if _ASKED:
        page.screenshot(path=SCREENS / f"{name}.png", full_page=whole, animations="disabled")


def faults(page: Page) -> list[str]:
    """What axe finds that is serious or critical, and whether the page is wider than its window."""
    asked = {"resultTypes": ["violations"], "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    found = Axe().run(page, options=asked).response["violations"]
    said = [
        f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found if one["impact"] in {"serious", "critical"}
    ]
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [*said, f"wider than the window by {wide} px"] if wide > 0 else said


#: Controls that Tab has to reach; of a group of radio buttons or tabs one is enough, and rows are reached by j and k.
_CONTROLS = """
() => {
  const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')];
  const seen = all.filter((e) => e.checkVisibility({visibilityProperty: true}) && !e.disabled && e.tabIndex >= 0);
  seen.forEach((e, at) => { e.dataset.tried = at; });
  return seen.length;
}
"""


def reached(page: Page) -> tuple[int, list[str]]:
    """Press Tab from the top of the page; -> how many controls there are, and those where the keyboard never was."""
    many = page.evaluate(_CONTROLS)
    page.evaluate("document.activeElement?.blur(); getSelection().removeAllRanges(); scrollTo(0, 0)")
    page.evaluate("document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')")
    stood = "(e) => { e.target.dataset.stood = getComputedStyle(e.target).outlineStyle; }"
    page.evaluate(f"addEventListener('focusin', {stood}, true)")
    for _ in range(many + many // 5 + 10):  # Chromium stops at areas that scroll, too
        page.keyboard.press("Tab")
    missed = page.evaluate(
        "[...document.querySelectorAll('[data-tried]')].filter((e) => e.checkVisibility() && !e.dataset.stood)"
        ".map((e) => e.outerHTML.slice(0, 160))"
    )
    unmarked = page.evaluate(
        "[...document.querySelectorAll('[data-stood=none]')].map((e) => e.outerHTML.slice(0, 160))"
    )
    return many, [*missed, *(f"no mark of focus: {one}" for one in unmarked)]
