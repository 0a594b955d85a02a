"""The steps that the guided tours take in the console, each by the name of the picture that shows it.

A step goes there and waits for what the page has to say; the picture is taken where it yields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from playwright.sync_api import Page, expect

from tests.docs.touring import Shell

__all__ = ["STEPS", "Walk"]

Walk = Callable[[Page, Shell], Iterator[None]]
ALERT = "/alerts/48ebd28d185a41eb562b"


def overview(page: Page, _: Shell) -> Iterator[None]:
    page.goto("/")
    expect(page.locator(".tile.sev-critical .count")).to_have_text(re.compile(r"[1-9]"))
    expect(page.locator("main")).to_contain_text("Customer C000197")
    yield


def case(page: Page, _: Shell) -> Iterator[None]:
    page.goto("/")
    page.locator(".worst li", has_text="Customer C000197").get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Customer C000197")
    expect(page.locator("tbody")).to_contain_text("114,000.00 away from new device")
    yield


def alert(page: Page, _: Shell) -> Iterator[None]:
    page.locator("tbody tr", has_text="114,000.00 away from new device").get_by_role("link").first.click()
    page.wait_for_url(f"**{ALERT}")
    expect(page.locator(".why")).to_contain_text("amount >= 10000")
    expect(page.locator(".timeline")).to_contain_text("country KH")
    yield
    page.keyboard.press("a")
    expect(page.locator(".alert-head")).to_contain_text("local has it")


def customer(page: Page, _: Shell) -> Iterator[None]:
    page.get_by_role("link", name="C000197", exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Customer C000197")
    expect(page.locator("main")).to_contain_text("Grade E")
    yield


def loan(page: Page, _: Shell) -> Iterator[None]:
    page.keyboard.press("/")
    page.keyboard.type("L000022")
    page.keyboard.press("Enter")
    page.locator("tbody tr", has_text="L000022").get_by_role("link").first.click()
    page.get_by_role("link", name="L000022", exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("L000022")
    expect(page.locator("main")).to_contain_text("instalment")
    yield


def closed(page: Page, _: Shell) -> Iterator[None]:
    page.goto(ALERT)
    expect(page.locator(".alert-head")).to_contain_text("local has it")
    page.keyboard.press("c")
    page.get_by_label("Confirmed").check()
    page.locator("dialog textarea").fill("Called the customer: neither the device nor the payee is known to her.")
    page.get_by_role("dialog").get_by_role("button", name="Close", exact=True).click()
    expect(page.locator(".alert-head")).to_contain_text("Confirmed")
    expect(page.locator(".history")).to_contain_text("Called the customer")
    yield


def silences(page: Page, _: Shell) -> Iterator[None]:
    page.goto("/silences")
    expect(page.locator("tbody tr", has_text="a fund is moved today")).to_contain_text("novel-trade")
    yield


def audit(page: Page, shell: Shell) -> Iterator[None]:
    signed_in(page, shell.value("RISK_STREAM_TOKEN"))
    page.goto("/audit")
    expect(page.locator("tbody")).to_contain_text("a fund is moved today")
    yield
    page.context.clear_cookies()


def quality(page: Page, _: Shell) -> Iterator[None]:
    page.goto("/quality")
    expect(page.get_by_role("link", name="3 refused in 24 hours")).to_be_visible()
    yield


def after_the_flood(page: Page, _: Shell) -> Iterator[None]:
    page.goto("/")
    expect(page.locator(".tile.sev-high .count")).to_have_text(re.compile(r"[1-9]"))
    yield


def plan(page: Page, shell: Shell) -> Iterator[None]:
    signed_in(page, shell.value("zhao"))
    page.goto("/rules?tab=plans")
    page.get_by_text("payees-at-once, in shadow").first.wait_for()
    yield


def rule(page: Page, _: Shell) -> Iterator[None]:
    page.goto("/rules/payees-at-once")
    expect(page.locator("main")).to_contain_text("Stolen money is split at once")
    yield


def signed_in(page: Page, token: str) -> None:
    """Sign in as a person does who has a token."""
    page.goto("/signin")
    page.locator("input[name=token]").fill(token)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("^(?!.*signin)"))


#: By the name of their picture.
STEPS: dict[str, Walk] = {
    "officer-overview": overview,
    "officer-case": case,
    "officer-alert": alert,
    "officer-customer": customer,
    "officer-loan": loan,
    "officer-closed": closed,
    "officer-silences": silences,
    "officer-audit": audit,
    "on-call-quality": quality,
    "on-call-overview": after_the_flood,
    "author-plan": plan,
    "author-rule": rule,
}
